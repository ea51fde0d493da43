/**
 * A host's database in IndexedDB. Each flush is one transaction, whatever it carries, and asks for strict durability;
 * what the browser granted is read back and reported (D7, D12). While one flush is on its way the next gathers:
 * browsers do not group the commits of several transactions, so we do.
 *
 * Entries lie in packed records under the index of their first one. A record takes the place of whatever earlier
 * records hold from that index on, so that cutting the log removes the records that begin behind the cut and rewrites
 * none.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Entry, Index, PersistentState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { GroupId, HostId } from '../ids.ts';
import { isGroupId, isHostId, isMemberId } from '../ids.ts';
import { mergeBatches } from './batch.ts';
import type { Database, GroupRecord } from './database.ts';
import {
  decodeEntries,
  decodeHardState,
  decodeStart,
  encodeEnd,
  encodeEntries,
  encodeHardState,
  encodeStart,
} from './records.ts';
import type { Batch, Durability, Storage } from './storage.ts';

const schemaVersion = 1;

interface Schema extends DBSchema {
  host: { key: 'id'; value: string };
  groups: { key: GroupId; value: GroupRecord };
  starts: { key: GroupId; value: Uint8Array };
  hardStates: { key: GroupId; value: Uint8Array };
  entries: { key: [GroupId, Index]; value: Uint8Array };
}

type Connection = IDBPDatabase<Schema>;

function failed(what: string, cause: unknown): RaftError {
  return cause instanceof RaftError
    ? cause
    : new RaftError('STORAGE_FAILED', `${what} failed: ${String(cause)}`, { cause });
}

/** Every record of entries of a group from an index on: in the order of keys an array comes after every number. */
function entriesFrom(group: GroupId, first: Index): IDBKeyRange {
  return IDBKeyRange.bound([group, first], [group, []]);
}

export class IndexedDbDatabase implements Database {
  readonly host: HostId;
  readonly #connection: Connection;

  private constructor(connection: Connection, host: HostId) {
    this.#connection = connection;
    this.host = host;
  }

  /**
   * Opens a database, making it first if need be.
   * @param newHostId called when the database is new, for the id of the host that it is then the database of
   * @throws RaftError STORAGE_FAILED, STORAGE_CORRUPT
   */
  static async open(name: string, newHostId: () => HostId): Promise<IndexedDbDatabase> {
    try {
      const connection = await openDB<Schema>(name, schemaVersion, {
        upgrade(db, _old, _new, transaction) {
          for (const store of ['host', 'groups', 'starts', 'hardStates', 'entries'] as const)
            db.createObjectStore(store);
          void transaction.objectStore('host').put(newHostId(), 'id');
        },
        blocking(_current, _blocked, event) {
          // Another tab upgrades or deletes the database: it must not wait for us. Our next write fails, and says so.
          (event.target as IDBDatabase).close();
        },
      });
      const host = await connection.get('host', 'id');
      if (host === undefined || !isHostId(host)) {
        throw new RaftError('STORAGE_CORRUPT', `the database ${name} does not say whose it is; delete it`);
      }
      return new IndexedDbDatabase(connection, host);
    } catch (cause) {
      throw failed(`opening the database ${name}`, cause);
    }
  }

  async groups(): Promise<readonly GroupRecord[]> {
    try {
      const records = await this.#connection.getAll('groups');
      const broken = records.find(({ group, member }) => !isGroupId(group) || !isMemberId(member));
      if (broken !== undefined)
        throw new RaftError('STORAGE_CORRUPT', 'the list of groups has a record that names none');
      return records;
    } catch (cause) {
      throw failed('reading the list of groups', cause);
    }
  }

  async addGroup(record: GroupRecord): Promise<void> {
    try {
      const transaction = this.#connection.transaction('groups', 'readwrite', { durability: 'strict' });
      await Promise.all([transaction.store.add(record, record.group), transaction.done]);
    } catch (cause) {
      throw failed(`storing the group ${record.group}`, cause);
    }
  }

  async moveGroup(group: GroupId, signaling: string): Promise<void> {
    try {
      const transaction = this.#connection.transaction('groups', 'readwrite', { durability: 'strict' });
      const record = await transaction.store.get(group);
      if (record !== undefined) await transaction.store.put({ ...record, signaling }, group);
      await transaction.done;
    } catch (cause) {
      throw failed(`storing the address of group ${group}`, cause);
    }
  }

  async removeGroup(group: GroupId): Promise<void> {
    try {
      await this.#connection.delete('groups', group);
    } catch (cause) {
      throw failed(`forgetting the group ${group}`, cause);
    }
  }

  storage(group: GroupId): Storage {
    return new IndexedDbStorage(this.#connection, group);
  }

  close(): void {
    this.#connection.close();
  }
}

interface PendingBatch {
  readonly batch: Batch;
  readonly done: (error: RaftError | null) => void;
}

class IndexedDbStorage implements Storage {
  readonly #connection: Connection;
  readonly #group: GroupId;
  #queue: PendingBatch[] = [];
  #isFlushing = false;
  #failure: RaftError | null = null;
  #durability: Durability = 'unknown';

