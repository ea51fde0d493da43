/** Linearizable reads without a log entry: dissertation, sections 6.4 and 6.4.1. */
import { describe, expect, test } from 'vitest';
import { emptyState, Raft } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Rules, standardRules } from '../../src/core/rules.ts';
import type { Message, RequestVote } from '../../src/core/types.ts';
import { bytes, Cluster, node } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;
const from = (name: string) => (message: Message) => message.from === node(name);

/** A group whose leader is `a`, and where everybody knows what is committed. */
function led(init: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster(init);
  cluster.campaign('a');
  if (cluster.leader !== 'a') throw new Error('a does not lead');
  return cluster;
}

const leases = { leaseReads: true, electionTicks: 10, clockDriftTicks: 1 } as const;

/** The same, where nobody has a promise to keep from before the start. */
function ledWithLeases(init: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster({ ...init, options: { ...leases, ...init.options } });
  for (const { raft } of cluster.members.values()) for (let i = 0; i < 9; i++) raft.tick();
  for (const { raft } of cluster.members.values()) raft.tick();
  cluster.campaign('a');
  cluster.settle();
  if (cluster.leader !== 'a') throw new Error('a does not lead');
  cluster.tick(1);
  return cluster;
}

describe('a leader', () => {
  test('Q2 answers a read when a round that began after it is answered by a majority', () => {
    const cluster = led();
    cluster.propose('a', 'x');
    cluster.settle();
    const context = cluster.read('a');
    cluster.work('a');
    const a = cluster.member('a');
    expect(a.reads).toEqual([]);
    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    cluster.deliver(...cluster.take(from('b')));
    expect(a.reads).toEqual([{ context, index: 2 }]);
  });

  test('Q2 gives each round its own token: an answer to an earlier one proves nothing for a later read', () => {
    const cluster = led();
    cluster.member('a').raft.tick();
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    const early = cluster.take(ofKind('HeartbeatResponse'));
    const context = cluster.read('a');
    cluster.work('a');
    cluster.deliver(...early, ...early);
    expect(cluster.member('a').reads).toEqual([]);

    cluster.settle();
    expect(cluster.member('a').reads).toMatchObject([{ context }]);
  });

  test('Q2 is not fooled after a pause by an answer that was delayed (etcd#20418, raft#397)', () => {
    const cluster = led();
    cluster.member('a').raft.tick();
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    const delayed = cluster.take(ofKind('HeartbeatResponse'));

    // a's process stands still; the others go on without it.
    cluster.isolate('a');
    cluster.tick(30, 'b', 'c');
    expect(cluster.leader).not.toBe('a');
    cluster.propose(cluster.leader ?? '', 'x');
    cluster.settle();

    // It wakes up, believes that it leads, and is asked for a read.
    expect(cluster.member('a').status.role).toBe('leader');
    cluster.read('a');
    cluster.work('a');
    cluster.heal();
    cluster.deliver(...delayed);
    expect(cluster.member('a').reads).toEqual([]);
    cluster.heal();
    cluster.settle();
    expect(cluster.member('a').failedReads).toMatchObject([{ reason: 'leader-lost' }]);
  });

  test('Q2 lets all reads share a round that come before it begins, and those that come during it the next', () => {
    const cluster = led();
    const first = Array.from({ length: 50 }, () => cluster.read('a'));
    cluster.work('a');
    expect(cluster.wire.filter(ofKind('Heartbeat'))).toHaveLength(2);
    const second = Array.from({ length: 50 }, () => cluster.read('a'));
    cluster.work('a');
    expect(cluster.wire.filter(ofKind('Heartbeat'))).toHaveLength(2);

    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    cluster.deliver(...cluster.take(from('b')));
    expect(cluster.member('a').reads.map(({ context }) => context)).toEqual(first);
    expect(cluster.wire.filter(ofKind('Heartbeat'))).toHaveLength(2);
    cluster.settle();
    expect(cluster.member('a').reads.map(({ context }) => context)).toEqual([...first, ...second]);
  });

  test('Q2 begins the round again with its next heartbeat when it was lost', () => {
    const cluster = led();
    const contexts = [cluster.read('a')];
    cluster.work('a');
    cluster.take();
    contexts.push(cluster.read('a'));
    cluster.work('a');
    expect(cluster.wire).toEqual([]);
    cluster.tick(1);
    expect(cluster.member('a').reads.map(({ context }) => context)).toEqual(contexts);
  });

  test('Q1 lets early reads wait for the first entry of its term to commit (etcd#7331)', () => {
    const cluster = led();
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    cluster.isolate('a');
    for (let i = 0; i < 20; i++) {
      cluster.member('b').raft.tick();
      cluster.member('c').raft.tick();
    }
    cluster.member('b').raft.campaign();
    cluster.work('b');
    for (const kind of ['RequestPreVote', 'RequestPreVoteResponse', 'RequestVote', 'RequestVoteResponse'] as const) {
      cluster.deliver(...cluster.take(ofKind(kind)));
    }
    const b = cluster.member('b');
    expect(b.status).toMatchObject({ role: 'leader', term: 2 });
    // A quorum answers its rounds, but not yet its append.
    const appends = cluster.take(ofKind('AppendEntries'));
    const context = cluster.read('b');
    b.raft.tick();
    cluster.work('b');
    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    cluster.deliver(...cluster.take(ofKind('HeartbeatResponse')));
    cluster.take();
    expect(b.reads).toEqual([]);

    cluster.deliver(...appends);
    cluster.settle();
    expect(b.reads).toEqual([{ context, index: 4 }]);
  });

  test('Q3 takes the index when the request comes, not when it is confirmed', () => {
    const cluster = led();
    const context = cluster.read('a');
    cluster.work('a');
    const round = cluster.take();
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.deliver(...round);
    cluster.settle();
    expect(cluster.member('a').reads).toEqual([{ context, index: 1 }]);
  });

  test('Q3 takes no answer from an earlier leadership of its own, whatever its round', () => {
    const cluster = led();
    cluster.tick(20);
    const a = cluster.member('a');
    const old = { kind: 'HeartbeatResponse', from: node('b'), to: node('a'), term: 1, round: 20 } as const;
    cluster.campaign('b');
    cluster.isolate('a');
    cluster.tick(30, 'b', 'c');
    cluster.heal();
    cluster.tick(2);
    cluster.member(cluster.leader ?? '').raft.transferLeadership(node('a'));
    cluster.settle();
    expect(a.status.role).toBe('leader');
    expect(a.status.term).toBeGreaterThan(1);

    cluster.read('a');
    cluster.work('a');
    cluster.take();
    cluster.deliver(old);
    expect(a.reads).toEqual([]);
  });

  test('Q4 fails what it was asked, early, queued and on its way, when its leadership ends', () => {
    const cluster = led();
    const onItsWay = cluster.read('a');
    cluster.work('a');
    const queued = cluster.read('a');
    const a = cluster.member('a');
    a.raft.step({ kind: 'ReadIndex', from: node('b'), to: node('a'), term: 1, context: 7 });
    cluster.work('a');
    cluster.take();
    a.raft.step({ kind: 'HeartbeatResponse', from: node('c'), to: node('a'), term: 2, round: 0 });
    cluster.work('a');
    expect(a.failedReads).toEqual(
      expect.arrayContaining([onItsWay, queued].map((context) => ({ context, reason: 'leader-lost' }))),
    );
    expect(a.failedReads).toHaveLength(2);
    expect(cluster.take(ofKind('ReadIndexResponse'))).toMatchObject([{ to: 'b', context: 7, index: null }]);
  });

  test('Q4 fails the early ones, too', () => {
    const cluster = new Cluster();
    const a = cluster.member('a');
    a.raft.campaign();
    cluster.work('a');
    for (const kind of ['RequestPreVote', 'RequestPreVoteResponse', 'RequestVote', 'RequestVoteResponse'] as const) {
      cluster.deliver(...cluster.take(ofKind(kind)));
    }
    const context = cluster.read('a');
    a.raft.step({ kind: 'HeartbeatResponse', from: node('c'), to: node('a'), term: 2, round: 0 });
    cluster.work('a');
    expect(a.failedReads).toEqual([{ context, reason: 'leader-lost' }]);
  });

  test('Q4 that has lost its quorum fails its reads within an election timeout', () => {
    const cluster = led();
    cluster.isolate('a');
    const context = cluster.read('a');
    cluster.tick(20, 'a');
    expect(cluster.member('a').failedReads).toEqual([{ context, reason: 'leader-lost' }]);
    expect(cluster.member('a').reads).toEqual([]);
  });

  test('Q8 that is a quorum alone answers at once', () => {
    const cluster = led({ members: ['a'] });
    const context = cluster.read('a');
    cluster.work('a');
    expect(cluster.member('a').reads).toEqual([{ context, index: 1 }]);
  });

  test('Q8 counts no answers of learners (openraft d60f1e85)', () => {
    const cluster = led({
      members: ['a', 'b', 'c', 'd', 'e'],
      configuration: { voters: ['a', 'b', 'c'].map(node), learners: ['d', 'e'].map(node) },
    });
    cluster.isolate('b');
    cluster.isolate('c');
    cluster.read('a');
    cluster.settle();
    expect(cluster.member('a').reads).toEqual([]);
    cluster.heal();
    cluster.tick(1);
    expect(cluster.member('a').reads).toHaveLength(1);
  });

  test('Q8 needs a majority of both halves of a joint configuration', () => {
    const cluster = led({
      members: ['a', 'b', 'c', 'd', 'e'],
      configuration: { voters: ['a', 'b', 'c'].map(node), outgoing: ['a', 'd', 'e'].map(node) },
    });
    const a = cluster.member('a');
    const context = cluster.read('a');
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    const answers = cluster.take(ofKind('HeartbeatResponse'));
    cluster.deliver(...answers.filter(({ from: id }) => id === node('b') || id === node('c')));
    expect(a.reads).toEqual([]);
    cluster.deliver(...answers.filter(from('d')));
    expect(a.reads).toEqual([{ context, index: 1 }]);
  });

  test('Q8 counts a witness, which votes', () => {
    const cluster = led({ configuration: { witnesses: [node('c')] } });
    cluster.isolate('b');
    cluster.read('a');
    cluster.settle();
    expect(cluster.member('a').reads).toHaveLength(1);
  });

  test('C5 refuses reads beyond its bound at once, and by name', () => {
    const cluster = led({ options: { maxPendingReads: 2 } });
    cluster.read('a');
    cluster.read('a');
    const { raft } = cluster.member('a');
    expect(raft.readIndex()).toEqual({ accepted: false, reason: 'too-many' });
    cluster.settle();
    expect(raft.readIndex()).toMatchObject({ accepted: true });
  });

  test('Q2 keeps a read while nobody answers for long, and no more rounds than can still matter', () => {
    const cluster = led({ options: { checkQuorum: false } });
    cluster.isolate('a');
    cluster.tick(200, 'a');
    const { raft } = cluster.member('a');
    expect(raft.status().role).toBe('leader');
    const context = cluster.read('a');
    cluster.tick(200, 'a');
    cluster.heal();
    cluster.tick(1);
    expect(cluster.member('a').reads).toMatchObject([{ context }]);
  });
});

