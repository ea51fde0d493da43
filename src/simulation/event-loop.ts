/**
 * The event loop of a simulated process: one thing after another, each followed by what it deferred. It may stand still,
 * be slow, or be blocked between an event and what follows from it; what happens meanwhile waits for its turn.
 */
import type { EventQueue } from './event-queue.ts';

export class EventLoop {
  readonly #queue: EventQueue;
  /** Carries out what an event has deferred. */
  readonly #settle: () => void;
  readonly #cost: () => number;
  #isOver = false;
  #isFrozen = false;
  /** The processor is busy until then. */
  #busyUntil = 0;
  /** What happened while it was not awake. */
  #backlog: (() => void)[] = [];
  #isCatchingUp = false;
  /** Milliseconds that the next event blocks between what comes in and what goes out. */
  nextBlock = 0;

  /** @param cost milliseconds that an event takes */
  constructor(queue: EventQueue, settle: () => void, cost: () => number) {
    this.#queue = queue;
    this.#settle = settle;
    this.#cost = cost;
  }

  /** Something happens: now, or as soon as the loop is awake. */
  run(action: () => void): void {
    if (this.#isOver) return;
    if (this.#isFrozen || this.#busyUntil > this.#queue.now || this.#isCatchingUp) {
      this.#backlog.push(() => {
        this.#perform(action);
      });
      if (!this.#isFrozen) this.#wakeWhenFree();
      return;
    }
    this.#perform(action);
  }

  #perform(action: () => void): void {
    if (this.#isOver) return;
    action();
    if (this.nextBlock > 0) {
      // What follows from the event comes later, and so does everything else.
      this.#busyUntil = this.#queue.now + this.nextBlock;
      this.nextBlock = 0;
      this.#backlog.unshift(() => {
        this.#settleUnlessOver();
      });
      this.#wakeWhenFree();
      return;
    }
    this.#settleUnlessOver();
    const cost = this.#cost();
    if (cost > 0) this.#busyUntil = this.#queue.now + cost;
  }

  #settleUnlessOver(): void {
    if (!this.#isOver) this.#settle();
  }

  #wakeWhenFree(): void {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    this.#queue.after(this.#busyUntil - this.#queue.now, () => {
      if (this.#isOver) return;
      this.#isCatchingUp = false;
      this.#catchUp();
    });
  }

  #catchUp(): void {
    while (!this.#isFrozen && this.#busyUntil <= this.#queue.now) {
      const next = this.#backlog.shift();
      if (next === undefined) return;
      next();
    }
    if (!this.#isFrozen && this.#backlog.length > 0) this.#wakeWhenFree();
  }

  /** Whatever happens now would have its turn at once. */
  get isAwake(): boolean {
    return !this.#isOver && !this.#isFrozen && !this.#isCatchingUp && this.#busyUntil <= this.#queue.now;
  }

  /** Memory is kept, nothing runs. */
  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.#catchUp();
  }

  /** Nothing happens here any more. */
  end(): void {
    this.#isOver = true;
    this.#backlog = [];
  }
}
