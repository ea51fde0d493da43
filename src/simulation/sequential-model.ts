/** What the linearizability checker asks of the machine that a history is held against. */
import type { Operation } from './history.ts';

/** A sequential machine: deterministic, total, and its states are values that are never changed. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  step(state: State, input: Input): { readonly state: State; readonly output: Output };
  /** Equal for two states if and only if the machine cannot tell them apart. */
  key(state: State): string;
  isSameOutput(one: Output, other: Output): boolean;
  /** Whether an operation with this input and this answer leaves every state as it is; false where that is not certain. */
  isRead(input: Input, output: Output): boolean;
  /** What can be said about all operations of one part before the search; it may not change the verdict. */
  narrow?(operations: readonly Operation<Input, Output>[]): Narrowed<State, Input, Output>;
}

export interface Narrowed<State, Input, Output> {
  /** The operations given, less some of unknown outcome that no order needs. */
  readonly operations: readonly Operation<Input, Output>[];
  /** False for a state that no order needs to reach through an operation of unknown outcome. */
  readonly isWorthReaching: (state: State) => boolean;
}
