/** How leaders come and go: paper, section 5.2 and 5.4.1; dissertation, sections 4.2.3, 6.2 and 9.6. */
import { describe, expect, test } from 'vitest';
import { InvariantViolation } from '../../src/core/errors.ts';
import { emptyState, Raft } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import { standardRules } from '../../src/core/rules.ts';
import type { Message } from '../../src/core/types.ts';
import { Cluster, node } from './cluster.ts';

const from = (name: string) => (message: Message) => message.from === node(name);
const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;

describe('a group without a leader', () => {
  test('elects one when the first member loses patience, and all agree who it is', () => {
    const cluster = new Cluster();
    cluster.tick(20);

    const leader = cluster.leader;
    expect(leader).toBeDefined();
    for (const member of cluster.members.values()) {
      expect(member.status).toMatchObject({ leader, term: 1, commit: 1 });
    }
  });

  test('E17 begins each leadership with an empty entry of its term', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('a');
    cluster.tick(20, 'b', 'c');

    expect(cluster.member('b').log).toBe('1: 2:');
  });

  test('E11 a single voter elects itself at once, but only when its vote is durable', () => {
    const cluster = new Cluster({ members: ['a'] });
    const a = cluster.member('a');
    a.slowDisk = true;

    cluster.campaign('a');
    expect(a.status).toMatchObject({ role: 'candidate', term: 1 });
    a.flush();
    expect(a.status.role).toBe('leader');
  });

  test('E14 a replica that is no voter never campaigns', () => {
    const random = seededRandom(1);
    const outsider = new Raft({ id: node('x'), persistent: emptyState(['a', 'b'].map(node)), random });
    for (let i = 0; i < 100; i++) outsider.tick();
    outsider.campaign();

    expect(outsider.status()).toMatchObject({ role: 'follower', term: 0 });
    expect(outsider.ready()).toBeNull();
  });

  test('E6 timeouts are drawn from [n, 2n), afresh for each role, from the injected source', () => {
    const waits: Set<number> = new Set();
    for (let seed = 0; seed < 200; seed++) {
      const persistent = emptyState(['a', 'b'].map(node));
      const raft = new Raft({ id: node('a'), persistent, random: seededRandom(seed), options: { electionTicks: 10 } });
      let ticks = 0;
      while (raft.status().role === 'follower') {
        raft.tick();
        ticks++;
      }
      waits.add(ticks);
    }
    expect([...waits].sort((x, y) => x - y)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  test('E14 a replica that is no voter does not count for ever on a leader that is silent', () => {
    const outsider = new Raft({
      id: node('x'),
      persistent: emptyState(['a', 'b'].map(node)),
      random: seededRandom(1),
      options: { electionTicks: 10 },
    });
    const heartbeat = { kind: 'Heartbeat', from: node('a'), to: node('x'), term: 1, commit: 0 } as const;
    outsider.step({ ...heartbeat, round: 1 });
    for (let i = 0; i < 9; i++) outsider.tick();
    expect(outsider.leader).toBe(node('a'));
    for (let i = 0; i < 11; i++) outsider.tick();
    expect(outsider).toMatchObject({ role: 'follower', leader: null });
    outsider.step({ ...heartbeat, round: 2 });
    expect(outsider.leader).toBe(node('a'));
  });

  test('E18 an election timeout that is not above the heartbeat interval is refused at construction', () => {
    const persistent = emptyState([node('a')]);
    const options = { electionTicks: 3, heartbeatTicks: 3 };
    expect(() => new Raft({ id: node('a'), persistent, random: seededRandom(1), options })).toThrow(
      'electionTicks (3) must be above heartbeatTicks (3)',
    );
    expect(
      () => new Raft({ id: node('a'), persistent, random: seededRandom(1), options: { maxInflightMessages: 0 } }),
    ).toThrow(RangeError);
  });
});

describe('a vote', () => {
  test.each([
    ['a longer log of the same term', '1:x 1:y', '1:x', true],
    ['the same log', '1:x', '1:x', true],
    ['a shorter log of the same term', '1:x', '1:x 1:y', false],
    ['a shorter log of a later term', '2:x', '1:x 1:y', true],
    ['a longer log of an earlier term', '1:x 1:y 1:z', '2:x', false],
  ])('E3 for %s', (_, candidate, voter, granted) => {
    const term = 2;
    const cluster = new Cluster({
      members: ['a', 'b'],
      options: { preVote: false },
      disks: { a: { log: candidate, term }, b: { log: voter, term } },
    });
    cluster.campaign('a');
    expect(cluster.member('a').status.role).toBe(granted ? 'leader' : 'follower');
  });

  test('E3 does not look at the commit index', () => {
    const cluster = new Cluster({
      members: ['a', 'b'],
      disks: { a: { log: '1:x 1:y', term: 1, commit: 0 }, b: { log: '1:x', term: 1, commit: 1 } },
    });
    cluster.campaign('a');
    expect(cluster.leader).toBe('a');
  });

  test('E4 is given once per term, and again to the same candidate', () => {
    const cluster = new Cluster({ options: { preVote: false } });
    const { raft } = cluster.member('c');
    const request = {
      kind: 'RequestVote',
      transfer: false,
      to: node('c'),
      term: 1,
      lastIndex: 0,
      lastTerm: 0,
    } as const;

    for (const candidate of ['a', 'b', 'a']) raft.step({ ...request, from: node(candidate) });
    cluster.work('c');

    expect(cluster.wire).toMatchObject([
      { kind: 'RequestVoteResponse', removed: false, to: 'a', granted: true },
      { kind: 'RequestVoteResponse', removed: false, to: 'b', granted: false },
      { kind: 'RequestVoteResponse', removed: false, to: 'a', granted: true },
    ]);
  });

  test('E4 is remembered over a restart', () => {
    const cluster = new Cluster({ options: { preVote: false } });
    const request = {
      kind: 'RequestVote',
      transfer: false,
      to: node('c'),
      term: 1,
      lastIndex: 0,
      lastTerm: 0,
    } as const;
    cluster.deliver({ ...request, from: node('a') });
    cluster.member('c').restart();
    cluster.take();

    cluster.deliver({ ...request, from: node('b') });
    expect(cluster.wire).toMatchObject([{ kind: 'RequestVoteResponse', removed: false, to: 'b', granted: false }]);
  });

  test('E7 is refused while a leader was heard within the election timeout', () => {
    const cluster = new Cluster({ options: { preVote: false } });
    cluster.campaign('a');
    cluster.cut('a', 'c');
    cluster.tick(5, 'a', 'b');

    cluster.campaign('c');
    expect(cluster.member('b').status).toMatchObject({ term: 1, leader: 'a', vote: 'a' });
    expect(cluster.member('c').status).toMatchObject({ role: 'candidate', term: 2 });
  });

  test('E10 does not count when it comes late, for another term or after winning', () => {
    const cluster = new Cluster({ members: ['a', 'b', 'c', 'd', 'e'], options: { preVote: false } });
    for (const other of ['b', 'c', 'd', 'e']) cluster.cut(other, 'a', 'one-way');
    cluster.campaign('a');
    cluster.campaign('a');
    const { raft } = cluster.member('a');
    const vote = { kind: 'RequestVoteResponse', removed: false, to: node('a'), granted: true } as const;

    raft.step({ ...vote, from: node('b'), term: 1 });
    raft.step({ ...vote, from: node('c'), term: 1 });
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 2 });
    raft.step({ ...vote, from: node('b'), term: 2 });
    raft.step({ ...vote, from: node('c'), term: 2 });
    expect(raft.status().role).toBe('leader');
    raft.step({ ...vote, from: node('d'), term: 2, granted: false });
    raft.step({ ...vote, from: node('d'), term: 2, granted: false });
    expect(raft.status().role).toBe('leader');
  });

  test('M17 an answer from somebody who is no member counts for nothing', () => {
    const cluster = new Cluster({ options: { preVote: false } });
    const { raft } = cluster.member('a');
    raft.campaign();
    cluster.work('a');
    raft.step({ kind: 'RequestVoteResponse', removed: false, from: node('x'), to: node('a'), term: 1, granted: true });
    raft.step({ kind: 'RequestVoteResponse', removed: false, from: node('y'), to: node('a'), term: 9, granted: false });
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 1 });
  });
});

