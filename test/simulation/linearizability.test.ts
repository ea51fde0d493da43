import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import type { Operation } from '../../src/simulation/history.ts';
import {
  keyValueModel,
  type KeyValueInput,
  type KeyValueOperation,
  type KeyValueOutput,
  type KeyValueState,
  type Scalar,
} from '../../src/simulation/key-value-model.ts';
import { checkLinearizable, type Model, type Verdict } from '../../src/simulation/linearizability.ts';
import { rankEvents, recordTraffic } from './histories.ts';

type KeyValueVerdict = Verdict<KeyValueState, KeyValueInput, KeyValueOutput>;

const put = (value: Scalar): KeyValueInput => ({ operation: 'put', value });
const cas = (expected: Scalar | null, next: Scalar): KeyValueInput => ({ operation: 'cas', value: [expected, next] });
const append = (value: Scalar): KeyValueInput => ({ operation: 'append', value });
const get: KeyValueInput = { operation: 'get', value: null };

/** Answered, in the interval given. */
function done(input: KeyValueInput, output: KeyValueOutput, invoked: number, returned: number): KeyValueOperation {
  return { client: invoked, id: invoked, key: 'x', input, output, invoked, returned };
}

/** Never answered. */
function lost(input: KeyValueInput, invoked: number): KeyValueOperation {
  return { client: invoked, id: invoked, key: 'x', input, output: null, invoked, returned: null };
}

const check = (...history: KeyValueOperation[]): KeyValueVerdict => checkLinearizable(keyValueModel, history);
const linearizable: KeyValueVerdict = { verdict: 'linearizable' };

/** The same machine, about which nothing is said beforehand. */
const plainModel: Model<KeyValueState, KeyValueInput, KeyValueOutput> = { ...keyValueModel };
delete plainModel.narrow;

describe('a linearizable history', () => {
  test.each<[string, KeyValueOperation[]]>([
    ['is an empty one', []],
    [
      'may need a write of the value that is there already later',
      [done(put(4), null, 1, 2), done(put(3), null, 3, 6), done(put(4), null, 4, 5), done(get, 4, 7, 8)],
    ],
    [
      'may need the one of two writes without an answer that could also have explained what came before',
      [
        done(put(1), null, 1, 2),
        lost(put(2), 3),
        lost(put(3), 4),
        done(cas(1, 9), false, 5, 6),
        done(put(5), null, 7, 8),
        done(get, 2, 9, 10),
      ],
    ],
    ['is one after another', [done(put(1), null, 1, 2), done(get, 1, 3, 4), done(cas(1, 2), true, 5, 6)]],
    [
      'may read either value while a write is under way',
      [done(put(1), null, 1, 9), done(get, null, 2, 3), done(get, 1, 4, 5)],
    ],
    [
      'may order writes against their invocations',
      [done(put(1), null, 1, 4), done(put(2), null, 2, 3), done(get, 1, 5, 6)],
    ],
    ['has one winner of two that compare and set', [done(cas(null, 1), false, 1, 4), done(cas(null, 2), true, 2, 3)]],
    ['may show a write without an answer much later', [lost(put(1), 1), done(get, null, 2, 3), done(get, 1, 4, 5)]],
    [
      'may never show a write without an answer',
      [lost(put(1), 1), done(get, null, 2, 3), done(put(2), null, 4, 5), done(get, 2, 6, 7)],
    ],
    [
      'may have a write without an answer between two others',
      [lost(put(9), 1), done(put(1), null, 2, 3), done(get, 9, 4, 5), done(put(2), null, 6, 7)],
    ],
    [
      'may have a failed compare and set that only a write without an answer explains',
      [done(put(1), null, 1, 2), lost(put(2), 3), done(cas(1, 3), false, 4, 5)],
    ],
    ['may have a chain of two writes without an answer', [lost(put(1), 1), lost(cas(1, 2), 2), done(get, 2, 3, 4)]],
    [
      'may have a chain that only a failed compare and set shows',
      [done(put(5), null, 1, 2), lost(cas(5, 6), 3), done(cas(5, 7), false, 4, 5)],
    ],
    [
      'counts each item of a list once',
      [
        done(append('a'), ['a'], 1, 4),
        done(append('b'), ['a', 'b'], 2, 5),
        lost(append('c'), 3),
        done(get, ['a', 'b', 'c'], 6, 7),
      ],
    ],
    ['may have a read without an answer anywhere', [done(put(1), null, 1, 2), lost(get, 3), done(get, 1, 4, 5)]],
    [
      'may put a register where a list was',
      [done(append('a'), ['a'], 1, 2), done(put(1), null, 3, 4), done(append('b'), ['b'], 5, 6)],
    ],
  ])('%s', (_, history) => {
    expect(check(...history)).toEqual(linearizable);
    expect(checkLinearizable(plainModel, history)).toEqual(linearizable);
  });
});

