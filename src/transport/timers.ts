/** Time and chance for links, injected: a tab takes its time from a worker, tests from themselves. */
export interface Timers {
  /** Milliseconds from an arbitrary start, never going back. */
  now(): number;
  /** Calls back once after so many milliseconds, unless the function that it returns is called before. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Calls back about every so many milliseconds, until the function that it returns is called. */
  every(milliseconds: number, callback: () => void): () => void;
  /** A number in [0, 1). Not for secrets. */
  random(): number;
}

/** The timers of the environment: for processes that nobody throttles. */
export const plainTimers: Timers = {
  now: () => performance.now(),
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds);
    return () => {
      clearTimeout(timer);
    };
  },
  every: (milliseconds, callback) => {
    const timer = setInterval(callback, milliseconds);
    return () => {
      clearInterval(timer);
    };
  },
  random: () => Math.random(),
};

/** Growing pauses between attempts, each shortened at random by up to a half, so that those who failed together part. */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #random: () => number;
  #nextMs: number;

  constructor(firstMs: number, longestMs: number, random: () => number) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#random = random;
    this.#nextMs = firstMs;
  }

  next(): number {
    const pause = this.#nextMs * (0.5 + this.#random() / 2);
    this.#nextMs = Math.min(2 * this.#nextMs, this.#longestMs);
    return pause;
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
