/** Something that changes, and those who listen to it. */
import type { Clock } from '../group/clock.ts';

/** The contract of a store: what React's `useSyncExternalStore` takes, and a Svelte store is. */
export interface ReadableStore<Value> {
  /** The value now: the same one until it changes. */
  readonly getSnapshot: () => Value;
  /** Calls back with the value, now and after each change, until the function that it returns is called. */
  readonly subscribe: (listener: (value: Value) => void) => () => void;
}

export class Source<Value> {
  readonly #read: () => Value;
  readonly #clock: Pick<Clock, 'defer'>;
  readonly #listeners = new Set<{ readonly call: (value: Value) => void }>();
  #isScheduled = false;
  /** What the listeners know of. */
  #told: Value | undefined;

  /** @param read gives the value now, and the same one until it changes */
  constructor(read: () => Value, clock: Pick<Clock, 'defer'>) {
    this.#read = read;
    this.#clock = clock;
  }

  get value(): Value {
    return this.#read();
  }

  /** Calls back after each change, until the function that it returns is called. One that is given twice is called twice. */
  on(call: (value: Value) => void): () => void {
    const value = this.#read();
    if (this.#listeners.size === 0) this.#told = value;
    const listener = { call };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The value may have changed: listeners are called once the present event is dealt with, if it has. */
  touch(): void {
    if (this.#isScheduled || this.#listeners.size === 0) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#tell();
    });
  }

  #tell(): void {
    const value = this.#read();
    if (Object.is(value, this.#told)) return;
    this.#told = value;
    for (const { call } of [...this.#listeners]) callGuarded(this.#clock, call, value);
  }
}

/** A listener that throws must not keep the others from their work: the error goes where uncaught ones go. */
export function callGuarded<Value>(clock: Pick<Clock, 'defer'>, listener: (value: Value) => void, value: Value): void {
  try {
    listener(value);
  } catch (error) {
    clock.defer(() => {
      throw error;
    });
  }
}
