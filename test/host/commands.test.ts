/** Following committed commands: each once, in order, with what came of it, or a clear word about where it is cut off. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { RaftError } from '../../src/errors.ts';
import type { MemberOptions } from '../../src/group/member-options.ts';
import type { Group } from '../../src/host/group.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import type { CommittedCommand } from '../../src/machine/replicated.ts';
import { Groups, hasEnded, turns } from './groups.ts';
import { broker, list as tabList, Tabs } from './tabs.ts';

const list = defineMachine({
  name: 'list',
  initial: [] as readonly string[],
  apply(state, add: string) {
    if (add.startsWith('bad')) throw new Error(`${add} is refused`);
    return { state: [...state, add], result: state.length + 1 };
  },
});

type Committed = CommittedCommand<string, number>;
type List = Group<readonly string[], string, number>;

const groups = (options: Partial<MemberOptions> = {}) => new Groups(list, ['a', 'b', 'c'], options);

/** Takes the next so many commands. */
async function take(commands: AsyncIterableIterator<Committed>, count: number): Promise<Committed[]> {
  const taken: Committed[] = [];
  while (taken.length < count) {
    const step = await commands.next();
    if (step.done === true) break;
    taken.push(step.value);
  }
  return taken;
}

/** Follows a group from an index on, for as long as the test runs. */
function follow(group: List, from?: number): { readonly seen: Committed[]; readonly end: Promise<unknown> } {
  const seen: Committed[] = [];
  const run = async (): Promise<unknown> => {
    try {
      for await (const command of group.commands(from === undefined ? {} : { from })) seen.push(command);
      return 'done';
    } catch (error) {
      return error;
    }
  };
  return { seen, end: run() };
}

const texts = (commands: readonly Committed[]): (string | null)[] => commands.map(({ command }) => command);

describe('committed commands', () => {
  test('come in order with place, time, proposer and result or reason: those that were, and those that come', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [follower = '', other = ''] = followers;
    await world.value(world.group(leader).propose('x'));
    await world.error(world.group(follower).propose('bad'));
    const { seen } = follow(world.group(other), 1);
    await world.value(world.group(other).propose('y'));
    await world.until(() => seen.length === 3, 'all three');
    const { term } = world.world.member(leader).status();
    const time: unknown = expect.any(Number);
    const each = { term, time, version: 1 };
    expect(seen).toEqual([
      { kind: 'applied', index: 2, ...each, proposer: leader, command: 'x', result: 1 },
      { kind: 'rejected', index: 3, ...each, proposer: follower, command: 'bad', reason: 'Error: bad is refused' },
      { kind: 'applied', index: 4, ...each, proposer: other, command: 'y', result: 2 },
    ]);
  });

  test('are what is applied from now on, if nothing else is said', async () => {
    const world = groups();
    world.elect();
    const group = world.group('a');
    await world.value(group.propose('before'));
    const commands = group.commands();
    await world.value(group.propose('after'));
    expect(texts(await take(commands, 1))).toEqual(['after']);
  });

  test('follow a state that was read, with nothing lost or repeated between them', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [follower = ''] = followers;
    for (let i = 0; i < 30; i++) void world.group(leader).propose(String(i));
    world.world.clock.pass(7);
    const { value, index } = await world.value(world.group(follower).read());
    const { seen } = follow(world.group(follower), index + 1);
    for (let i = 30; i < 60; i++) void world.group(leader).propose(String(i));
    await world.until(() => world.group(follower).state.length === 60, 'all to arrive');
    await world.until(() => value.length + seen.length === 60, 'all to be seen');
    expect([...value, ...texts(seen)]).toEqual(world.group(follower).state);
  });

  test('are the same for every member, whatever happens to messages and leaders, and what they did to the state', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const world = groups();
      const random = seededRandom(seed);
      const names = ['a', 'b', 'c'];
      const followed = names.map((name) => follow(world.group(name), 1));
      world.world.networkDelay = () => 1 + random.below(60);
      world.world.diskDelay = () => random.below(30);
      world.world.loses = () => random.below(10) === 0;
      /** Whether each command has its place among those committed: what was withdrawn in time has none. */
      const calls: Promise<boolean>[] = [];
      for (let i = 0; i < 40; i++) {
        const name = names[random.below(3)] ?? 'a';
        const timeoutMs = 100 + random.below(5000);
        const call = world.group(name).propose(random.below(6) === 0 ? `bad ${i}` : `${name}:${i}`, { timeoutMs });
        const wasRejected = (error: unknown): boolean => error instanceof RaftError && error.code === 'REJECTED';
        calls.push(call.settled.then(() => true, wasRejected));
        call.catch(() => undefined);
        world.world.clock.pass(random.below(150));
        if (random.below(12) === 0) {
          world.world.heal();
          world.world.isolate(world.world.leader ?? name);
        }
      }
      world.world.heal();
      world.world.loses = () => false;
      const committed = (await world.value(Promise.all(calls))).filter(Boolean);
      expect(committed.length).toBeGreaterThan(5);
      world.world.clock.pass(3000);
      await turns();
      const applied = followed.map(({ seen }) => texts(seen.filter(({ kind }) => kind === 'applied')));
      for (const [i, name] of names.entries()) expect(applied[i]).toEqual(world.group(name).state);
      expect(followed[0]?.seen).toHaveLength(committed.length);
      expect(followed[1]?.seen).toEqual(followed[0]?.seen);
      expect(followed[2]?.seen).toEqual(followed[0]?.seen);
    }
  });

  test('are there again after a restart, as far as the log still holds them', async () => {
    const world = groups();
    world.elect();
    for (const text of ['x', 'bad', 'y'])
      await world.value(
        world
          .group('a')
          .propose(text)
          .catch(() => undefined),
      );
    world.world.clock.pass(1000);
    for (const name of ['a', 'b', 'c']) {
      world.world.close(name);
      world.reopen(name);
    }
    const { seen } = follow(world.group('a'), 1);
    await world.until(() => seen.length === 3, 'all three');
    expect(seen.map(({ kind, command }) => `${kind} ${command}`)).toEqual(['applied x', 'rejected bad', 'applied y']);
  });

  test('can be followed before the group is founded', async () => {
    const tabs = new Tabs();
    const group = await tabs.open(0).create(tabList, broker, 2);
    const commands = group.commands();
    const first = commands.next();
    const call = group.propose('x');
    await tabs.open(1).join(tabList, decodeInvite(group.invite));
    expect(await tabs.outcome(call)).toBe(1);
    expect(await tabs.outcome(first)).toMatchObject({ done: false, value: { command: 'x', result: 1 } });
  });
});