describe('a pre-vote', () => {
  test('E8 changes neither term, vote, timer nor role of the voter', () => {
    const cluster = new Cluster();
    const { raft } = cluster.member('b');
    for (let i = 0; i < 9; i++) raft.tick();
    const before = raft.status();

    raft.step({ kind: 'RequestPreVote', from: node('a'), to: node('b'), term: 1, lastIndex: 0, lastTerm: 0 });
    cluster.work('b');

    expect(cluster.wire).toMatchObject([{ kind: 'RequestPreVoteResponse', removed: false, granted: true, term: 1 }]);
    expect(raft.status()).toEqual(before);
    for (let i = 0; i < 10; i++) raft.tick();
    expect(raft.status().role).toBe('pre-candidate');
  });

  test('keeps a member that was cut off from disturbing the group with a high term', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('c');
    cluster.tick(100);
    expect(cluster.member('c').status.term).toBe(1);

    cluster.heal();
    cluster.tick(20);
    for (const member of cluster.members.values()) expect(member.status).toMatchObject({ term: 1, leader: 'a' });
  });

  test('E9 refused with a later term makes the candidate enter that term (openraft#1796)', () => {
    const cluster = new Cluster({ disks: { b: { term: 5 }, c: { term: 5 } } });
    cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', term: 5 });
    cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', term: 6 });
  });

  test('E10 granted for an earlier campaign does not count for this one', () => {
    const cluster = new Cluster({ disks: { a: { term: 3 } } });
    const { raft } = cluster.member('a');
    raft.campaign();
    for (const voter of ['b', 'c']) {
      raft.step({
        kind: 'RequestPreVoteResponse',
        removed: false,
        from: node(voter),
        to: node('a'),
        term: 3,
        granted: true,
      });
    }
    expect(raft.status()).toMatchObject({ role: 'pre-candidate', term: 3 });
  });

  test('is given up when a majority refuses', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x', term: 1 }, c: { log: '1:x', term: 1 }, a: { term: 1 } } });
    cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', term: 1 });
  });
});

