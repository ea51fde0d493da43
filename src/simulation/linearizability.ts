/**
 * Is there an order of the operations, each at one moment between its invocation and its return, that a sequential
 * machine would have answered in the same way? (Herlihy and Wing, 1990.) The order is looked for in
 * `order-search.ts`; here a history is divided, and what cannot be explained is cut out for people to read.
 */
import { assertWellFormed, type CompletedOperation, type Operation } from './history.ts';
import { Search, type Call, type Watch } from './order-search.ts';
import type { Model, Narrowed } from './sequential-model.ts';

export type { Model, Narrowed } from './sequential-model.ts';

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
