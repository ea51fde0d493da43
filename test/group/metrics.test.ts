/** What a member counts, and where the time of its commands goes, in virtual time: the figures are exact. */
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/core/types.ts';
import { Histogram } from '../../src/group/histogram.ts';
import { MemberMeter } from '../../src/group/member-meter.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { VirtualClock, World } from './world.ts';

const list = defineMachine({
  name: 'list',
  initial: [] as readonly string[],
  apply(state, add: string) {
    if (add === 'bad') throw new Error('as asked');
    return { state: [...state, add], result: state.length + 1 };
  },
});

type Group = World<readonly string[], string, number>;
const world = (options = {}): Group => new World(list, ['a', 'b', 'c'], options);

function done(group: Group, name: string, command: string): void {
  const proposal = group.propose(name, command);
  group.clock.until(() => proposal.outcome !== null, 'the outcome');
}

describe('a histogram', () => {
  test('counts what belongs to a bound below it, and what is above all in the last bucket', () => {
    const histogram = new Histogram();
    for (const ms of [0, 0.1, 0.11, 10_000, 10_001]) histogram.observe(ms);
    const { bounds, counts, sum, count } = histogram.read();
    expect(bounds).toHaveLength(16);
    expect(counts).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    expect(count).toBe(5);
    expect(sum).toBeCloseTo(20_001.21);
  });

  test('that was read does not change', () => {
    const histogram = new Histogram();
    const before = histogram.read();
    histogram.observe(1);
    expect(before.counts.every((count) => count === 0)).toBe(true);
    expect(before.count).toBe(0);
  });
});

describe('the time of a command', () => {
  test('of a leader goes to the two ways and the disk of the nearest other, beside its own disk', () => {
    const group = world();
    const leader = group.elect();
    // The session is opened, and nothing else is on its way.
    done(group, leader, 'first');
    group.clock.pass(1000);
    group.networkDelay = () => 7;
    group.diskDelay = () => 3;
    const before = group.member(leader).metrics().histograms;
    done(group, leader, 'x');
    const after = group.member(leader).metrics().histograms;
    const spent = (name: keyof typeof after): number => after[name].sum - before[name].sum;
    expect(after.commit.count - before.commit.count).toBe(1);
    expect(spent('commit')).toBe(17);
    expect(spent('waiting')).toBe(0);
    expect(spent('network')).toBe(17);
    expect(spent('apply')).toBe(0);
    group.clock.pass(3);
    const { disk } = group.member(leader).metrics().histograms;
    expect(disk.sum - before.disk.sum).toBe(3 * (disk.count - before.disk.count));
    expect(disk.count).toBeGreaterThan(before.disk.count);
  });

  test('of a follower goes to waiting while it cannot be sent, and to the network from then on', () => {
    const group = world();
    group.elect();
    const [name = ''] = group.followers();
    done(group, name, 'first');
    group.clock.pass(1000);
    const before = group.member(name).metrics().histograms;
    group.refuses = ({ kind }) => kind === 'Propose';
    const proposal = group.propose(name, 'x');
    group.clock.pass(400);
    group.refuses = () => false;
    group.clock.until(() => proposal.outcome !== null, 'the outcome');
    const after = group.member(name).metrics().histograms;
    const spent = (of: keyof typeof after): number => after[of].sum - before[of].sum;
    // Until the next tick but at the most.
    expect(spent('waiting')).toBeGreaterThanOrEqual(400);
    expect(spent('waiting')).toBeLessThanOrEqual(500);
    // To the leader, to a follower, its disk, and back; and then the word that it is committed.
    expect(spent('network')).toBeGreaterThanOrEqual(4 * 5 + 2);
    expect(spent('waiting') + spent('network') + spent('apply')).toBe(spent('commit'));
  });

  test('that waited for the next leader counts as sent once: the first time', () => {
    const group = world();
    const leader = group.elect();
    const [name = ''] = group.followers();
    done(group, name, 'first');
    group.loses = ({ kind }) => kind === 'AppendEntries';
    const proposal = group.propose(name, 'x');
    group.clock.pass(10);
    group.close(leader);
    group.loses = () => false;
    group.clock.until(() => proposal.outcome !== null, 'the outcome');
    const { commit, waiting, network } = group.member(name).metrics().histograms;
    expect([commit.count, waiting.count, network.count]).toEqual([2, 2, 2]);
    expect(network.sum).toBeGreaterThan(waiting.sum);
  });
});