describe('a reader', () => {
  test('Q5 waits until its own state has come as far', () => {
    const cluster = led();
    const b = cluster.member('b');
    b.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.settle();
    const context = cluster.read('b');
    cluster.settle();
    expect(b.reads).toEqual([]);
    expect(b.status.applied).toBe(1);

    b.flushAll();
    cluster.settle();
    expect(b.reads).toEqual([{ context, index: 2 }]);
    expect(b.commands).toEqual(['x']);
  });

  test('Q6 that follows asks its leader, once for all reads that came since it last asked', () => {
    const cluster = led();
    cluster.propose('a', 'x');
    cluster.settle();
    const contexts = [cluster.read('b'), cluster.read('b'), cluster.read('b')];
    cluster.work('b');
    expect(cluster.wire).toMatchObject([{ kind: 'ReadIndex', to: 'a' }]);
    cluster.settle();
    expect(cluster.member('b').reads).toEqual(contexts.map((context) => ({ context, index: 2 })));
  });

  test('Q6 that is a learner does the same', () => {
    const cluster = led({ configuration: { voters: ['a', 'b'].map(node), learners: [node('c')] } });
    const context = cluster.read('c');
    cluster.settle();
    expect(cluster.member('c').reads).toEqual([{ context, index: 1 }]);
  });

  test('Q6 that knows no leader is told at once', () => {
    const { raft } = new Cluster().member('a');
    expect(raft.readIndex()).toEqual({ accepted: false, reason: 'no-leader' });
    raft.campaign();
    expect(raft.readIndex()).toEqual({ accepted: false, reason: 'no-leader' });
  });

  test('Q6 is told when whom it took for the leader does not lead', () => {
    const cluster = led();
    const a = cluster.member('a');
    const context = cluster.read('b');
    cluster.work('b');
    const question = cluster.take(ofKind('ReadIndex'));
    cluster.isolate('a');
    cluster.tick(20, 'a');
    expect(a.status.role).not.toBe('leader');
    cluster.heal();
    cluster.deliver(...question);
    cluster.deliver(...cluster.take(ofKind('ReadIndexResponse')));
    expect(cluster.member('b').failedReads).toEqual([{ context, reason: 'refused' }]);
  });

  test('Q6 is told when its leader has too many reads waiting', () => {
    const cluster = led({ options: { maxPendingReads: 1 } });
    cluster.read('a');
    const context = cluster.read('b');
    cluster.work('b');
    cluster.deliver(...cluster.take(ofKind('ReadIndex')));
    cluster.settle();
    expect(cluster.member('b').failedReads).toEqual([{ context, reason: 'refused' }]);
  });

  test('C5 that has too many of its own waiting is told at once', () => {
    const cluster = led({ options: { maxPendingReads: 3 } });
    cluster.read('b');
    cluster.read('b');
    cluster.work('b');
    cluster.read('b');
    expect(cluster.member('b').raft.readIndex()).toEqual({ accepted: false, reason: 'too-many' });
  });

  test('Q6 hears within an election timeout that the answer is lost', () => {
    const cluster = led();
    const context = cluster.read('b');
    cluster.work('b');
    cluster.take();
    cluster.tick(9);
    expect(cluster.member('b').failedReads).toEqual([]);
    cluster.tick(1);
    expect(cluster.member('b').failedReads).toEqual([{ context, reason: 'timed-out' }]);
  });

  test('Q4 fails with its leader: asked or not, and the late answer counts for nothing', () => {
    const cluster = led();
    const b = cluster.member('b');
    const asked = cluster.read('b');
    cluster.work('b');
    const question = cluster.take(ofKind('ReadIndex'));
    const newer = cluster.read('b');
    b.raft.step({ kind: 'Heartbeat', from: node('c'), to: node('b'), term: 2, commit: 0, round: 1 });
    cluster.work('b');
    expect(b.failedReads).toEqual([asked, newer].map((context) => ({ context, reason: 'leader-lost' })));
    cluster.take();
    cluster.deliver(...question);
    cluster.work('a');
    cluster.settle();
    expect(b.reads).toEqual([]);
  });

  test('Q2 takes no answers to reads of an earlier run: contexts differ from run to run', () => {
    const cluster = led();
    const b = cluster.member('b');
    const before = cluster.read('b');
    cluster.work('b');
    cluster.deliver(...cluster.take(ofKind('ReadIndex')));
    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    cluster.deliver(...cluster.take(ofKind('HeartbeatResponse')));
    const late = cluster.take(ofKind('ReadIndexResponse'));
    expect(late).toHaveLength(1);

    b.restart();
    cluster.tick(2);
    const after = cluster.read('b');
    expect(after).not.toBe(before);
    cluster.work('b');
    cluster.take();
    cluster.deliver(...late, ...late);
    expect(b.reads).toEqual([]);
  });

  test('Q3 believes no answer but of the leader that it asked', () => {
    const cluster = led();
    const context = cluster.read('b');
    cluster.work('b');
    cluster.take();
    cluster.deliver({ kind: 'ReadIndexResponse', from: node('c'), to: node('b'), term: 1, context, index: 1 });
    expect(cluster.member('b').reads).toEqual([]);
  });

  test('Q8 is no witness: it holds nothing that could be read', () => {
    const cluster = led({ configuration: { witnesses: [node('c')] } });
    expect(cluster.member('c').raft.readIndex()).toEqual({ accepted: false, reason: 'witness' });
  });
});

