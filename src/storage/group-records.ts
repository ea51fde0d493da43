/**
 * Where the records of one group lie: what a database must offer so that `RecordedStorage` makes a store of it. Tables of
 * ordered records, changed atomically, by one owner at a time. What the records hold is no concern of the database.
 */
import type { Durability } from './storage.ts';

export const singleTables = ['starts', 'snapshots', 'placements'] as const;

/** One record for each group. */
export type SingleTable = (typeof singleTables)[number];

export const orderedTables = ['hardStates', 'entries', 'chunks', 'commands'] as const;

/**
 * Many records for each group, in the order of their keys: a number that counts up; the index of the first entry; a slot
 * and an offset in it; the number of a command.
 */
export type OrderedTable = (typeof orderedTables)[number];

/**
 * A record to put, or those to delete whose key begins with a number from `from` to less than `to`. A record of
 * `hardStates` is never overwritten.
 */
export type Change =
  | { readonly table: SingleTable; readonly bytes: Uint8Array }
  | { readonly table: OrderedTable; readonly key: readonly number[]; readonly bytes: Uint8Array }
  | { readonly table: OrderedTable; readonly from: number; readonly to: number };

/** Everything but the chunks; undefined where there is no such record. Not one of them has been checked. */
export interface StoredRecords {
  readonly start: unknown;
  readonly snapshots: unknown;
  /** In the order of their keys, as the entries; without the claim that was just made, if one was. */
  readonly hardStates: readonly (readonly [number: number, record: unknown])[];
  readonly entries: readonly (readonly [firstIndex: number, record: unknown])[];
  readonly placement: unknown;
  readonly commands: readonly (readonly [number: number, record: unknown])[];
}

export interface ClaimedRecords extends StoredRecords {
  /** The number of our claim among the hard states. */
  readonly claimed: number;
}

/** Looks at records, and leaves them to whoever has them. */
export interface RecordReader {
  read(): Promise<StoredRecords>;

  /**
   * The chunks of a slot that may hold bytes from one offset to less than another: from the last that begins at or before
   * the first on.
   */
  chunks(slot: number, from: number, to: number): Promise<readonly (readonly [offset: number, record: unknown])[]>;
}

export interface GroupRecords extends RecordReader {
  /** What completed commits survive. */
  readonly durability: Durability;

  /**
   * Takes the records over: adds `claim` to the hard states, behind the last of them, durably, and reads everything.
   * @throws RaftError STORAGE_FAILED, STORAGE_CORRUPT, QUOTA_EXCEEDED
   */
  claim(claim: Uint8Array): Promise<ClaimedRecords>;

  /**
   * Makes changes, in their order, durable as one: all or none. One commit at a time; each adds a hard state.
   * @throws RaftError STORAGE_LOST when there is such a hard state already, of somebody else, who has claimed the records
   *   since; QUOTA_EXCEEDED when there is no room and nothing was changed; STORAGE_FAILED when it is not known what was
   */
  commit(changes: readonly Change[]): Promise<void>;
}
