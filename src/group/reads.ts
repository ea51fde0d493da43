/**
 * The reads of one member that wait for an index (dissertation, section 6.4). One that gets no answer has had no effect:
 * it is asked again until somebody answers, or whoever waits for it has enough.
 */
import type { Raft } from '../core/raft.ts';
import type { ReadConsistency } from '../core/reading.ts';
import type { FailedRead, ReadyRead } from '../core/replica.ts';
import type { Index } from '../core/types.ts';
import { RaftError } from '../errors.ts';

export type ReadOutcome =
  /** The state that is applied now answers the read; it has come as far as this index, at least. */
  { readonly kind: 'ready'; readonly index: Index } | { readonly kind: 'failed'; readonly error: RaftError };

interface Waiting {
  readonly consistency: ReadConsistency;
  readonly settle: (outcome: ReadOutcome) => void;
}

/** M16: a witness holds no state. */
const witnessed: ReadOutcome = {
  kind: 'failed',
  error: new RaftError('NOT_SUPPORTED', 'this member is a witness and has no state: read from another one'),
};

/** Reads that wait; beyond it they are refused. */
const maxReads = 10_000;

export class Reads {
  readonly #raft: Raft;
  /** Not asked yet, or to be asked again. */
  readonly #waiting: Set<Waiting> = new Set();
  /** By context. */
  readonly #asked: Map<number, Waiting> = new Map();
  /** After a failure the others get a chance before we ask again. */
  #ticksToWait = 0;

  constructor(raft: Raft) {
    this.#raft = raft;
  }

  /**
   * @returns a function that gives up on the read
   * @throws RaftError BUSY
   */
  add(consistency: ReadConsistency, settle: (outcome: ReadOutcome) => void): (error: RaftError) => void {
    if (this.#waiting.size + this.#asked.size >= maxReads) {
      throw new RaftError('BUSY', `${maxReads} reads wait already: read again when some have ended`);
    }
    const read: Waiting = { consistency, settle };
    this.#waiting.add(read);
    return (error) => {
      this.#giveUp(read, error);
    };
  }

  #giveUp(read: Waiting, error: RaftError): void {
    const context = [...this.#asked].find(([, asked]) => asked === read)?.[0];
    if (context !== undefined) this.#asked.delete(context);
    else if (!this.#waiting.delete(read)) return;
    read.settle({ kind: 'failed', error });
  }

  tick(ticks: number): void {
    this.#ticksToWait = Math.max(0, this.#ticksToWait - ticks);
  }

  /** Asks for all that wait, if there is somebody to ask. */
  ship(): void {
    if (this.#ticksToWait > 0) return;
    for (const read of this.#waiting) {
      const result = this.#raft.readIndex(read.consistency);
      if (!result.accepted && result.reason !== 'witness') return;
      this.#waiting.delete(read);
      if (!result.accepted) {
        read.settle(witnessed);
        continue;
      }
      this.#asked.set(result.context, read);
    }
  }

  ready(reads: readonly ReadyRead[]): void {
    for (const { context, index } of reads) this.#take(context)?.settle({ kind: 'ready', index });
  }

  failed(reads: readonly FailedRead[]): void {
    for (const { context, reason } of reads) {
      const read = this.#take(context);
      if (read === null) continue;
      if (reason === 'witness') {
        read.settle(witnessed);
        continue;
      }
      this.#waiting.add(read);
      if (reason === 'refused') this.#ticksToWait = 1;
    }
  }

  #take(context: number): Waiting | null {
    const read = this.#asked.get(context) ?? null;
    this.#asked.delete(context);
    return read;
  }

  failAll(error: RaftError): void {
    const all = [...this.#asked.values(), ...this.#waiting];
    this.#asked.clear();
    this.#waiting.clear();
    for (const { settle } of all) settle({ kind: 'failed', error });
  }
}
