/**
 * Virtual time: what is going to happen, in the order of its moments, and of its making where those are equal. Nothing
 * sleeps; time is that of the event that happens.
 */

interface Event {
  readonly at: number;
  readonly made: number;
  readonly run: () => void;
}

export class EventQueue {
  /** A binary heap: no event comes before its parent. */
  readonly #heap: Event[] = [];
  #made = 0;
  #now = 0;

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Lets something happen after so many milliseconds, at least 0. */
  after(milliseconds: number, run: () => void): void {
    const event: Event = { at: this.#now + Math.max(0, milliseconds), made: this.#made++, run };
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = event;
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    const next = this.#heap[0];
    const last = this.#heap.pop();
    if (next === undefined || last === undefined) return false;
    if (next !== last) this.#sink(last);
    this.#now = next.at;
    next.run();
    return true;
  }

  /** Puts an event where the first one was, and lets it sink to its place. */
  #sink(event: Event): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      let child = heap[left];
      if (child === undefined) break;
      let at = left;
      const right = heap[left + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        at = left + 1;
      }
      if (!isBefore(child, event)) break;
      heap[place] = child;
      place = at;
    }
    heap[place] = event;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.made < other.made);
}
