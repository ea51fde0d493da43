/** What a tab says of links, quorum and durability, each for itself, and why there is no leader. */
import { describe, expect, test } from 'vitest';
import { decodeInvite } from '../../src/identity/invite.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { Groups } from './groups.ts';
import { broker, list, Tabs } from './tabs.ts';

const counter = defineMachine({
  name: 'counter',
  initial: 0,
  apply: (state, add: number) => ({ state: state + add, result: state + add }),
});

const groups = () => new Groups(counter);

describe('links', () => {
  test('are told by whom they lead to, and to whom there is none', () => {
    const world = groups();
    world.elect();
    expect(world.group('a').status().link).toEqual({ connected: ['b', 'c'], missing: [] });
    world.world.close('c');
    world.world.clock.settle();
    expect(world.group('a').status().link).toEqual({ connected: ['b'], missing: ['c'] });
    world.reopen('c');
    world.world.clock.settle();
    expect(world.group('a').status().link).toEqual({ connected: ['b', 'c'], missing: [] });
  });
});

describe('the quorum', () => {
  test('is there while there is a leader with a majority, also when somebody is missing', () => {
    const world = groups();
    const before = world.world.clock.wallTime();
    expect(world.group('a').status().quorum).toEqual({ reached: false, since: before, missing: [] });
    const { leader, followers } = world.elect();
    const { reached, since, missing } = world.group(leader).status().quorum;
    expect([reached, missing]).toEqual([true, []]);
    expect(since).toBeGreaterThan(before);
    const [gone = '', other = ''] = followers;
    world.world.close(gone);
    world.world.clock.settle();
    for (const name of [leader, other]) {
      expect(world.group(name).status()).toMatchObject({ quorum: { reached: true, missing: [gone] }, noLeader: null });
    }
    expect(world.group(leader).status().quorum.since).toBe(since);
  });

  test('is lost for a leader as soon as its links are, and found again, each with its time', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    world.world.clock.pass(5000);
    for (const name of followers) world.world.close(name);
    world.world.clock.settle();
    const lostAt = world.world.clock.wallTime();
    const { quorum, noLeader } = world.group(leader).status();
    expect(quorum).toEqual({ reached: false, since: lostAt, missing: followers });
    expect(noLeader).toBe(`not connected to a majority: ${followers.join(', ')} are missing`);
    world.world.clock.pass(10_000);
    expect(world.group(leader).status().quorum.since).toBe(lostAt);

    const [back = '', gone = ''] = followers;
    world.reopen(back);
    await world.until(() => world.group(back).status().quorum.reached, 'a quorum');
    const found = world.group(back).status();
    expect(found).toMatchObject({ noLeader: null, quorum: { missing: [gone] } });
    expect(found.quorum.since).toBeGreaterThan(lostAt);
  });

  test('is remembered from when it changed, whether or not somebody looked', () => {
    const world = groups();
    const { leader, followers } = world.elect();
    world.world.clock.pass(1000);
    for (const name of followers) world.world.close(name);
    world.world.clock.settle();
    const lostAt = world.world.clock.wallTime();
    world.world.clock.pass(60_000);
    expect(world.group(leader).status().quorum).toMatchObject({ reached: false, since: lostAt });
  });
});

describe('why there is no leader', () => {
  test('is said while a leader is being elected', async () => {
    const world = groups();
    expect(world.group('a').status().noLeader).toBe('nobody has been heard to lead: an election will begin soon');
    world.world.loses = ({ kind }) => kind === 'RequestPreVoteResponse';
    const isCandidate = (name: string): boolean => world.group(name).status().member?.role === 'pre-candidate';
    await world.until(() => ['a', 'b', 'c'].some(isCandidate), 'a candidate');
    const candidate = ['a', 'b', 'c'].find(isCandidate) ?? '';
    expect(world.group(candidate).status().noLeader).toBe('an election is under way');
  });

  test('is said while the group is being founded', async () => {
    const tabs = new Tabs();
    const first = await tabs.open(0).create(list, broker, 3);
    expect(first.status().noLeader).toBe('founding: the signaling server is not reached');
    await tabs.until(() => first.status().signaling === 'connected', 'the signaling server');
    expect(first.status()).toMatchObject({ noLeader: 'founding: waits for 2 more', quorum: { reached: false } });
    const second = await tabs.open(1).join(list, decodeInvite(first.invite));
    await tabs.until(() => first.status().missing === 1, 'the second');
    expect(first.status().noLeader).toBe('founding: waits for 1 more');
    expect(second.status().noLeader).toBe('founding: waits for the member that founds the group');
    expect(second.status().link).toEqual({ connected: [], missing: [] });
  });

  test('is said of a member that is stopped', async () => {
    const tabs = new Tabs();
    const { groups: all } = await tabs.found(1);
    const [group] = all;
    expect(group?.status()).toMatchObject({ noLeader: null, quorum: { reached: true } });
    group?.close();
    expect(group?.status().noLeader).toBe('this member is stopped: the group was closed in this tab');
    expect(group?.status().quorum.reached).toBe(false);
  });
});

test('D12 durability is that of the store, from before the founding on', async () => {
  const tabs = new Tabs();
  const group = await tabs.open(0).create(list, broker, 2);
  expect(group.status().durability).toBe('memory');
});
