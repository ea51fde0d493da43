/**
 * Sockets that are not clients yet, or no longer: half-open ones, those that speak HTTP, those whose token is being checked,
 * and those that are being turned away. There are never more than so many, because the oldest makes room, and none stays
 * longer than it may.
 */
export class WaitingRoom<Key> {
  readonly #capacity: number;
  readonly #waiting = new Map<Key, { readonly until: number; readonly throwOut: () => void }>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @param throwOut is called when there is no room any more, or at the end of the time */
  add(key: Key, until: number, throwOut: () => void): void {
    this.#waiting.delete(key);
    const [oldest] = this.#waiting;
    if (this.#waiting.size >= this.#capacity && oldest !== undefined) this.#throwOut(oldest[0]);
    this.#waiting.set(key, { until, throwOut });
  }

  remove(key: Key): void {
    this.#waiting.delete(key);
  }

  check(now: number): void {
    for (const [key, { until }] of this.#waiting) if (now >= until) this.#throwOut(key);
  }

  clear(): void {
    for (const key of [...this.#waiting.keys()]) this.#throwOut(key);
  }

  #throwOut(key: Key): void {
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    waiting?.throwOut();
  }
}
