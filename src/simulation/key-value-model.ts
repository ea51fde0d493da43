/**
 * The sequential machine that the clients of a simulation talk to, as the linearizability checker wants it: under each key
 * a register (`put`, `cas`, `get`) or a list (`append`, `get`), absent at first. Lists count: a command that took effect
 * twice shows its item twice.
 */
import type { HistoryForm, Json, NamedInput, Operation } from './history.ts';
import type { Model, Narrowed } from './sequential-model.ts';

export type Scalar = string | number;

/** Null: absent. */
export type KeyValueState = Scalar | null | readonly Scalar[];

export type KeyValueInput =
  /** Answers null. */
  | { readonly operation: 'put'; readonly value: Scalar }
  /** Compare and set: the value expected (null: absent) and the new one. Answers whether it was set. */
  | { readonly operation: 'cas'; readonly value: readonly [expected: Scalar | null, next: Scalar] }
  /** Answers the list after it. Whatever else was under the key gives way to a list of this one item. */
  | { readonly operation: 'append'; readonly value: Scalar }
  | { readonly operation: 'get'; readonly value: null };

export type KeyValueOutput = KeyValueState | boolean;

export type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;

export const keyValueModel: Model<KeyValueState, KeyValueInput, KeyValueOutput> = {
  initial: null,
  step(state, input) {
    switch (input.operation) {
      case 'put':
        return { state: input.value, output: null };
      case 'cas': {
        const [expected, next] = input.value;
        return state === expected ? { state: next, output: true } : { state, output: false };
      }
      case 'append': {
        const list = isList(state) ? [...state, input.value] : [input.value];
        return { state: list, output: list };
      }
      case 'get':
        return { state, output: state };
    }
  },
  key: (state) => JSON.stringify(state),
  isSameOutput: (one, other) =>
    one === other || (isList(one) && isList(other) && one.length === other.length && isPrefix(one, other)),
  isRead: ({ operation }, output) => operation === 'get' || (operation === 'cas' && output === false),
  narrow(operations) {
    const relevant = operations.filter(({ input, returned }) => returned !== null || input.operation !== 'get');
    const appends = relevant.filter(({ input }) => input.operation === 'append').length;
    if (appends === 0) return { operations: withoutIdleWrites(relevant), isWorthReaching: () => true };
    const isPureList = relevant.every(({ input }) => input.operation === 'append' || input.operation === 'get');
    return isPureList ? narrowList(relevant) : { operations: relevant, isWorthReaching: () => true };
  },
};

/** What a line of a history of this machine may hold. */
export const keyValueForm: HistoryForm<KeyValueInput, KeyValueOutput> = {
  isInput(input): input is NamedInput & KeyValueInput {
    const { operation, value } = input;
    switch (operation) {
      case 'put':
      case 'append':
        return isScalar(value);
      case 'cas':
        return isArray(value) && value.length === 2 && (value[0] === null || isScalar(value[0])) && isScalar(value[1]);
      case 'get':
        return value === null;
      default:
        return false;
    }
  },
  isOutput: (output): output is KeyValueOutput =>
    output === null || typeof output === 'boolean' || isScalar(output) || (isArray(output) && output.every(isScalar)),
};

/**
 * Leaves out writes to a register, of unknown outcome, that no order needs. Such a write `w` of the value `v` is idle when
 *
 * 1. no completed operation that returned after `w` was invoked saw `v`: no `get` answered it, no `cas` that expected it
 *    was set;
 * 2. no other operation of unknown outcome that is left expects `v`;
 * 3. no `cas` that returned after `w` was invoked failed although it expected something else than `v`. (This is the trap: a
 *    failed `cas` sees that the register does *not* hold what it expected, and `w` may be the reason.)
 *
 * Take an order of the operations left that has `w` in it. If it changed the register, the register then holds `v` up to
 * the next `put` or `cas` that changes it. A completed operation in between comes after `w`, so it returned after `w` was invoked: it is no `get` by
 * 1, no `cas` that was set by 1, no `cas` that failed by 3 if it expected something else and because it would have been
 * set if it expected `v`. So nobody completed is there, and those of unknown outcome that are there change nothing and can be
 * left out with `w`. What comes next, if anything, is a `put`, which is not concerned with what was there before: a `cas`
 * would have to expect `v`, against 1 or 2. So the order without all these is an order as well. The other way round, an
 * order without `w` is one of a history with `w`, which may never take effect. One write after another is left out in
 * this way, until none is idle.
 */
function withoutIdleWrites(operations: readonly KeyValueOperation[]): readonly KeyValueOperation[] {
  const lastSeen = new Map<KeyValueOutput, number>();
  const failed: { readonly expected: Scalar | null; readonly returned: number }[] = [];
  for (const { input, output, returned } of operations) {
    if (returned === null) continue;
    const see = (value: KeyValueOutput): unknown =>
      lastSeen.set(value, Math.max(returned, lastSeen.get(value) ?? returned));
    if (input.operation === 'get') see(output);
    if (input.operation === 'cas') {
      if (output === true) see(input.value[0]);
      else failed.push({ expected: input.value[0], returned });
    }
  }

  let left = operations;
  for (;;) {
    const expecting = countExpectations(left);
    const kept = left.filter(({ input, invoked, returned }) => {
      if (returned !== null || (input.operation !== 'put' && input.operation !== 'cas')) return true;
      const value = input.operation === 'put' ? input.value : input.value[1];
      const own = input.operation === 'cas' && input.value[0] === value ? 1 : 0;
      return (
        (lastSeen.get(value) ?? -Infinity) > invoked ||
        (expecting.get(value) ?? 0) > own ||
        failed.some((other) => other.expected !== value && other.returned > invoked)
      );
    });
    if (kept.length === left.length) return left;
    left = kept;
  }
}

/** How many operations of unknown outcome expect each value. */
function countExpectations(operations: readonly KeyValueOperation[]): Map<Scalar | null, number> {
  const count = new Map<Scalar | null, number>();
  for (const { input, returned } of operations) {
    if (returned !== null || input.operation !== 'cas') continue;
    const [expected] = input.value;
    count.set(expected, (count.get(expected) ?? 0) + 1);
  }
  return count;
}

/**
 * A list only grows, and every completed operation on it sees all of it. So as long as an order has a completed operation
 * to come, its state is the beginning of some list that was seen; when it has none, it is at its end.
 */
function narrowList(operations: readonly KeyValueOperation[]): Narrowed<KeyValueState, KeyValueInput, KeyValueOutput> {
  const seen = operations.map(({ output }) => output).filter(isList);
  const longest: (readonly Scalar[])[] = [];
  for (const list of seen.sort((one, other) => other.length - one.length)) {
    if (!longest.some((other) => isPrefix(list, other))) longest.push(list);
  }
  return { operations, isWorthReaching: (state) => !isList(state) || longest.some((list) => isPrefix(state, list)) };
}

function isPrefix(list: readonly Scalar[], of: readonly Scalar[]): boolean {
  return list.length <= of.length && list.every((item, place) => item === of[place]);
}

function isList(state: KeyValueOutput): state is readonly Scalar[] {
  return Array.isArray(state);
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isScalar(value: Json | undefined): value is Scalar {
  return typeof value === 'string' || typeof value === 'number';
}
