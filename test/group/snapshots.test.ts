/** Snapshots of members at work: taken by themselves, restored at the start, and sent to those who are behind the log. */
import { describe, expect, test } from 'vitest';
import { checkState } from '../../src/core/persistent-state.ts';
import { seededRandom } from '../../src/core/random.ts';
import { RaftError } from '../../src/errors.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { World } from './world.ts';

interface Command {
  add: string;
}

const list = defineMachine({
  name: 'list',
  initial: [] as string[],
  apply: (state, { add }: Command) => ({ state: [...state, add], result: state.length + 1 }),
});

const everyTen = { snapshots: { entries: 10, bytes: 1e9 }, raft: { electionTicks: 20, trailingEntries: 3 } };

type Group = World<string[], Command, number>;

const proposeAll = (group: Group, name: string, count: number, tag = ''): void => {
  const proposals = Array.from({ length: count }, (_, i) => group.propose(name, { add: `${tag}${i}` }));
  group.clock.until(() => proposals.every(({ outcome }) => outcome?.kind === 'applied'), 'the outcomes');
};

const states = ({ seats }: Group): string[][] => [...seats.values()].map(({ member }) => member.state);

const startOf = (group: Group, name: string): number => group.seat(name).disk.state?.start.index ?? 0;

describe('a member', () => {
  test('S8 takes a snapshot after so many entries, and keeps a tail of the log behind it', () => {
    const group = new World(list, ['a', 'b', 'c'], everyTen);
    const leader = group.elect();
    proposeAll(group, leader, 50);
    group.clock.until(() => [...group.seats.keys()].every((name) => startOf(group, name) > 20), 'compacted logs');
    for (const { disk } of group.seats.values()) {
      const { start, entries, snapshot } = disk.state ?? {};
      expect(entries?.[0]?.index).toBe((start?.index ?? 0) + 1);
      expect(snapshot?.index ?? 0).toBeGreaterThanOrEqual((start?.index ?? 0) + 3);
    }
  });

  test('S8 takes a snapshot after so many bytes, or after as many as the last one has, if that is more', () => {
    const group = new World(list, ['a', 'b', 'c'], {
      snapshots: { entries: 1e9, bytes: 10_000 },
      raft: { electionTicks: 20, trailingEntries: 0 },
    });
    const leader = group.elect();
    const { storage } = group.seat(leader);
    const taken: number[] = [];
    const write = storage.write.bind(storage);
    storage.write = (batch, done) => {
      if (batch.snapshot) taken.push(batch.snapshot.bytes);
      write(batch, done);
    };
    // Ten times the limit: the state grows with each, and so does the distance to the next.
    for (let i = 0; i < 100; i++) proposeAll(group, leader, 1, 'x'.repeat(1000));
    group.clock.pass(1000);
    expect(taken[0]).toBeGreaterThan(9_000);
    expect(taken[0]).toBeLessThan(30_000);
    for (const [i, bytes] of taken.slice(1).entries()) expect(bytes).toBeGreaterThan(1.5 * (taken[i] ?? 0));
    expect(taken.length).toBeGreaterThan(2);
    expect(taken.length).toBeLessThan(6);
  });

  test('starts from its snapshot and the log behind it', () => {
    const group = new World(list, ['a', 'b', 'c'], everyTen);
    const leader = group.elect();
    proposeAll(group, leader, 47);
    group.clock.pass(1000);
    const [follower = ''] = group.followers();
    group.close(follower);
    group.reopen(follower);
    group.clock.until(() => group.member(follower).state.length === 47, 'the state');
    expect(group.member(follower).state).toEqual(group.member(leader).state);
  });

  test('S3 S6 that is behind the log of the others is sent a snapshot, and goes on from there', () => {
    const group = new World(list, ['a', 'b', 'c'], everyTen);
    const leader = group.elect();
    const [behind = ''] = group.followers();
    group.isolate(behind);
    proposeAll(group, leader, 200, 'x'.repeat(5000));
    group.clock.until(() => startOf(group, leader) > 100, 'a log that begins later');
    group.heal();
    group.clock.until(() => group.member(behind).state.length === 200, 'the state');
    proposeAll(group, behind, 5, 'later');
    expect(group.member(behind).state).toEqual(group.member(leader).state);
    group.close(behind);
    group.reopen(behind);
    group.clock.until(() => group.member(behind).state.length === 205, 'the state after a restart');
  });

  test('S5 takes no snapshot while one that it received is on its way to the disk, however much is due', () => {
    const group = new World(list, ['a', 'b', 'c'], everyTen);
    const leader = group.elect();
    const [behind = ''] = group.followers();
    proposeAll(group, leader, 5);
    group.clock.until(() => group.member(behind).state.length === 5, 'the state of the one that will be behind');
    group.isolate(behind);
    proposeAll(group, leader, 60);
    group.clock.until(() => startOf(group, leader) > 40, 'a log that begins later');
    const { storage, member } = group.seat(behind);
    const [stage, write] = [storage.stage.bind(storage), storage.write.bind(storage)];
    const own: number[] = [];
    const received: number[] = [];
    storage.stage = (part, done) => {
      // Only of a received one its size is known from the beginning.
      (part.snapshot.bytes === undefined ? own : received).push(part.snapshot.index);
      stage(part, done);
    };
    // The batch that installs the snapshot takes its time; meanwhile one more of our own is asked for.
    storage.write = (batch, done) => {
      if (batch.snapshot) member.takeSnapshot();
      write(batch, done);
      if (batch.snapshot) group.clock.after(1, () => member.takeSnapshot());
    };
    group.diskDelay = () => 500;
    group.heal();
    group.clock.until(() => group.member(behind).state.length === 65, 'the state');
    expect(received.length).toBeGreaterThan(0);
    expect(own.filter((index) => index < Math.min(...received))).toEqual([]);
  });

  test('C3 learns from a snapshot what came of the commands that it proposed', () => {
    const group = new World(list, ['a', 'b', 'c'], everyTen);
    const leader = group.elect();
    const [proposer = ''] = group.followers();
    group.clock.until(() => group.member(proposer).status().applied > 0, 'a follower that is up to date');
    // The commands reach the leader, and no word comes back.
    group.loses = ({ to }) => to === proposer;
    const proposals = ['p', 'q', 'r'].map((add) => group.propose(proposer, { add }));
    group.clock.until(() => group.member(leader).state.length === 3, 'their effect');
    proposeAll(group, leader, 60);
    group.clock.until(() => startOf(group, leader) > 30, 'a log that begins later');
    expect(proposals.map(({ outcome }) => outcome)).toEqual([null, null, null]);
    group.loses = () => false;
    group.clock.until(() => proposals.every(({ outcome }) => outcome !== null), 'the outcomes');
    expect(proposals.map(({ outcome }) => outcome)).toMatchObject([
      { kind: 'applied', result: 1 },
      { kind: 'applied', result: 2 },
      { kind: 'applied', result: 3 },
    ]);
    expect(group.member(proposer).state.filter((item) => 'pqr'.includes(item))).toEqual(['p', 'q', 'r']);
  });
});

