/**
 * Is there an order of the operations, each at one moment between its invocation and its return, that a sequential
 * machine would have answered in the same way? (Herlihy and Wing, 1990.)
 *
 * The search is that of Wing and Gong (1993): take an operation that may come next, see whether the machine answers as it
 * did, go on, else back. As in Lowe (2017) no configuration is searched twice, and as in Horn and Kroening (2015) each
 * part of the history that is linearizable by itself, say each key, is searched by itself. Four more observations keep it
 * small; each is argued where it is used:
 *
 * - which operations have been ordered follows from those that are *pending*, so a configuration is as large as the
 *   concurrency, whatever the length of the history;
 * - an operation that only read comes first (`#settle`);
 * - of two configurations that differ in operations of unknown outcome only, the one that has used fewer can do all that the
 *   other can (`#isNew`);
 * - of two such operations with equal inputs the earlier is used first (`#useUnknown`).
 */
import { assertWellFormed, type CompletedOperation, type Operation, type UnknownOperation } from './history.ts';

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

export type Verdict<State, Input, Output> =
  | { readonly verdict: 'linearizable' }
  /** No order explains the part of the history named. */
  | {
      readonly verdict: 'violated';
      readonly partition: string;
      /** All completed operations that returned earlier can be explained; with this one they cannot. */
      readonly operation: CompletedOperation<Input, Output>;
      /** The latest operations that cannot be explained whichever of `states` they found. Operations of unknown outcome that
       * could have been of help are among them. In the order of their invocations. */
      readonly window: readonly Operation<Input, Output>[];
      /** Every state that the operations before the window may have left. */
      readonly states: readonly State[];
    }
  /** Nothing was found within the steps allowed, one way or the other. */
  | { readonly verdict: 'gave-up'; readonly partition: string; readonly steps: number };

export interface CheckOptions<Input, Output> {
  /** Names the part that an operation belongs to; parts must not influence each other. By default the key. */
  readonly partition?: (operation: Operation<Input, Output>) => string;
  /** Steps of the model after which the search of one part is given up. */
  readonly maxSteps?: number;
}

/**
 * Checks each part of a history and tells of the first that is violated; failing that, of the first that was given up.
 *
 * @throws RaftError `INVALID_ARGUMENT` when the history is not well formed
 */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  { partition = ({ key }) => key, maxSteps = 5_000_000 }: CheckOptions<Input, Output> = {},
): Verdict<State, Input, Output> {
  assertWellFormed(history);
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const name = partition(operation);
    const part = parts.get(name);
    if (part === undefined) parts.set(name, [operation]);
    else part.push(operation);
  }

  let verdict: Verdict<State, Input, Output> = { verdict: 'linearizable' };
  for (const [name, operations] of parts) {
    const narrowed = model.narrow?.(operations) ?? { operations, isWorthReaching: () => true };
    const search = new Search(model, narrowed, maxSteps);
    switch (search.run()) {
      case 'found':
        break;
      case 'none':
        return { verdict: 'violated', partition: name, ...explainViolation(model, narrowed, search) };
      case 'gave-up':
        if (verdict.verdict === 'linearizable') verdict = { verdict: 'gave-up', partition: name, steps: search.steps };
    }
  }
  return verdict;
}

interface Call<Input, Output> {
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
interface Watch<State> {
  /** How many operations were invoked before it. */
  readonly index: number;
  readonly seen: Map<number, State>;
  /** Operations of unknown outcome that had taken effect however the moment was reached. */
  usedAlways: bigint | null;
}

class Search<State, Input, Output> {
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
   * an operation never has to be used.
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

/**
 * Cuts the history at the last moment before the violation at which no completed operation was under way, and searches
 * once more to learn which states were possible then. The search came to its end without an order, so it has seen them all,
 * and from none of them could it explain what followed up to the violation.
 */
function explainViolation<State, Input, Output>(
  model: Model<State, Input, Output>,
  narrowed: Narrowed<State, Input, Output>,
  search: Search<State, Input, Output>,
): {
  operation: CompletedOperation<Input, Output>;
  window: Operation<Input, Output>[];
  states: State[];
} {
  const operation = search.blocked;
  if (operation === null) throw new Error('a search without completed operations succeeds');
  const watch: Watch<State> = { index: lastQuietMoment(search.calls, operation), seen: new Map(), usedAlways: null };
  new Search(model, narrowed, Infinity, watch).run();

  const { index, usedAlways } = watch;
  const concerned = [
    ...search.calls.slice(index).map((call) => call.operation),
    ...search.unknown
      .filter(({ bit }) => usedAlways === null || (usedAlways & bit) === 0n)
      .map((unknown) => unknown.operation),
  ];
  const window = concerned.filter(({ invoked }) => invoked < operation.returned);
  return {
    operation,
    window: window.sort((one, other) => one.invoked - other.invoked),
    states: [...watch.seen.values()],
  };
}

/** How many operations had been invoked, and had all returned, when the last group that overlaps `operation` began. */
function lastQuietMoment<Input, Output>(
  calls: readonly Call<Input, Output>[],
  operation: CompletedOperation<Input, Output>,
): number {
  let quiet = 0;
  let lastReturn = -Infinity;
  for (const { index, operation: other } of calls) {
    if (other.invoked > operation.invoked) break;
    if (other.invoked > lastReturn) quiet = index;
    lastReturn = Math.max(lastReturn, other.returned);
  }
  return quiet;
}
