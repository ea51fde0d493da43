/**
 * The contract of storage: the durable shadow of one replica. It is read once, at the start, and then only written, in
 * atomic batches that take effect in the order in which they were issued.
 */
import type { Entry, HardState, Index, LogStart, PersistentState, Snapshot } from '../core/types.ts';
import type { RaftError } from '../errors.ts';

/**
 * How much a completed write survives. `strict`: a power cut. `relaxed`: a crash of the tab or the browser, not of the
 * machine. `memory`: nothing. `unknown`: the platform does not say.
 */
export type Durability = 'strict' | 'relaxed' | 'memory' | 'unknown';

/** One atomic batch. Its parts take effect in the order of the fields. */
export interface Batch {
  /**
   * The bytes staged for this snapshot become the newest one. The one before it is kept, for whoever still reads it; older
   * ones go, staged ones too.
   */
  readonly snapshot?: Snapshot | null;
  /**
   * Where the log begins: what is stored up to there goes. The first batch of a store carries it, and founds it; later ones
   * when the log was compacted, and never to an index before that. It is committed, as a snapshot is: the commit index that is loaded is never behind them.
   */
  readonly start?: LogStart | null;
  readonly hardState: HardState | null;
  /** Cut the log from here on, before appending. */
  readonly truncateFrom: Index | null;
  /** Follow the last entry that is left. */
  readonly entries: readonly Entry[];
  /** This batch begins with what failed with QUOTA_EXCEEDED: with it the store goes on; see `Storage.write`. */
  readonly resumes?: boolean;
}

/** A snapshot that is being staged. Of one that is being taken, size and checksum are not known yet. */
export type SnapshotName = Pick<Snapshot, 'index' | 'id'> & Partial<Pick<Snapshot, 'bytes' | 'checksum'>>;

/** Bytes of a snapshot from `offset` on. */
export interface SnapshotPart {
  readonly snapshot: SnapshotName;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** A command that whoever proposed it keeps until it knows what came of it. */
export interface KeptCommand {
  /** Counts up in the order of proposing. */
  readonly number: number;
  /** When it was proposed, in milliseconds since 1970. */
  readonly time: number;
  /** Until when it may be sent for the first time, in milliseconds since 1970; null for ever. */
  readonly expires: number | null;
  readonly call: Uint8Array;
}

/** Which places kept commands have in a session. */
export interface Placement {
  readonly session: string;
  /** The next place. The last command that has one has the place before it, the one before that the place before, and so on. */
  readonly next: number;
  /** The number of the last command that has a place. Those behind it have none: nobody has sent them yet. */
  readonly last: number;
}

/** What a member keeps of its own commands, so that they survive it. */
export interface OutboxContent {
  /** Null while no command has a place. */
  readonly placement: Placement | null;
  /** In the order of their numbers. */
  readonly commands: readonly KeptCommand[];
}

/** One atomic change of the outbox. */
export interface OutboxChange {
  readonly add: readonly KeptCommand[];
  /** Numbers of commands. One that is not there is no fault. */
  readonly remove: readonly number[];
  /** Left out, it stays as it is. */
  readonly placement?: Placement | null;
}

export const emptyOutbox: OutboxContent = { placement: null, commands: [] };

export interface Storage {
  /** The outbox as `load` found it, also in a store that was never founded; empty before that. */
  readonly outbox: OutboxContent;

  /** The level that completed writes really have, as far as the platform tells. `unknown` before the first write. */
  readonly durability: Durability;

  /**
   * Reads everything: null from a store that was never founded. Called once, before any write. Whoever loaded the same
   * store before can write no more: his batches and parts fail with STORAGE_LOST.
   * Fails with STORAGE_CORRUPT when a record cannot be right, with STORAGE_FAILED when reading did.
   */
  load(done: (result: PersistentState | null | RaftError) => void): void;

  /**
   * Makes a batch durable, wholly or not at all, after all that were issued before. `done` is called once for each
   * batch, in the order of issue, and never before `write` returns; with an error when the batch did not become durable.
   * After one failure everything later fails too: a log with a hole is worse than none.
   *
   * QUOTA_EXCEEDED can be mended. It comes when there was no room, and nothing of the batch was written; every batch that
   * was issued behind it, before that was said, fails likewise, in order. From then on the store takes parts of snapshots, and batches that free
   * space and hold nothing but `snapshot` and `start`; everything else fails with QUOTA_EXCEEDED, until a batch that
   * `resumes` begins to write again what failed, in its order. If that one fails too, the store fails for good.
   */
  write(batch: Batch, done: (error: RaftError | null) => void): void;

  /**
   * Keeps a part of a snapshot that is being taken or received, durable when `done` says so. Parts of one snapshot come in
   * order and without gaps; one with offset 0 begins it anew. Several snapshots may be staged at the same time. What was
   * staged and never became the newest is gone at the next `load`. Ordered with batches: a batch that is issued after the
   * last part finds them all.
   *
   * Fails with STORAGE_CORRUPT when the snapshot is complete now and its bytes do not have the checksum that it claims, with
   * STORAGE_FAILED when the part does not follow the one before, and with QUOTA_EXCEEDED when there is no room: the store
   * goes on, and the snapshot begins anew.
   */
  stage(part: SnapshotPart, done: (error: RaftError | null) => void): void;

  /**
   * Changes the outbox, wholly or not at all, durable when `done` says so; in a store that was never founded as well. Ordered
   * with batches, parts and other changes.
   *
   * Fails with QUOTA_EXCEEDED when there is no room: nothing was changed, and the store goes on. A store that holds still
   * because a batch had no room takes changes of the outbox as it takes parts of snapshots.
   */
  keep(change: OutboxChange, done: (error: RaftError | null) => void): void;

  /**
   * Reads `length` bytes of one of the kept snapshots from `offset` on. Fails with STORAGE_CORRUPT when the bytes are not
   * those that were staged, and with STORAGE_FAILED when the snapshot is not kept any more; neither stops the store.
   */
  readSnapshot(
    snapshot: Snapshot,
    offset: number,
    length: number,
    done: (result: Uint8Array | RaftError) => void,
  ): void;

  /** Batches not yet on their way fail with CLOSED; those on their way end as they may. */
  close(): void;
}
