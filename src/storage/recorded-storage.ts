/**
 * A store made of records: one atomic, durable commit for each flush, whatever the flush carries (D7). While one is on its
 * way the next gathers, because databases do not group the commits of several transactions. Batches that wait for each
 * other travel together, and so do parts of snapshots; the two kinds keep their order, but never share a commit, because a
 * part that cannot be stored is no reason to stop.
 */
import type { HardState, LogStart, PersistentState, Snapshot } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { type MergedBatch, mergeBatches } from './batch.ts';
import type { GroupRecords } from './group-records.ts';
import {
  addChecksums,
  checksumOf,
  decodeHardState,
  decodeStart,
  encodeHardState,
  encodeStart,
  type HardStateRecord,
} from './records.ts';
import type { Batch, Durability, SnapshotPart, Storage } from './storage.ts';
import { StoredLog } from './stored-log.ts';
import { StoredSnapshots } from './stored-snapshots.ts';

type Done = (error: RaftError | null) => void;

type Job =
  | { readonly kind: 'batch'; readonly batch: Batch; readonly done: Done }
  | { readonly kind: 'part'; readonly part: SnapshotPart; readonly done: Done };

type BatchJob = Extract<Job, { kind: 'batch' }>;
type PartJob = Extract<Job, { kind: 'part' }>;

/** Parts are committed together up to about so many bytes: log and vote wait no longer than for these. */
const partRunBytes = 512 * 1024;

function asRaftError(what: string, cause: unknown): RaftError {
  return cause instanceof RaftError
    ? cause
    : new RaftError('STORAGE_FAILED', `${what} failed: ${String(cause)}`, { cause });
}

/** Frees space, and depends on no batch that may have failed. */
function isRelief({ hardState, truncateFrom, entries }: Batch): boolean {
  return hardState === null && truncateFrom === null && entries.length === 0;
}

const noHardState: HardState = { term: 0, vote: null, commit: 0 };

/** Where a log begins and what a snapshot holds is committed, whether a batch says so or not. */
function withCommit(hardState: HardState, { start, snapshots }: MergedBatch): HardState {
  const commit = Math.max(hardState.commit, start?.index ?? 0, ...snapshots.map(({ index }) => index));
  return { ...hardState, commit };
}

function isEmpty({ snapshots, start, hardState, truncateFrom, entries }: MergedBatch): boolean {
  const changesLog = start !== null || truncateFrom !== null || entries.length > 0;
  return !changesLog && hardState === null && snapshots.length === 0;
}

export class RecordedStorage implements Storage {
  readonly #records: GroupRecords;
  readonly #log: StoredLog = new StoredLog();
  readonly #snapshots: StoredSnapshots = new StoredSnapshots();
  /** What the record of the hard state holds, and the checksum of that of the start. */
  #hardState: HardState | null = null;
  #startSum = 0;
  #queue: Job[] = [];
  #isFlushing = false;
  #state: 'new' | 'open' | 'full' = 'new';
  #failure: RaftError | null = null;

  constructor(records: GroupRecords) {
    this.#records = records;
  }

  get durability(): Durability {
    return this.#records.durability;
  }

