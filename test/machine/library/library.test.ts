/** The ready-made machines against plain models of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chat, type ChatMessage, messagesAfter } from '../../../src/machine/library/chat.ts';
import { counter } from '../../../src/machine/library/counter.ts';
import { keyValue, type KeyValueCommand, valueOf, valuesIn } from '../../../src/machine/library/key-value.ts';
import { lock, type LockCommand, lockOf, type LockResult, type LockState } from '../../../src/machine/library/lock.ts';
import { queue, type QueueCommand, type QueueResult, type QueueState } from '../../../src/machine/library/queue.ts';
import { entriesFrom } from '../../../src/machine/library/sorted-map.ts';
import { validateCommand } from '../../../src/machine/machine.ts';
import { alice } from '../log.ts';
import { agreesWithModel, follow, type Model, type Moment } from './history.ts';

const refuses = (machine: Parameters<typeof validateCommand>[0], commands: readonly unknown[]): void => {
  for (const command of commands) {
    expect(() => validateCommand(machine, command), JSON.stringify(command)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  }
};

describe('the counter', () => {
  test('counts, and rejects what a number cannot hold', () => {
    const amount = fc.oneof(fc.integer(), fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER));
    agreesWithModel(counter(), fc.record({ add: amount }), () => {
      let count = 0;
      return {
        apply({ add }) {
          if (!Number.isSafeInteger(count + add)) throw new Error('too much');
          return (count += add);
        },
        check: (state) => {
          expect(state).toBe(count);
        },
      };
    });
  });

  test('refuses what is no number', () => {
    refuses(counter(), [null, 1, {}, { add: '1' }, { add: 1.5 }, { add: NaN }, { add: 2 ** 60 }]);
  });
});

describe('the chat', () => {
  test('keeps what was said, by whom and when, in one order', () => {
    const command = fc.record({ say: fc.string({ minLength: 1 }), as: fc.constantFrom('A', '') });
    agreesWithModel(chat(), command, () => {
      const said: (ChatMessage & { index: number })[] = [];
      return {
        apply({ say, as }, { index, time, proposer }) {
          said.push({ index, text: say, name: as, member: proposer, time });
          return index;
        },
        check: (state) => {
          expect(messagesAfter(state, 0)).toEqual(said);
          expect(messagesAfter(state, 3, 2)).toEqual(said.slice(3, 5));
        },
      };
    });
  });

  test('refuses messages without words, or with too many', () => {
    refuses(chat(), [{ say: '', as: 'A' }, { say: 'x'.repeat(10_001), as: 'A' }, { say: 'x' }, 'x']);
  });
});

describe('the key-value machine', () => {
  type Command = KeyValueCommand<number>;
  const key = fc.constantFrom('a', 'ab', 'abc', 'b', 'c');
  const place = fc.integer({ min: 1, max: 12 });
  const ifVersion = fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined, freq: 3 });
  const command: fc.Arbitrary<Command> = fc
    .oneof(
      fc.record({
        op: fc.constant('put'),
        key,
        value: fc.nat(),
        ifVersion,
        lease: fc.option(place, { nil: undefined }),
      }),
      fc.record({ op: fc.constant('delete'), key, ifVersion }),
      fc.record({ op: fc.constant('grant'), ttlMs: fc.integer({ min: 1, max: 200 }) }),
      fc.record({ op: fc.constantFrom('keep', 'revoke'), lease: place }),
      fc.record({ op: fc.constant('tick') }),
    )
    .map((given) => given as Command);

  /** Two maps, looked through from end to end. */
  const model = (): Model<
    ReturnType<typeof keyValue<number>>['initial'],
    Command,
    { done: boolean; version: number }
  > => {
    const keys = new Map<string, { value: number; version: number; lease: number | null }>();
    const leases = new Map<number, { ttlMs: number; until: number }>();
    const end = (name: number): boolean => {
      for (const [key, { lease }] of [...keys]) if (lease === name) keys.delete(key);
      return leases.delete(name);
    };
    const run = (command: Command, { index, time }: Moment): [done: boolean, version: number] => {
      for (const [name, { until }] of [...leases]) if (until <= time) end(name);
      if (command.op === 'tick') return [true, 0];
      if (command.op === 'grant') {
        leases.set(index, { ttlMs: command.ttlMs, until: time + command.ttlMs });
        return [true, index];
      }
      if (command.op === 'revoke') return end(command.lease) ? [true, command.lease] : [false, 0];
      if (command.op === 'keep') {
        const lease = leases.get(command.lease);
        if (lease === undefined) return [false, 0];
        lease.until = time + lease.ttlMs;
        return [true, command.lease];
      }
      const { key, ifVersion } = command;
      const version = keys.get(key)?.version ?? 0;
      if (ifVersion !== undefined && ifVersion !== version) return [false, version];
      if (command.op === 'delete') return [keys.delete(key), 0];
      if (command.lease !== undefined && !leases.has(command.lease)) return [false, version];
      keys.set(key, { value: command.value, version: index, lease: command.lease ?? null });
      return [true, index];
    };
    return {
      apply(command, moment) {
        const [done, version] = run(command, moment);
        return { done, version };
      },
      check(state) {
        const all = [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, entry]) => ({ key, ...entry }));
        expect(valuesIn(state, {})).toEqual(all);
        expect(valuesIn(state, { prefix: 'ab' })).toEqual(all.filter(({ key }) => key.startsWith('ab')));
        expect(valuesIn(state, { from: 'ab', to: 'b' })).toEqual(all.filter(({ key }) => key >= 'ab' && key < 'b'));
        expect(valuesIn(state, { prefix: 'a', from: 'ab', limit: 1 }).length).toBeLessThanOrEqual(1);
        expect(valueOf(state, 'ab')).toEqual(keys.get('ab'));
        expect([...entriesFrom(state.leases, 0)].map(([name]) => name)).toEqual([...leases.keys()]);
      },
    };
  };

  test('does what two plain maps do', () => {
    agreesWithModel(keyValue<number>(), command, model, 300);
  });

  test('a key that is written anew outlives the lease that it had', () => {
    const commands: Command[] = [
      { op: 'grant', ttlMs: 100 },
      { op: 'put', key: 'a', value: 1, lease: 1 },
      { op: 'put', key: 'a', value: 2 },
      { op: 'put', key: 'b', value: 3, lease: 1 },
      { op: 'revoke', lease: 1 },
    ];
    follow(
      keyValue<number>(),
      model(),
      commands.map((command) => ({ command, proposer: alice, later: 0, isRestored: false })),
    );
  });

  test('refuses commands that make no sense', () => {
    refuses(keyValue(), [
      { op: 'put', key: '', value: 1 },
      { op: 'put', key: 5, value: 1 },
      { op: 'put', key: 'a' },
      { op: 'put', key: 'a', value: 1, ifVersion: -1 },
      { op: 'put', key: 'a', value: 1, lease: 0 },
      { op: 'grant', ttlMs: 0 },
      { op: 'grant', ttlMs: Infinity },
      { op: 'keep' },
      { op: 'get', key: 'a' },
      {},
    ]);
  });
});

