/** What a member tells its host, and only when there is something to tell. */
import type { Index } from '../core/types.ts';

/** What a member tells its host, at the end of the event that caused it. */
export interface MemberListener {
  /** The machine's state is another one. */
  stateChanged(): void;
  /** Something in `status()` is different. */
  statusChanged(): void;
  /** What the storage held is applied: the state is as this member last knew it. */
  started?(): void;
  /** The machine has come to this index by a snapshot, not by applying what leads there. */
  restored?(index: Index): void;
}

/** Remembers what a listener was told, so that it hears of each change once. */
export class News<State> {
  readonly #listener: MemberListener;
  #state: State;
  #status: readonly unknown[] = [];

  constructor(listener: MemberListener, state: State) {
    this.#listener = listener;
    this.#state = state;
  }

  /** @param status values that are different when the status is */
  tell(state: State, status: readonly unknown[]): void {
    if (state !== this.#state) {
      this.#state = state;
      this.#listener.stateChanged();
    }
    if (status.every((value, i) => value === this.#status[i])) return;
    this.#status = status;
    this.#listener.statusChanged();
  }
}