describe('a lease', () => {
  test('Q7 answers at once what a round would have to prove', () => {
    const cluster = ledWithLeases();
    const context = cluster.read('a', 'lease');
    cluster.work('a');
    expect(cluster.wire).toEqual([]);
    expect(cluster.member('a').reads).toEqual([{ context, index: 1 }]);
  });

  test('Q7 is opt-in: without it the same read takes a round', () => {
    const cluster = led();
    cluster.tick(1);
    cluster.read('a', 'lease');
    cluster.work('a');
    expect(cluster.member('a').reads).toEqual([]);
    cluster.settle();
    expect(cluster.member('a').reads).toHaveLength(1);
  });

  test('Q7 needs CheckQuorum, and a drift below the election timeout', () => {
    const start = (options: object): Raft =>
      new Raft({ id: node('a'), persistent: emptyState([node('a')]), random: seededRandom(1), options });
    expect(() => start({ leaseReads: true, checkQuorum: false })).toThrow('leaseReads needs checkQuorum');
    expect(() => start({ leaseReads: true, clockDriftTicks: 10 })).toThrow(RangeError);
  });

  test.each([0, 1, 4])('Q7 ends an election timeout after its round began, less the drift of %i', (drift) => {
    const cluster = ledWithLeases({ options: { clockDriftTicks: drift } });
    cluster.isolate('a');
    const a = cluster.member('a');
    let ticks = 0;
    for (; ticks < 20; ticks++) {
      cluster.read('a', 'lease');
      cluster.work('a');
      if (a.reads.length !== ticks + 1) break;
      a.raft.tick();
      cluster.work('a');
    }
    // The voters keep their word for 10 ticks of their own; one of them may have begun just before they heard of us.
    expect(ticks).toBe(10 - 1 - drift);
  });

  test('Q7 is void after a pause, until a round that began after it is answered', () => {
    const cluster = ledWithLeases();
    const a = cluster.member('a');
    a.raft.tick();
    cluster.work('a');
    a.raft.voidLease();
    // The answers to a round from before the pause prove nothing about what came in it.
    cluster.settle();
    cluster.read('a', 'lease');
    expect(a.raft.ready()?.reads).toEqual([]);
    cluster.tick(1);
    const later = cluster.read('a', 'lease');
    cluster.work('a');
    expect(cluster.wire).toEqual([]);
    expect(a.reads).toContainEqual({ context: later, index: 1 });
  });

  test('Q7 T4 is void from the moment that somebody is asked to take over (tikv#1593)', () => {
    const cluster = ledWithLeases();
    const a = cluster.member('a');
    a.raft.transferLeadership(node('b'));
    cluster.read('a', 'lease');
    cluster.work('a');
    expect(a.reads).toEqual([]);

    // The transfer comes to nothing; but the target may have been asked, and may still act on it.
    cluster.take();
    cluster.isolate('b');
    cluster.tick(10, 'a', 'c');
    expect(a.status).toMatchObject({ role: 'leader', transferTarget: null });
    const before = a.reads.length;
    cluster.read('a', 'lease');
    cluster.work('a');
    expect(a.reads).toHaveLength(before);
    cluster.settle();
    expect(a.reads).toHaveLength(before + 1);
  });

  test('Q7 waits like all others for the first entry of the term', () => {
    const cluster = ledWithLeases();
    const a = cluster.member('a');
    cluster.take();
    cluster.tick(20, 'b', 'c');
    cluster.isolate('a');
    cluster.tick(30, 'b', 'c');
    const leader = cluster.leader ?? '';
    expect(leader).not.toBe('a');
    cluster.heal();
    cluster.tick(2);
    cluster.member(leader).raft.transferLeadership(node('a'));
    cluster.work(leader);
    for (const kind of ['TimeoutNow', 'RequestVote', 'RequestVoteResponse'] as const) {
      cluster.deliver(...cluster.take(ofKind(kind)));
    }
    expect(a.status.role).toBe('leader');
    cluster.take(ofKind('AppendEntries'));
    a.raft.tick();
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('Heartbeat')));
    cluster.deliver(...cluster.take(ofKind('HeartbeatResponse')));
    const before = a.reads.length;
    cluster.read('a', 'lease');
    cluster.take();
    cluster.work('a');
    expect(a.reads).toHaveLength(before);
  });

  test('Q7 is what a follower counts for: it may not forget its leader', () => {
    const cluster = ledWithLeases();
    cluster.member('b').raft.forgetLeader();
    expect(cluster.member('b').status.leader).toBe('a');
  });

  const requestVote = (candidate: string, to: string, term: number): RequestVote => ({
    kind: 'RequestVote',
    from: node(candidate),
    to: node(to),
    term,
    lastIndex: 9,
    lastTerm: term,
    transfer: false,
  });

  test('Q7 is honoured by a voter that has forgotten who holds it', () => {
    const cluster = ledWithLeases({ members: ['a', 'b', 'c', 'd', 'e'] });
    const b = cluster.member('b');
    cluster.isolate('a');
    // A candidate that is stuck in a later term answers something of ours, and b enters that term without a leader.
    b.raft.step({ kind: 'AppendEntriesResponse', from: node('c'), to: node('b'), term: 5, index: 0, conflict: null });
    expect(b.status).toMatchObject({ term: 5, leader: null, vote: null });
    b.raft.step(requestVote('c', 'b', 5));
    cluster.work('b');
    expect(cluster.take(from('b'))).toMatchObject([{ kind: 'RequestVoteResponse', granted: false }]);
    expect(b.status.vote).toBeNull();

    // Nor does it campaign itself, however often it is told to, before its word is over.
    for (let ticks = 0; ticks < 9; ticks++) {
      b.raft.tick();
      b.raft.campaignSoon();
      b.raft.campaign();
      expect(b.status.role).toBe('follower');
    }
    b.raft.tick();
    b.raft.step(requestVote('c', 'b', 5));
    cluster.work('b');
    expect(b.status.vote).toBe('c');
  });

  test('Q7 that may have been given before a restart is honoured after it', () => {
    const cluster = ledWithLeases();
    const b = cluster.member('b');
    b.restart();
    b.raft.step(requestVote('c', 'b', 2));
    cluster.work('b');
    expect(cluster.take(from('b'))).toMatchObject([{ granted: false }]);
    b.raft.campaign();
    expect(b.status.role).toBe('follower');
    for (let i = 0; i < 10; i++) b.raft.tick();
    cluster.take();
    b.raft.step(requestVote('c', 'b', 2));
    cluster.work('b');
    expect(b.status).toMatchObject({ term: 2, vote: 'c' });
  });

  test('Q7 gives way to an election that the leader itself has asked for', () => {
    const cluster = ledWithLeases();
    const { raft } = cluster.member('b');
    raft.step({ ...requestVote('c', 'b', 2), transfer: true });
    cluster.work('b');
    expect(raft.status()).toMatchObject({ term: 2, vote: 'c' });
  });
});

