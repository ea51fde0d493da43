/** What is bounded, and that a bound never stops the group: rules R14, R17, R18 and C5. */
import { describe, expect, test } from 'vitest';
import type { AppendEntries, Message } from '../../src/core/types.ts';
import { bytes, Cluster, node } from './cluster.ts';

const appends = (cluster: Cluster, to: string): AppendEntries[] =>
  cluster
    .take((message) => message.to === node(to))
    .filter((message): message is AppendEntries => message.kind === 'AppendEntries');

const answer = (index: number): Message => ({
  kind: 'AppendEntriesResponse',
  from: node('b'),
  to: node('a'),
  term: 1,
  index,
  conflict: null,
});

function led(options: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster(options);
  cluster.campaign('a');
  return cluster;
}

/** Entries of one byte weigh 17 in every limit. */
const weight = 17;

describe('an append', () => {
  test('R17 carries entries up to its limit in bytes, and the next one the rest', () => {
    const cluster = led({ options: { maxMessageBytes: 3 * weight } });
    cluster.propose('a', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w');
    cluster.work('a');
    expect(appends(cluster, 'b').map(({ entries }) => entries.length)).toEqual([3, 3, 2]);
  });

  test('R17 carries one entry that is larger than the limit, alone', () => {
    const cluster = led({ options: { maxMessageBytes: 3 * weight } });
    cluster.propose('a', 'p', 'x'.repeat(1000), 'q');
    cluster.work('a');
    expect(appends(cluster, 'b').map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
  });

  test('R13 carries sixty-four proposals that came between two outputs', () => {
    const cluster = led();
    for (let i = 0; i < 64; i++) cluster.propose('a', String(i));
    cluster.work('a');
    expect(appends(cluster, 'b').map(({ entries }) => entries.length)).toEqual([64]);
  });

  test.each([
    ['messages', { maxInflightMessages: 2 }],
    ['bytes', { maxInflightBytes: 2 * weight }],
  ])('R14 waits when so many %s are on their way, until an earlier one is acknowledged', (_, limit) => {
    const cluster = led({ options: { maxMessageBytes: weight, ...limit } });
    cluster.propose('a', 'p', 'q', 'r', 's', 't');
    cluster.work('a');
    expect(appends(cluster, 'b')).toHaveLength(2);
    const a = cluster.member('a');
    expect(a.status.progress.get(node('b'))).toMatchObject({ inflight: 2, paused: true, next: 4 });
    a.raft.step(answer(2));
    cluster.work('a');
    expect(appends(cluster, 'b')).toMatchObject([{ prevIndex: 3 }]);
    // One answer for several frees them all.
    a.raft.step(answer(4));
    cluster.work('a');
    expect(appends(cluster, 'b')).toMatchObject([{ prevIndex: 4 }, { prevIndex: 5 }]);
  });

  test('R14 has an empty window again in each state', () => {
    const cluster = led({ options: { maxInflightMessages: 2, maxMessageBytes: weight } });
    cluster.propose('a', 'p', 'q', 'r', 's', 't');
    cluster.work('a');
    cluster.take();
    const a = cluster.member('a');
    a.raft.reportUnreachable(node('b'));
    expect(a.status.progress.get(node('b'))).toMatchObject({ state: 'probe', inflight: 0, next: 2 });
  });

  test('R17 goes into an empty window whatever it weighs', () => {
    const cluster = led({ options: { maxInflightBytes: 1, maxMessageBytes: 1 } });
    cluster.propose('a', 'x'.repeat(100), 'y'.repeat(100));
    cluster.work('a');
    expect(appends(cluster, 'b')).toHaveLength(1);
  });
});

describe('a proposal', () => {
  const full = { maxUncommittedBytes: 3 * weight };

  test('R18 C5 is refused when too much is uncommitted, wholly or not at all, and welcome again when that is committed', () => {
    const cluster = led({ options: full });
    const { raft } = cluster.member('a');
    cluster.propose('a', 'p', 'q');
    expect(raft.propose(['r', 's'].map(bytes))).toEqual({ accepted: false, reason: 'too-much-uncommitted' });
    expect(raft.lastIndex).toBe(3);
    expect(raft.propose(bytes('r'))).toMatchObject({ accepted: true });
    expect(raft.propose(bytes('s'))).toMatchObject({ accepted: false });
    cluster.settle();
    expect(raft.propose(bytes('s'))).toMatchObject({ accepted: true });
  });

  test('R18 is admitted when nothing is outstanding, whatever it weighs', () => {
    const cluster = led({ options: full });
    expect(cluster.member('a').raft.propose(bytes('x'.repeat(1000)))).toMatchObject({ accepted: true });
    cluster.settle();
    expect(cluster.member('c').commands).toHaveLength(1);
  });

  test('R18 does not stand in the way of a change of membership, nor of the entry that opens a term', () => {
    const configuration = { voters: ['a', 'b', 'c'].map(node) };
    const cluster = led({ members: ['a', 'b', 'c', 'd'], configuration, options: { maxUncommittedBytes: 1 } });
    const { raft } = cluster.member('a');
    cluster.propose('a', 'x'.repeat(100));
    expect(raft.proposeMembership([{ kind: 'add-learner', id: node('d') }])).toMatchObject({ accepted: true });
    cluster.settle();
    cluster.propose('a', 'x'.repeat(100));
    cluster.work('a');
    cluster.member('a').raft.transferLeadership(node('b'));
    cluster.settle();
    expect(cluster.leader).toBe('b');
    expect(cluster.member('b').log.endsWith(' 2:')).toBe(true);
  });

  test('R18 of an earlier leadership does not count in a later one', () => {
    const cluster = led({ options: { ...full, checkQuorum: false } });
    cluster.isolate('a');
    cluster.propose('a', 'p', 'q', 'r');
    cluster.settle();
    cluster.campaign('b');
    cluster.heal();
    cluster.tick(2);
    expect(cluster.leader).toBe('b');
    cluster.campaign('a');
    cluster.tick(1);
    expect(cluster.leader).toBe('a');
    expect(cluster.member('a').raft.propose(['p', 'q', 'r'].map(bytes))).toMatchObject({ accepted: true });
  });
});

describe('an output', () => {
  test('R17 R21 hands out committed entries up to its limit in bytes, and one at least', () => {
    const pages: number[][] = [];
    const cluster = led({
      members: ['a'],
      options: { maxCommittedBytes: 2 * weight },
      take: (raft) => {
        const ready = raft.ready();
        if (ready !== null && ready.committed.length > 0) pages.push(ready.committed.map(({ index }) => index));
        return ready;
      },
    });
    pages.length = 0;
    cluster.propose('a', 'p', 'q', 'r', 'x'.repeat(1000), 's', 't', 'u');
    cluster.settle();
    expect(pages).toEqual([[2, 3], [4], [5], [6, 7], [8]]);
  });
});