describe('a violation is', () => {
  /** The history, the operation that cannot be explained, what is in the window beside it, and the states before. */
  test.each<[string, KeyValueOperation[], number, number[], KeyValueState[]]>([
    ['a stale read', [done(put(1), null, 1, 2), done(put(2), null, 3, 4), done(get, 1, 5, 6)], 5, [], [2]],
    ['a lost write', [done(put(1), null, 1, 2), done(get, null, 3, 4)], 3, [], [1]],
    [
      'a write of two that comes back',
      [done(put(1), null, 1, 5), done(put(2), null, 2, 6), done(get, 1, 7, 8), done(get, 2, 9, 10)],
      9,
      [],
      [1],
    ],
    [
      'a read inversion',
      [done(put(1), null, 1, 2), done(put(2), null, 3, 10), done(get, 2, 4, 5), done(get, 1, 6, 7)],
      6,
      [3, 4],
      [1],
    ],
    ['two that both compare and set', [done(cas(null, 1), true, 1, 3), done(cas(null, 2), true, 2, 4)], 2, [1], [null]],
    [
      'a compare and set that failed for no reason',
      [done(put(1), null, 1, 2), done(cas(1, 2), false, 3, 4)],
      3,
      [],
      [1],
    ],
    ['a read of what nobody wrote', [done(put(1), null, 1, 2), done(get, 7, 3, 4)], 3, [], [1]],
    ['an item that is in a list twice', [done(append('a'), ['a'], 1, 2), done(get, ['a', 'a'], 3, 4)], 3, [], [['a']]],
    [
      'an item twice, sent without an answer',
      [lost(append('a'), 1), done(get, ['a'], 2, 3), done(get, ['a', 'a'], 4, 5)],
      4,
      [],
      [['a']],
    ],
    ['an item gone from a list', [done(append('a'), ['a'], 1, 2), done(append('b'), ['b'], 3, 4)], 3, [], [['a']]],
    [
      'a write without an answer that is seen and then gone',
      [done(put(1), null, 1, 2), lost(put(2), 3), done(get, 2, 4, 5), done(get, 1, 6, 7)],
      6,
      [],
      [2],
    ],
    [
      'a write without an answer that is seen twice with another between',
      [lost(put(2), 1), done(get, 2, 2, 3), done(put(1), null, 4, 5), done(get, 2, 6, 7)],
      6,
      [],
      [1],
    ],
    ['a write seen before it was invoked', [done(get, 1, 1, 2), lost(put(1), 3)], 1, [], [null]],
    [
      'a failed compare and set before the write that might explain it',
      [done(put(1), null, 1, 2), done(cas(1, 3), false, 3, 4), lost(put(2), 5)],
      3,
      [],
      [1],
    ],
  ])('%s', (_, history, operation, beside, states) => {
    const verdict = check(...history);
    expect(verdict).toEqual({
      verdict: 'violated',
      partition: 'x',
      operation: history.find(({ invoked }) => invoked === operation),
      window: history.filter(({ invoked }) => invoked === operation || beside.includes(invoked)),
      states,
    });
    expect(checkLinearizable(plainModel, history)).toHaveProperty('verdict', 'violated');
  });

  test('told with the writes without an answer that could have been of help', () => {
    const history = [
      done(put(1), null, 1, 2),
      lost(cas(7, 8), 3),
      lost(put(7), 4),
      done(get, 8, 5, 6),
      done(get, 7, 7, 8),
    ];
    expect(check(...history)).toMatchObject({ operation: history[4], window: [history[4]], states: [8] });
    expect(check(...history.slice(0, 2), ...history.slice(3))).toMatchObject({
      operation: history[3],
      window: [history[1], history[3]],
      states: [1],
    });
  });

  test('looked for in each part of a history by itself', () => {
    const elsewhere = { ...done(get, 1, 5, 6), key: 'y' };
    const history = [done(put(1), null, 1, 2), done(get, 1, 3, 4), elsewhere];
    expect(check(...history)).toMatchObject({
      verdict: 'violated',
      partition: 'y',
      operation: elsewhere,
      states: [null],
    });
    expect(checkLinearizable(keyValueModel, history, { partition: () => 'one for all' })).toEqual(linearizable);
  });
});