describe('a member counts', () => {
  test('what became of its commands, and what is pending', () => {
    const group = world();
    const leader = group.elect();
    for (const command of ['x', 'bad', 'y']) done(group, leader, command);
    const [name = ''] = group.followers();
    group.isolate(name);
    group.clock.until(() => group.member(name).status().leader === null, 'no leader');
    const withdrawn = group.propose(name, 'withdrawn');
    withdrawn.withdraw();
    group.propose(name, 'waits');
    const { counters, gauges, histograms } = group.member(name).metrics();
    expect(counters.proposals).toEqual({ committed: 0, rejected: 0, notDone: 1, unknown: 0 });
    expect(gauges.pending).toBe(1);
    expect(histograms.commit.count).toBe(0);

    for (const other of group.followers()) group.isolate(other);
    group.propose(leader, 'sent');
    group.clock.settle();
    group.member(leader).close();
    const ended = group.member(leader).metrics();
    expect(ended.counters.proposals).toEqual({ committed: 2, rejected: 1, notDone: 0, unknown: 1 });
    expect(ended.gauges.pending).toBe(0);
    expect(ended.histograms.commit.count).toBe(3);
  });

  test('elections that it stood in, leaders that it came to know, and what its log holds', () => {
    const group = world();
    const first = group.elect();
    for (let i = 0; i < 3; i++) done(group, first, `n${i}`);
    group.clock.pass(1000);
    const elections = (): number =>
      ['a', 'b', 'c'].reduce((sum, name) => sum + group.member(name).metrics().counters.elections, 0);
    const { term } = group.member(first).metrics().gauges;
    expect(elections()).toBeGreaterThanOrEqual(1);
    expect(elections()).toBeLessThanOrEqual(term);
    expect(group.member(first).metrics().counters.elections).toBeGreaterThanOrEqual(1);
    for (const name of ['a', 'b', 'c']) {
      const { counters, gauges } = group.member(name).metrics();
      const { commit, applied, lastIndex } = group.member(name).status();
      expect(counters.leaderChanges).toBe(1);
      expect(counters.entriesAppended).toBe(lastIndex);
      expect(gauges).toEqual({ pending: 0, term, commitIndex: commit, appliedIndex: applied });
    }
    const [second = ''] = group.followers();
    group.member(first).transferLeadership(group.seat(second).id);
    group.clock.until(() => group.leader === second, 'another leader');
    group.elect();
    for (const name of ['a', 'b', 'c']) expect(group.member(name).metrics().counters.leaderChanges).toBe(2);
  });

  test('no election of an earlier run', () => {
    const group = world();
    const leader = group.elect();
    group.clock.pass(100);
    group.close(leader);
    group.reopen(leader);
    group.elect();
    done(group, leader, 'x');
    const { elections, leaderChanges } = group.member(leader).metrics().counters;
    expect(elections).toBe(0);
    expect(leaderChanges).toBe(1);
  });

  test('an election once, however often its vote is written, and none that was lost in an earlier run', () => {
    const meter = new MemberMeter(new VirtualClock());
    const id = 'a' as NodeId;
    const counted = (term: number, commit: number): number => {
      const nothing = { snapshot: null, start: null, truncateFrom: null, entries: [] };
      meter.writing({ id: 1, hardState: { term, vote: id, commit }, ...nothing }, id);
      return meter.read({ pending: 0, term, commitIndex: commit, appliedIndex: 0 }).counters.elections;
    };
    // It stood in term 3, and somebody else won: the commit index is saved beside the same vote.
    meter.begin({ term: 3, vote: id, commit: 0 });
    expect(counted(3, 1)).toBe(0);
    expect(counted(4, 1)).toBe(1);
    expect(counted(4, 2)).toBe(1);
    expect(counted(6, 2)).toBe(2);
  });

  test('snapshots that it took, and those that it was sent', () => {
    const group = world({ snapshots: { entries: 10, bytes: 1e9 }, raft: { trailingEntries: 3 } });
    const leader = group.elect();
    const [name = ''] = group.followers();
    group.isolate(name);
    for (let i = 0; i < 35; i++) done(group, leader, `n${i}`);
    group.clock.pass(100);
    const { snapshotsTaken, snapshotsInstalled } = group.member(leader).metrics().counters;
    expect(snapshotsTaken).toBeGreaterThanOrEqual(3);
    expect(snapshotsInstalled).toBe(0);
    group.heal();
    group.clock.until(() => group.member(name).state.length === 35, 'the state');
    expect(group.member(name).metrics().counters).toMatchObject({ snapshotsTaken: 0, snapshotsInstalled: 1 });
    // What a member begins with was not installed from anybody.
    group.close(name);
    group.reopen(name);
    group.clock.until(() => group.member(name).state.length === 35, 'the state');
    expect(group.member(name).metrics().counters).toMatchObject({ snapshotsTaken: 0, snapshotsInstalled: 0 });
  });
});
