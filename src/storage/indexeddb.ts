/** A host's database in IndexedDB: who the host is, its groups, and a store for each of them. */
import { RaftError } from '../errors.ts';
import { hostIdOfKey, type HostIdentity, isKeyPair, makeIdentity } from '../identity/host-keys.ts';
import type { GroupId, HostId } from '../ids.ts';
import { isGroupId, isMemberId } from '../ids.ts';
import type { GroupChange, GroupRecord } from './database.ts';
import { orderedTables, singleTables } from './group-records.ts';
import { Connection, failed } from './indexeddb-connection.ts';
import { IndexedDbRecords } from './indexeddb-records.ts';
import { encodeClaim } from './records.ts';
import { RecordedDatabase } from './recorded-database.ts';

export interface IndexedDbOptions {
  /**
   * `strict` (the default): a completed write survives a power cut. `relaxed`: it survives a crash of the tab or the
   * browser only, and costs less.
   */
  readonly durability?: 'strict' | 'relaxed';
}

export class IndexedDbDatabase extends RecordedDatabase {
  override readonly host: HostId;
  override readonly keys: CryptoKeyPair;
  readonly #connection: Connection;
  readonly #durability: 'strict' | 'relaxed';

  private constructor(connection: Connection, { host, keys }: HostIdentity, durability: 'strict' | 'relaxed') {
    super();
    this.#connection = connection;
    this.host = host;
    this.keys = keys;
    this.#durability = durability;
  }

  /**
   * Opens a database, making it first if need be, and the host with it.
   * @throws RaftError STORAGE_FAILED, STORAGE_CORRUPT, STORAGE_IN_USE when a tab with older code does not let go of it,
   *   NOT_SUPPORTED where no keys can be made, QUOTA_EXCEEDED
   */
  static async open(name: string, { durability = 'strict' }: IndexedDbOptions = {}): Promise<IndexedDbDatabase> {
    const connection = await Connection.open(name);
    try {
      const identity = (await readIdentity(connection)) ?? (await storeIdentity(connection, await makeIdentity()));
      return new IndexedDbDatabase(connection, identity, durability);
    } catch (cause) {
      await connection.close();
      throw failed(`opening the database ${name}`, cause);
    }
  }

  override async groups(): Promise<readonly GroupRecord[]> {
    try {
      const records = await this.#connection.use((database) => database.getAll('groups'));
      const broken = records.find(({ group, member }) => !isGroupId(group) || !isMemberId(member));
      if (broken !== undefined)
        throw new RaftError('STORAGE_CORRUPT', 'the list of groups has a record that names none');
      return records;
    } catch (cause) {
      throw failed('reading the list of groups', cause);
    }
  }

  override async addGroup(record: GroupRecord): Promise<void> {
    try {
      let attempts = 0;
      await this.#connection.use(async (database) => {
        attempts++;
        const transaction = database.transaction('groups', 'readwrite', { durability: 'strict' });
        const known = await transaction.store.get(record.group);
        // The connection may have been lost after the first attempt had been committed.
        if (known !== undefined && (attempts === 1 || known.member !== record.member)) {
          throw new RaftError('STORAGE_FAILED', `group ${record.group} is stored already`);
        }
        void transaction.store.put(record, record.group).catch(() => undefined);
        await transaction.done;
      });
    } catch (cause) {
      throw failed(`storing the group ${record.group}`, cause);
    }
  }

  override async updateGroup(group: GroupId, change: GroupChange): Promise<void> {
    try {
      await this.#connection.use(async (database) => {
        const transaction = database.transaction('groups', 'readwrite', { durability: 'strict' });
        const record = await transaction.store.get(group);
        if (record !== undefined) await transaction.store.put({ ...record, ...change }, group);
        await transaction.done;
      });
    } catch (cause) {
      throw failed(`storing where group ${group} meets`, cause);
    }
  }

  override async removeGroup(group: GroupId): Promise<void> {
    try {
      await this.#connection.use(async (database) => {
        const single = ['groups', ...singleTables] as const;
        const transaction = database.transaction([...single, ...orderedTables], 'readwrite', { durability: 'strict' });
        const all = IDBKeyRange.bound([group], [group, []]);
        const last = await transaction.objectStore('hardStates').openKeyCursor(all, 'prev');
        await Promise.all([
          ...single.map((table) => transaction.objectStore(table).delete(group)),
          ...orderedTables.map((table) => transaction.objectStore(table).delete(all)),
          // Whoever still has the store must not write into it any more.
          last && transaction.objectStore('hardStates').add(encodeClaim(), [group, last.primaryKey[1] + 1]),
          transaction.done,
        ]);
      });
    } catch (cause) {
      throw failed(`forgetting the group ${group}`, cause);
    }
  }

  protected override records(group: GroupId): IndexedDbRecords {
    return new IndexedDbRecords(this.#connection, group, this.#durability);
  }

  override close(): Promise<void> {
    return this.#connection.close();
  }
}

/** Null in a database that has no keys: a new one, or one of version 1, whose host's id was a random text. */
async function readIdentity(connection: Connection): Promise<HostIdentity | null> {
  const [host, keys] = await connection.use(async (database) => {
    const { store } = database.transaction('host');
    return Promise.all([store.get('id'), store.get('keys')]);
  });
  if (keys === undefined) return null;
  if (!isKeyPair(keys) || host !== (await hostIdOfKey(keys.publicKey))) {
    throw new RaftError('STORAGE_CORRUPT', 'the keys of this host are not those of its id; delete the database');
  }
  return { host: host as HostId, keys };
}

/** Gives the identity that is there, if somebody else was faster. */
async function storeIdentity(connection: Connection, made: HostIdentity): Promise<HostIdentity> {
  await connection.use(async (database) => {
    const transaction = database.transaction('host', 'readwrite', { durability: 'strict' });
    if ((await transaction.store.get('keys')) === undefined) {
      void transaction.store.put(made.host, 'id').catch(() => undefined);
      void transaction.store.put(made.keys, 'keys').catch(() => undefined);
    }
    await transaction.done;
  });
  return (await readIdentity(connection)) ?? made;
}
