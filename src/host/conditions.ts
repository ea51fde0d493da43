/** What waits until something holds of the member: its founding, an index that it has applied. */
import type { RaftError } from '../errors.ts';

/** Called once: with null when it holds, or with the reason why it never will here. */
type Settle = (error: RaftError | null) => void;

interface Waiting {
  readonly holds: () => boolean;
  readonly settle: Settle;
}

export class Conditions {
  readonly #refusal: () => RaftError | null;
  readonly #waiting = new Set<Waiting>();

  /** @param refusal why nothing changes any more */
  constructor(refusal: () => RaftError | null) {
    this.#refusal = refusal;
  }

  /** Settles at once if it holds already. The function that is returned gives up on it. */
  when(holds: () => boolean, settle: Settle): () => void {
    const waiting: Waiting = { holds, settle };
    this.#waiting.add(waiting);
    this.#look(waiting);
    return () => {
      this.#waiting.delete(waiting);
    };
  }

  /** Something has changed: looks again. */
  check(): void {
    for (const waiting of [...this.#waiting]) this.#look(waiting);
  }

  #look(waiting: Waiting): void {
    if (!this.#waiting.has(waiting)) return;
    const holds = waiting.holds();
    const refusal = this.#refusal();
    if (!holds && refusal === null) return;
    this.#waiting.delete(waiting);
    waiting.settle(holds ? null : refusal);
  }
}