describe('a store without room', () => {
  test('is relieved by compaction, and takes what it had refused, in order', () => {
    const group = new World(list, ['a', 'b', 'c'], everyTen);
    const leader = group.elect();
    proposeAll(group, leader, 30);
    group.clock.until(() => startOf(group, leader) > 0, 'a snapshot');
    const before = startOf(group, leader);
    group.seat(leader).storage.refusals = 1;
    proposeAll(group, leader, 40, 'more');
    expect(startOf(group, leader)).toBeGreaterThan(before);
    group.clock.until(() => states(group).every((state) => state.length === 70), 'the same states');
    expect(group.member(leader).stopped).toBeNull();
    group.close(leader);
    group.reopen(leader);
    group.clock.until(() => group.member(leader).state.length === 70, 'the state after a restart');
  });

  test('that stays full stops its member with QUOTA_EXCEEDED, and the others go on', () => {
    const group = new World(list, ['a', 'b', 'c'], everyTen);
    const leader = group.elect();
    proposeAll(group, leader, 30);
    const [full = '', other = ''] = group.followers();
    group.seat(full).storage.refusals = 2;
    proposeAll(group, other, 5, 'more');
    group.clock.until(() => group.member(full).stopped !== null, 'the end of the member');
    expect(group.member(full).stopped).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    proposeAll(group, other, 5, 'still');
    expect(group.member(leader).state).toHaveLength(40);
  });
});

