/**
 * A store made of records: one atomic, durable commit for each flush, whatever the flush carries (D7). While one is on its
 * way the next gathers, because databases do not group the commits of several transactions. Batches that wait for each
 * other travel together, and so do parts of snapshots; these two and changes of the outbox keep their order, but never share
 * a commit, because a part or a change that cannot be stored is no reason to stop.
 */
import type { PersistentState, Snapshot } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { type MergedBatch, mergeBatches } from './batch.ts';
import type { Change, GroupRecords } from './group-records.ts';
import { encodeClaim } from './records.ts';
import type { Batch, Durability, OutboxContent, OutboxChange, SnapshotPart, Storage } from './storage.ts';
import type { Plan } from './stored-log.ts';
import { StoredState } from './stored-state.ts';

type Done = (error: RaftError | null) => void;

type Job =
  | { readonly kind: 'batch'; readonly batch: Batch; readonly done: Done }
  | { readonly kind: 'part'; readonly part: SnapshotPart; readonly done: Done }
  | { readonly kind: 'outbox'; readonly change: OutboxChange; readonly done: Done };

type BatchJob = Extract<Job, { kind: 'batch' }>;
type PartJob = Extract<Job, { kind: 'part' }>;
type OutboxJob = Extract<Job, { kind: 'outbox' }>;

/** What a commit changes beside the log. */
interface MoreChanges {
  readonly chunks: readonly Change[];
  readonly outbox: Plan;
}

/** Parts are committed together up to about so many bytes: log and vote wait no longer than for these. */
const partRunBytes = 512 * 1024;

function asRaftError(what: string, cause: unknown): RaftError {
  return cause instanceof RaftError
    ? cause
    : new RaftError('STORAGE_FAILED', `${what} failed: ${String(cause)}`, { cause });
}

function follows(): RaftError {
  return new RaftError('QUOTA_EXCEEDED', 'this batch follows one for which there was no room');
}

/** Frees space, and depends on no batch that may have failed. */
function isRelief({ hardState, truncateFrom, entries }: Batch): boolean {
  return hardState === null && truncateFrom === null && entries.length === 0;
}

function isEmpty({ snapshots, start, hardState, truncateFrom, entries }: MergedBatch): boolean {
  const changesLog = start !== null || truncateFrom !== null || entries.length > 0;
  return !changesLog && hardState === null && snapshots.length === 0;
}

export class RecordedStorage implements Storage {
  readonly #records: GroupRecords;
  readonly #stored: StoredState = new StoredState();
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

  get outbox(): OutboxContent {
    return this.#stored.outbox.loaded;
  }

  load(done: (result: PersistentState | null | RaftError) => void): void {
    this.#load().then(done, (cause: unknown) => {
      this.#failure ??= asRaftError('reading the storage', cause);
      done(this.#failure);
    });
  }

  async #load(): Promise<PersistentState | null> {
    const { claimed, ...records } = await this.#records.claim(encodeClaim());
    const state = this.#stored.load(records, claimed);
    this.#state = 'open';
    return state;
  }

  write(batch: Batch, done: Done): void {
    this.#enqueue({ kind: 'batch', batch, done });
  }

  stage(part: SnapshotPart, done: Done): void {
    this.#enqueue({ kind: 'part', part, done });
  }

  keep(change: OutboxChange, done: Done): void {
    this.#enqueue({ kind: 'outbox', change, done });
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
      if (first?.kind === 'outbox') {
        this.#queue.shift();
        await this.#changeOutbox(first);
      } else if (first?.kind === 'part') await this.#storeParts(this.#takeParts());
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

  /** And leaves the rest. */
  #takeAllBatches(): BatchJob[] {
    const jobs = this.#queue.filter((job) => job.kind === 'batch');
    this.#queue = this.#queue.filter((job) => job.kind !== 'batch');
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
      const isFull = error?.code === 'QUOTA_EXCEEDED' && this.#failure === null;
      if (isFull) this.#state = 'full';
      // Whoever issued them did not know yet, so none of them is there to make room.
      const behind = isFull ? this.#takeAllBatches() : [];
      for (const { done } of jobs) done(error);
      for (const { done } of behind) done(follows());
      return;
    }
    // Nothing may follow what is missing, until it is written again.
    const resumed = jobs.findIndex(({ batch }) => batch.resumes === true);
    for (const { batch, done } of resumed < 0 ? jobs : jobs.slice(0, resumed)) {
      done(isRelief(batch) ? await this.#commitBatches([{ kind: 'batch', batch, done }]) : follows());
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

  /** @param more changes beside those of the batches */
  async #commit(merged: MergedBatch, more: Partial<MoreChanges> = {}): Promise<void> {
    const { chunks = [], outbox } = more;
    if (isEmpty(merged) && chunks.length === 0 && outbox === undefined) return;
    const { changes, done } = this.#stored.plan(merged, chunks, outbox);
    await this.#records.commit(changes);
    done();
  }

  async #storeParts(jobs: readonly PartJob[]): Promise<void> {
    const results = jobs.map(({ part }) => this.#stage(part));
    const changes = results.flatMap((result) => (result instanceof RaftError ? [] : result));
    let failure: RaftError | null = null;
    try {
      this.#check();
      await this.#commit(mergeBatches([]), { chunks: changes });
    } catch (cause) {
      failure = asRaftError('storing a part of a snapshot', cause);
      if (failure.code !== 'QUOTA_EXCEEDED') this.#failure ??= failure;
      for (const { part } of jobs) this.#stored.snapshots.abandon(part.snapshot.id);
    }
    jobs.forEach(({ done }, i) => {
      const result = results[i];
      done(failure ?? (result instanceof RaftError ? result : null));
    });
  }

  async #changeOutbox({ change, done }: OutboxJob): Promise<void> {
    let failure: RaftError | null = null;
    try {
      this.#check();
      await this.#commit(mergeBatches([]), { outbox: this.#stored.outbox.plan(change) });
    } catch (cause) {
      failure = asRaftError('changing the outbox', cause);
      if (failure.code !== 'QUOTA_EXCEEDED') this.#failure ??= failure;
    }
    done(failure);
  }

  #stage(part: SnapshotPart): Change[] | RaftError {
    try {
      return this.#stored.snapshots.stage(part);
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
    return this.#stored.snapshots.read(this.#records, snapshot, offset, length);
  }

  close(): void {
    this.#failure ??= new RaftError('CLOSED', 'the storage is closed');
  }
}