  constructor(connection: Connection, group: GroupId) {
    this.#connection = connection;
    this.#group = group;
  }

  get durability(): Durability {
    return this.#durability;
  }

  load(done: (result: PersistentState | null | RaftError) => void): void {
    this.#load().then(done, (cause: unknown) => {
      done(failed('reading the storage', cause));
    });
  }

  async #load(): Promise<PersistentState | null> {
    const transaction = this.#connection.transaction(['starts', 'hardStates', 'entries'], 'readonly');
    const range = entriesFrom(this.#group, 0);
    const [startRecord, hardStateRecord, keys, records] = await Promise.all([
      transaction.objectStore('starts').get(this.#group),
      transaction.objectStore('hardStates').get(this.#group),
      transaction.objectStore('entries').getAllKeys(range),
      transaction.objectStore('entries').getAll(range),
      transaction.done,
    ]);
    if (startRecord === undefined) {
      if (hardStateRecord === undefined && keys.length === 0) return null;
      throw new RaftError('STORAGE_CORRUPT', 'the start of the log is missing; join the group as a new member');
    }
    const start = decodeStart(startRecord);
    const hardState =
      hardStateRecord === undefined ? { term: 0, vote: null, commit: start.index } : decodeHardState(hardStateRecord);
    let entries: Entry[] = [];
    keys.forEach(([, firstIndex], i) => {
      const next = entries.at(-1)?.index ?? start.index;
      if (firstIndex > next + 1 && firstIndex > start.index + 1) {
        const message = `entries before ${firstIndex} are missing; join the group as a new member`;
        throw new RaftError('STORAGE_CORRUPT', message);
      }
      const before = entries[0]?.index ?? firstIndex;
      // A record may begin before the log does, or lie there wholly: a compaction rewrites no record.
      entries = firstIndex > next + 1 ? [] : entries.slice(0, Math.max(0, firstIndex - before));
      for (const entry of decodeEntries(firstIndex, records[i])) entries.push(entry);
    });
    return { start, hardState, entries: entries.filter(({ index }) => index > start.index) };
  }

  write(batch: Batch, done: (error: RaftError | null) => void): void {
    this.#queue.push({ batch, done });
    if (!this.#isFlushing) void this.#flushAll();
  }

  async #flushAll(): Promise<void> {
    this.#isFlushing = true;
    while (this.#queue.length > 0) {
      const pending = this.#queue;
      this.#queue = [];
      try {
        await this.#flush(mergeBatches(pending.map(({ batch }) => batch)));
      } catch (cause) {
        this.#failure ??= failed('writing to the storage', cause);
      }
      for (const { done } of pending) done(this.#failure);
    }
    this.#isFlushing = false;
  }

  async #flush({ start, hardState, truncateFrom, entries }: Batch): Promise<void> {
    // Completions come after `write` has returned, whatever happens here.
    await Promise.resolve();
    if (this.#failure !== null) throw this.#failure;
    if (!start && hardState === null && truncateFrom === null && entries.length === 0) return;
    const transaction = this.#connection.transaction(['starts', 'hardStates', 'entries'], 'readwrite', {
      durability: 'strict',
    });
    const requests: Promise<unknown>[] = [transaction.done];
    const stored = transaction.objectStore('entries');
    if (start) {
      requests.push(transaction.objectStore('starts').put(encodeStart(start), this.#group));
      // The record with the first entry that stays may begin before it, and stays too.
      const upTo = IDBKeyRange.bound([this.#group, 0], [this.#group, start.index + 1]);
      const first = await stored.openKeyCursor(upTo, 'prev');
      if (first !== null) {
        requests.push(stored.delete(IDBKeyRange.bound([this.#group, 0], first.primaryKey, false, true)));
      }
    }
    if (hardState !== null) {
      requests.push(transaction.objectStore('hardStates').put(encodeHardState(hardState), this.#group));
    }
    if (truncateFrom !== null) requests.push(stored.delete(entriesFrom(this.#group, truncateFrom)));
    const records = encodeEntries(entries);
    // A cut with nothing behind it is marked by an empty record, which takes the place of what lay there.
    if (truncateFrom !== null && records.length === 0) records.push(encodeEnd(truncateFrom));
    for (const { firstIndex, bytes } of records) requests.push(stored.put(bytes, [this.#group, firstIndex]));
    transaction.commit();
    await Promise.all(requests);
    this.#durability = durabilityOf(transaction);
  }

  close(): void {
    this.#failure ??= new RaftError('CLOSED', 'the storage is closed');
  }
}

/** What the browser granted: older ones ignore the wish and have no such property. */
function durabilityOf(transaction: { readonly durability?: IDBTransactionDurability | undefined }): Durability {
  switch (transaction.durability) {
    case 'strict':
      return 'strict';
    case 'relaxed':
    case 'default':
      return 'relaxed';
    case undefined:
      return 'unknown';
  }
}