  load(done: (result: PersistentState | null | RaftError) => void): void {
    this.#load().then(done, (cause: unknown) => {
      this.#failure ??= asRaftError('reading the storage', cause);
      done(this.#failure);
    });
  }

  async #load(): Promise<PersistentState | null> {
    const stored = await this.#records.claim();
    const cleaning = this.#snapshots.load(stored.snapshots);
    const state = this.#decode(stored.start, stored.hardState, stored.entries);
    await this.#records.commit(cleaning);
    this.#state = 'open';
    return state;
  }

  #decode(
    startRecord: unknown,
    hardStateRecord: unknown,
    entryRecords: readonly (readonly [number, unknown])[],
  ): PersistentState | null {
    const snapshot = this.#snapshots.newest;
    if (startRecord === undefined) {
      if (hardStateRecord === undefined && entryRecords.length === 0 && snapshot === null) return null;
      throw new RaftError('STORAGE_CORRUPT', 'the start of the log is missing; join the group as a new member');
    }
    const start = decodeStart(startRecord);
    this.#startSum = startRecord instanceof Uint8Array ? checksumOf(startRecord) : 0;
    const entries = this.#log.load(start, entryRecords);
    const { sum, ...hardState } = this.#decodeHardState(hardStateRecord, start);
    if (sum !== null && sum !== this.#sum(this.#startSum, this.#log.sum, this.#snapshots.sum)) {
      const message =
        'the records are not those of one commit: some were lost, or are old; join the group as a new member';
      throw new RaftError('STORAGE_CORRUPT', message);
    }
    this.#hardState = hardState;
    return { start, hardState, entries, snapshot };
  }

  #decodeHardState(record: unknown, start: LogStart): HardStateRecord {
    if (record !== undefined) return decodeHardState(record);
    // Version 1 wrote none with the founding.
    return { term: 0, vote: null, commit: start.index, sum: null };
  }

  /** What the record of the hard state says of all others: that they are those of the same commit. */
  #sum(...checksums: readonly number[]): number {
    return checksums.reduce(addChecksums, 0);
  }

  write(batch: Batch, done: Done): void {
    this.#enqueue({ kind: 'batch', batch, done });
  }

  stage(part: SnapshotPart, done: Done): void {
    this.#enqueue({ kind: 'part', part, done });
  }

  #enqueue(job: Job): void {
    this.#queue.push(job);
    if (!this.#isFlushing) void this.#flushAll();
  }

  async #flushAll(): Promise<void> {
    this.#isFlushing = true;
    // Completions come after the call has returned, whatever happens here.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const [first] = this.#queue;
      if (first?.kind === 'part') await this.#storeParts(this.#takeParts());
      else await this.#writeBatches(this.#takeBatches());
    }
    this.#isFlushing = false;
  }

  #takeBatches(): BatchJob[] {
    const jobs: BatchJob[] = [];
    for (const job of this.#queue) {
      if (job.kind !== 'batch') break;
      jobs.push(job);
    }
    this.#queue = this.#queue.slice(jobs.length);
    return jobs;
  }

  #takeParts(): PartJob[] {
    const jobs: PartJob[] = [];
    let bytes = 0;
    for (const job of this.#queue) {
      if (job.kind !== 'part' || bytes > partRunBytes) break;
      jobs.push(job);
      bytes += job.part.data.byteLength;
    }
    this.#queue = this.#queue.slice(jobs.length);
    return jobs;
  }

  async #writeBatches(jobs: readonly BatchJob[]): Promise<void> {
    if (this.#state !== 'full') {
      const error = await this.#commitBatches(jobs);
      if (error?.code === 'QUOTA_EXCEEDED' && this.#failure === null) this.#state = 'full';
      for (const { done } of jobs) done(error);
      return;
    }
    // Nothing may follow what is missing, until it is written again.
    const resumed = jobs.findIndex(({ batch }) => batch.resumes === true);
    for (const { batch, done } of resumed < 0 ? jobs : jobs.slice(0, resumed)) {
      const error = new RaftError('QUOTA_EXCEEDED', 'this batch follows one for which there was no room');
      done(isRelief(batch) ? await this.#commitBatches([{ kind: 'batch', batch, done }]) : error);
    }
    if (resumed < 0) return;
    const again = jobs.slice(resumed);
    const error = await this.#commitBatches(again);
    if (error === null) this.#state = 'open';
    else this.#failure ??= error;
    for (const { done } of again) done(error);
  }

  async #commitBatches(jobs: readonly BatchJob[]): Promise<RaftError | null> {
    try {
      this.#check();
      await this.#commit(mergeBatches(jobs.map(({ batch }) => batch)));
      return null;
    } catch (cause) {
      const error = asRaftError('writing to the storage', cause);
      if (error.code !== 'QUOTA_EXCEEDED') this.#failure ??= error;
      return error;
    }
  }

  async #commit(merged: MergedBatch): Promise<void> {
    const { start } = merged;
    if (isEmpty(merged)) return;
    const snapshots = this.#snapshots.promote(merged.snapshots);
    const log = this.#log.plan(merged);
    const changes = [...snapshots.changes, ...log.changes];
    let startSum = this.#startSum;
    if (start !== null) {
      const bytes = encodeStart(start);
      startSum = checksumOf(bytes);
      changes.push({ table: 'starts', bytes });
    }
    const hardState = withCommit(merged.hardState ?? this.#hardState ?? noHardState, merged);
    const sum = this.#sum(startSum, log.sum, snapshots.sum);
    changes.push({ table: 'hardStates', bytes: encodeHardState(hardState, sum) });
    await this.#records.commit(changes);
    this.#hardState = hardState;
    this.#startSum = startSum;
    snapshots.done();
    log.done();
  }

  async #storeParts(jobs: readonly PartJob[]): Promise<void> {
    const results = jobs.map(({ part }) => this.#stage(part));
    const changes = results.flatMap((result) => (result instanceof RaftError ? [] : result));
    let failure: RaftError | null = null;
    try {
      this.#check();
      if (changes.length > 0) await this.#records.commit(changes);
    } catch (cause) {
      failure = asRaftError('storing a part of a snapshot', cause);
      if (failure.code !== 'QUOTA_EXCEEDED') this.#failure ??= failure;
      for (const { part } of jobs) this.#snapshots.abandon(part.snapshot.id);
    }
    jobs.forEach(({ done }, i) => {
      const result = results[i];
      done(failure ?? (result instanceof RaftError ? result : null));
    });
  }

  #stage(part: SnapshotPart): ReturnType<StoredSnapshots['stage']> | RaftError {
    try {
      return this.#snapshots.stage(part);
    } catch (cause) {
      return asRaftError('storing a part of a snapshot', cause);
    }
  }

  /** @throws RaftError when nothing can be stored any more, or nothing yet */
  #check(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#state === 'new')
      throw new RaftError('STORAGE_FAILED', 'the storage was not loaded before it was written');
  }

  readSnapshot(
    snapshot: Snapshot,
    offset: number,
    length: number,
    done: (result: Uint8Array | RaftError) => void,
  ): void {
    this.#read(snapshot, offset, length).then(done, (cause: unknown) => {
      done(asRaftError('reading a snapshot', cause));
    });
  }

  async #read(snapshot: Snapshot, offset: number, length: number): Promise<Uint8Array> {
    // What was staged and promoted before may still be on its way; and no completion comes before the call returns.
    await Promise.resolve();
    if (this.#failure?.code === 'CLOSED') throw this.#failure;
    return this.#snapshots.read(this.#records, snapshot, offset, length);
  }

  close(): void {
    this.#failure ??= new RaftError('CLOSED', 'the storage is closed');
  }
}
