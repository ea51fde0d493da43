/**
 * Looks for an order of the operations of one part of a history (`linearizability.ts` says which orders count).
 *
 * The search is that of Wing and Gong (1993): take an operation that may come next, see whether the machine answers as it
 * did, go on, else back. As in Lowe (2017) no configuration is searched twice, and as in Horn and Kroening (2015) each
 * part of the history that is linearizable by itself, say each key, is searched by itself. Five more observations keep it
 * small, each argued where it is used:
 *
 * - which operations have been ordered follows from those that are *pending*, so a configuration is as large as the
 *   concurrency, whatever the length of the history;
 * - an operation that only read comes first (`#settle`);
 * - of two configurations that differ in operations of unknown outcome only, the one that has used fewer can do all that the
 *   other can (`#isNew`);
 * - of two such operations with equal inputs the earlier is used first, and none is used unless it makes a difference to
 *   what comes right after it (`#useUnknown`).
 */
import type { CompletedOperation, UnknownOperation } from './history.ts';
import type { Model, Narrowed } from './sequential-model.ts';

export interface Call<Input, Output> {
  /** Its place in the order of invocations. */
  readonly index: number;
  readonly operation: CompletedOperation<Input, Output>;
  readonly isRead: boolean;
}

interface Unknown<Input> {
  readonly operation: UnknownOperation<Input>;
  /** Its place in the sets of used ones. */
  readonly bit: bigint;
  /** The last one before it with an equal input. */
  readonly twin: bigint;
}

/** A state with its number: equal states have equal numbers. */
interface Numbered<State> {
  readonly state: State;
  readonly number: number;
}

interface Move<State, Input, Output> {
  readonly call: Call<Input, Output>;
  readonly after: Numbered<State>;
}

/** How far an order has come. */
interface Configuration<State, Input, Output> {
  readonly at: Numbered<State>;
  /**
   * The operations that may come next: not ordered yet, and invoked before any such operation returned. Those invoked
   * before the earliest return among them and not here are ordered, those invoked later are not: the pending operations
   * alone say which ones are ordered. None are left when all are ordered.
   */
  readonly pending: readonly Call<Input, Output>[];
  /** The first operation that is invoked after all of these. */
  readonly next: number;
  /** The earliest return among the pending operations, and whose it is. */
  readonly deadline: CompletedOperation<Input, Output> | null;
  /** Operations of unknown outcome that have taken effect. */
  readonly used: bigint;
  /** The state before the last of these, when nothing was ordered after it yet. */
  readonly before: Numbered<State> | null;
  /** The pending operations that the machine answers rightly. */
  readonly moves: readonly Move<State, Input, Output>[];
}

interface Frame<State, Input, Output> {
  readonly configuration: Configuration<State, Input, Output>;
  movesTried: number;
  unknownTried: number;
}

/** A moment at which no completed operation is under way, to be looked at during a search. */
export interface Watch<State> {
  /** How many operations were invoked before it. */
  readonly index: number;
  readonly seen: Map<number, State>;
  /** Operations of unknown outcome that had taken effect however the moment was reached. */
  usedAlways: bigint | null;
}