describe('a term', () => {
  test('E1 that is later makes anyone a follower of it, with vote and leader cleared', () => {
    const cluster = new Cluster({ options: { checkQuorum: false } });
    cluster.campaign('a');
    const { raft } = cluster.member('a');
    raft.step({
      kind: 'RequestVote',
      transfer: false,
      from: node('b'),
      to: node('a'),
      term: 7,
      lastIndex: 0,
      lastTerm: 0,
    });
    expect(raft.status()).toMatchObject({ role: 'follower', term: 7, vote: null, leader: null });
  });

  test('E5 that is later does not restart the election timer when the vote is refused', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x', term: 1 } } });
    const { raft } = cluster.member('b');
    let term = 1;
    let ticks = 0;
    while (raft.status().role === 'follower' && ticks < 50) {
      raft.tick();
      ticks++;
      term++;
      const request = {
        kind: 'RequestVote',
        transfer: false,
        from: node('a'),
        to: node('b'),
        term,
        lastIndex: 0,
        lastTerm: 0,
      } as const;
      if (raft.status().role === 'follower') raft.step(request);
    }
    expect(ticks).toBeLessThan(20);
  });

  test.each(['AppendEntries', 'Heartbeat'] as const)(
    'E2 N2 that is earlier, in %s, is answered with ours and does not reset timers',
    (kind) => {
      const cluster = new Cluster({ disks: { b: { term: 5 } } });
      const { raft } = cluster.member('b');
      for (let i = 0; i < 25 && raft.status().role === 'follower'; i++) {
        const envelope = { from: node('a'), to: node('b'), term: 4, commit: 0, round: 1 };
        raft.step(
          kind === 'Heartbeat' ? { ...envelope, kind } : { ...envelope, kind, prevIndex: 0, prevTerm: 0, entries: [] },
        );
        raft.tick();
      }
      cluster.work('b');
      expect(cluster.wire.find((message) => message.kind === `${kind}Response`)).toMatchObject({ term: 5 });
      expect(raft.status()).toMatchObject({ role: 'pre-candidate', leader: null });
    },
  );

  test('E2 that is earlier, in a vote request, is refused with ours', () => {
    const cluster = new Cluster({ disks: { b: { term: 5 }, c: { term: 5 } }, options: { preVote: false } });
    cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', term: 5 });
  });

  test('E13 with two leaders is a broken invariant that stops the replica for good (NuRaft#531)', () => {
    const cluster = new Cluster();
    const { raft } = cluster.member('c');
    raft.step({ kind: 'Heartbeat', round: 1, from: node('a'), to: node('c'), term: 1, commit: 0 });
    const second = { kind: 'Heartbeat', round: 1, from: node('b'), to: node('c'), term: 1, commit: 0 } as const;

    expect(() => raft.step(second)).toThrow(InvariantViolation);
    expect(() => raft.step(second)).toThrow('E13: b and a both claim to lead term 1');
    expect(() => raft.tick()).toThrow('E13');
    expect(() => raft.ready()).toThrow('E13');
  });

  test('E12 term, role, vote and leader change as one step: no trace event shows a mixture', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('a');
    cluster.tick(40);
    cluster.heal();
    cluster.tick(20);

    for (const event of cluster.trace) {
      if (event.name === 'BecomeCandidate') expect(event.state.vote).toBe(event.node);
      if (event.name === 'BecomeLeader') expect(event).toMatchObject({ role: 'leader', state: { vote: event.node } });
    }
    const leaders = cluster.trace.filter(({ name }) => name === 'BecomeLeader').map(({ state }) => state.term);
    expect(new Set(leaders).size).toBe(leaders.length);
  });
});

