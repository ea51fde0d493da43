/** What a replica tells, where, and that it costs nothing when nobody listens: `src/core/trace.ts`. */
import { expect, test } from 'vitest';
import { campaign } from '../../src/core/elections.ts';
import { proposeMembership } from '../../src/core/membership.ts';
import { raftOptions } from '../../src/core/options.ts';
import { applied, persisted, takeReady } from '../../src/core/output.ts';
import { emptyState } from '../../src/core/raft.ts';
import { propose } from '../../src/core/proposing.ts';
import { seededRandom } from '../../src/core/random.ts';
import { requestRead } from '../../src/core/reading.ts';
import { Replica } from '../../src/core/replica.ts';
import { standardRules } from '../../src/core/rules.ts';
import { compact, snapshotTaken } from '../../src/core/snapshots.ts';
import { step } from '../../src/core/step.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import { Cluster, node } from './cluster.ts';

/** What one member told, without the decisions. */
const told = (cluster: Cluster, by: string): TraceEvent[] =>
  cluster.trace.filter((event) => event.node === node(by) && event.name !== 'Decision');

const names = (events: readonly TraceEvent[]): string[] => events.map(({ name }) => name);

test('an election, from both sides, event by event', () => {
  const cluster = new Cluster({ members: ['a', 'b'], options: { preVote: false } });
  cluster.campaign('a');
  expect(names(told(cluster, 'a'))).toEqual([
    'InitState',
    'BecomeCandidate',
    // Its own vote is a message to itself, which it receives when the vote is durable.
    'SendRequestVoteResponse',
    'Persisted',
    'ReceiveRequestVoteResponse',
    'SendRequestVote',
    'ReceiveRequestVoteResponse',
    'BecomeLeader',
    'Replicate',
    'SendSelfAppend',
    'SendAppendEntries',
    'Persisted',
    'ReceiveSelfAppend',
    'ReceiveAppendEntriesResponse',
    'Commit',
    'SendAppendEntries',
  ]);
  expect(names(told(cluster, 'b'))).toEqual([
    'InitState',
    'ReceiveRequestVote',
    'BecomeFollower',
    'Persisted',
    'SendRequestVoteResponse',
    'ReceiveAppendEntries',
    'BecomeFollower',
    'Persisted',
    'SendAppendEntriesResponse',
    'ReceiveAppendEntries',
    'Commit',
  ]);
});

test('an event shows the state at its moment: before the effect of a message, after a change of role', () => {
  const cluster = new Cluster({ members: ['a', 'b'], options: { preVote: false } });
  cluster.campaign('a');
  const [, received, become, , sent] = told(cluster, 'b');
  expect(received).toMatchObject({ state: { term: 0, vote: null, commit: 0 }, role: 'follower', last: 0 });
  expect(received).toMatchObject({ message: { kind: 'RequestVote', from: 'a', to: 'b', term: 1, lastIndex: 0 } });
  expect(become).toMatchObject({ state: { term: 1, vote: null } });
  expect(sent).toMatchObject({ state: { term: 1, vote: 'a' }, conf: [['a', 'b'], []], learners: [] });
  expect(told(cluster, 'a').find(({ name }) => name === 'BecomeLeader')).toMatchObject({ role: 'leader', last: 0 });
  const commit = told(cluster, 'a').find(({ name }) => name === 'Commit');
  expect(commit).toMatchObject({ state: { commit: 1 } });
});

test('a leader tells of each entry of its own, however many came together', () => {
  const cluster = new Cluster();
  cluster.campaign('a');
  cluster.trace.length = 0;
  cluster.propose('a', 'x', 'y', 'z');
  cluster.settle();
  const replicated = cluster.trace.flatMap((event) => (event.name === 'Replicate' ? [event.entry.index] : []));
  expect(replicated).toEqual([2, 3, 4]);
  expect(told(cluster, 'a').filter(({ name }) => name === 'SendSelfAppend')).toMatchObject([{ ackIndex: 4 }]);
});

test('what is told to be durable is on disk', () => {
  const cluster = new Cluster();
  cluster.campaign('a');
  cluster.propose('a', 'x');
  cluster.settle();
  const last = told(cluster, 'b').findLast(({ name }) => name === 'Persisted');
  expect(last).toMatchObject({ durable: 2, hardState: { term: 1, vote: 'a' } });
  expect(cluster.member('b').disk.state.entries).toHaveLength(2);
});

test('a restart begins with what was loaded', () => {
  const cluster = new Cluster();
  cluster.campaign('a');
  cluster.trace.length = 0;
  cluster.member('b').restart();
  expect(cluster.trace).toMatchObject([{ node: 'b', name: 'InitState', state: { term: 1, vote: 'a' }, last: 1 }]);
});

test('a pre-candidate is no candidate', () => {
  const cluster = new Cluster();
  cluster.campaign('a');
  const become = names(told(cluster, 'a')).filter((name) => name.startsWith('Become'));
  expect(become).toEqual(['BecomePreCandidate', 'BecomeCandidate', 'BecomeLeader']);
});

