/** A token bucket: so many a second over time, and a burst that was saved up for. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #most: number;
  #tokens: number;
  #filledAt: number;

  /** @param burstSeconds how long one can save up */
  constructor(perSecond: number, burstSeconds: number, now: number) {
    this.#perSecond = perSecond;
    this.#most = Math.max(1, perSecond * burstSeconds);
    this.#tokens = this.#most;
    this.#filledAt = now;
  }

  /** Whether there was one left. `now` is in milliseconds. */
  take(now: number): boolean {
    this.#tokens = Math.min(this.#most, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