describe('a leader', () => {
  test('without a majority steps down within an election timeout', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('a');
    cluster.tick(20, 'a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', term: 1, leader: null });
  });

  test('with a majority goes on, whoever else is missing', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('c');
    cluster.tick(50, 'a', 'b');
    expect(cluster.member('a').status.role).toBe('leader');
  });

  test('ignores a campaign that a member with a broken link starts again and again', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.cut('a', 'c', 'one-way');
    cluster.tick(100);
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', term: 1 });
  });

  test('heard only by a minority does not keep them loyal for ever (openraft#2080)', () => {
    const cluster = new Cluster({ members: ['a', 'b', 'c', 'd', 'e'] });
    cluster.campaign('a');
    for (const name of ['c', 'd', 'e']) cluster.cut('a', name);
    cluster.tick(60);

    expect(['c', 'd', 'e']).toContain(cluster.leader);
    expect(cluster.member('b').status.leader).toBe(cluster.leader);
  });
});

describe('a follower whose leader said goodbye', () => {
  test('does not wait for the election timeout, and the survivors do not split the vote', () => {
    const cluster = new Cluster({ options: { electionTicks: 20, heartbeatTicks: 2 } });
    cluster.campaign('a');
    cluster.isolate('a');
    cluster.member('b').raft.forgetLeader();
    cluster.member('c').raft.forgetLeader();
    expect(cluster.member('b').status.leader).toBeNull();

    cluster.tick(2, 'b', 'c');
    expect(cluster.leader).toBe('b');
    expect(cluster.member('b').status.term).toBe(2);
  });

  test('does not win against those who still hear the leader', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.member('b').raft.forgetLeader();
    cluster.tick(3);
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', term: 1 });
    expect(cluster.member('b').status).toMatchObject({ role: 'follower', leader: 'a' });
  });

  test('has its full patience back with the next leader', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.member('b').raft.forgetLeader();
    cluster.tick(3);
    cluster.isolate('a');
    cluster.tick(9, 'b');
    expect(cluster.member('b').status.role).toBe('follower');
  });
});

