/**
 * Why each rule is there: with exactly one of them replaced by a wrong version, a short story ends in a broken promise, and
 * with the right one it does not.
 */
import { describe, expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import { InvariantViolation } from '../../src/core/errors.ts';
import { type Rules, standardRules } from '../../src/core/rules.ts';
import type { AppendEntries, Entry, Message } from '../../src/core/types.ts';
import { Cluster, type ClusterInit, entries, node, steps } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;

/** Says which promise is broken in the end, or null. */
type Story = (start: (init?: ClusterInit) => Cluster) => string | null;

/** Delivers what is on the wire of these kinds, in this order. */
function deliver(cluster: Cluster, ...kinds: readonly Message['kind'][]): void {
  for (const kind of kinds) cluster.deliver(...cluster.take(ofKind(kind)));
}

function violation(action: () => void): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof InvariantViolation) return error.rule;
    throw error;
  }
}

const append = (
  from: string,
  to: string,
  term: number,
  prevIndex: number,
  log: Entry[],
  commit = 0,
): AppendEntries => ({
  kind: 'AppendEntries',
  from: node(from),
  to: node(to),
  term,
  prevIndex,
  prevTerm: 1,
  entries: log,
  commit,
});

const stories: readonly [string, Partial<Rules>, string, Story][] = [
  [
    'E3 a vote for any log elects a leader that lacks what was committed',
    { isUpToDate: () => true },
    'R3',
    (start) => {
      const cluster = start();
      cluster.campaign('a');
      cluster.isolate('c');
      cluster.propose('a', 'x');
      cluster.settle();
      cluster.heal();
      cluster.isolate('a');
      cluster.tick(10, 'b');
      return violation(() => {
        cluster.campaign('c');
      });
    },
  ],
  [
    'E4 two votes in a term elect two leaders of it',
    { mayVoteInTerm: () => true },
    'two leaders of term 1',
    (start) => {
      const cluster = start({ options: { preVote: false } });
      for (const name of ['a', 'c']) {
        cluster.member(name).raft.campaign();
        cluster.work(name);
      }
      cluster.cut('a', 'c');
      deliver(cluster, 'RequestVote', 'RequestVoteResponse');
      const leaders = ['a', 'b', 'c'].filter((name) => cluster.member(name).status.role === 'leader');
      return leaders.length > 1 ? `two leaders of term ${cluster.member('a').status.term}` : null;
    },
  ],
  [
    'E13 a second leader that is merged makes the first rewrite its log',
    { isLeaderOfTerm: () => true },
    'a leader rewrote its log',
    (start) => {
      const cluster = start();
      cluster.campaign('a');
      cluster.isolate('a');
      cluster.propose('a', 'x');
      cluster.settle();
      const rule = violation(() => {
        cluster.heal();
        cluster.deliver(append('b', 'a', 1, 1, [{ index: 2, term: 1, kind: 'empty', data: new Uint8Array(0) }]));
      });
      return rule === null && cluster.member('a').status.role !== 'leader' ? 'a leader rewrote its log' : null;
    },
  ],
  [
    'R5 a heartbeat that tells of more than its receiver holds makes it think that it lost data',
    { heartbeatCommit: ({ commit }) => commit },
    'R7',
    (start) => {
      const cluster = start();
      cluster.campaign('a');
      cluster.isolate('c');
      cluster.propose('a', 'x', 'y');
      cluster.settle();
      cluster.heal();
      return violation(() => {
        cluster.tick(1);
      });
    },
  ],
  [
    'R6 an entry of an earlier term that is committed by counting is overwritten (paper, figure 8)',
    { mayCommitByCounting: () => true },
    'R3',
    (start) => {
      const cluster = start({
        options: { maxMessageBytes: 1 },
        disks: { a: { log: '1:x 2:y', term: 3 }, b: { log: '1:x', term: 3 }, c: { log: '1:x 3:z', term: 3 } },
      });
      const a = cluster.member('a');
      cluster.isolate('c');
      a.raft.campaign();
      cluster.work('a');
      deliver(cluster, 'RequestPreVote', 'RequestPreVoteResponse', 'RequestVote', 'RequestVoteResponse');
      // b rejects the first append, and takes y with the next; what a adds in its own term is lost.
      const { raft: b } = cluster.member('b');
      const mayArrive = (message: Message): message is AppendEntries =>
        message.kind === 'AppendEntries' &&
        message.to === b.status().id &&
        (message.prevIndex > b.lastIndex || message.entries.every(({ term }) => term < 4));
      for (let i = 0; i < 6; i++) {
        cluster.deliver(...cluster.take(mayArrive));
        cluster.take(ofKind('AppendEntries'));
        deliver(cluster, 'AppendEntriesResponse');
      }
      cluster.take();
      cluster.heal();
      cluster.isolate('a');
      cluster.tick(10, 'b');
      // c learns of the term with the first campaign, and wins with the second.
      cluster.campaign('c');
      cluster.campaign('c');
      cluster.heal();
      return violation(() => {
        cluster.tick(2);
      });
    },
  ],
  [
    'R10 an acknowledgement of what was never sent commits without a majority',
    { isPossibleAcknowledgement: () => true },
    'committed on one disk',
    (start) => {
      const cluster = start();
      cluster.campaign('a');
      const { raft } = cluster.member('a');
      cluster.isolate('a');
      const from = node('b');
      raft.step({ kind: 'AppendEntriesResponse', from, to: node('a'), term: 1, index: 9, conflict: null });
      cluster.propose('a', 'x');
      cluster.settle();
      return cluster.member('a').commands.length > 0 ? 'committed on one disk' : null;
    },
  ],
  [
    'M10 a removed member that is added again is one that others believe to be gone for good',
    { mayComeIn: () => true },
    'c is back',
    (start) => {
      const cluster = start();
      cluster.campaign('a');
      for (const change of ['remove c', 'learner c']) {
        const [step] = steps(change);
        if (step !== undefined) cluster.member('a').raft.proposeMembership([step]);
        cluster.settle();
      }
      return cluster.shape('b').includes('c') ? 'c is back' : null;
    },
  ],
  [
    'R4 a commit index that no message has verified commits what the leader does not have',
    { followerCommit: ({ leaderCommit }) => leaderCommit },
    'applied another entry',
    (start) => {
      const cluster = start({ disks: { b: { log: '1:x 1:stale', term: 1 } } });
      cluster.deliver(append('a', 'b', 2, 1, [], 2));
      return cluster.member('b').commands.includes('stale') ? 'applied another entry' : null;
    },
  ],
  [
    'R1 entries that are appended anywhere make logs differ before an equal entry',
    { extendsLog: () => true },
    'logs differ at 1',
    (start) => {
      const cluster = start({ disks: { b: { log: '1:x', term: 1 } } });
      cluster.deliver({ ...append('a', 'b', 2, 1, entries('2:z', 2)), prevTerm: 2 });
      return cluster.member('b').log === '1:x 2:z' ? 'logs differ at 1' : null;
    },
  ],
  [
    'Q5 a read that does not wait for the state is served from an old one',
    { mayServeRead: () => true },
    'read at 2 from a state at 1',
    (start) => {
      const cluster = start();
      cluster.campaign('a');
      const b = cluster.member('b');
      b.slowDisk = true;
      cluster.propose('a', 'x');
      cluster.settle();
      cluster.read('b');
      cluster.settle();
      const [read] = b.reads;
      return read === undefined ? null : `read at ${read.index} from a state at ${b.status.applied}`;
    },
  ],
  [
    'S3 a snapshot of what is committed takes the state back',
    { isSnapshotNews: () => true },
    'commit went back from 4 to 2',
    (start) => {
      const cluster = start({
        options: { trailingEntries: 0 },
        disks: { b: { log: '1:p 1:q 1:r 1:s', term: 1, commit: 4 } },
      });
      const b = cluster.member('b');
      cluster.work('b');
      cluster.compact('b');
      const before = b.status.commit;
      const configuration = foundingConfiguration(['a', 'b', 'c'].map(node));
      const snapshot = { index: 2, term: 1, configuration, id: 'old', bytes: 0, checksum: 0 };
      cluster.deliver({
        kind: 'InstallSnapshot',
        from: node('a'),
        to: node('b'),
        term: 1,
        snapshot,
        offset: 0,
        data: new Uint8Array(0),
      });
      const { commit } = b.status;
      return commit < before ? `commit went back from ${before} to ${commit}` : null;
    },
  ],
];

describe('without its rule', () => {
  test.each(stories)('%s', (_, broken, promise, story) => {
    const start =
      (rules: Rules) =>
      (init: ClusterInit = {}): Cluster =>
        new Cluster({ ...init, rules });
    expect(Object.keys(broken)).toHaveLength(1);
    expect(story(start({ ...standardRules, ...broken }))).toBe(promise);
    expect(story(start(standardRules))).not.toBe(promise);
  });
});