describe('the lock', () => {
  const names = fc.constantFrom('x', 'y');
  const owner = fc.option(fc.constantFrom('somebody', 'somebody else'), { nil: undefined });
  const token = fc.integer({ min: 1, max: 12 });
  const command: fc.Arbitrary<LockCommand> = fc
    .oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          op: fc.constant('acquire'),
          name: names,
          owner,
          ttlMs: fc.integer({ min: 1, max: 150 }),
          wait: fc.boolean(),
        }),
      },
      { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('renew', 'release'), name: names, token }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('leave'), name: names, owner }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('tick') }) },
    )
    .map((given) => given as LockCommand);

  interface Held {
    owner: string;
    ttlMs: number;
    until: number;
    token: number;
    queue: { owner: string; ttlMs: number }[];
  }

  const model = (): Model<LockState, LockCommand, LockResult> => {
    const locks = new Map<string, Held>();
    let last = 0;
    const grant = (name: string, who: { owner: string; ttlMs: number }, since: number, queue: Held['queue']): Held => {
      const held = { ...who, until: since + who.ttlMs, token: ++last, queue };
      locks.set(name, held);
      return held;
    };
    const next = (name: string, { queue }: Held, since: number): void => {
      locks.delete(name);
      const who = queue.shift();
      if (who !== undefined) grant(name, who, since, queue);
    };
    const passTime = (time: number): void => {
      for (const name of [...locks.keys()].sort()) {
        for (let held = locks.get(name); held !== undefined && held.until <= time; held = locks.get(name)) {
          next(name, held, held.until);
        }
      }
    };
    return {
      apply(command, { time, proposer }) {
        passTime(time);
        if (command.op === 'tick') return { kind: 'not-held' };
        const held = locks.get(command.name);
        const isHolder = held !== undefined && 'token' in command && held.token === command.token;
        switch (command.op) {
          case 'acquire': {
            const who = { owner: command.owner ?? proposer, ttlMs: command.ttlMs };
            if (held === undefined || held.owner === who.owner) {
              if (held !== undefined) Object.assign(held, who, { until: time + who.ttlMs });
              const { token, until } = held ?? grant(command.name, who, time, []);
              return { kind: 'held', token, until };
            }
            const place = held.queue.findIndex((one) => one.owner === who.owner);
            if (place === -1 && command.wait !== true) return { kind: 'not-held' };
            return { kind: 'waiting', place: place === -1 ? held.queue.push(who) : place + 1 };
          }
          case 'renew':
            if (!isHolder) return { kind: 'not-held' };
            held.until = time + held.ttlMs;
            return { kind: 'held', token: held.token, until: held.until };
          case 'release':
            if (isHolder) next(command.name, held, time);
            return { kind: 'not-held' };
          case 'leave':
            if (held !== undefined) held.queue = held.queue.filter((one) => one.owner !== (command.owner ?? proposer));
            return { kind: 'not-held' };
        }
      },
      check(state) {
        expect(state.token).toBe(last);
        for (const name of ['x', 'y']) expect(lockOf(state, name)).toEqual(locks.get(name));
      },
    };
  };

  test('does what a plain model does: one holder, a fair queue, tokens that only grow', () => {
    agreesWithModel(lock(), command, model, 300);
  });

  test('refuses commands that make no sense', () => {
    refuses(lock(), [
      { op: 'acquire', name: 'x' },
      { op: 'acquire', name: '', ttlMs: 1 },
      { op: 'acquire', name: 'x', ttlMs: 1, owner: 1 },
      { op: 'acquire', name: 'x', ttlMs: 1, wait: 'yes' },
      { op: 'renew', name: 'x' },
      { op: 'steal', name: 'x' },
      null,
    ]);
  });
});