test('a search that takes too long is given up, unless another part is violated', () => {
  const history = [done(put(1), null, 1, 5), done(put(2), null, 2, 6), done(put(3), null, 3, 7), done(get, 1, 8, 9)];
  expect(checkLinearizable(keyValueModel, history, { maxSteps: 3 })).toMatchObject({
    verdict: 'gave-up',
    partition: 'x',
  });
  const violation = { ...done(get, 1, 10, 11), key: 'y' };
  expect(checkLinearizable(keyValueModel, [...history, violation], { maxSteps: 3 })).toMatchObject({
    verdict: 'violated',
    partition: 'y',
  });
});

test('a history that contradicts itself is refused', () => {
  expect(() => check(done(get, null, 2, 1))).toThrow('returned at 1, before it was invoked at 2');
  expect(() => check(done(get, null, 1, 3), done(get, null, 2, 3))).toThrow('no two events share one');
  expect(() => check(done(get, null, 1, Infinity))).toThrow('finite');
});

/** A few values and keys, so that operations meet. */
const scalar = fc.constantFrom<Scalar>(1, 2, 2, 3);
const input = fc.oneof(
  { weight: 3, arbitrary: scalar.map(put) },
  { weight: 3, arbitrary: fc.tuple(fc.option(scalar), scalar).map(([expected, next]) => cas(expected, next)) },
  { weight: 2, arbitrary: scalar.map(append) },
  { weight: 4, arbitrary: fc.constant(get) },
);
const registerInput = input.filter(({ operation }) => operation !== 'append');
const listInput = input.filter(({ operation }) => operation === 'append' || operation === 'get');

interface Step {
  readonly input: KeyValueInput;
  readonly key: string;
  readonly before: number;
  readonly after: number;
  /** `late`: took effect, and was not answered. `never`: neither. */
  readonly fate: 'done' | 'late' | 'never';
}

/** Mostly short: where everything overlaps, almost everything can be explained. */
const delay = fc.oneof(fc.nat({ max: 1 }), fc.nat({ max: 7 }));