describe('whoever follows too slowly', () => {
  test('is told so, and from where on there is everything', async () => {
    const world = groups({ history: { commands: 5, bytes: 1e6 } });
    world.elect();
    const group = world.group('a');
    await world.value(group.propose('0'));
    const commands = group.commands({ from: 1 });
    expect(texts(await take(commands, 1))).toEqual(['0']);
    for (let i = 1; i <= 9; i++) await world.value(group.propose(String(i)));
    const error = await world.error(commands.next());
    expect(error).toMatchObject({ code: 'COMPACTED', outcome: 'not-done', firstIndex: 7 });
    if (!(error instanceof RaftError) || error.firstIndex === null) throw new Error('no index');
    expect(texts(await take(group.commands({ from: error.firstIndex }), 5))).toEqual(['5', '6', '7', '8', '9']);
  });

  test('because its member was brought up to date by a snapshot is told so', async () => {
    const world = groups({ snapshots: { entries: 20, bytes: 1e9 }, raft: { electionTicks: 20, trailingEntries: 2 } });
    const { leader, followers } = world.elect();
    const [behind = ''] = followers;
    const group = world.group(behind);
    await world.value(world.group(leader).propose('seen'));
    const followed = follow(group, 1);
    await world.until(() => followed.seen.length === 1, 'the first');
    world.world.isolate(behind);
    for (let i = 0; i < 60; i++) await world.value(world.group(leader).propose(String(i)));
    world.world.heal();
    const error = await world.value(followed.end);
    expect(texts(followed.seen)).toEqual(['seen']);
    expect(error).toMatchObject({ code: 'COMPACTED' });
    if (!(error instanceof RaftError)) throw new Error('no RaftError');
    await world.until(() => group.state.length === 61, 'the rest');
    // The way to go on: a state, and what follows it.
    const { value, index } = await group.read(undefined, { consistency: 'local' });
    expect(index).toBeGreaterThanOrEqual((error.firstIndex ?? Infinity) - 1);
    const { seen } = follow(group, index + 1);
    await world.value(world.group(leader).propose('next'));
    await world.until(() => seen.length === 1, 'the next');
    expect([...value, ...texts(seen)]).toEqual(group.state);
  });
});

describe('following ends', () => {
  test('when the group is closed, after what was applied until then', async () => {
    const world = groups();
    world.elect();
    const group = world.group('a');
    const commands = group.commands();
    await world.value(group.propose('x'));
    const waiting = follow(group);
    group.close();
    expect(texts(await take(commands, 5))).toEqual(['x']);
    expect(await waiting.end).toBe('done');
    expect(await group.commands().next()).toEqual({ done: true, value: undefined });
  });

  test('with the reason when the member stops by itself', async () => {
    const world = groups();
    const { leader } = world.elect();
    const { end } = follow(world.group(leader));
    world.world.seat(leader).storage.failure = new RaftError('STORAGE_FAILED', 'the disk is gone');
    await world.error(world.group(leader).propose('x'));
    expect(await end).toMatchObject({ code: 'STORAGE_FAILED' });
  });

  test('when it is aborted, also while it waits', async () => {
    const world = groups();
    world.elect();
    const controller = new AbortController();
    const next = world.group('a').commands({ signal: controller.signal }).next();
    expect(await hasEnded(next)).toBe(false);
    controller.abort('enough');
    expect(await world.error(next)).toMatchObject({ code: 'ABORTED', cause: 'enough' });
  });

  test('when the loop is left, or the iterator is given back while it waits', async () => {
    const world = groups();
    world.elect();
    const group = world.group('a');
    const calls = ['x', 'y'].map((text) => group.propose(text));
    const commands = group.commands();
    await world.value(Promise.all(calls));
    for await (const { command } of commands) {
      expect(command).toBe('x');
      break;
    }
    expect(await commands.next()).toEqual({ done: true, value: undefined });

    const other = group.commands();
    const waiting = other.next();
    expect(await hasEnded(waiting)).toBe(false);
    expect(await other.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test('before it begins with what is no index', () => {
    const group = groups().group('a');
    for (const from of [0, -1, 1.5, NaN]) {
      const wrong: unknown = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
      expect(() => group.commands({ from })).toThrow(wrong);
    }
  });
});
