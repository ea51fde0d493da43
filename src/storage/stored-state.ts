/**
 * What a store holds, as records: the journal, the log that was checkpointed, the start, the snapshots, and the outbox. It is
 * read once, and knows from then on which records are there, so that a commit is planned without reading any.
 */
import type { Entry, HardState, Index, LogStart, PersistentState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { beginsEarlier, type LogChange, type MergedBatch, mergeBatches } from './batch.ts';
import type { Change, StoredRecords } from './group-records.ts';
import { Journal } from './journal.ts';
import { addChecksums, checksumOf, decodeStart, encodeStart, isOfVersion1 } from './records.ts';
import type { Batch } from './storage.ts';
import { type Plan, StoredLog } from './stored-log.ts';
import { StoredOutbox } from './stored-outbox.ts';
import { StoredSnapshots } from './stored-snapshots.ts';

const noHardState: HardState = { term: 0, vote: null, commit: 0 };

/** Changes to make as one, and what to call once they are durable. */
export interface Commit {
  readonly changes: readonly Change[];
  readonly done: () => void;
}

export class StoredState {
  readonly snapshots: StoredSnapshots = new StoredSnapshots();
  readonly outbox: StoredOutbox = new StoredOutbox();
  readonly #log: StoredLog = new StoredLog();
  readonly #journal: Journal = new Journal();
  #hardState: HardState = noHardState;
  /** The checksum of the record of the start; 0 where there is none. */
  #startSum = 0;
  #startIndex: Index = 0;
  /** What is left from before the last crash: it goes with the first commit. */
  #leftovers: readonly Change[] = [];

  /**
   * Takes the records as they are stored.
   * @param claimed the number of our claim in the journal
   * @returns null for a store that was never founded
   * @throws RaftError STORAGE_CORRUPT
   */
  load(stored: StoredRecords, claimed: number): PersistentState | null {
    this.#leftovers = this.snapshots.load(stored.snapshots);
    this.outbox.load(stored.placement, stored.commands);
    const snapshot = this.snapshots.newest;
    const loaded = this.#journal.load(stored.hardStates, claimed);
    const sum = loaded?.sum ?? null;
    if (stored.start === undefined) {
      const isNew = (sum ?? 0) === this.outbox.sum && stored.entries.length === 0 && snapshot === null;
      if (isNew && this.#journal.pending.length === 0) return null;
      throw new RaftError('STORAGE_CORRUPT', 'the start of the log is missing; join the group as a new member');
    }
    const start = decodeStart(stored.start);
    if (loaded === null && !isOfVersion1(stored.start)) {
      throw new RaftError('STORAGE_CORRUPT', 'the hard state is missing; join the group as a new member');
    }
    this.#startIndex = start.index;
    this.#startSum = stored.start instanceof Uint8Array ? checksumOf(stored.start) : 0;
    const entries = this.#log.load(start, stored.entries);
    if (sum !== null && sum !== addAll(this.#startSum, this.#log.sum, this.snapshots.sum, this.outbox.sum)) {
      const message =
        'the records are not those of one commit: some were lost, or are old; join the group as a new member';
      throw new RaftError('STORAGE_CORRUPT', message);
    }
    for (const change of loaded?.changes ?? []) replay(entries, start, change);
    this.#hardState = loaded?.hardState ?? { ...noHardState, commit: start.index };
    return { start, hardState: this.#hardState, entries, snapshot };
  }

  /**
   * How batches become one commit: as a record of the journal, or as a checkpoint.
   * @param more changes of records that are no part of the state yet
   * @param outbox what becomes of the outbox
   * @throws RaftError STORAGE_FAILED for a snapshot that was not staged to its end, and for a log that would begin earlier
   *   than it does
   */
  plan(merged: MergedBatch, more: readonly Change[], outbox: Plan = this.outbox.unchanged): Commit {
    const snapshots = this.snapshots.promote(merged.snapshots);
    const hardState = withCommit(merged.hardState ?? this.#hardState, merged);
    const before = [...this.#leftovers, ...more, ...snapshots.changes, ...outbox.changes];
    const besideLog = addAll(snapshots.sum, outbox.sum);
    const isSmall = merged.start === null && this.#journal.hasRoomFor(merged);
    const { changes, done } = isSmall
      ? this.#addToJournal(merged, hardState, besideLog)
      : this.#checkpoint(merged, hardState, besideLog);
    return {
      changes: [...before, ...changes],
      done: () => {
        this.#leftovers = [];
        this.#hardState = hardState;
        snapshots.done();
        outbox.done();
        done();
      },
    };
  }

  /** @param besideLog the sum of the records of the snapshots and of the outbox */
  #addToJournal(merged: MergedBatch, hardState: HardState, besideLog: number): Commit {
    const sum = addAll(this.#startSum, this.#log.sum, besideLog);
    return {
      changes: this.#journal.add(hardState, sum, merged),
      done: () => {
        this.#journal.added(merged);
      },
    };
  }

  #checkpoint(merged: MergedBatch, hardState: HardState, besideLog: number): Commit {
    const { start } = merged;
    if (start !== null && start.index < this.#startIndex) throw beginsEarlier(this.#startIndex, start.index);
    const log = this.#log.plan(mergeBatches([...this.#journal.pending.map(asBatch), { ...asBatch(merged), start }]));
    const startRecord = start === null ? null : encodeStart(start);
    const startSum = startRecord === null ? this.#startSum : checksumOf(startRecord);
    const sum = addAll(startSum, log.sum, besideLog);
    const startChanges: Change[] = startRecord === null ? [] : [{ table: 'starts', bytes: startRecord }];
    return {
      changes: [...log.changes, ...startChanges, ...this.#journal.checkpoint(hardState, sum)],
      done: () => {
        this.#startSum = startSum;
        this.#startIndex = start?.index ?? this.#startIndex;
        this.#journal.checkpointed();
        log.done();
      },
    };
  }
}

/** What the journal says of all other records: that they are those of the same commit. */
function addAll(...checksums: readonly number[]): number {
  return checksums.reduce(addChecksums, 0);
}

function asBatch({ truncateFrom, entries }: LogChange): Batch {
  return { hardState: null, truncateFrom, entries };
}

/** Where a log begins and what a snapshot holds is committed, whether a batch says so or not. */
function withCommit(hardState: HardState, { start, snapshots }: MergedBatch): HardState {
  const commit = Math.max(hardState.commit, start?.index ?? 0, ...snapshots.map(({ index }) => index));
  return { ...hardState, commit };
}

/**
 * Makes a change of the journal to the log.
 * @throws RaftError STORAGE_CORRUPT
 */
function replay(entries: Entry[], start: LogStart, { truncateFrom, entries: added }: LogChange): void {
  const first = entries[0]?.index ?? start.index + 1;
  if (truncateFrom !== null) entries.length = Math.min(entries.length, Math.max(0, truncateFrom - first));
  const next = (entries.at(-1)?.index ?? start.index) + 1;
  const found = added[0]?.index ?? next;
  if (found !== next) {
    throw new RaftError('STORAGE_CORRUPT', `entries before ${found} are missing; join the group as a new member`);
  }
  for (const entry of added) entries.push(entry);
}
