/**
 * The records of one group in IndexedDB. Each commit is one transaction, which is committed explicitly, at the level of
 * durability asked for; what the browser granted is read back and reported (D12). Every transaction that writes reads the
 * fencing epoch first: a page that was frozen while its lock was taken from it finds another there, and changes nothing.
 */
import type { StoreNames } from 'idb';
import { RaftError } from '../errors.ts';
import type { GroupId } from '../ids.ts';
import type { Change, GroupRecords, StoredRecords } from './group-records.ts';
import { type DatabaseUser, failed, type Schema } from './indexeddb-connection.ts';
import { decodeEpoch, encodeEpoch } from './records.ts';
import type { Durability } from './storage.ts';

type Table = StoreNames<Schema>;

export class IndexedDbRecords implements GroupRecords {
  readonly #connection: DatabaseUser;
  readonly #group: GroupId;
  readonly #asked: 'strict' | 'relaxed';
  #epoch = 0;
  #durability: Durability = 'unknown';

  constructor(connection: DatabaseUser, group: GroupId, durability: 'strict' | 'relaxed') {
    this.#connection = connection;
    this.#group = group;
    this.#asked = durability;
  }

  get durability(): Durability {
    return this.#durability;
  }

  async claim(): Promise<StoredRecords> {
    try {
      return await this.#connection.use(async (database) => {
        const tables = ['epochs', 'starts', 'hardStates', 'snapshots', 'entries'] as const;
        const transaction = database.transaction(tables, 'readwrite', { durability: this.#asked });
        const epochs = transaction.objectStore('epochs');
        const last = await epochs.get(this.#group);
        const epoch = (last === undefined ? 0 : decodeEpoch(last)) + 1;
        const entries = transaction.objectStore('entries');
        const all = this.#range(0, Number.POSITIVE_INFINITY);
        const [start, hardState, snapshots, keys, values] = await Promise.all([
          transaction.objectStore('starts').get(this.#group),
          transaction.objectStore('hardStates').get(this.#group),
          transaction.objectStore('snapshots').get(this.#group),
          entries.getAllKeys(all),
          entries.getAll(all),
          epochs.put(encodeEpoch(epoch), this.#group),
          transaction.done,
        ]);
        this.#epoch = epoch;
        return { start, hardState, snapshots, entries: keys.map(([, index], i) => [index, values[i]] as const) };
      });
    } catch (cause) {
      throw failed('reading the storage', cause);
    }
  }

  async commit(changes: readonly Change[]): Promise<void> {
    try {
      await this.#connection.use(async (database) => {
        const tables: Table[] = ['epochs', ...new Set(changes.map(({ table }) => table))];
        const transaction = database.transaction(tables, 'readwrite', { durability: this.#asked });
        let lost: unknown = null;
        const giveUp = (reason: unknown): void => {
          lost = reason;
          transaction.abort();
        };
        const requests: Promise<unknown>[] = [];
        try {
          // Requests are answered in their order, and the changes are on their way meanwhile: nothing waits for this.
          requests.push(
            transaction
              .objectStore('epochs')
              .get(this.#group)
              .then((record) => {
                if (this.#isOwn(record)) transaction.commit();
                else giveUp(new RaftError('STORAGE_LOST', 'another tab has taken this storage over'));
              })
              .catch(giveUp),
          );
          for (const change of changes) {
            const store = transaction.objectStore(change.table);
            if ('from' in change) requests.push(store.delete(this.#range(change.from, change.to)));
            else requests.push(store.put(change.bytes, 'key' in change ? this.#key(change.key) : this.#group));
          }
        } catch (error) {
          // Or else the browser would commit the changes up to here.
          giveUp(error);
        }
        // What becomes of each is told by the whole.
        for (const request of requests) request.catch(() => undefined);
        try {
          await transaction.done;
        } catch (error) {
          throw lost ?? transaction.error ?? error;
        }
        this.#durability = granted(transaction.durability);
      });
    } catch (cause) {
      throw failed('writing to the storage', cause);
    }
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

  /** @throws RaftError STORAGE_CORRUPT */
  #isOwn(record: unknown): boolean {
    return record !== undefined && decodeEpoch(record) === this.#epoch;
  }

  #key(key: readonly number[]): [GroupId, number, number] {
    return [this.#group, ...key] as [GroupId, number, number];
  }

  /** The keys whose first number is from `from` to less than `to`: a longer key comes after its beginning. */
  #range(from: number, to: number): IDBKeyRange {
    return IDBKeyRange.bound([this.#group, from], [this.#group, to], false, true);
  }
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
