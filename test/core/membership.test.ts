/** Who is in the group, and how that changes while it works: dissertation, chapter 4; M1 to M17. */
import { describe, expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import type { MembershipRefusal } from '../../src/core/membership.ts';
import type { Message } from '../../src/core/types.ts';
import { Cluster, type ClusterInit, node, steps } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;

/** The first member leads, and knows its log. */
function led(init: ClusterInit = {}): Cluster {
  const cluster = new Cluster(init);
  cluster.campaign(init.members?.[0] ?? 'a');
  return cluster;
}

function refusal(cluster: Cluster, name: string, story: string): MembershipRefusal | 'accepted' {
  const result = cluster.member(name).raft.proposeMembership(steps(story));
  return result.accepted ? 'accepted' : result.reason;
}

/** Adds members one after the other, as `voter d` and the like; they are there, and begin with nothing. */
function grow(cluster: Cluster, ...stories: readonly string[]): void {
  for (const story of stories) {
    const name = story.split(' ')[1] ?? '';
    cluster.join(name);
    cluster.change('a', story);
    cluster.settle();
  }
}

describe('a change of membership', () => {
  test('takes a newcomer from learner to voter, and everybody agrees on who is in', () => {
    const cluster = led();
    cluster.propose('a', 'before');
    grow(cluster, 'learner d');
    expect(cluster.member('d').commands).toEqual(['before']);
    cluster.tick(2);
    cluster.change('a', 'voter d');
    cluster.settle();

    for (const name of cluster.members.keys()) expect(cluster.shape(name)).toBe('a b c d');
    cluster.isolate('b');
    cluster.isolate('c');
    cluster.propose('a', 'two of four are no majority');
    cluster.tick(3);
    expect(cluster.member('a').commands).toEqual(['before']);
  });

  test('M1 comes alone: a second one waits until the first is applied', () => {
    const cluster = led();
    const a = cluster.member('a');
    a.slowMachine = true;
    a.apply();
    cluster.change('a', 'learner d');
    expect(refusal(cluster, 'a', 'learner e')).toBe('pending-change');
    cluster.settle();
    expect(a.status).toMatchObject({ commit: 2, applied: 1 });
    expect(refusal(cluster, 'a', 'learner e')).toBe('pending-change');
    a.apply();
    expect(refusal(cluster, 'a', 'learner e')).toBe('accepted');
  });

  test('M1 also when the first was left behind by another leader', () => {
    const cluster = led();
    cluster.cut('b', 'a', 'one-way');
    cluster.cut('c', 'a', 'one-way');
    cluster.change('a', 'learner d');
    cluster.settle();
    cluster.isolate('a');
    cluster.tick(10, 'b', 'c');
    cluster.member('b').slowMachine = true;
    cluster.campaign('b');

    expect(cluster.member('b').status).toMatchObject({ role: 'leader', commit: 3, applied: 1 });
    expect(refusal(cluster, 'b', 'learner e')).toBe('pending-change');
    cluster.member('b').apply();
    expect(cluster.shape('b')).toBe('a b c | d');
    expect(refusal(cluster, 'b', 'learner e')).toBe('accepted');
  });

  test('M1 M7 raft#80 etcd#7625 is checked against what is in force, not against what may come: no phantom voter', () => {
    const cluster = led({ members: ['a', 'b'] });
    cluster.member('a').slowMachine = true;
    cluster.change('a', 'remove b');
    // Judged by the configuration in force, a could go as well, and nobody would be left.
    expect(refusal(cluster, 'a', 'remove a')).toBe('pending-change');
    cluster.settle();
    expect(refusal(cluster, 'a', 'remove a')).toBe('pending-change');
    cluster.member('a').apply();
    cluster.work('a');
    expect(refusal(cluster, 'a', 'remove a')).not.toBe('accepted');
  });

  test('M2 comes only after an entry of this term is committed', () => {
    const cluster = new Cluster();
    const { raft } = cluster.member('a');
    raft.campaign();
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('RequestPreVote')));
    cluster.deliver(...cluster.take(ofKind('RequestPreVoteResponse')));
    cluster.deliver(...cluster.take(ofKind('RequestVote')));
    cluster.deliver(...cluster.take(ofKind('RequestVoteResponse')));
    expect(raft.role).toBe('leader');
    expect(refusal(cluster, 'a', 'learner d')).toBe('no-commit-in-term');
    cluster.settle();
    expect(refusal(cluster, 'a', 'learner d')).toBe('accepted');
  });

  test('M2 raft-dev 2015 (copycat#23, braft#182): leaders that take turns with changes of their own leave one quorum', () => {
    const cluster = led({ members: ['a', 'b', 'c', 'd'] });
    cluster.join('e');
    for (const name of ['b', 'c', 'd']) cluster.cut('a', name);
    cluster.change('a', 'voter e');
    cluster.settle();
    cluster.tick(20);
    const second = cluster.leader ?? 'nobody';
    cluster.change(second, 'remove a');
    cluster.settle();
    expect(cluster.shape(second)).toBe('b c d');

    // Two of those that a has cut itself off from are all that it would need with e.
    cluster.isolate(second);
    cluster.heal();
    cluster.isolate(second);
    for (let i = 0; i < 3; i++) cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', term: 1, removed: true });
    expect(cluster.shape('a')).toBe('a b c d');
  });

  test('M3 of one voter is made at once, of several by way of a joint configuration', () => {
    const cluster = led();
    for (const name of ['d', 'e']) cluster.join(name);
    cluster.change('a', 'remove c');
    cluster.settle();
    cluster.change('a', 'voter d, voter e, remove b');
    cluster.settle();

    const shapes = cluster.trace.flatMap((event) =>
      event.name === 'ApplyConfChange' && event.node === node('a') ? [event.conf.map((half) => half.join(' '))] : [],
    );
    expect(shapes).toEqual([
      ['a b', ''],
      ['a d e', 'a b'],
      ['a d e', ''],
    ]);
  });

  test('M3 goes through a joint configuration when that is asked for, even for one voter', () => {
    const cluster = led();
    cluster.change('a', 'remove c', 'joint-explicit');
    cluster.settle();
    expect(cluster.shape('a')).toBe('a b + a b c');
  });

  test('M7 of nothing is taken, and changes nothing but the version', () => {
    const cluster = led();
    cluster.change('a', 'voter b');
    cluster.settle();
    const index = cluster.change('a', 'remove x');
    cluster.settle();
    expect(cluster.member('c').raft.configuration).toEqual({
      ...foundingConfiguration(['a', 'b', 'c'].map(node)),
      version: index,
    });
  });

  test('M8 takes effect when it is applied, and not at all when it is truncated', () => {
    const cluster = led();
    cluster.isolate('a');
    cluster.change('a', 'remove c');
    cluster.settle();
    expect(cluster.shape('a')).toBe('a b c');
    cluster.tick(30, 'b', 'c');
    cluster.heal();
    cluster.tick(20);

    for (const name of ['a', 'b', 'c']) expect(cluster.shape(name)).toBe('a b c');
    expect(cluster.member('a').log).toBe('1: 2:');
  });

  test('M9 is made only to the configuration that its author has seen', () => {
    const cluster = led();
    const seen = cluster.member('a').raft.configuration.version;
    const first = cluster.change('a', 'learner d', 'auto', seen);
    cluster.settle();
    const { raft } = cluster.member('a');
    expect(raft.proposeMembership(steps('learner e'), { ifVersion: seen })).toEqual({
      accepted: false,
      reason: 'version-mismatch',
    });
    expect(raft.configuration.version).toBe(first);
    expect(raft.proposeMembership(steps('learner e'), { ifVersion: first }).accepted).toBe(true);
  });

  test('that does not make sense to a member changes nothing there', () => {
    const cluster = led();
    const { raft } = cluster.member('b');
    const entry = { index: 2, term: 1, kind: 'configuration', data: new Uint8Array([1, 2, 3]) } as const;
    const append = {
      kind: 'AppendEntries',
      from: node('a'),
      to: node('b'),
      term: 1,
      prevIndex: 1,
      prevTerm: 1,
    } as const;
    raft.step({ ...append, entries: [entry], commit: 2 });
    cluster.work('b');
    expect(raft.status().applied).toBe(2);
    expect(cluster.shape('b')).toBe('a b c');
  });

  test.each<[MembershipRefusal, string, (cluster: Cluster) => void]>([
    ['not-leader', 'learner d', (cluster) => cluster.tick(50, 'a')],
    ['transferring', 'learner d', ({ members }) => members.get('a')?.raft.transferLeadership(node('b'))],
    ['pending-change', 'learner d', (cluster) => cluster.change('a', 'learner e')],
    ['joint', 'learner d', (cluster) => cluster.change('a', 'remove c', 'joint-explicit') && cluster.settle()],
    ['no-voter-left', 'remove a, remove b, remove c', () => undefined],
    ['witness-is-witness', 'witness b', () => undefined],
    ['reader-is-reader', 'voter d', (cluster) => cluster.change('a', 'reader d') && cluster.settle()],
    ['excluded', 'learner c', (cluster) => cluster.change('a', 'remove c') && cluster.settle()],
    ['excluded', 'learner d-1', (cluster) => cluster.change('a', 'ban d-') && cluster.settle()],
    ['excluded', 'ban d-, learner d-1', () => undefined],
    ['not-caught-up', 'voter d', (cluster) => cluster.change('a', 'learner d') && cluster.settle()],
  ])('is refused with a reason: %s', (reason, change, prepare) => {
    const cluster = led();
    if (reason === 'not-leader') cluster.isolate('a');
    prepare(cluster);
    expect(refusal(cluster, 'a', change)).toBe(reason);
  });

  test('that leaves a joint configuration is refused where there is none, or to anybody but the leader', () => {
    const cluster = led();
    expect(cluster.member('a').raft.leaveJoint()).toEqual({ accepted: false, reason: 'not-joint' });
    expect(cluster.member('b').raft.leaveJoint()).toEqual({ accepted: false, reason: 'not-leader' });
  });
});

