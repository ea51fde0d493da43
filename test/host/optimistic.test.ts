/** Local echo: what is pending shows at once, and gives way to what was committed without a jump. */
import { describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import { type ByteMachine, defineByteMachine } from '../../src/machine/byte-machine.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { Groups, turns } from './groups.ts';
import { broker, list as tabList, Tabs } from './tabs.ts';

/** Seats, each of which is taken once. */
type Seats = Readonly<Record<string, { readonly guest: string; readonly at: number; readonly index: number }>>;

const none: Seats = {};

const seats = defineMachine({
  name: 'seats',
  initial: none,
  apply(state, { seat, guest }: { seat: string; guest: string }, { time, index }) {
    if (state[seat] !== undefined) throw new Error(`${seat} is taken`);
    return { state: { ...state, [seat]: { guest, at: time, index } }, result: seat };
  },
});

const guests = (state: Seats): string =>
  Object.entries(state)
    .map(([seat, { guest }]) => `${seat}:${guest}`)
    .join();

/** The group of a leader that has lost its majority. */
function cutOff() {
  const world = new Groups(seats);
  const { leader, followers } = world.elect();
  world.world.isolate(leader);
  return { world, group: world.group(leader), leader, followers };
}

describe('the optimistic state', () => {
  test('is the state while nothing is pending', async () => {
    const world = new Groups(seats);
    world.elect();
    const group = world.group('a');
    expect(group.optimistic).toBe(group.state);
    await world.value(group.propose({ seat: '1A', guest: 'Ann' }));
    expect(group.optimistic).toBe(group.state);
  });

  test('shows at once what is pending, in the order of proposing, and keeps its object until it changes', () => {
    const { world, group } = cutOff();
    group.propose({ seat: '1A', guest: 'Ann' }, { timeoutMs: Infinity }).settled.catch(() => undefined);
    const one = group.optimistic;
    expect(guests(one)).toBe('1A:Ann');
    expect(group.state).toEqual({});
    world.world.clock.settle();
    expect(group.pending).toMatchObject([{ phase: 'sent' }]);
    expect(group.optimistic).toBe(one);
    void group.propose({ seat: '1B', guest: 'Bob' }, { timeoutMs: Infinity });
    expect(guests(group.optimistic)).toBe('1A:Ann,1B:Bob');
    // What was tried before is not tried again.
    expect(group.optimistic['1A']).toBe(one['1A']);
  });

  test('shows no command that would be rejected as things stand; it stays pending, and has its outcome', async () => {
    const { world, group } = cutOff();
    const first = group.propose({ seat: '1A', guest: 'Ann' }, { timeoutMs: Infinity });
    const second = group.propose({ seat: '1A', guest: 'Bob' }, { timeoutMs: Infinity });
    const ends = Promise.allSettled([first, second]);
    const third = group.propose({ seat: '1C', guest: 'Cat' }, { timeoutMs: Infinity });
    expect(guests(group.optimistic)).toBe('1A:Ann,1C:Cat');
    expect(group.pending).toHaveLength(3);
    world.world.heal();
    await world.value(third);
    expect(await ends).toMatchObject([{ value: '1A' }, { reason: { code: 'REJECTED' } }]);
    expect(guests(group.state)).toBe('1A:Ann,1C:Cat');
  });

  test('follows what others commit: pending commands are tried again on it, in their order', async () => {
    const { world, group, leader, followers } = cutOff();
    const ours = [
      group.propose({ seat: '1A', guest: 'Ann' }, { timeoutMs: Infinity }),
      group.propose({ seat: '1B', guest: 'Ann' }, { timeoutMs: Infinity }),
    ];
    const ends = Promise.allSettled(ours);
    world.world.clock.settle();
    await world.until(() => world.world.leader !== leader, 'another leader');
    const [follower = ''] = followers;
    await world.value(world.group(follower).propose({ seat: '1A', guest: 'Bob' }));
    expect(guests(group.optimistic)).toBe('1A:Ann,1B:Ann');

    // From here on nothing that we propose gets through, but what is committed comes in.
    world.world.refuses = ({ kind }) => kind === 'Propose';
    world.world.heal();
    await world.until(() => guests(group.state) === '1A:Bob', 'what the others committed');
    expect(guests(group.optimistic)).toBe('1A:Bob,1B:Ann');
    expect(group.pending.map(({ command }) => command.seat)).toEqual(['1A', '1B']);
    world.world.refuses = () => false;
    await world.until(() => group.pending.length === 0, 'the outcomes');
    expect(await ends).toMatchObject([{ reason: { code: 'REJECTED' } }, { value: '1B' }]);
    expect(group.optimistic).toBe(group.state);
    expect(guests(group.state)).toBe('1A:Bob,1B:Ann');
  });

  test('is without a command that was withdrawn, or ended with its group', async () => {
    const world = new Groups(seats);
    const group = world.group('a');
    const controller = new AbortController();
    const call = group.propose({ seat: '1A', guest: 'Ann' }, { signal: controller.signal });
    const kept = group.propose({ seat: '1B', guest: 'Ann' });
    const ends = Promise.allSettled([call, kept]);
    expect(guests(group.optimistic)).toBe('1A:Ann,1B:Ann');
    controller.abort();
    expect(guests(group.optimistic)).toBe('1B:Ann');
    group.close();
    expect(group.optimistic).toEqual({});
    expect(await world.value(ends)).toMatchObject([{ reason: { code: 'ABORTED' } }, { reason: { code: 'CLOSED' } }]);
  });

  test('tells the machine of a likely place, and of the time when the command was proposed', async () => {
    const { world, group, leader } = cutOff();
    world.world.clock.pass(1234);
    const proposedAt = world.world.clock.wallTime();
    const { applied } = group.status().member ?? { applied: -1 };
    const calls = ['1A', '1B'].map((seat) => group.propose({ seat, guest: 'Ann' }, { timeoutMs: Infinity }));
    expect(group.optimistic).toMatchObject({
      '1A': { at: proposedAt, index: applied + 1 },
      '1B': { at: proposedAt, index: applied + 2 },
    });
    // Time goes on, and what is shown stays.
    const shown = group.optimistic;
    world.world.clock.pass(500);
    expect(group.optimistic).toBe(shown);
    world.world.heal();
    await world.value(Promise.all(calls));
    expect(world.group(leader).state['1A']?.at).toBeGreaterThan(proposedAt);
  });

  test('changes nothing that is replicated', async () => {
    const world = new Groups(seats);
    const { followers } = world.elect();
    const [follower = ''] = followers;
    const group = world.group(follower);
    for (let i = 0; i < 20; i++) {
      const call = group.propose({ seat: String(i), guest: 'Ann' });
      expect(Object.keys(group.optimistic)).toHaveLength(i + 1);
      await world.value(call);
    }
    const others = ['a', 'b', 'c'].map((name) => world.group(name));
    await world.until(() => others.every(({ state }) => Object.keys(state).length === 20), 'all to follow');
    for (const { state } of others) expect(state).toEqual(group.state);
  });

  test('is there before the group is founded, and goes over into the state', async () => {
    const tabs = new Tabs();
    const group = await tabs.open(0).create(tabList, broker, 2);
    const heard: string[][] = [];
    group.on('optimistic', (state) => heard.push(state));
    const calls = [group.propose('x'), group.propose('y')];
    expect(group.optimistic).toEqual(['x', 'y']);
    await tabs.open(1).join(tabList, decodeInvite(group.invite));
    await tabs.outcome(Promise.all(calls));
    expect(group.state).toEqual(['x', 'y']);
    expect(heard.filter(({ length }) => length < 2)).toEqual([]);
  });
});

describe('listeners to the optimistic state', () => {
  test('hear of what is proposed at once, and of a commit only if it changes what is shown', async () => {
    const counter = defineMachine({
      name: 'counter',
      initial: 0,
      apply: (state, add: number) => ({ state: state + add, result: state + add }),
    });
    const world = new Groups(counter);
    const { followers } = world.elect();
    const [follower = '', other = ''] = followers;
    const group = world.group(follower);
    const heard: number[] = [];
    const parts: string[] = [];
    group.on('optimistic', (count) => heard.push(count));
    const sign = group.select((count) => (count < 0 ? 'below' : 'above'), { optimistic: true });
    sign.subscribe((part) => parts.push(part));
    const calls = [group.propose(1), group.propose(-3)];
    world.world.clock.settle();
    expect(heard).toEqual([-2]);
    expect(parts).toEqual(['above', 'below']);
    await world.value(Promise.all(calls));
    await turns();
    expect(heard).toEqual([-2]);
    await world.value(world.group(other).propose(10));
    await world.until(() => group.state === 8, 'the other command');
    expect(heard).toEqual([-2, 8]);
    expect(parts).toEqual(['above', 'below', 'above']);
  });
});

describe('a machine over bytes', () => {
  /** Adds up bytes, in place. */
  const tape = (fork: boolean) => {
    const make = (from: readonly number[]): ByteMachine<readonly number[]> => {
      let cells = [...from];
      return {
        get state() {
          return cells;
        },
        apply(command: Uint8Array) {
          cells = [...cells, ...command];
          return new Uint8Array(0);
        },
        snapshot: () => [Uint8Array.from(cells)],
        restore(sections: Iterable<Uint8Array>) {
          cells = [...sections].flatMap((section) => [...section]);
        },
        ...(fork && { fork: () => make(cells) }),
      };
    };
    return defineByteMachine<readonly number[]>({ name: 'tape', create: () => make([]) });
  };

  test('has an optimistic state if it can be copied', async () => {
    const world = new Groups(tape(true));
    world.elect();
    const group = world.group('a');
    await world.value(group.propose(Uint8Array.of(1)));
    const call = group.propose(Uint8Array.of(2, 3));
    expect([group.optimistic, group.state]).toEqual([[1, 2, 3], [1]]);
    await world.value(call);
    expect(group.optimistic).toBe(group.state);
    expect(group.state).toEqual([1, 2, 3]);
  });

  test('says that it has none, whether or not something is pending, if it cannot', () => {
    const world = new Groups(tape(false));
    const group = world.group('a');
    const notSupported: unknown = expect.objectContaining({ code: 'NOT_SUPPORTED' });
    expect(() => group.optimistic).toThrow(notSupported);
    expect(() => group.on('optimistic', () => undefined)).toThrow(notSupported);
    expect(() => group.select((cells) => cells.length, { optimistic: true }).getSnapshot()).toThrow(RaftError);
    expect(group.state).toEqual([]);
  });
});
