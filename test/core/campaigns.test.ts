/** Who campaigns, when, and who is kept from it: dissertation, sections 3.4, 4.2.3, 6.2 and 9.6. */
import { describe, expect, test } from 'vitest';
import { emptyState, Raft } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Message } from '../../src/core/types.ts';
import { Cluster, node } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;

/** Ticks until a replica that hears from nobody campaigns. */
function patience(raft: Raft): number {
  for (let ticks = 1; ticks < 100; ticks++) {
    raft.tick();
    if (raft.role !== 'follower') return ticks;
  }
  return Number.POSITIVE_INFINITY;
}

describe('an election timeout', () => {
  test('E6 is drawn again with each change of role, and may be pinned by whoever drives the replica', () => {
    const draws: number[] = [];
    const drawElectionTimeout = (electionTicks: number): number => {
      draws.push(electionTicks);
      return 3;
    };
    const raft = new Raft({
      id: node('a'),
      persistent: emptyState(['a', 'b'].map(node)),
      random: seededRandom(1),
      options: { electionTicks: 7, preVote: false },
      drawElectionTimeout,
    });
    expect(draws).toEqual([7]);
    expect(patience(raft)).toBe(3);
    expect(draws).toEqual([7, 7]);
    for (let i = 0; i < 3; i++) raft.tick();
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 2 });
    expect(draws).toEqual([7, 7, 7]);
    raft.step({ kind: 'Heartbeat', round: 1, from: node('b'), to: node('a'), term: 2, commit: 0 });
    expect(draws).toEqual([7, 7, 7, 7]);
  });

  test('E6 is not the same for replicas that are alike', () => {
    const waits = Array.from({ length: 20 }, (_, seed) => {
      const persistent = emptyState(['a', 'b'].map(node));
      return patience(new Raft({ id: node('a'), persistent, random: seededRandom(seed) }));
    });
    expect(new Set(waits).size).toBeGreaterThan(4);
  });

  test.each([
    [{ electionTicks: 10, campaignDelayTicks: 10 }, 'electionTicks (10) must be above campaignDelayTicks (10)'],
    [{ electionTicks: 10, campaignDelayTicks: -1 }, 'campaignDelayTicks must be a whole number of at least 0, not -1'],
    [{ electionTicks: 0.5 }, 'electionTicks must be a whole number of at least 1, not 0.5'],
  ])('E18 is refused when it makes no sense: %o', (options, message) => {
    const persistent = emptyState([node('a')]);
    expect(() => new Raft({ id: node('a'), persistent, random: seededRandom(1), options })).toThrow(message);
  });
});

describe('E19 a replica that should rather not lead', () => {
  const drawElectionTimeout = (electionTicks: number): number => electionTicks;

  test('lets the others go first', () => {
    for (let seed = 1; seed < 20; seed++) {
      const optionsOf = { a: { campaignDelayTicks: 9 }, b: { campaignDelayTicks: 9 } };
      const cluster = new Cluster({ seed, optionsOf, drawElectionTimeout });
      cluster.tick(15);
      expect(cluster.leader).toBe('c');
    }
  });

  test('leads when nobody else can', () => {
    const optionsOf = { a: { campaignDelayTicks: 9 } };
    const cluster = new Cluster({ optionsOf, disks: { a: { log: '1:x', term: 1 }, b: { log: '1:x', term: 1 } } });
    cluster.isolate('b');
    cluster.tick(60);
    expect(cluster.leader).toBe('a');
    expect(cluster.member('c').commands).toEqual(['x']);
  });
});