describe('a replica without a leader that can reach others again', () => {
  test('campaigns within a few ticks, one replica after the other', () => {
    const cluster = new Cluster({ options: { electionTicks: 20, heartbeatTicks: 2 } });
    for (const name of ['a', 'b', 'c']) cluster.isolate(name);
    cluster.tick(60);
    expect(cluster.leader).toBeUndefined();
    cluster.heal();
    for (const member of cluster.members.values()) member.raft.campaignSoon();
    cluster.tick(3);
    expect(cluster.leader).toBe('a');
  });

  test('hears a living leader first', () => {
    const cluster = new Cluster({ options: { electionTicks: 20, heartbeatTicks: 2 } });
    cluster.campaign('b');
    const a = cluster.member('a');
    a.restart();
    a.raft.campaignSoon();
    cluster.tick(3);
    expect(a.status).toMatchObject({ role: 'follower', term: 1, leader: 'b' });
    const campaigns = cluster.trace.filter(({ name, node: at }) => name === 'BecomePreCandidate' && at === a.id);
    expect(campaigns).toEqual([]);
  });
});

test('a message for another replica, or one that claims to be our own, is refused before it has any effect', () => {
  const cluster = new Cluster();
  const { raft } = cluster.member('a');
  const heartbeat = { kind: 'Heartbeat', round: 1, term: 3, commit: 0 } as const;
  expect(() => raft.step({ ...heartbeat, from: node('b'), to: node('c') })).toThrow(RangeError);
  expect(() => raft.step({ ...heartbeat, from: node('a'), to: node('a') })).toThrow(RangeError);
  expect(raft.status().term).toBe(0);
});

test('each decision leaves a trace with its operands: why was this vote refused?', () => {
  const cluster = new Cluster({ members: ['a', 'b'], disks: { b: { log: '1:x', term: 1 }, a: { term: 1 } } });
  cluster.campaign('a');
  const decisions = cluster.trace.flatMap((event) =>
    event.name === 'Decision' && event.node === node('b') ? [event.decision] : [],
  );
  expect(decisions).toContainEqual({
    rule: 'isUpToDate',
    operands: { lastTerm: 1, lastIndex: 1, candidateLastTerm: 0, candidateLastIndex: 0 },
    verdict: false,
  });
});

test('a rule can be replaced: two votes per term make two leaders', () => {
  const rules = { ...standardRules, mayVoteInTerm: () => true };
  const cluster = new Cluster({ rules, options: { preVote: false } });
  cluster.isolate('a');
  cluster.isolate('b');
  cluster.member('a').raft.campaign();
  cluster.member('b').raft.campaign();
  cluster.settle();
  cluster.heal();
  const request = { kind: 'RequestVote', transfer: false, to: node('c'), term: 1, lastIndex: 0, lastTerm: 0 } as const;
  cluster.deliver({ ...request, from: node('a') }, { ...request, from: node('b') });
  cluster.deliver(...cluster.take(from('c')));
  expect(cluster.member('a').status).toMatchObject({ role: 'leader', term: 1 });
  expect(cluster.member('b').status).toMatchObject({ role: 'leader', term: 1 });
  expect(cluster.take(ofKind('AppendEntries'))).not.toHaveLength(0);
});