describe('a joint configuration', () => {
  const halves: ClusterInit = {
    members: ['a', 'b', 'c', 'd', 'e'],
    configuration: { voters: ['a', 'd', 'e'], outgoing: ['a', 'b', 'c'] },
  };
  const cutOff = (cluster: Cluster, ...names: readonly string[]): void => {
    for (const name of names) cluster.isolate(name);
  };

  test.each([
    ['the incoming half', ['d', 'e']],
    ['the outgoing half', ['b', 'c']],
  ])('M4 elects nobody without a majority of %s', (_, missing) => {
    const cluster = new Cluster(halves);
    cutOff(cluster, ...missing);
    cluster.campaign('a');
    cluster.tick(30);
    expect(cluster.leader).toBeUndefined();
    cluster.heal();
    cutOff(cluster, missing[0] ?? '');
    cluster.campaign('a');
    cluster.tick(20);
    expect(cluster.leader).toBeDefined();
  });

  test.each([
    ['the incoming half', ['d', 'e']],
    ['the outgoing half', ['b', 'c']],
  ])('M4 commits nothing, confirms no read and keeps no leader without a majority of %s', (_, missing) => {
    const cluster = led(halves);
    cutOff(cluster, ...missing);
    cluster.propose('a', 'x');
    const read = cluster.member('a').raft.readIndex();
    expect(read.accepted).toBe(true);
    cluster.tick(5);
    expect(cluster.member('a').commands).toEqual([]);
    expect(cluster.trace.filter(({ name }) => name === 'ReadReady')).toEqual([]);
    cluster.tick(20);
    expect(cluster.member('a').status.role).toBe('follower');
  });

  test('M4 works with one missing of each half', () => {
    const cluster = led(halves);
    cutOff(cluster, 'c', 'e');
    cluster.propose('a', 'x');
    cluster.member('a').raft.readIndex();
    cluster.tick(30);
    expect(cluster.member('a').commands).toEqual(['x']);
    expect(cluster.trace.filter(({ name }) => name === 'ReadReady')).toHaveLength(1);
    expect(cluster.member('a').status.role).toBe('leader');
  });

  test('M5 is left by the leader without being asked, once', () => {
    const cluster = led();
    cluster.join('d');
    cluster.change('a', 'voter d, remove c');
    cluster.tick(5);
    for (const name of ['a', 'b', 'd']) expect(cluster.shape(name)).toBe('a b d');
    const kinds = cluster.member('a').entries.map((entry) => entry.kind);
    expect(kinds).toEqual(['empty', 'configuration', 'configuration']);
  });

  test('M5 etcd#12582 is left by another leader when the first one dies in between', () => {
    const cluster = led({ members: ['a', 'b', 'c', 'd'], configuration: { voters: ['a', 'b', 'c'] } });
    cluster.member('a').slowMachine = true;
    cluster.change('a', 'voter d, remove c');
    cluster.settle();
    expect(cluster.shape('b')).toBe('a b d + a b c (auto)');

    cluster.isolate('a');
    cluster.tick(30, 'b', 'c', 'd');
    for (const name of ['b', 'd']) expect(cluster.shape(name)).toBe('a b d');
    cluster.heal();
    cluster.member('a').slowMachine = false;
    cluster.member('a').apply();
    cluster.tick(30);
    expect(cluster.shape('a')).toBe('a b d');
    const changes = cluster.member('a').entries.filter((entry) => entry.kind === 'configuration');
    expect(changes).toHaveLength(2);
  });

  test('M5 is left at the second attempt when the first was lost with its leader', () => {
    const cluster = led({ members: ['a', 'b', 'c', 'd'], configuration: { voters: ['a', 'b', 'c'] } });
    cluster.member('a').slowMachine = true;
    cluster.change('a', 'voter d, remove c');
    cluster.settle();
    cluster.isolate('a');
    cluster.member('a').apply();
    cluster.work('a');
    expect(cluster.member('a').entries).toHaveLength(3);

    cluster.tick(30, 'b', 'c', 'd');
    cluster.heal();
    cluster.tick(30);
    cluster.member('a').slowMachine = false;
    cluster.member('a').apply();
    expect(cluster.shape('a')).toBe('a b d');
  });

  test('M5 that is to be left by hand stays until then, also under another leader', () => {
    const cluster = led({ members: ['a', 'b', 'c', 'd'], configuration: { voters: ['a', 'b', 'c'] } });
    const index = cluster.change('a', 'voter d, remove c', 'joint-explicit');
    cluster.settle();
    cluster.member('a').raft.transferLeadership(node('b'));
    cluster.tick(20);
    expect(cluster.shape('b')).toBe('a b d + a b c');
    const { raft } = cluster.member('b');
    expect(raft.leaveJoint({ ifVersion: index + 1 })).toEqual({ accepted: false, reason: 'version-mismatch' });
    expect(raft.leaveJoint({ ifVersion: index })).toMatchObject({ accepted: true });
    expect(raft.leaveJoint()).toEqual({ accepted: false, reason: 'pending-change' });
    cluster.settle();
    expect(cluster.shape('a')).toBe('a b d');
    expect(raft.leaveJoint()).toEqual({ accepted: false, reason: 'not-joint' });
  });

  test('M6 keeps the vote of whoever is demoted until it is left', () => {
    const cluster = led();
    cluster.change('a', 'learner b, learner c', 'joint-explicit');
    cluster.settle();
    expect(cluster.shape('b')).toBe('a + a b c > b c');
    cluster.isolate('b');
    cluster.isolate('c');
    cluster.propose('a', 'x');
    cluster.tick(3);
    expect(cluster.member('a').commands).toEqual([]);
    cluster.heal();
    cluster.tick(3);
    expect(cluster.member('a').commands).toEqual(['x']);

    cluster.member('a').raft.leaveJoint();
    cluster.settle();
    expect(cluster.shape('c')).toBe('a | b c');
    cluster.isolate('b');
    cluster.isolate('c');
    cluster.propose('a', 'y');
    cluster.settle();
    expect(cluster.member('a').commands).toEqual(['x', 'y']);
  });

  test('Q8 openraft d60f1e85: learners do not confirm a read', () => {
    const cluster = led({
      members: ['a', 'b', 'c', 'd', 'e'],
      configuration: { voters: ['a', 'b', 'c'], learners: ['d', 'e'] },
    });
    cutOff(cluster, 'b', 'c');
    cluster.member('a').raft.readIndex();
    cluster.tick(3);
    expect(cluster.member('a').status.progress.get(node('d'))).toMatchObject({ recentlyActive: true });
    expect(cluster.trace.filter(({ name }) => name === 'ReadReady')).toEqual([]);
    cluster.heal();
    cluster.tick(3);
    expect(cluster.trace.filter(({ name }) => name === 'ReadReady')).toHaveLength(1);
  });
});