export class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #isWorthReaching: (state: State) => boolean;
  readonly #maxSteps: number;
  readonly #watch: Watch<State> | null;
  readonly calls: readonly Call<Input, Output>[];
  readonly unknown: readonly Unknown<Input>[];
  readonly #numbers = new Map<string, number>();
  readonly #visited = new Map<string, bigint[]>();
  steps = 0;
  /** The latest of all deadlines that an order has come to. */
  blocked: CompletedOperation<Input, Output> | null = null;

  constructor(
    model: Model<State, Input, Output>,
    { operations, isWorthReaching }: Narrowed<State, Input, Output>,
    maxSteps: number,
    watch: Watch<State> | null = null,
  ) {
    this.#model = model;
    this.#isWorthReaching = isWorthReaching;
    this.#maxSteps = maxSteps;
    this.#watch = watch;
    const inOrder = [...operations].sort((one, other) => one.invoked - other.invoked);
    this.calls = inOrder
      .filter((operation) => operation.returned !== null)
      .map((operation, index) => ({ index, operation, isRead: model.isRead(operation.input, operation.output) }));
    this.unknown = numberUnknown(inOrder.filter((operation) => operation.returned === null));
  }

  run(): 'found' | 'none' | 'gave-up' {
    const start = this.#settle(this.#number(this.#model.initial), [], 0, 0n, null);
    if (start.deadline === null) return 'found';
    const path: Frame<State, Input, Output>[] = [{ configuration: start, movesTried: 0, unknownTried: 0 }];
    for (let frame = path.at(-1); frame !== undefined; frame = path.at(-1)) {
      if (this.steps > this.#maxSteps) return 'gave-up';
      const configuration = this.#advance(frame);
      if (configuration === null) path.pop();
      else if (configuration.deadline === null) return 'found';
      else if (this.#isNew(configuration)) path.push({ configuration, movesTried: 0, unknownTried: 0 });
    }
    return 'none';
  }

  /** Operations of unknown outcome come last, so that those who get by without them are seen first (`#isNew`). */
  #advance(frame: Frame<State, Input, Output>): Configuration<State, Input, Output> | null {
    const { moves, pending, next, used } = frame.configuration;
    const move = moves[frame.movesTried++];
    if (move === undefined) return this.#useUnknown(frame);
    return this.#settle(
      move.after,
      pending.filter((call) => call !== move.call),
      next,
      used,
      null,
    );
  }

  /**
   * Of operations with equal inputs the first invoked is used first: an order that uses a later one, and not the earlier,
   * or not yet, stays an order when the two change places. One that changes nothing is not used, and neither is one that
   * makes no difference to what comes right after it (`before`): an order with such a one in it stays an order without.
   */
  #useUnknown(frame: Frame<State, Input, Output>): Configuration<State, Input, Output> | null {
    const { at, before, pending, next, used, deadline } = frame.configuration;
    for (;;) {
      const unknown = this.unknown[frame.unknownTried++];
      if (unknown === undefined || deadline === null || unknown.operation.invoked > deadline.returned) return null;
      if ((used & unknown.bit) !== 0n || (used & unknown.twin) !== unknown.twin) continue;
      const after = this.#effect(at, unknown.operation);
      if (after.number === at.number || !this.#isWorthReaching(after.state)) continue;
      if (before !== null && this.#effect(before, unknown.operation).number === after.number) continue;
      return this.#settle(after, pending, next, used | unknown.bit, at);
    }
  }

  /**
   * Orders at once the reads that the state answers rightly, and brings in what may come next then. Nothing is lost: in any
   * order that goes on from here such a read has its place, and may be taken from there and put here, because nobody else
   * sees where it was. (A write of the value that is there already may not: elsewhere it would have changed something.)
   */
  #settle(
    at: Numbered<State>,
    candidates: readonly Call<Input, Output>[],
    firstNext: number,
    used: bigint,
    stateBefore: Numbered<State> | null,
  ): Configuration<State, Input, Output> {
    let before = stateBefore;
    const pending: Call<Input, Output>[] = [];
    const moves: Move<State, Input, Output>[] = [];
    let deadline: CompletedOperation<Input, Output> | null = null;
    let next = firstNext;
    let queue = candidates;
    do {
      for (const call of queue) {
        const after = this.#answer(at, call.operation);
        if (after !== null && call.isRead) {
          before = null;
          continue;
        }
        pending.push(call);
        if (after !== null) moves.push({ call, after });
        if (deadline === null || call.operation.returned < deadline.returned) deadline = call.operation;
      }
      if (next === this.#watch?.index && pending.length === 0) note(this.#watch, at, used);
      const arrivals: Call<Input, Output>[] = [];
      let horizon = deadline?.returned ?? Infinity;
      for (
        let call = this.calls[next];
        call !== undefined && call.operation.invoked < horizon;
        call = this.calls[next]
      ) {
        arrivals.push(call);
        horizon = Math.min(horizon, call.operation.returned);
        next++;
      }
      queue = arrivals;
    } while (queue.length > 0);

    if (deadline !== null && deadline.returned > (this.blocked?.returned ?? -Infinity)) this.blocked = deadline;
    const useful = before === null ? moves : moves.filter((move) => this.#makesDifference(before, move));
    return { at, before, pending, next, deadline, used, moves: useful };
  }

  /** Whether an operation would be answered otherwise, or lead elsewhere, from the state given. */
  #makesDifference(from: Numbered<State>, { call, after }: Move<State, Input, Output>): boolean {
    return this.#answer(from, call.operation)?.number !== after.number;
  }

  #effect(at: Numbered<State>, { input }: UnknownOperation<Input>): Numbered<State> {
    this.steps++;
    return this.#reach(at, this.#model.step(at.state, input).state);
  }

  /** The state after the operation if the machine answers as it did, else null. */
  #answer(at: Numbered<State>, { input, output }: CompletedOperation<Input, Output>): Numbered<State> | null {
    this.steps++;
    const answer = this.#model.step(at.state, input);
    return this.#model.isSameOutput(answer.output, output) ? this.#reach(at, answer.state) : null;
  }

  /**
   * Whether nothing as good was searched before: the same operations ordered, the same state, and no operation of unknown
   * outcome used that is not used now as well. From there everything could be done that can be done from here, for such
   * an operation never has to be used. Where the configuration before was held to what makes a difference (`before`), what
   * it was denied could be done without the last of its used ones, and was tried so: the number of those that a whole
   * order uses only ever falls by these detours, so they end.
   */
  #isNew({ at, pending, used }: Configuration<State, Input, Output>): boolean {
    let place = `${at.number}`;
    for (const { index } of pending) place += `,${index}`;
    const earlier = this.#visited.get(place);
    if (earlier?.some((others) => (others & used) === others) === true) return false;
    this.#visited.set(place, [...(earlier ?? []).filter((others) => (others & used) !== used), used]);
    return true;
  }

  #reach(from: Numbered<State>, state: State): Numbered<State> {
    return Object.is(state, from.state) ? from : this.#number(state);
  }

  #number(state: State): Numbered<State> {
    const key = this.#model.key(state);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
    }
    return { state, number };
  }
}

function numberUnknown<Input>(operations: readonly UnknownOperation<Input>[]): Unknown<Input>[] {
  const lastWith = new Map<string, bigint>();
  return operations.map((operation, place) => {
    const bit = 1n << BigInt(place);
    const input = JSON.stringify(operation.input);
    const twin = lastWith.get(input) ?? 0n;
    lastWith.set(input, bit);
    return { operation, bit, twin };
  });
}

function note<State>(watch: Watch<State>, { state, number }: Numbered<State>, used: bigint): void {
  watch.seen.set(number, state);
  watch.usedAlways = watch.usedAlways === null ? used : watch.usedAlways & used;
}
