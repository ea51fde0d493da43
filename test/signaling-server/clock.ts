/** Time that passes when a test says so. */
import type { Clock } from '../../signaling-server/index.ts';

export class VirtualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly ms: number; readonly act: () => void; due: number }>();

  now(): number {
    return this.#now;
  }

  every(ms: number, act: () => void): () => void {
    const timer = { ms, act, due: this.#now + ms };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Passes without anything that is due being done: it is all late, and done once. */
  holdUp(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) timer.due = Math.max(timer.due, this.#now);
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((one, other) => one.due - other.due);
      if (next === undefined || next.due > until) break;
      this.#now = next.due;
      next.due += next.ms;
      next.act();
    }
    this.#now = until;
  }
}
