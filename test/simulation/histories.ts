/** Histories that are linearizable because they were: clients at work on one sequential machine, recorded. */
import type { Random } from '../../src/core/random.ts';
import type { Operation } from '../../src/simulation/history.ts';
import {
  keyValueModel,
  type KeyValueInput,
  type KeyValueOperation,
  type KeyValueState,
} from '../../src/simulation/key-value-model.ts';

export interface Traffic {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** Of each hundred operations. Half of them take effect, most of these long after. */
  readonly unknown: number;
  /** Keys of lists among the keys. */
  readonly lists?: number;
  /** Values written are unique, or one of so many. */
  readonly values?: number;
}

interface Attempt {
  readonly client: number;
  readonly id: number;
  readonly invoked: number;
  readonly effective: number | null;
  readonly returned: number | null;
}

export function recordTraffic(traffic: Traffic, random: Random): KeyValueOperation[] {
  const attempts = scheduleAttempts(traffic, random);
  const states = new Map<string, KeyValueState>();
  const recorded: KeyValueOperation[] = [];
  for (const attempt of [...attempts].sort((one, other) => (one.effective ?? 0) - (other.effective ?? 0))) {
    const number = random.below(traffic.keys);
    const key = `key-${number}`;
    const state = states.get(key) ?? null;
    const value = traffic.values === undefined ? attempt.client * 1_000_000 + attempt.id : random.below(traffic.values);
    const input = number < (traffic.lists ?? 0) ? drawListInput(value, random) : drawInput(state, value, random);
    const answer = keyValueModel.step(state, input);
    if (attempt.effective !== null) states.set(key, answer.state);
    const { client, id, invoked, returned } = attempt;
    recorded.push(
      returned === null
        ? { client, id, key, input, output: null, invoked, returned }
        : { client, id, key, input, output: answer.output, invoked, returned },
    );
  }
  return rankEvents(recorded);
}

/** Replaces the times, which are any numbers, by the numbers of the events in their order. */
export function rankEvents<Input, Output>(history: readonly Operation<Input, Output>[]): Operation<Input, Output>[] {
  const times = history.flatMap(({ invoked, returned }) => (returned === null ? [invoked] : [invoked, returned]));
  const ranks = new Map(times.sort((one, other) => one - other).map((time, rank) => [time, rank]));
  const rank = (time: number): number => ranks.get(time) ?? Number.NaN;
  return history
    .map((operation) =>
      operation.returned === null
        ? { ...operation, invoked: rank(operation.invoked) }
        : { ...operation, invoked: rank(operation.invoked), returned: rank(operation.returned) },
    )
    .sort((one, other) => one.invoked - other.invoked);
}

function scheduleAttempts({ operations, clients, unknown }: Traffic, random: Random): Attempt[] {
  const span = (longest: number): number => (1 + random.below(2 ** 32 - 1)) * (longest / 2 ** 32);
  const free = Array.from({ length: clients }, () => span(10));
  return Array.from({ length: operations }, (_, id) => {
    const client = id % clients;
    const invoked = (free[client] ?? 0) + span(5);
    const effective = invoked + span(10);
    const returned = effective + span(10);
    free[client] = returned;
    if (random.below(100) >= unknown) return { client, id, invoked, effective, returned };
    const late = random.below(2) === 0 ? null : invoked + span(500);
    return { client, id, invoked, effective: late, returned: null };
  });
}

function drawInput(state: KeyValueState, value: number, random: Random): KeyValueInput {
  switch (random.below(4)) {
    case 0:
      return { operation: 'put', value };
    case 1: {
      const expected = typeof state === 'number' && random.below(3) > 0 ? state : random.below(4);
      return { operation: 'cas', value: [expected, value] };
    }
    default:
      return { operation: 'get', value: null };
  }
}

function drawListInput(value: number, random: Random): KeyValueInput {
  return random.below(2) === 0 ? { operation: 'append', value } : { operation: 'get', value: null };
}
