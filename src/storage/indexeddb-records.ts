/**
 * The records of one group in IndexedDB. Each commit is one transaction, which is committed explicitly, at the level of
 * durability asked for; what the browser granted is read back and reported (D12). Each adds a hard state under a number of
 * its own: a page that was frozen while its lock was taken from it finds the number taken, and its transaction is aborted.
 */
import { type IDBPObjectStore, unwrap } from 'idb';
import { RaftError } from '../errors.ts';
import type { GroupId } from '../ids.ts';
import type { Change, ClaimedRecords, GroupRecords, StoredRecords } from './group-records.ts';
import { type DatabaseUser, failed, type OpenDatabase, type Schema } from './indexeddb-connection.ts';
import type { Durability } from './storage.ts';

/** Everything but the chunks. */
const stateTables = ['starts', 'hardStates', 'snapshots', 'entries', 'placements', 'commands'] as const;

type StateTable = (typeof stateTables)[number];

type TableReader = <Table extends StateTable>(
  table: Table,
) => Pick<IDBPObjectStore<Schema, StateTable[], Table>, 'get' | 'getAll' | 'getAllKeys'>;

export class IndexedDbRecords implements GroupRecords {
  readonly #connection: DatabaseUser;
  readonly #group: GroupId;
  readonly #asked: 'strict' | 'relaxed';
  #durability: Durability = 'unknown';

  constructor(connection: DatabaseUser, group: GroupId, durability: 'strict' | 'relaxed') {
    this.#connection = connection;
    this.#group = group;
    this.#asked = durability;
  }

  get durability(): Durability {
    return this.#durability;
  }

  async claim(claim: Uint8Array): Promise<ClaimedRecords> {
    try {
      return await this.#connection.use(async (database) => {
        const transaction = database.transaction(stateTables, 'readwrite', { durability: this.#asked });
        const stored = await this.#readAll((table) => transaction.objectStore(table));
        const claimed = (stored.hardStates.at(-1)?.[0] ?? 0) + 1;
        await Promise.all([transaction.objectStore('hardStates').add(claim, this.#key([claimed])), transaction.done]);
        return { ...stored, claimed };
      });
    } catch (cause) {
      throw failed('reading the storage', cause);
    }
  }

  async read(): Promise<StoredRecords> {
    try {
      return await this.#connection.use((database) => {
        const transaction = database.transaction(stateTables);
        return this.#readAll((table) => transaction.objectStore(table));
      });
    } catch (cause) {
      throw failed('reading the storage', cause);
    }
  }

  async #readAll(table: TableReader): Promise<StoredRecords> {
    const all = this.#range(0, Number.POSITIVE_INFINITY);
    const [start, snapshots, placement, numbers, states, indexes, values, places, commands] = await Promise.all([
      table('starts').get(this.#group),
      table('snapshots').get(this.#group),
      table('placements').get(this.#group),
      table('hardStates').getAllKeys(all),
      table('hardStates').getAll(all),
      table('entries').getAllKeys(all),
      table('entries').getAll(all),
      table('commands').getAllKeys(all),
      table('commands').getAll(all),
    ]);
    return {
      start,
      snapshots,
      hardStates: numbers.map(([, number], i) => [number, states[i]] as const),
      entries: indexes.map(([, index], i) => [index, values[i]] as const),
      placement,
      commands: places.map(([, number], i) => [number, commands[i]] as const),
    };
  }

  async commit(changes: readonly Change[]): Promise<void> {
    let attempts = 0;
    try {
      await this.#connection.use(async (database) => {
        attempts++;
        try {
          this.#durability = await transact(unwrap(database), changes, this.#group, this.#asked);
        } catch (error) {
          if (!isTaken(error)) throw error;
          // The connection may have been lost after the first attempt took effect: then the record is our own.
          if (attempts === 1 || !(await this.#isThere(database, changes))) throw lost();
        }
      });
    } catch (cause) {
      throw failed('writing to the storage', cause);
    }
  }

  /** Whether the hard state that a commit was to add is there, exactly. */
  async #isThere(database: OpenDatabase, changes: readonly Change[]): Promise<boolean> {
    for (const change of changes) {
      if (change.table !== 'hardStates' || !('bytes' in change)) continue;
      const stored = await database.get('hardStates', this.#key(change.key));
      if (stored?.length !== change.bytes.length || stored.some((byte, i) => byte !== change.bytes[i])) return false;
    }
    return true;
  }

  async chunks(slot: number, from: number, to: number): Promise<readonly (readonly [number, unknown])[]> {
    try {
      return await this.#connection.use(async (database) => {
        const store = database.transaction('chunks').store;
        const [group, at] = [this.#group, (offset: number) => [this.#group, slot, offset] as [GroupId, number, number]];
        const before = await store.openKeyCursor(IDBKeyRange.bound([group, slot], at(from)), 'prev');
        const range = IDBKeyRange.bound(before?.primaryKey ?? at(from), at(to), false, true);
        const [keys, values] = await Promise.all([store.getAllKeys(range), store.getAll(range)]);
        return keys.map(([, , offset], i) => [offset, values[i]] as const);
      });
    } catch (cause) {
      throw failed('reading a snapshot', cause);
    }
  }

  #key(key: readonly number[]): [GroupId, number] {
    return keyOf(this.#group, key) as unknown as [GroupId, number];
  }

  #range(from: number, to: number): IDBKeyRange {
    return rangeOf(this.#group, from, to);
  }
}

function lost(): RaftError {
  return new RaftError('STORAGE_LOST', 'another tab has taken this storage over; this member writes nothing any more');
}

/**
 * One transaction, committed explicitly; gives the durability that it had. Without promises for its requests, of which
 * nobody needs to hear: this is what every acknowledgement waits for.
 */
function transact(
  database: IDBDatabase,
  changes: readonly Change[],
  group: GroupId,
  durability: 'strict' | 'relaxed',
): Promise<Durability> {
  return new Promise((resolve, reject) => {
    const tables = [...new Set(changes.map(({ table }) => table))];
    const transaction = database.transaction(tables, 'readwrite', { durability });
    transaction.oncomplete = () => {
      resolve(granted(transaction.durability));
    };
    transaction.onabort = () => {
      reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'));
    };
    try {
      for (const change of changes) request(transaction, change, group);
      transaction.commit();
    } catch (error) {
      // Or else the browser would commit the changes up to here.
      transaction.abort();
      reject(asError(error));
    }
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function request(transaction: IDBTransaction, change: Change, group: GroupId): void {
  const store = transaction.objectStore(change.table);
  if ('from' in change) store.delete(rangeOf(group, change.from, change.to));
  else if (!('key' in change)) store.put(change.bytes, group);
  else if (change.table === 'hardStates') store.add(change.bytes, keyOf(group, change.key));
  else store.put(change.bytes, keyOf(group, change.key));
}

function keyOf(group: GroupId, key: readonly number[]): [GroupId, number, number] {
  return [group, ...key] as unknown as [GroupId, number, number];
}

/** The keys whose first number is from `from` to less than `to`: a longer key comes after its beginning. */
function rangeOf(group: GroupId, from: number, to: number): IDBKeyRange {
  return IDBKeyRange.bound([group, from], [group, to], false, true);
}

/** An object that was to be added was there already: no other request fails like that. */
function isTaken(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'ConstraintError';
}

/** What the browser granted: older ones ignore the wish and have no such property. */
function granted(durability: IDBTransactionDurability | undefined): Durability {
  switch (durability) {
    case 'strict':
      return 'strict';
    case 'relaxed':
    case 'default':
      return 'relaxed';
    case undefined:
      return 'unknown';
  }
}