describe('a campaign', () => {
  test('E7 is refused, pre-vote or vote, while a leader was heard, and not when that leader has asked for it', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const ask = { from: node('c'), to: node('b'), term: 2, lastIndex: 1, lastTerm: 1 } as const;
    cluster.deliver({ ...ask, kind: 'RequestPreVote' }, { ...ask, kind: 'RequestVote', transfer: false });
    expect(cluster.take()).toMatchObject([
      { kind: 'RequestPreVoteResponse', granted: false, term: 1 },
      { kind: 'RequestVoteResponse', granted: false, term: 1 },
    ]);
    expect(cluster.member('b').status).toMatchObject({ term: 1, leader: 'a' });
    cluster.deliver({ ...ask, kind: 'RequestVote', transfer: true });
    expect(cluster.take()).toMatchObject([{ kind: 'RequestVoteResponse', granted: true, term: 2 }]);
  });

  test('E7 is no disturbance any more after an election timeout of silence', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const { raft } = cluster.member('b');
    for (let i = 0; i < 10; i++) raft.tick();
    cluster.take();
    const ask = { from: node('c'), to: node('b'), term: 2, lastIndex: 1, lastTerm: 1 } as const;
    cluster.deliver({ ...ask, kind: 'RequestPreVote' });
    expect(cluster.take(ofKind('RequestPreVoteResponse'))).toMatchObject([{ granted: true }]);
  });

  test('begins at once when it is asked for, anew in a candidate, and never in a leader', () => {
    const cluster = new Cluster({ options: { preVote: false } });
    cluster.isolate('a');
    const { raft } = cluster.member('a');
    raft.campaign();
    raft.campaign();
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 2 });
    cluster.work('a');
    cluster.take();
    cluster.heal();
    cluster.campaign('a');
    expect(raft.status()).toMatchObject({ role: 'leader', term: 3 });
    raft.campaign();
    expect(raft.status()).toMatchObject({ role: 'leader', term: 3 });
  });

  test('E16 that is refused tells the candidate what is committed of its log', () => {
    const cluster = new Cluster({
      members: ['a', 'b', 'c'],
      disks: {
        a: { log: '1:x 1:y', term: 1 },
        b: { log: '1:x 1:y 1:z', term: 1, commit: 3 },
        c: { log: '1:x 1:other', term: 1, commit: 1 },
      },
    });
    cluster.cut('a', 'c');
    cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'pre-candidate', commit: 2 });
    expect(cluster.member('a').commands).toEqual(['x', 'y']);

    const answer = { kind: 'RequestPreVoteResponse', from: node('b'), to: node('c'), term: 1, granted: false } as const;
    cluster.member('c').raft.campaign();
    cluster.deliver({ ...answer, removed: false, committed: { index: 2, term: 2 } });
    expect(cluster.member('c').status).toMatchObject({ role: 'pre-candidate', commit: 1 });
    cluster.deliver({ ...answer, removed: false, committed: { index: 9, term: 1 } });
    expect(cluster.member('c').status).toMatchObject({ role: 'pre-candidate', commit: 1 });
  });

  test('E9 that was refused from a later term in a pre-vote goes on in that term, without having begun one', () => {
    const cluster = new Cluster({ disks: { b: { term: 7 } } });
    cluster.isolate('c');
    cluster.campaign('a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', term: 7, vote: null });
  });
});

describe('a follower that is told that its leader has gone', () => {
  test('Q7 waits all the same where leases are granted', () => {
    const cluster = new Cluster({ options: { leaseReads: true } });
    cluster.tick(40);
    const leader = cluster.leader ?? 'nobody';
    const follower = ['a', 'b', 'c'].find((name) => name !== leader) ?? 'nobody';
    cluster.member(follower).raft.forgetLeader();
    expect(cluster.member(follower).status.leader).toBe(leader);
  });

  test('does nothing in a leader, nor without one', () => {
    const cluster = new Cluster();
    cluster.member('b').raft.forgetLeader();
    expect(cluster.trace.filter(({ name }) => name === 'BecomeFollower')).toEqual([]);
    cluster.campaign('a');
    cluster.member('a').raft.forgetLeader();
    expect(cluster.member('a').status.role).toBe('leader');
  });

  test('E7 grants its vote to another that has noticed as well', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('a');
    cluster.member('b').raft.forgetLeader();
    cluster.member('c').raft.forgetLeader();
    cluster.campaign('c');
    expect(cluster.leader).toBe('c');
  });
});