/** Runs one schedule, and gives the number of reads that were served, all of them right. */
function readAtRandom(seed: number, rules: Rules = standardRules): number {
  const random = seededRandom(seed, 99);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, 3 + 2 * random.below(2));
  const cluster = new Cluster({
    members: names,
    seed,
    rules,
    options: { leaseReads: true, electionTicks: 5, clockDriftTicks: random.below(2), preVote: chance(50) },
  });
  const anybody = (): string => names[random.below(names.length)] ?? 'a';
  const pending: Map<string, number> = new Map();
  const loss = random.below(25);
  let served = 0;
  for (let tick = 0; tick < 400; tick++) {
    for (const name of names) {
      cluster.member(name).raft.tick();
      cluster.work(name);
    }
    for (let i = random.below(40); i > 0 && cluster.wire.length > 0; i--) {
      const [message] = cluster.wire.splice(random.below(cluster.wire.length), 1);
      if (message !== undefined && !chance(loss)) cluster.deliver(message);
    }
    const name = anybody();
    const { raft } = cluster.member(name);
    if (chance(30)) raft.propose([bytes(String(tick))]);
    if (chance(3)) raft.transferLeadership(node(anybody()));
    if (chance(2)) cluster.member(name).restart();
    if (chance(3)) cluster.isolate(cluster.leader ?? name);
    if (chance(10)) cluster.heal();
    // Somebody who was stuck in a later term is heard of, by one member or by many, and they may act on it.
    const [from, term] = [node(anybody()), Math.max(...names.map((other) => cluster.member(other).raft.term)) + 1];
    const hearing = chance(3) ? [name] : chance(3) ? names.filter((other) => other !== cluster.leader) : [];
    for (const other of hearing.filter((id) => id !== from)) {
      const { raft: hears } = cluster.member(other);
      hears.step({ kind: 'HeartbeatResponse', from, to: node(other), term, round: 0 });
      if (chance(50)) hears.campaign();
    }
    if (hearing.length > 1 && cluster.leader !== undefined) cluster.isolate(cluster.leader);
    const committed = Math.max(...[...cluster.members.values()].map((member) => member.raft.commit));
    for (const reader of names) {
      const result = cluster.member(reader).raft.readIndex('lease');
      if (result.accepted) pending.set(`${reader} ${result.context}`, committed);
    }
    for (const reader of names) {
      cluster.work(reader);
      for (const { context, index } of cluster.member(reader).reads.splice(0)) {
        const least = pending.get(`${reader} ${context}`) ?? 0;
        if (index < least) throw new Error(`${reader} read at ${index} what was committed up to ${least} before`);
        served++;
      }
    }
  }
  return served;
}

