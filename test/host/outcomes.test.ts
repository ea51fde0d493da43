/** C1 how calls of `propose` end, in virtual time: each in one of three ways, and never in two. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { Groups, hasEnded, turns } from './groups.ts';

const list = defineMachine({
  name: 'list',
  initial: [] as readonly string[],
  apply(state, add: string) {
    if (add === 'bad') throw new Error('as asked');
    return { state: [...state, add], result: state.length + 1 };
  },
});

const groups = (): Groups<readonly string[], string, number> => new Groups(list);

describe('C1 a call of propose', () => {
  test('ends with the result, and so does its command', async () => {
    const world = groups();
    const call = world.group('a').propose('x');
    expect(await world.value(call)).toBe(1);
    expect(await world.value(call.settled)).toBe(1);
  });

  test('that the machine rejects is certainly not done, and so is its command', async () => {
    const world = groups();
    const call = world.group('a').propose('bad');
    expect(await world.error(call)).toMatchObject({ code: 'REJECTED', outcome: 'not-done', settled: null });
    expect(await world.error(call.settled)).toBe(await world.error(call));
  });

  test('that is refused is certainly not done', async () => {
    const world = groups();
    const call = world.group('a').propose('x'.repeat(2_000_000));
    expect(await world.error(call)).toMatchObject({ code: 'TOO_LARGE', outcome: 'not-done', settled: null });
    expect(await world.error(call.settled)).toMatchObject({ code: 'TOO_LARGE' });
    expect(world.group('a').pending).toEqual([]);
  });

  test('whose time is over before it was sent is certainly not done: the command is withdrawn', async () => {
    const world = groups();
    const { followers } = world.elect();
    const [follower = ''] = followers;
    world.world.refuses = ({ kind }) => kind === 'Propose';
    const call = world.group(follower).propose('x', { timeoutMs: 1000 });
    const error = await world.error(call);
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'not-done', settled: null });
    expect(await world.error(call.settled)).toBe(error);
    world.world.refuses = () => false;
    expect(await world.value(world.group(follower).propose('y'))).toBe(1);
    expect(world.group(follower).state).toEqual(['y']);
  });

  test('whose time is over after it was sent ends as unknown, and its command when it is known', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    for (const name of followers) world.world.isolate(name);
    const call = world.group(leader).propose('x', { timeoutMs: 500 });
    const error = await world.error(call);
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    if (!(error instanceof RaftError)) throw new Error('no RaftError');
    expect(error.settled).toBe(call.settled);
    expect(await hasEnded(call.settled)).toBe(false);
    expect(world.group(leader).pending).toMatchObject([{ command: 'x', phase: 'sent' }]);

    world.world.heal();
    expect(await world.value(call.settled)).toBe(1);
    // It can be awaited as often as one likes.
    expect(await error.settled).toBe(1);
    expect(world.group(leader).pending).toEqual([]);
    await world.until(() => followers.every((name) => world.group(name).state.length === 1), 'all to have it');
    world.world.clock.pass(5000);
    for (const name of ['a', 'b', 'c']) expect(world.group(name).state).toEqual(['x']);
  });

  test('that is aborted ends at once: not done, or unknown with the way to know', async () => {
    const world = groups();
    const controller = new AbortController();
    const early = world.group('a').propose('early', { signal: controller.signal });
    controller.abort(new Error('no longer wanted'));
    expect(await hasEnded(early)).toBe(true);
    expect(await world.error(early)).toMatchObject({
      code: 'ABORTED',
      outcome: 'not-done',
      cause: { message: 'no longer wanted' },
    });

    const { leader } = world.elect();
    const next = new AbortController();
    const sent = world.group(leader).propose('sent', { signal: next.signal });
    world.world.clock.settle();
    next.abort();
    expect(await hasEnded(sent)).toBe(true);
    expect(await world.error(sent)).toMatchObject({ code: 'ABORTED', outcome: 'unknown' });
    expect(await world.value(sent.settled)).toBe(1);
    expect(world.group(leader).state).toEqual(['sent']);
    const never = world.group(leader).propose('never', { signal: next.signal });
    expect(await world.error(never)).toMatchObject({ code: 'ABORTED', outcome: 'not-done', settled: null });
    expect(world.group(leader).pending).toEqual([]);
  });

  test('that outlives its leader ends with its one result, under the next', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [follower = ''] = followers;
    world.world.loses = ({ kind }) => kind === 'AppendEntries';
    const call = world.group(follower).propose('x');
    world.world.clock.pass(10);
    world.world.close(leader);
    world.world.loses = () => false;
    expect(await world.value(call)).toBe(1);
    expect(world.group(follower).state).toEqual(['x']);
  });

  test('C2 that is open when the group is closed: not done, or unknown for good', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [follower = ''] = followers;
    world.world.isolate(leader);
    world.world.refuses = ({ kind }) => kind === 'Propose';
    const sent = world.group(leader).propose('sent');
    const unsent = world.group(follower).propose('unsent');
    const ends = Promise.all([world.error(sent), world.error(unsent)]);
    world.world.clock.settle();
    world.group(leader).close();
    world.group(follower).close();

    const [error, notSent] = await world.value(ends);
    expect(error).toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
    expect(error).toMatchObject({ settled: sent.settled });
    expect(await world.error(sent.settled)).toMatchObject({ code: 'CLOSED', outcome: 'unknown', settled: null });
    expect(notSent).toMatchObject({ code: 'CLOSED', outcome: 'not-done', settled: null });
    expect(await world.error(world.group(leader).propose('late'))).toMatchObject({
      code: 'CLOSED',
      outcome: 'not-done',
    });
    expect(world.group(leader).pending).toEqual([]);
  });

  test('C2 that is open when the store fails ends as unknown', async () => {
    const world = groups();
    const { leader } = world.elect();
    world.world.seat(leader).storage.failure = new RaftError('STORAGE_FAILED', 'the disk is gone');
    const call = world.group(leader).propose('x');
    expect(await world.error(call)).toMatchObject({ code: 'STORAGE_FAILED', outcome: 'unknown' });
    expect(await world.error(call.settled)).toMatchObject({ code: 'STORAGE_FAILED', outcome: 'unknown' });
  });
});

describe('a handle that nobody awaits', () => {
  const unhandled: unknown[] = [];
  const remember = (reason: unknown): void => {
    unhandled.push(reason);
  };

  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', remember);
  });
  afterEach(() => {
    process.off('unhandledRejection', remember);
  });

  test('is no unhandled rejection, however the command ends', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    await world.error(world.group('a').propose('bad'));
    await world.error(world.group('a').propose('x'.repeat(2_000_000)));
    for (const name of followers) world.world.isolate(name);
    await world.error(world.group(leader).propose('x', { timeoutMs: 100 }));
    expect(world.group(leader).pending).toHaveLength(1);
    world.group(leader).close();
    await turns();
    expect(unhandled).toEqual([]);
  });
});

describe('what is pending', () => {
  test('is listed in the order of proposing, with its phase and its outcome; the list stays until it is another', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const group = world.group(leader);
    const lists: string[] = [];
    group.on('pending', (pending) => lists.push(pending.map(({ command, phase }) => `${command} ${phase}`).join()));
    expect(group.pending).toBe(group.pending);
    for (const name of followers) world.world.isolate(name);

    const [one, two] = [group.propose('one'), group.propose('two')];
    const waiting = group.pending;
    expect(waiting).toMatchObject([
      { command: 'one', phase: 'waiting' },
      { command: 'two', phase: 'waiting' },
    ]);
    expect(group.pending).toBe(waiting);
    expect(waiting.map(({ settled }) => settled)).toEqual([one.settled, two.settled]);
    world.world.clock.settle();
    const sent = group.pending;
    expect(sent.map(({ phase }) => phase)).toEqual(['sent', 'sent']);
    expect(sent.map(({ id }) => id)).toEqual(waiting.map(({ id }) => id));
    world.world.clock.pass(100);
    expect(group.pending).toBe(sent);
    const three = group.propose('three');
    // Those that are as they were are the same objects.
    expect(group.pending.slice(0, 2)).toEqual(sent);
    expect(group.pending[0]).toBe(sent[0]);

    world.world.heal();
    expect(await world.value(Promise.all([one, two, three]))).toEqual([1, 2, 3]);
    expect(group.pending).toEqual([]);
    await world.until(() => lists.at(-1) === '', 'the last event');
    expect(lists[0]).toBe('one sent,two sent');
    expect(lists).toContain('one sent,two sent,three sent');
    expect(new Set(lists).size).toBe(lists.length);
  });

  test('is what was proposed, whatever has become of the object since', () => {
    const tasks = defineMachine({
      name: 'tasks',
      initial: [] as readonly string[],
      apply: (state, { add }: { add: string }) => ({ state: [...state, add], result: undefined }),
    });
    const world = new Groups(tasks);
    const command = { add: 'as it was' };
    world
      .group('a')
      .propose(command)
      .catch(() => undefined);
    command.add = 'as it is now';
    expect(world.group('a').pending).toMatchObject([{ command: { add: 'as it was' } }]);
  });
});
