/**
 * Turns the time that has passed into ticks (E20). A tab that was frozen, or a laptop that slept, wakes up with hours to
 * account for: what waits in its inbox comes first, and then no more than a bounded number of ticks, so that it does not
 * call an election over messages that it has not read yet.
 */
/** Being called later than this is a pause, in which messages may have come that are still unread. */
const pauseTicks = 2;

export class Pacer {
  readonly #tickMs: number;
  readonly #maxTicks: number;
  #last: number;
  /** Ticks of a pause, kept back until the inbox had its turn. */
  #owed = 0;

  /** @param maxTicks the most that one pause can count for */
  constructor(tickMs: number, maxTicks: number, now: number) {
    this.#tickMs = tickMs;
    this.#maxTicks = maxTicks;
    this.#last = now;
  }

  /** Whether time has passed that was not counted: more than passes between two calls when nothing is wrong. */
  isBehind(now: number): boolean {
    return now - this.#last > pauseTicks * this.#tickMs || this.#owed > 0;
  }

  /** How many ticks to count now. Called about once a tick. */
  advance(now: number): number {
    const elapsed = Math.max(0, Math.floor((now - this.#last) / this.#tickMs));
    this.#last += elapsed * this.#tickMs;
    const isPause = elapsed > pauseTicks;
    const ticks = Math.min(this.#owed + (isPause ? 0 : elapsed), this.#maxTicks);
    this.#owed = isPause ? Math.min(elapsed, this.#maxTicks) : 0;
    return ticks;
  }
}