test('changes of membership, reads, transfers and snapshots are told where they happen', () => {
  const cluster = new Cluster({
    members: ['a', 'b', 'c', 'd'],
    configuration: { voters: ['a', 'b', 'c'].map(node) },
    options: { trailingEntries: 0 },
  });
  cluster.campaign('a');
  cluster.isolate('d');
  const { raft } = cluster.member('a');
  raft.proposeMembership([{ kind: 'add-learner', id: node('d') }]);
  cluster.settle();
  expect(told(cluster, 'a').filter(({ name }) => name === 'ChangeConf')).toMatchObject([
    { change: { kind: 'simple', steps: [{ kind: 'add-learner', id: 'd' }] }, last: 2, learners: [] },
  ]);
  expect(told(cluster, 'b').filter(({ name }) => name === 'ApplyConfChange')).toMatchObject([
    { configuration: { learners: ['d'] }, learners: ['d'] },
  ]);

  const context = cluster.read('a');
  cluster.settle();
  expect(told(cluster, 'a').filter(({ name }) => name.startsWith('Read'))).toMatchObject([
    { name: 'ReadStart', context },
    { name: 'ReadReady', context, index: 2 },
  ]);

  const snapshot = cluster.compact('a');
  expect(told(cluster, 'a').filter(({ name }) => name === 'SnapshotTaken')).toMatchObject([{ snapshot }]);
  cluster.heal();
  cluster.tick(4);
  expect(told(cluster, 'd').filter(({ name }) => name === 'SnapshotInstalled')).toMatchObject([
    { snapshot, state: { commit: 2 }, last: 2, learners: ['d'] },
  ]);

  raft.transferLeadership(node('b'));
  cluster.settle();
  expect(told(cluster, 'a').filter(({ name }) => name === 'TransferStart')).toMatchObject([{ target: 'b' }]);
  expect(names(told(cluster, 'b'))).toContain('ReceiveTimeoutNow');
});

test('each decision names its rule, its operands and its verdict', () => {
  const cluster = new Cluster({ disks: { b: { log: '1:x', term: 1 } } });
  cluster.campaign('a');
  const decisions = cluster.trace.flatMap((event) =>
    event.name === 'Decision' && event.node === node('b') ? [event.decision] : [],
  );
  // Why was this vote refused?
  expect(decisions).toContainEqual({
    rule: 'isUpToDate',
    operands: { lastTerm: 1, lastIndex: 1, candidateLastTerm: 0, candidateLastIndex: 0 },
    verdict: false,
  });
});

test('there is no rule that nobody asks', () => {
  const asked: Set<string> = new Set();
  const cluster = new Cluster({
    members: ['a', 'b', 'c', 'd'],
    configuration: { voters: ['a', 'b', 'c'].map(node) },
    options: { trailingEntries: 0, leaseReads: true, electionTicks: 5 },
  });
  cluster.tick(5);
  cluster.campaign('a');
  cluster.isolate('c');
  const { raft } = cluster.member('a');
  raft.proposeMembership([{ kind: 'add-learner', id: node('d') }]);
  cluster.settle();
  cluster.propose('a', 'x');
  cluster.read('a', 'lease');
  cluster.read('b');
  cluster.tick(6);
  cluster.compact('a');
  cluster.heal();
  cluster.tick(4);
  raft.proposeMembership([{ kind: 'add-voter', id: node('d') }]);
  cluster.tick(2);
  raft.transferLeadership(node('b'));
  cluster.settle();
  const late = { kind: 'AppendEntries', from: node('b'), to: node('c'), term: cluster.member('b').raft.term } as const;
  cluster.deliver({ ...late, prevIndex: 0, prevTerm: 0, entries: cluster.member('c').entries, commit: 0 });
  const unknown = { from: node('b'), to: node('c'), term: cluster.member('b').raft.term, commit: 99 } as const;
  expect(() => cluster.deliver({ ...unknown, kind: 'Heartbeat', round: 1 })).toThrow('R7');
  for (const event of cluster.trace) if (event.name === 'Decision') asked.add(event.decision.rule);
  expect(Object.keys(standardRules).filter((rule) => !asked.has(rule))).toEqual([]);
});

test('nothing is built for nobody', () => {
  class Quiet extends Replica {
    override emit(): void {
      throw new Error('an event was built although nobody listens');
    }
  }
  const replica = new Quiet({
    id: node('a'),
    persistent: emptyState([node('a')]),
    random: seededRandom(1),
    options: raftOptions({ trailingEntries: 0 }),
    rules: standardRules,
    drawElectionTimeout: undefined,
    listener: undefined,
    traceDecisions: true,
  });
  expect(replica.rules).toBe(standardRules);
  const work = (): void => {
    for (let ready = takeReady(replica); ready !== null; ready = takeReady(replica)) {
      if (ready.write !== null) persisted(replica, ready.write);
      const last = ready.committed.at(-1);
      if (last !== undefined) applied(replica, last.index);
    }
  };
  campaign(replica);
  work();
  propose(replica, [Uint8Array.of(1)]);
  requestRead(replica, 'linearizable');
  proposeMembership(replica, [{ kind: 'add-learner', id: node('b') }], {});
  work();
  const { index, term, configuration } = { index: 3, term: 1, configuration: replica.configuration };
  snapshotTaken(replica, { index, term, configuration, id: 'x', bytes: 0, checksum: 0 });
  work();
  expect(compact(replica, 3, true)).toBe(3);
  work();
  step(replica, { kind: 'Heartbeat', from: node('b'), to: node('a'), term: 2, commit: 0, round: 1 });
  const snapshot = { index: 9, term: 2, configuration, id: 'y', bytes: 0, checksum: 0 };
  step(replica, {
    kind: 'InstallSnapshot',
    from: node('b'),
    to: node('a'),
    term: 2,
    snapshot,
    offset: 0,
    data: new Uint8Array(0),
  });
  expect(replica.role.name).toBe('follower');
  expect(takeReady(replica)?.snapshotParts).toHaveLength(1);
});
