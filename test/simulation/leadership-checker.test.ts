/** L5 at every candidacy: the checker accuses what was made by hand, and nothing that is right. */
import { describe, expect, it } from 'vitest';
import { defaultRaftOptions, type RaftOptions } from '../../src/core/options.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import type { NodeId, Term } from '../../src/core/types.ts';
import { LeadershipChecker } from '../../src/simulation/leadership-checker.ts';
import { nodeId } from '../../src/simulation/network.ts';
import type { Run } from '../../src/simulation/run-of-member.ts';
import type { DiskView } from '../../src/simulation/sim-disk.ts';
import { diskOf, eventOf, runOf, threeVoters } from './pictures.ts';

const [n1, n2, n3] = ['n1', 'n2', 'n3'].map(nodeId) as [NodeId, NodeId, NodeId];

function checkerWith(
  options: Partial<RaftOptions> = {},
  disks: ReadonlyMap<NodeId, DiskView> = new Map(),
): LeadershipChecker {
  return new LeadershipChecker(
    (invariant, message) => {
      throw new Error(`${invariant}: ${message}`);
    },
    { ...defaultRaftOptions, ...options },
    (id) => disks.get(id) ?? null,
    () => 0,
  );
}

/** What happens to a member in a term, in order. */
function tell(
  checker: LeadershipChecker,
  run: Run,
  term: Term,
  ...events: readonly ({ readonly name: TraceEvent['name'] } & Readonly<Record<string, unknown>>)[]
): void {
  for (const event of events) checker.traced(run, eventOf(run, event, term));
}

const grant = (from: NodeId, term: Term, granted = true) => ({
  name: 'ReceiveRequestPreVoteResponse' as const,
  message: { kind: 'RequestPreVoteResponse', from, to: n1, term, granted, removed: false },
});

describe('the checker of leaderships', () => {
  it('invariant L5 accuses a term without the pre-votes of a quorum', () => {
    const campaign =
      (...events: Parameters<typeof tell>[3][]) =>
      () => {
        const run = runOf('n1', {});
        const checker = checkerWith();
        tell(checker, run, 4, { name: 'BecomePreCandidate' }, ...events);
        tell(checker, run, 5, { name: 'BecomeCandidate' });
      };
    expect(campaign(grant(n2, 5))).not.toThrow();
    expect(campaign()).toThrow('L5: n1 begins term 5');
    expect(campaign(grant(n2, 5, false))).toThrow('L5');
    // A grant for another campaign than this one.
    expect(campaign(grant(n2, 4))).toThrow('L5');
    expect(campaign(grant(nodeId('stranger'), 5))).toThrow('L5');
  });

  it('invariant L5 takes a campaign for what the leader has asked for in this event, and no later', () => {
    const checker = checkerWith();
    const run = runOf('n1', {});
    const ask = { name: 'ReceiveTimeoutNow', message: { kind: 'TimeoutNow', from: n2, to: n1, term: 4 } } as const;
    tell(checker, run, 4, ask);
    expect(() => {
      tell(checker, run, 5, { name: 'BecomeCandidate' });
    }).not.toThrow();
    run.wasAskedToLead = false;
    expect(() => {
      tell(checker, run, 6, { name: 'BecomeCandidate' });
    }).toThrow('L5');
  });

  it('invariant L5 asks for no pre-votes where there are none', () => {
    expect(() => {
      tell(checkerWith({ preVote: false }), runOf('n1', {}), 5, { name: 'BecomeCandidate' });
    }).not.toThrow();
  });

  it('invariant L5 accuses a leader that asks somebody to campaign who is behind, or cannot lead', () => {
    const disks = new Map([
      [n2, diskOf([1, 1])],
      [n3, diskOf([1])],
    ]);
    const run = runOf('n1', { terms: [1, 1], configuration: { ...threeVoters, voters: [n1, n2, n3], witnesses: [] } });
    const ask = (to: NodeId) => () => {
      const message = { kind: 'TimeoutNow', from: n1, to, term: 1 };
      tell(checkerWith({}, disks), run, 1, { name: 'SendTimeoutNow', message });
    };
    expect(ask(n2)).not.toThrow();
    expect(ask(n3)).toThrow('L5: n1 asks n3');
    expect(ask(nodeId('n4'))).toThrow('L5');
  });

  it('invariant L5 accuses a leader that goes on without the answers of a quorum', () => {
    const heartbeat = (round: number) => ({
      name: 'SendHeartbeat' as const,
      message: { kind: 'Heartbeat', from: n1, to: n2, term: 1, commit: 0, round },
    });
    const answer = {
      name: 'ReceiveHeartbeatResponse',
      message: { kind: 'HeartbeatResponse', from: n2, to: n1, term: 1, round: 1 },
    } as const;
    const options = { electionTicks: 3, heartbeatTicks: 1 };
    const lead =
      (rounds: number, isAnswered: boolean, checkQuorum = true) =>
      () => {
        const checker = checkerWith({ ...options, checkQuorum });
        const run = runOf('n1', { raft: { term: 1 } });
        tell(checker, run, 1, { name: 'BecomeLeader' });
        for (let round = 1; round <= rounds; round++) {
          tell(checker, run, 1, heartbeat(round), ...(isAnswered ? [answer] : []));
        }
      };
    // Two election timeouts are six rounds; the first of them counts as answered, and there may be two more.
    expect(lead(9, false)).not.toThrow();
    expect(lead(10, false)).toThrow('L5: n1 leads on in term 1');
    expect(lead(100, true)).not.toThrow();
    expect(lead(100, false, false)).not.toThrow();
  });

  it('counts the leaders that went, and who has begun terms', () => {
    const checker = checkerWith({ preVote: false });
    const run = runOf('n1', {});
    tell(checker, run, 1, { name: 'BecomeCandidate' });
    expect(checker.candidacies).toEqual([{ id: n1, at: 0 }]);
    checker.crashed(run);
    expect(checker.departures).toBe(0);
    run.leading = { term: 1, last: 0 };
    tell(checker, run, 1, { name: 'ApplyConfChange', configuration: { ...threeVoters, voters: [n2, n3] } });
    checker.crashed(run);
    expect(checker.departures).toBe(2);
  });
});
