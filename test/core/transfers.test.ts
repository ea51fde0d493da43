/** How leadership is handed over: dissertation, section 3.10; T1 to T4. */
import { describe, expect, test } from 'vitest';
import type { TransferRefusal } from '../../src/core/transfers.ts';
import type { Message, TimeoutNow } from '../../src/core/types.ts';
import { Cluster, type ClusterInit, bytes, node } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;
const timeoutNow = (from: string, to: string, term: number): TimeoutNow => ({
  kind: 'TimeoutNow',
  from: node(from),
  to: node(to),
  term,
});

function led(init: ClusterInit = {}): Cluster {
  const cluster = new Cluster(init);
  cluster.campaign(init.members?.[0] ?? 'a');
  return cluster;
}

function transfer(cluster: Cluster, from: string, to: string): TransferRefusal | 'accepted' {
  const result = cluster.member(from).raft.transferLeadership(node(to));
  return result.accepted ? 'accepted' : result.reason;
}

describe('a hand-over of leadership', () => {
  test('reaches its target within one exchange, and nothing is lost', () => {
    const cluster = led();
    cluster.propose('a', 'x');
    expect(transfer(cluster, 'a', 'b')).toBe('accepted');
    cluster.settle();
    expect(cluster.leader).toBe('b');
    for (const member of cluster.members.values()) expect(member.status).toMatchObject({ term: 2, leader: 'b' });
    cluster.propose('b', 'y');
    cluster.settle();
    expect(cluster.member('c').commands).toEqual(['x', 'y']);
  });

  test.each<[TransferRefusal, string, string]>([
    ['not-leader', 'b', 'c'],
    ['is-leader', 'a', 'a'],
    ['cannot-lead', 'a', 'x'],
    ['cannot-lead', 'a', 'l'],
    ['cannot-lead', 'a', 'w'],
  ])('T1 is refused with a reason: %s (%s to %s)', (reason, from, to) => {
    const cluster = led({
      members: ['a', 'b', 'c', 'l', 'w'],
      configuration: { voters: ['a', 'b', 'c', 'w'], learners: ['l'], witnesses: ['w'] },
    });
    expect(transfer(cluster, from, to)).toBe(reason);
    expect(cluster.member('a').status.transferTarget).toBeNull();
  });

  test('T1 goes to a voter of the outgoing half as well', () => {
    const cluster = led({ configuration: { voters: ['a', 'b'], outgoing: ['a', 'c'] } });
    expect(transfer(cluster, 'a', 'c')).toBe('accepted');
    cluster.settle();
    expect(cluster.leader).toBe('c');
  });

  test('T1 waits until the target holds the whole log', () => {
    const cluster = led();
    cluster.isolate('b');
    cluster.propose('a', 'x', 'y');
    cluster.tick(3);
    transfer(cluster, 'a', 'b');
    cluster.settle();
    expect(cluster.trace.filter(({ name }) => name === 'SendTimeoutNow')).toEqual([]);
    cluster.heal();
    cluster.tick(2);
    expect(cluster.leader).toBe('b');
    expect(cluster.member('b').log).toBe('1: 1:x 1:y 2:');
  });

  test('T1 is asked for again when the request was lost', () => {
    const cluster = led({ options: { heartbeatTicks: 2, electionTicks: 10 } });
    transfer(cluster, 'a', 'b');
    cluster.work('a');
    expect(cluster.take(ofKind('TimeoutNow'))).toHaveLength(1);
    cluster.tick(1);
    expect(cluster.leader).toBe('a');
    cluster.tick(1);
    expect(cluster.leader).toBe('b');
  });

  test('T2 refuses proposals and changes meanwhile, and is given up after an election timeout', () => {
    const cluster = led();
    cluster.isolate('b');
    transfer(cluster, 'a', 'b');
    const { raft } = cluster.member('a');
    for (let i = 0; i < 9; i++) {
      expect(raft.propose(bytes('x'))).toEqual({ accepted: false, reason: 'transferring' });
      expect(raft.proposeMembership([])).toEqual({ accepted: false, reason: 'transferring' });
      expect(raft.leaveJoint()).toEqual({ accepted: false, reason: 'transferring' });
      cluster.tick(1);
    }
    expect(cluster.member('a').status.transferTarget).toBe('b');
    cluster.tick(1);
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', transferTarget: null });
    expect(raft.propose(bytes('x')).accepted).toBe(true);
    cluster.settle();
    expect(cluster.member('c').commands).toEqual(['x']);
  });

  test('T2 ends with the leadership', () => {
    const cluster = led();
    cluster.isolate('b');
    transfer(cluster, 'a', 'b');
    cluster.deliver({ kind: 'HeartbeatResponse', from: node('c'), to: node('a'), term: 5, round: 0 });
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', transferTarget: null });
    cluster.heal();
    cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', transferTarget: null });
    expect(cluster.member('a').raft.propose(bytes('x')).accepted).toBe(true);
  });

  test.each(['remove b', 'learner b'])('T3 ends when its target cannot lead any more: %s', (change) => {
    const cluster = led();
    cluster.cut('a', 'b');
    cluster.change('a', change);
    transfer(cluster, 'a', 'b');
    cluster.settle();
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', commit: 2, transferTarget: null });
    expect(transfer(cluster, 'a', 'b')).toBe('cannot-lead');
    expect(cluster.member('a').raft.propose(bytes('x')).accepted).toBe(true);
  });

  test('T3 to the same target again changes nothing, and takes no longer', () => {
    const cluster = led();
    cluster.isolate('b');
    transfer(cluster, 'a', 'b');
    cluster.tick(5);
    expect(transfer(cluster, 'a', 'b')).toBe('accepted');
    expect(cluster.trace.filter(({ name }) => name === 'TransferStart')).toHaveLength(1);
    cluster.tick(5);
    expect(cluster.member('a').status.transferTarget).toBeNull();
  });

  test('T3 to another target takes the place of the first', () => {
    const cluster = led();
    cluster.isolate('b');
    transfer(cluster, 'a', 'b');
    cluster.tick(5);
    expect(transfer(cluster, 'a', 'c')).toBe('accepted');
    expect(cluster.member('a').status.transferTarget).toBe('c');
    cluster.settle();
    expect(cluster.leader).toBe('c');
    cluster.heal();
    cluster.tick(20);
    for (const member of cluster.members.values()) expect(member.status).toMatchObject({ term: 2, leader: 'c' });
  });

  test('T4 needs no pre-votes, and wins against followers that hear a living leader', () => {
    const cluster = led();
    cluster.tick(3);
    cluster.trace.length = 0;
    transfer(cluster, 'a', 'c');
    cluster.settle();
    expect(cluster.leader).toBe('c');
    expect(cluster.trace.filter(({ name }) => name === 'SendRequestPreVote')).toEqual([]);
    const requests = cluster.trace.filter((event) => event.name === 'SendRequestVote');
    expect(requests.length).toBeGreaterThan(0);
    for (const event of requests) expect(event).toMatchObject({ message: { transfer: true } });
  });

  /** With leases, nobody stands for election before a lease of an earlier run must be over. */
  function ledWithLeases(): { readonly cluster: Cluster; readonly leader: string; readonly other: string } {
    const cluster = new Cluster({ options: { leaseReads: true } });
    cluster.tick(40);
    const { leader = 'nobody' } = cluster;
    const other = ['a', 'b', 'c'].find((name) => name !== leader) ?? leader;
    return { cluster, leader, other };
  }

  test('T4 ends the lease at the moment when the target is asked', () => {
    const { cluster, leader, other } = ledWithLeases();
    const reads = (): number => cluster.trace.filter(({ name }) => name === 'ReadReady').length;
    const { raft } = cluster.member(leader);
    cluster.isolate(leader);
    raft.readIndex('lease');
    cluster.work(leader);
    expect(reads()).toBe(1);
    transfer(cluster, leader, other);
    raft.readIndex('lease');
    cluster.work(leader);
    expect(reads()).toBe(1);
  });

  test('T4 does not wait for the end of a lease, which the leader has given up', () => {
    const { cluster, leader, other } = ledWithLeases();
    transfer(cluster, leader, other);
    cluster.settle();
    expect(cluster.leader).toBe(other);
  });
});