describe('on random schedules where all clocks tick together', () => {
  const seeds = Array.from({ length: 60 }, (_, i) => i + 1);
  let served = 0;

  test.each(seeds)('Q7 no read comes back with less than was committed before it began (%i)', (seed) => {
    served += readAtRandom(seed);
  });

  test('Q7 those schedules were no empty exam', () => {
    expect(served).toBeGreaterThan(seeds.length * 50);
  });

  test.each<[string, Partial<Rules>]>([
    ['Q1 reads before an entry of its term commits', { knowsCommit: () => true }],
    ['Q2 takes a read for confirmed that is not', { isConfirmed: () => true }],
    ['Q7 takes a lease for ever', { mayReadOnLease: ({ leaseReads }) => leaseReads }],
    [
      'Q7 votes although it owes a lease',
      {
        isDisturbance: ({ owesLease: _, ...rest }) => standardRules.isDisturbance({ ...rest, owesLease: false }),
        mayCampaign: ({ owesLease: _, ...rest }) => standardRules.mayCampaign({ ...rest, owesLease: false }),
      },
    ],
  ])('the check is not blind to a replica that breaks %s', (_, broken) => {
    const rules = { ...standardRules, ...broken };
    const manySeeds = Array.from({ length: 200 }, (_, i) => i + 1);
    const found = manySeeds.find((seed) => {
      try {
        readAtRandom(seed, rules);
        return false;
      } catch (error) {
        expect(String(error)).toContain('what was committed');
        return true;
      }
    });
    expect(found).toBeDefined();
  });
});