const steps = (inputs: fc.Arbitrary<KeyValueInput>, maxLength: number, keys: string[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record<Step>({
      input: inputs,
      key: fc.constantFrom(...keys),
      before: delay,
      after: delay,
      fate: fc.oneof(
        { weight: 4, arbitrary: fc.constant<Step['fate']>('done') },
        { weight: 1, arbitrary: fc.constantFrom<Step['fate']>('late', 'never') },
      ),
    }),
    { maxLength },
  );

/** Carries out the steps one after another, and then says that each took longer than it did. */
function execute(sequence: readonly Step[]): KeyValueOperation[] {
  const states = new Map<string, KeyValueState>();
  const history = sequence.map(({ input, key, before, after, fate }, place): KeyValueOperation => {
    const answer = keyValueModel.step(states.get(key) ?? null, input);
    if (fate !== 'never') states.set(key, answer.state);
    // Events at different distances from their places never fall together.
    const invoked = place - before - (place + 1) / 100;
    const common = { client: place, id: place, key, input, invoked };
    return fate === 'done'
      ? { ...common, output: answer.output, returned: place + after + (place + 1) / 100 }
      : { ...common, output: null, returned: null };
  });
  return rankEvents(history);
}

/** Gives some answered operations answers that others got, or none did. */
function mutate(history: readonly KeyValueOperation[], changes: readonly { at: number; output: KeyValueOutput }[]) {
  return history.map((operation, place): KeyValueOperation => {
    const change = changes.find(({ at }) => at % history.length === place);
    return change === undefined || operation.returned === null || operation.input.operation === 'put'
      ? operation
      : { ...operation, output: change.output };
  });
}

const change = fc.record({
  at: fc.nat({ max: 20 }),
  output: fc.oneof(fc.option(scalar), fc.boolean(), fc.array(scalar, { maxLength: 3 })),
});

/**
 * Whether some order explains the history: tries every order of every choice of operations without an answer, over all
 * keys together, and shares nothing with the checker but the machine.
 */
function hasOrder(
  history: readonly KeyValueOperation[],
  {
    from = null,
    mayMiss = () => false,
  }: {
    readonly from?: KeyValueState;
    readonly mayMiss?: (operation: KeyValueOperation) => boolean;
  } = {},
): boolean {
  const extend = (ordered: readonly KeyValueOperation[]): boolean => {
    if (explains(ordered, from) && respectsTime(ordered)) {
      if (history.every((one) => ordered.includes(one) || one.returned === null || mayMiss(one))) return true;
    }
    return ordered.length < history.length
      ? history.some((one) => !ordered.includes(one) && extend([...ordered, one]))
      : false;
  };
  return extend([]);
}

function explains(ordered: readonly KeyValueOperation[], from: KeyValueState): boolean {
  const states = new Map<string, KeyValueState>();
  return ordered.every(({ key, input, output, returned }) => {
    const answer = keyValueModel.step(states.get(key) ?? from, input);
    states.set(key, answer.state);
    return returned === null || JSON.stringify(answer.output) === JSON.stringify(output);
  });
}

function respectsTime(ordered: readonly KeyValueOperation[]): boolean {
  return ordered.every((one, place) =>
    ordered.slice(place + 1).every((later) => later.returned === null || later.returned > one.invoked),
  );
}

describe('the checker', () => {
  const families = [
    ['registers', registerInput],
    ['lists', listInput],
    ['both under one key', input],
  ] as const;

  test.each(families)('accepts whatever was executed in some order: %s', (_, inputs) => {
    fc.assert(
      fc.property(steps(inputs, 40, ['x', 'y', 'z']), (sequence) => {
        expect(checkLinearizable(keyValueModel, execute(sequence))).toEqual(linearizable);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(families)('agrees with trying every order: %s', (_, inputs) => {
    const seen = { linearizable: 0, violated: 0 };
    fc.assert(
      fc.property(
        steps(inputs, 6, ['x', 'x', 'y']),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (sequence, changes) => {
          const history = mutate(execute(sequence), changes);
          const expected = hasOrder(history) ? 'linearizable' : 'violated';
          seen[expected]++;
          expect(checkLinearizable(keyValueModel, history).verdict).toBe(expected);
          expect(checkLinearizable(plainModel, history).verdict).toBe(expected);
        },
      ),
      { numRuns: 1500 },
    );
    expect(Math.min(seen.linearizable, seen.violated)).toBeGreaterThan(150);
  });

  test.each(families)('blames the first return that cannot be explained, and a window that cannot: %s', (_, inputs) => {
    let violations = 0;
    fc.assert(
      fc.property(steps(inputs, 6, ['x']), fc.array(change, { minLength: 1, maxLength: 3 }), (sequence, changes) => {
        const history = mutate(execute(sequence), changes);
        const verdict = checkLinearizable(keyValueModel, history);
        if (verdict.verdict !== 'violated') return;
        violations++;
        const { operation, window, states } = verdict;
        const until = operation.returned;
        const isLater = (other: KeyValueOperation): boolean => other.returned !== null && other.returned > until;
        const prefix = history.filter(({ invoked }) => invoked < until);
        expect(hasOrder(prefix, { mayMiss: isLater })).toBe(false);
        expect(hasOrder(prefix, { mayMiss: (other) => other === operation || isLater(other) })).toBe(true);
        expect(window).toContain(operation);
        expect(states).not.toHaveLength(0);
        for (const state of states) expect(hasOrder(window, { from: state, mayMiss: isLater })).toBe(false);
      }),
      { numRuns: 1000 },
    );
    expect(violations).toBeGreaterThan(100);
  });

  test.each([
    { operations: 2000, clients: 8, keys: 10, unknown: 5, lists: 3 },
    { operations: 2000, clients: 8, keys: 10, unknown: 5, lists: 3, values: 5 },
    { operations: 2000, clients: 8, keys: 1, unknown: 5 },
    { operations: 2000, clients: 8, keys: 1, unknown: 5, lists: 1 },
  ])('follows two thousand operations, and finds the one that is wrong: %o', (traffic) => {
    const history = recordTraffic(traffic, seededRandom(1));
    expect(checkLinearizable(keyValueModel, history)).toEqual(linearizable);
    const wrong = history.findIndex(
      ({ input, returned }, place) => place > 1500 && input.operation === 'get' && returned !== null,
    );
    const forged = history.map((operation, place) =>
      place === wrong && operation.returned !== null ? { ...operation, output: -1 } : operation,
    );
    expect(checkLinearizable(keyValueModel, forged)).toMatchObject({ verdict: 'violated', operation: forged[wrong] });
  });
});

test("operations of a machine of one's own are checked alike", () => {
  const counter: Model<number, 'add' | 'take', number> = {
    initial: 0,
    step: (state, input) => {
      const next = input === 'add' ? state + 1 : Math.max(0, state - 1);
      return { state: next, output: next };
    },
    key: String,
    isSameOutput: Object.is,
    isRead: () => false,
  };
  const add = (output: number, invoked: number, returned: number): Operation<'add', number> => ({
    client: 1,
    id: invoked,
    key: '',
    input: 'add',
    output,
    invoked,
    returned,
  });
  expect(checkLinearizable(counter, [add(2, 1, 3), add(1, 2, 4)])).toEqual({ verdict: 'linearizable' });
  expect(checkLinearizable(counter, [add(2, 1, 2), add(1, 3, 4)])).toHaveProperty('verdict', 'violated');
});