describe('a request to campaign at once', () => {
  test('T1 of an earlier term is answered with ours, and not followed', () => {
    const cluster = led({ disks: { a: { term: 4 }, b: { term: 4 }, c: { term: 4 } } });
    cluster.take();
    cluster.deliver(timeoutNow('a', 'b', 3));
    expect(cluster.member('b').status).toMatchObject({ role: 'follower', term: 5, leader: 'a' });
    expect(cluster.take()).toMatchObject([{ kind: 'HeartbeatResponse', to: 'a', term: 5 }]);
  });

  test.each([
    ['does not lead', 'c', 1],
    ['is no member', 'x', 1],
    ['claims a later term, in which we know no leader', 'c', 7],
  ])('T1 of somebody who %s is not followed', (_, from, term) => {
    const cluster = led();
    cluster.deliver(timeoutNow(from, 'b', term));
    expect(cluster.member('b').status.role).toBe('follower');
    expect(cluster.trace.filter(({ name, node: at }) => name === 'BecomeCandidate' && at === node('b'))).toEqual([]);
  });

  test('T1 R20 that comes twice makes one campaign', () => {
    const cluster = led();
    transfer(cluster, 'a', 'b');
    cluster.work('a');
    const [request] = cluster.take(ofKind('TimeoutNow'));
    if (request === undefined) throw new Error('nobody was asked');
    cluster.deliver(request, request);
    cluster.settle();
    cluster.deliver(request);
    cluster.settle();
    expect(cluster.member('b').status).toMatchObject({ role: 'leader', term: 2 });
    expect(cluster.trace.filter(({ name, node: at }) => name === 'BecomeCandidate' && at === node('b'))).toHaveLength(
      1,
    );
  });

  test('T1 consul#7031 that comes late, when the log has gone on, elects nobody who lacks it', () => {
    const cluster = led();
    transfer(cluster, 'a', 'b');
    cluster.work('a');
    const late = cluster.take(ofKind('TimeoutNow'));
    cluster.cut('a', 'b');
    cluster.tick(10);
    cluster.take();
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.member('c').commands).toEqual(['x']);
    cluster.heal();
    cluster.deliver(...late);
    cluster.tick(40);
    expect(cluster.leader).not.toBe('b');
    for (const member of cluster.members.values()) expect(member.commands).toEqual(['x']);
  });

  test('T1 to a leader or a candidate means nothing', () => {
    const cluster = led();
    cluster.deliver(timeoutNow('b', 'a', 1));
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', term: 1 });
    cluster.isolate('b');
    cluster.member('b').raft.campaign();
    cluster.work('b');
    cluster.member('b').raft.step(timeoutNow('a', 'b', 1));
    expect(cluster.member('b').status).toMatchObject({ role: 'pre-candidate', term: 1 });
  });
});

