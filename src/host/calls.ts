/** Calls that wait: each ends at the latest when it is aborted, or when its time is over. */
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import { throwIfAborted } from './abort.ts';

/** What every call takes that waits for something. */
export interface CallOptions {
  /**
   * Milliseconds to wait, counted from the call; Infinity to wait for ever. Left out, it is 10,000, counted from the founding
   * of the group if that comes later.
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Why nobody waits for a call any more. */
export interface GivenUp {
  readonly code: 'ABORTED' | 'TIMEOUT';
  /** A clause, without a full stop. */
  readonly reason: string;
  /** What the signal was aborted with. */
  readonly cause?: unknown;
}

const defaultTimeoutMs = 10_000;
const lookEveryMs = 100;

interface Waiting {
  readonly timeoutMs: number | undefined;
  /** When the time began to run; null while it has not. */
  since: number | null;
  readonly expire: (waitedMs: number) => void;
}

export class Calls {
  readonly #clock: Clock;
  readonly #isFounded: () => boolean;
  readonly #waiting = new Set<Waiting>();
  #stopLooking: (() => void) | null = null;

  /** @param isFounded whether the time that nobody has set runs already */
  constructor(clock: Clock, isFounded: () => boolean) {
    this.#clock = clock;
    this.#isFounded = isFounded;
  }

  /**
   * Watches over a call that begins now.
   * @param giveUp called once at the most, and not any more once the call has ended
   * @returns what is to be called when the call has ended
   * @throws RaftError INVALID_ARGUMENT, ABORTED: the call is not to begin at all
   */
  watch({ timeoutMs, signal }: CallOptions, giveUp: (why: GivenUp) => void): () => void {
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw new RaftError('INVALID_ARGUMENT', `timeoutMs must be a number of milliseconds, not ${timeoutMs}`);
    }
    throwIfAborted(signal);
    const onAbort = (): void => {
      end();
      giveUp({ code: 'ABORTED', reason: 'the call was given up', cause: signal?.reason });
    };
    const waiting: Waiting = {
      timeoutMs,
      since: timeoutMs === undefined && !this.#isFounded() ? null : this.#clock.now(),
      expire: (waitedMs) => {
        end();
        giveUp({ code: 'TIMEOUT', reason: `there was no answer within ${waitedMs} ms` });
      },
    };
    const end = (): void => {
      signal?.removeEventListener('abort', onAbort);
      this.#waiting.delete(waiting);
    };
    signal?.addEventListener('abort', onAbort);
    this.#add(waiting);
    return end;
  }

  #add(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.#stopLooking ??= this.#clock.every(lookEveryMs, () => {
      this.#look();
    });
  }

  #look(): void {
    const now = this.#clock.now();
    for (const one of [...this.#waiting]) {
      if (one.since === null && this.#isFounded()) one.since = now;
      const limit = one.timeoutMs ?? defaultTimeoutMs;
      if (one.since !== null && now - one.since >= limit) one.expire(limit);
    }
    // Not with the last call: the next one mostly follows at once.
    if (this.#waiting.size > 0) return;
    this.#stopLooking?.();
    this.#stopLooking = null;
  }
}