describe('the queue', () => {
  const receipt = fc.integer({ min: 1, max: 9 });
  const command: fc.Arbitrary<QueueCommand<string>> = fc
    .oneof(
      { weight: 3, arbitrary: fc.record({ op: fc.constant('push'), body: fc.string() }) },
      { weight: 4, arbitrary: fc.record({ op: fc.constant('take'), leaseMs: fc.integer({ min: 1, max: 150 }) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          op: fc.constantFrom('acknowledge', 'return'),
          id: fc.integer({ min: 1, max: 6 }),
          receipt,
        }),
      },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('tick') }) },
    )
    .map((given) => given as QueueCommand<string>);

  interface Item {
    id: number;
    body: string;
    attempts: number;
    lease: { receipt: number; until: number } | null;
  }

  const model = (): Model<QueueState<string>, QueueCommand<string>, QueueResult<string>> => {
    let items: Item[] = [];
    return {
      apply(command, { index, time }) {
        for (const item of items) if (item.lease !== null && item.lease.until <= time) item.lease = null;
        switch (command.op) {
          case 'push':
            items.push({ id: index, body: command.body, attempts: 0, lease: null });
            return { kind: 'pushed', id: index };
          case 'take': {
            const item = items.find(({ lease }) => lease === null);
            if (item === undefined) return { kind: 'empty' };
            const until = time + command.leaseMs;
            item.lease = { receipt: index, until };
            const { id, body } = item;
            return { kind: 'taken', id, body, attempt: ++item.attempts, receipt: index, until };
          }
          case 'acknowledge':
          case 'return': {
            const item = items.find(({ id, lease }) => id === command.id && lease?.receipt === command.receipt);
            if (item === undefined) return { kind: 'too-late' };
            if (command.op === 'return') item.lease = null;
            else items = items.filter((other) => other !== item);
            return { kind: 'done' };
          }
          case 'tick':
            return { kind: 'done' };
        }
      },
      check(state) {
        const [waiting, taken] = [[...entriesFrom(state.waiting, 0)], [...entriesFrom(state.taken, 0)]];
        expect(waiting.map(([id, { body, attempts }]) => [id, body, attempts])).toEqual(
          items.filter(({ lease }) => lease === null).map(({ id, body, attempts }) => [id, body, attempts]),
        );
        expect(taken.map(([id, { receipt, until }]) => [id, { receipt, until }])).toEqual(
          items.filter(({ lease }) => lease !== null).map(({ id, lease }) => [id, lease]),
        );
      },
    };
  };

  test('does what a plain list does: the oldest first, back in its place when the time is over', () => {
    agreesWithModel(queue<string>(), command, model, 300);
  });

  test('refuses commands that make no sense', () => {
    refuses(queue(), [
      { op: 'push' },
      { op: 'take' },
      { op: 'take', leaseMs: 0 },
      { op: 'acknowledge', id: 1 },
      { op: 'return', receipt: 1 },
      { op: 'peek' },
      'push',
    ]);
  });
});
