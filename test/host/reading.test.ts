/** Reads, barriers and waiting for an index, in virtual time. */
import { describe, expect, test } from 'vitest';
import { defineMachine } from '../../src/machine/reducer.ts';
import { Groups, hasEnded } from './groups.ts';

const list = defineMachine({
  name: 'list',
  initial: [] as readonly string[],
  apply: (state, add: string) => ({ state: [...state, add], result: state.length + 1 }),
});

type List = Groups<readonly string[], string, number>;

const groups = (...rest: [names?: string[], options?: ConstructorParameters<typeof Groups>[2]]): List =>
  new Groups(list, ...rest);

describe('a read', () => {
  test('Q5 Q6 from a follower reflects what was committed before it, though the follower had not heard of it', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [behind = ''] = followers;
    world.world.loses = ({ to, kind }) => to === behind && kind === 'AppendEntries';
    await world.value(world.group(leader).propose('x'));
    expect(world.group(behind).state).toEqual([]);
    expect(await world.value(world.group(behind).read((state) => state.length, { consistency: 'local' }))).toEqual({
      value: 0,
      index: 1,
    });

    const read = world.group(behind).read((state) => state.length);
    world.world.clock.pass(200);
    expect(await hasEnded(read)).toBe(false);
    world.world.loses = () => false;
    expect(await world.value(read)).toEqual({ value: 1, index: 2 });
  });

  test('gives a value and an index of one moment, while others write', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [follower = ''] = followers;
    for (let i = 0; i < 200; i++) {
      const write = world.group(leader).propose(String(i));
      const { value, index } = await world.value(world.group(follower).read());
      // The first entry is the leader's own.
      expect(value).toHaveLength(index - 1);
      await world.value(write);
    }
  });

  test('Q1 waits for a leader, and ends when its time is over or when it is aborted: nothing is done', async () => {
    const world = groups();
    const { leader } = world.elect();
    world.world.isolate(leader);
    await world.until(() => world.group(leader).status().member?.role !== 'leader', 'the leader to step down');
    const timed = await world.error(world.group(leader).read(undefined, { timeoutMs: 1000 }));
    expect(timed).toMatchObject({ code: 'TIMEOUT', outcome: 'not-done' });
    const controller = new AbortController();
    const aborted = world.group(leader).read((state) => state, { signal: controller.signal });
    world.world.clock.pass(100);
    controller.abort('enough');
    expect(await world.error(aborted)).toMatchObject({ code: 'ABORTED', cause: 'enough' });
    for (const consistency of ['linearizable', 'local'] as const) {
      const late = world.group(leader).read(undefined, { consistency, signal: controller.signal });
      expect(await world.error(late)).toMatchObject({ code: 'ABORTED' });
    }
    const patient = world.group(leader).read((state) => state.length);
    world.world.heal();
    expect(await world.value(patient)).toMatchObject({ value: 0 });
  });

  test('C2 ends when the group is closed, and afterwards there is none', async () => {
    const world = groups();
    const group = world.group('a');
    const open = Promise.all([world.error(group.read()), world.error(group.barrier()), world.error(group.waitFor(5))]);
    group.close();
    for (const error of await world.value(open)) expect(error).toMatchObject({ code: 'CLOSED', outcome: 'not-done' });
    for (const consistency of ['linearizable', 'lease', 'local'] as const) {
      expect(await world.error(group.read(undefined, { consistency }))).toMatchObject({ code: 'CLOSED' });
    }
  });

  test('whose selector throws ends with that, and harms nobody', async () => {
    const world = groups();
    world.elect();
    const mistake = new Error('a mistake');
    const fail = (): never => {
      throw mistake;
    };
    expect(await world.error(world.group('a').read(fail))).toBe(mistake);
    expect(await world.error(world.group('a').read(fail, { consistency: 'local' }))).toBe(mistake);
    expect(await world.value(world.group('a').propose('x'))).toBe(1);
  });

  test('of a consistency that there is not is refused', async () => {
    const world = groups();
    const options = { consistency: 'eventual' as never };
    expect(await world.error(world.group('a').read(undefined, options))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('Q7 on a lease asks nobody, where the group has leases; elsewhere it is a linearizable one', async () => {
    for (const leaseReads of [true, false]) {
      const world = groups(['a', 'b', 'c'], { raft: { electionTicks: 20, heartbeatTicks: 2, leaseReads } });
      const { leader } = world.elect();
      await world.value(world.group(leader).propose('x'));
      world.world.clock.pass(500);
      const before = world.world.clock.now();
      const { value } = await world.value(world.group(leader).read((s) => s.length, { consistency: 'lease' }));
      expect(value).toBe(1);
      // A round trip takes 10 ms at least.
      expect(world.world.clock.now() - before < 10).toBe(leaseReads);
    }
  });
});

describe('a barrier', () => {
  test('is behind everything that was committed before it', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [follower = ''] = followers;
    await world.value(world.group(leader).propose('x'));
    const index = await world.value(world.group(follower).barrier());
    expect(index).toBe(2);
    expect(world.group(follower).state).toEqual(['x']);
  });
});

describe('waiting for an index', () => {
  test('ends when it is applied here, and at once if it is already', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    const [follower = ''] = followers;
    const waiting = world.group(follower).waitFor(3);
    await world.value(world.group(leader).propose('x'));
    world.world.clock.pass(500);
    expect(await hasEnded(waiting)).toBe(false);
    await world.value(world.group(leader).propose('y'));
    expect(await world.value(waiting)).toBe(3);
    expect(world.group(follower).state).toEqual(['x', 'y']);
    expect(await world.group(follower).waitFor(2)).toBe(3);
  });

  test('ends when its time is over, when it is aborted, and with what is no index', async () => {
    const world = groups();
    world.elect();
    const group = world.group('a');
    expect(await world.error(group.waitFor(9, { timeoutMs: 50 }))).toMatchObject({ code: 'TIMEOUT' });
    expect(await world.error(group.waitFor(9, { signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORTED' });
    for (const index of [-1, 0.5, NaN]) {
      expect(await world.error(group.waitFor(index))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await world.error(group.barrier({ timeoutMs: -1 }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