describe('stores that are full now and then', () => {
  test.each(Array.from({ length: 15 }, (_, i) => i + 1))(
    'D8 lose nothing that was acknowledged, and stop their member when they stay full (%i)',
    (seed) => {
      const random = seededRandom(seed);
      const group = new World(list, ['a', 'b', 'c'], everyTen);
      group.diskDelay = () => random.below(30);
      group.networkDelay = () => 1 + random.below(20);
      group.elect();
      const names = [...group.seats.keys()];
      const drawn = (): string => names[random.below(names.length)] ?? 'a';
      const acknowledged: string[] = [];
      let refused = 0;
      for (let round = 0; round < 40; round++) {
        const proposer = drawn();
        for (let n = random.below(12); n > 0; n--) {
          const add = `${round}.${n}`;
          group.member(proposer).propose({ add }, ({ kind }) => {
            if (kind === 'applied') acknowledged.push(add);
          });
        }
        if (random.below(3) === 0) {
          refused++;
          group.seat(drawn()).storage.refusals++;
        }
        group.clock.pass(random.below(200));
        for (const { disk } of group.seats.values()) if (disk.state !== null) checkState(disk.state);
        // Twice in a row is one time too many: the member stops, and comes back with what its disk holds.
        for (const name of names) {
          const { stopped } = group.member(name);
          if (stopped === null) continue;
          if (stopped.code !== 'QUOTA_EXCEEDED') throw stopped;
          group.close(name);
          group.reopen(name);
        }
      }
      for (const { storage } of group.seats.values()) storage.refusals = 0;
      const last = group.propose(group.elect(), { add: 'last' });
      group.clock.until(() => last.outcome?.kind === 'applied', 'the last command');
      group.clock.until(() => new Set(states(group).map((state) => state.join())).size === 1, 'the same states');
      expect(refused).toBeGreaterThan(4);
      expect(acknowledged.length).toBeGreaterThan(50);
      const [state = []] = states(group);
      expect(acknowledged.filter((add) => !state.includes(add))).toEqual([]);
      expect(new Set(state).size).toBe(state.length);
    },
  );
});

test('D8 a store that takes no part of a snapshot any more stops its member', () => {
  const group = new World(list, ['a', 'b', 'c'], everyTen);
  const leader = group.elect();
  group.seat(leader).storage.refusesParts = new RaftError('STORAGE_FAILED', 'broken');
  const proposals = Array.from({ length: 20 }, (_, i) => group.propose(leader, { add: String(i) }));
  group.clock.until(() => group.member(leader).stopped !== null, 'the end of the member');
  expect(group.member(leader).stopped).toMatchObject({ code: 'STORAGE_FAILED' });
  expect(proposals.every(({ outcome }) => outcome !== null)).toBe(true);
});

describe('a read', () => {
  test('Q6 from any member sees what was committed before it began', () => {
    const group = new World(list);
    const leader = group.elect();
    for (const name of group.seats.keys()) {
      proposeAll(group, leader, 3, name);
      const before = group.member(leader).state.length;
      let seen = -1;
      group.member(name).read('linearizable', (outcome) => {
        seen = outcome.kind === 'ready' ? group.member(name).state.length : -2;
      });
      group.clock.until(() => seen !== -1, 'the read');
      expect(seen).toBeGreaterThanOrEqual(before);
    }
  });

  test('waits for a leader, and can be given up', () => {
    const group = new World(list);
    const outcomes: string[] = [];
    const cancel = group.member('a').read('linearizable', ({ kind }) => outcomes.push(kind));
    group.member('b').read('linearizable', ({ kind }) => outcomes.push(kind));
    cancel(new RaftError('ABORTED', 'enough'));
    cancel(new RaftError('ABORTED', 'enough'));
    expect(outcomes).toEqual(['failed']);
    group.clock.until(() => outcomes.length === 2, 'the other read');
    expect(outcomes).toEqual(['failed', 'ready']);
  });
});