test('after the old leader is gone, one that was asked too late still finds its way by itself', () => {
  const cluster = led();
  cluster.isolate('b');
  transfer(cluster, 'a', 'b');
  cluster.isolate('a');
  cluster.heal();
  cluster.isolate('a');
  cluster.tick(40, 'b', 'c');
  expect(['b', 'c']).toContain(cluster.leader);
});

describe('a replica that stands aside', () => {
  test('hands leadership over, and campaigns no more, though it votes', () => {
    const cluster = led();
    cluster.member('a').raft.standAside();
    cluster.settle();
    expect(cluster.leader).toBe('b');
    cluster.isolate('b');
    cluster.tick(40, 'a');
    expect(cluster.member('a').status.role).toBe('follower');
    cluster.tick(40, 'a', 'c');
    expect(cluster.leader).toBe('c');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', leader: 'c' });
  });

  test('steps down after an election timeout when nobody takes over', () => {
    const cluster = led({ options: { checkQuorum: false } });
    cluster.isolate('a');
    cluster.member('a').raft.standAside();
    cluster.tick(9, 'a');
    expect(cluster.member('a').status.role).toBe('leader');
    cluster.tick(1, 'a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', leader: null, removed: false });
  });

  test('ends its campaign, and is not talked into another one', () => {
    const cluster = new Cluster();
    cluster.isolate('a');
    cluster.campaign('a');
    cluster.member('a').raft.standAside();
    expect(cluster.member('a').status.role).toBe('follower');
    cluster.heal();
    cluster.campaign('b');
    cluster.settle();
    expect(transfer(cluster, 'b', 'a')).toBe('accepted');
    cluster.settle();
    cluster.tick(5);
    expect(cluster.leader).toBe('b');
  });
});
