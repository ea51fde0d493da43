/**
 * A store made of records: one atomic, durable commit for each flush, whatever the flush carries (D7). While one is on its
 * way the next gathers, because databases do not group the commits of several transactions. Batches that wait for each
 * other travel together, and so do parts of snapshots; the two kinds keep their order, but never share a commit, because a
 * part that cannot be stored is no reason to stop.
 */
import type { Entry, HardState, LogStart, PersistentState, Snapshot } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { type LogChange, type MergedBatch, mergeBatches } from './batch.ts';
import type { Change, ClaimedRecords, GroupRecords } from './group-records.ts';
import { Journal } from './journal.ts';
import { addChecksums, checksumOf, decodeStart, encodeClaim, encodeStart, isOfVersion1 } from './records.ts';
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

function asBatch({ truncateFrom, entries }: LogChange): Batch {
  return { hardState: null, truncateFrom, entries };
}

/**
 * Makes a change of the journal to the log.
 * @throws RaftError STORAGE_CORRUPT
 */
function replay(entries: Entry[], start: LogStart, { truncateFrom, entries: added }: LogChange): void {
  const first = (entries[0]?.index ?? start.index + 1) - 1;
  if (truncateFrom !== null) entries.length = Math.min(entries.length, Math.max(0, truncateFrom - first - 1));
  const next = (entries.at(-1)?.index ?? start.index) + 1;
  const found = added[0]?.index ?? next;
  if (found !== next) {
    throw new RaftError('STORAGE_CORRUPT', `entries before ${found} are missing; join the group as a new member`);
  }
  for (const entry of added) entries.push(entry);
}

function isEmpty({ snapshots, start, hardState, truncateFrom, entries }: MergedBatch): boolean {
  const changesLog = start !== null || truncateFrom !== null || entries.length > 0;
  return !changesLog && hardState === null && snapshots.length === 0;
}

export class RecordedStorage implements Storage {
  readonly #records: GroupRecords;
  readonly #log: StoredLog = new StoredLog();
  readonly #snapshots: StoredSnapshots = new StoredSnapshots();
  readonly #journal: Journal = new Journal();
  #hardState: HardState = noHardState;
  /** The checksum of the record of the start; 0 where there is none. */
  #startSum = 0;
  /** What is left from before the last crash: it goes with the first commit. */
  #leftovers: readonly Change[] = [];
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
    const stored = await this.#records.claim(encodeClaim());
    const state = this.#decode(stored);
    this.#state = 'open';
    return state;
  }

  #decode(stored: ClaimedRecords): PersistentState | null {
    this.#leftovers = this.#snapshots.load(stored.snapshots);
    const snapshot = this.#snapshots.newest;
    const loaded = this.#journal.load(stored.hardStates, stored.claimed);
    const sum = loaded?.sum ?? null;
    if (stored.start === undefined) {
      const isNew = (sum ?? 0) === 0 && stored.entries.length === 0 && snapshot === null;
      if (isNew && this.#journal.pending.length === 0) return null;
      throw new RaftError('STORAGE_CORRUPT', 'the start of the log is missing; join the group as a new member');
    }
    const start = decodeStart(stored.start);
    if (loaded === null && !isOfVersion1(stored.start)) {
      throw new RaftError('STORAGE_CORRUPT', 'the hard state is missing; join the group as a new member');
    }
    this.#startSum = stored.start instanceof Uint8Array ? checksumOf(stored.start) : 0;
    const entries = this.#log.load(start, stored.entries);
    if (sum !== null && sum !== this.#sum(this.#startSum, this.#log.sum, this.#snapshots.sum)) {
      const message =
        'the records are not those of one commit: some were lost, or are old; join the group as a new member';
      throw new RaftError('STORAGE_CORRUPT', message);
    }
    for (const change of loaded?.changes ?? []) replay(entries, start, change);
    this.#hardState = loaded?.hardState ?? { ...noHardState, commit: start.index };
    return { start, hardState: this.#hardState, entries, snapshot };
  }

  /** What the journal says of all other records: that they are those of the same commit. */
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

  /** @param more changes that need no place in the model of the log */
  async #commit(merged: MergedBatch, more: readonly Change[] = []): Promise<void> {
    if (isEmpty(merged) && more.length === 0) return;
    const { start } = merged;
    const snapshots = this.#snapshots.promote(merged.snapshots);
    const hardState = withCommit(merged.hardState ?? this.#hardState, merged);
    const before = [...this.#leftovers, ...more, ...snapshots.changes];
    if (start === null && this.#journal.hasRoomFor(merged)) {
      const sum = this.#sum(this.#startSum, this.#log.sum, snapshots.sum);
      await this.#records.commit([...before, ...this.#journal.add(hardState, sum, merged)]);
      this.#journal.added(merged);
    } else {
      const log = this.#log.plan(mergeBatches([...this.#journal.pending.map(asBatch), { ...asBatch(merged), start }]));
      const startRecord = start === null ? null : encodeStart(start);
      const startSum = startRecord === null ? this.#startSum : checksumOf(startRecord);
      const changes = [...before, ...log.changes];
      if (startRecord !== null) changes.push({ table: 'starts', bytes: startRecord });
      const sum = this.#sum(startSum, log.sum, snapshots.sum);
      await this.#records.commit([...changes, ...this.#journal.checkpoint(hardState, sum)]);
      this.#journal.checkpointed();
      this.#startSum = startSum;
      log.done();
    }
    this.#leftovers = [];
    this.#hardState = hardState;
    snapshots.done();
  }

  async #storeParts(jobs: readonly PartJob[]): Promise<void> {
    const results = jobs.map(({ part }) => this.#stage(part));
    const changes = results.flatMap((result) => (result instanceof RaftError ? [] : result));
    let failure: RaftError | null = null;
    try {
      this.#check();
      await this.#commit(mergeBatches([]), changes);
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
