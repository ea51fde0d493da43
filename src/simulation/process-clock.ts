/**
 * Time as one process sees it: it may run fast or slow, stand still, jump, or come in coarse steps, and its timers may be
 * held to one a second or one a minute, as those of hidden tabs are.
 */
import type { Clock } from '../group/clock.ts';
import type { EventQueue } from './event-queue.ts';

export class ProcessClock implements Clock {
  readonly #queue: EventQueue;
  /** Runs something in the process: now if it is awake, else when it is. */
  readonly #run: (action: () => void) => void;
  readonly #deferred: (() => void)[] = [];
  #rate = 1;
  /** At this moment of virtual time the clock showed that. */
  #base = { virtual: 0, shown: 0 };
  #resolution = 1e-3;
  #wallOffset = 1_700_000_000_000;
  #timerClamp = 0;
  readonly #timers: Set<() => void> = new Set();

  constructor(queue: EventQueue, run: (action: () => void) => void) {
    this.#queue = queue;
    this.#run = run;
    this.#base = { virtual: queue.now, shown: queue.now };
  }

  #exact(): number {
    const { virtual, shown } = this.#base;
    return shown + (this.#queue.now - virtual) * this.#rate;
  }

  now(): number {
    return Math.floor(this.#exact() / this.#resolution) * this.#resolution;
  }

  wallTime(): number {
    return this.now() + this.#wallOffset;
  }

  /** 1 is right, 0 stands still. */
  setRate(rate: number): void {
    this.#base = { virtual: this.#queue.now, shown: this.#exact() };
    this.#rate = rate;
  }

  /** Timers do not fire more often than once in so many milliseconds, from now on. */
  clampTimers(milliseconds: number): void {
    this.#timerClamp = milliseconds;
    for (const arm of this.#timers) arm();
  }

  /** Time has passed that was not seen. */
  jump(milliseconds: number): void {
    this.#base = { virtual: this.#queue.now, shown: this.#exact() + milliseconds };
  }

  /** Milliseconds between the values that the clock can show. */
  setResolution(milliseconds: number): void {
    this.#resolution = milliseconds;
  }

  /** The wall clock is set. The monotonic one goes on. */
  stepWall(milliseconds: number): void {
    this.#wallOffset += milliseconds;
  }

  every(milliseconds: number, callback: () => void): () => void {
    let armed = 0;
    const arm = (): void => {
      const own = ++armed;
      const wait = Math.max(milliseconds / (this.#rate > 0 ? this.#rate : 1), this.#timerClamp);
      this.#queue.after(wait, () => {
        if (own !== armed) return;
        this.#run(() => {
          if (own !== armed) return;
          arm();
          callback();
        });
      });
    };
    this.#timers.add(arm);
    arm();
    return () => {
      armed = -1;
      this.#timers.delete(arm);
    };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  later(callback: () => void): void {
    this.#queue.after(0, () => {
      this.#run(callback);
    });
  }

  /** Runs what was deferred, at the end of an event. */
  settle(): void {
    // What is deferred meanwhile has its turn in the same round.
    for (let next = this.#deferred.shift(); next !== undefined; next = this.#deferred.shift()) next();
  }
}
