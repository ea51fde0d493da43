/**
 * Tells from the traffic of a link whether its ends are alive. WebRTC takes 15 s to notice that the other end is gone, and
 * never notices one that is frozen: such a one looks connected, and what we send it waits until it wakes.
 */
export interface LivenessOptions {
  /** A link on which nothing is heard for so long, though we ask, is dead. */
  readonly silentMs: number;
  /** After so long without a sound we ask. */
  readonly askMs: number;
  /** When we ourselves stood still for so long, the others have given us up, and whatever waits for us is stale. */
  readonly asleepMs: number;
}

export const defaultLiveness: LivenessOptions = { silentMs: 5000, askMs: 1500, asleepMs: 5000 };

export type Verdict = 'fine' | 'ask' | 'silent' | 'asleep';

export class Liveness {
  readonly #options: LivenessOptions;
  #lastTick: number;
  #lastHeard: number;
  /** When we first sent something that nothing was heard after. */
  #unansweredSince: number | null = null;

  constructor(now: number, options: LivenessOptions = defaultLiveness) {
    this.#options = options;
    this.#lastTick = now;
    this.#lastHeard = now;
  }

  sent(now: number): void {
    this.#unansweredSince ??= now;
  }

  /** Whether what was heard counts: it does not when it waited for us to wake. */
  heard(now: number): boolean {
    if (now - this.#lastTick > this.#options.asleepMs) return false;
    this.#lastHeard = now;
    this.#unansweredSince = null;
    return true;
  }

  /** To be called often, in time with the clock. */
  tick(now: number): Verdict {
    const slept = now - this.#lastTick;
    this.#lastTick = now;
    if (slept > this.#options.asleepMs) return 'asleep';
    if (this.#unansweredSince !== null && now - this.#unansweredSince > this.#options.silentMs) return 'silent';
    return now - this.#lastHeard > this.#options.askMs ? 'ask' : 'fine';
  }
}
