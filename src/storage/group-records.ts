/**
 * Where the records of one group lie: what a database must offer so that `RecordedStorage` makes a store of it. Tables of
 * ordered records, changed atomically, by one owner at a time. What the records hold is no concern of the database.
 */
import type { Durability } from './storage.ts';

/** One record for each group. */
export type SingleTable = 'starts' | 'hardStates' | 'snapshots';

/** Many records for each group, in the order of their keys: the index of the first entry; a slot and an offset in it. */
export type OrderedTable = 'entries' | 'chunks';

/** A record to put, or those to delete whose key begins with a number from `from` to less than `to`. */
export type Change =
  | { readonly table: SingleTable; readonly bytes: Uint8Array }
  | { readonly table: OrderedTable; readonly key: readonly number[]; readonly bytes: Uint8Array }
  | { readonly table: OrderedTable; readonly from: number; readonly to: number };

/** Everything but the chunks; undefined where there is no such record. Not one of them has been checked. */
export interface StoredRecords {
  readonly start: unknown;
  readonly hardState: unknown;
  readonly snapshots: unknown;
  /** In the order of their keys. */
  readonly entries: readonly (readonly [firstIndex: number, record: unknown])[];
}

export interface GroupRecords {
  /** What completed commits survive. */
  readonly durability: Durability;

  /**
   * Takes the records over, durably, and reads them: no commit of an earlier owner takes effect any more.
   * @throws RaftError STORAGE_FAILED, STORAGE_CORRUPT
   */
  claim(): Promise<StoredRecords>;

  /**
   * Makes changes, in their order, durable as one: all or none. One commit at a time.
   * @throws RaftError STORAGE_LOST when somebody else has claimed the records since; QUOTA_EXCEEDED when there is no room
   *   and nothing was changed; STORAGE_FAILED when it is not known what was
   */
  commit(changes: readonly Change[]): Promise<void>;

  /**
   * The chunks of a slot that may hold bytes from one offset to less than another: from the last that begins at or before
   * the first on.
   */
  chunks(slot: number, from: number, to: number): Promise<readonly (readonly [offset: number, record: unknown])[]>;
}
