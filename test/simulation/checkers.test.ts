/** The checkers are not blind: each accuses a violation that was made by hand, and nothing that is right. */
import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import type { Configuration, NodeId } from '../../src/core/types.ts';
import { Invariants } from '../../src/simulation/invariants.ts';
import { nodeId } from '../../src/simulation/network.ts';
import { Reference } from '../../src/simulation/reference.ts';
import type { Run } from '../../src/simulation/run-of-member.ts';
import type { DiskView } from '../../src/simulation/sim-disk.ts';
import { diskOf, entryOf, eventOf, noMembers, runOf, threeVoters } from './pictures.ts';

const [n1, n2, n3, n4] = ['n1', 'n2', 'n3', 'n4'].map(nodeId) as [NodeId, NodeId, NodeId, NodeId];

let disks: Map<NodeId, DiskView>;
let invariants: Invariants;

beforeEach(() => {
  disks = new Map();
  invariants = new Invariants(
    (invariant, message) => {
      throw new Error(`${invariant}: ${message}`);
    },
    (id) => disks.get(id) ?? null,
  );
});

/** Votes as they are written, sent and counted. */
function vote(voter: NodeId, candidate: NodeId, term: number): void {
  const disk = diskOf([], { term, vote: candidate });
  if (voter === candidate) invariants.votedForItself(voter, disk, term);
  else {
    invariants.sending(voter, disk, {
      kind: 'RequestVoteResponse',
      from: voter,
      to: candidate,
      term,
      granted: true,
      removed: false,
    });
  }
}

function elect(run: Run, term: number, voters: readonly NodeId[]): void {
  for (const voter of voters) vote(voter, run.id, term);
  invariants.traced(run, eventOf(run, { name: 'BecomeLeader' }, term));
}

/** A leader of term 1 commits one entry, which is on the disks of two. */
function commitOne(): Run {
  disks.set(n1, diskOf([1]));
  disks.set(n2, diskOf([1]));
  const leader = runOf('n1', { terms: [1], commit: 1 });
  elect(leader, 1, [n1, n2]);
  invariants.traced(leader, eventOf(leader, { name: 'Commit' }, 1));
  return leader;
}

const nothingWritten = { hardState: null, truncateFrom: null, entries: [] };

describe('the checker of', () => {
  it('invariant S1 accuses two leaders of one term', () => {
    elect(runOf('n1', {}), 4, [n1, n2]);
    expect(() => invariants.traced(runOf('n2', {}), eventOf(runOf('n2', {}), { name: 'BecomeLeader' }, 4))).toThrow(
      'S1',
    );
  });

  it('invariant S2 accuses a leader that shortens its log', () => {
    const run = runOf('n1', { terms: [1, 1] });
    elect(run, 1, [n1, n2]);
    const grown = eventOf(run, { name: 'Replicate' }, 1);
    expect(() => invariants.traced(run, grown)).not.toThrow();
    expect(() => invariants.traced(run, { ...grown, last: 1 })).toThrow('S2');
  });

  it('invariant S3 accuses two entries of one index and term, and what is before them', () => {
    invariants.writing(n1, diskOf([]), { ...nothingWritten, entries: [entryOf(1, 1, 'a'), entryOf(2, 1, 'b')] });
    expect(() =>
      invariants.writing(n2, diskOf([]), { ...nothingWritten, entries: [entryOf(1, 1, 'a')] }),
    ).not.toThrow();
    expect(() => invariants.writing(n2, diskOf([1]), { ...nothingWritten, entries: [entryOf(2, 1, 'c')] })).toThrow(
      'S3',
    );
    invariants.writing(n1, diskOf([1, 1]), { ...nothingWritten, entries: [entryOf(3, 3, 'd')] });
    expect(() => invariants.writing(n3, diskOf([1, 2]), { ...nothingWritten, entries: [entryOf(3, 3, 'd')] })).toThrow(
      'S3',
    );
  });

  it('invariant S3 accuses a follower that holds for committed what no leader has, or another entry', () => {
    commitOne();
    const ahead = runOf('n2', { terms: [1, 1], commit: 2 });
    expect(() => invariants.traced(ahead, eventOf(ahead, { name: 'Commit' }, 1, 'follower'))).toThrow('S3');
    const other = runOf('n3', { terms: [2], commit: 1 });
    expect(() => invariants.traced(other, eventOf(other, { name: 'Commit' }, 2, 'follower'))).toThrow('S3');
  });

  it('invariant S4 accuses a leader that lacks what is committed', () => {
    commitOne();
    const complete = runOf('n2', { terms: [1] });
    expect(() => elect(complete, 2, [n2, n3])).not.toThrow();
    expect(() => elect(runOf('n3', { terms: [] }), 3, [n2, n3])).toThrow('S4');
  });

  it('invariant S5 and S13 accuse another command, another state, and a snapshot of another state', () => {
    const reference = new Reference('start');
    const [one, other, third] = [runOf('n1', {}), runOf('n2', {}), runOf('n3', {})];
    for (const index of [1, 2])
      expect(reference.applied(one, { index, command: `c${index}`, digest: `d${index}` })).toBeNull();
    expect(reference.applied(other, { index: 1, command: 'c1', digest: 'd1' })).toBeNull();
    expect(reference.applied(other, { index: 2, command: 'c3', digest: 'd2' })?.invariant).toBe('S5');
    expect(reference.restored(third, 1, 'd1')).toBeNull();
    expect(reference.applied(third, { index: 2, command: 'c2', digest: 'd4' })?.invariant).toBe('S5');
    expect(reference.restored(third, 2, 'd1')?.invariant).toBe('S13');
    expect(reference.restored(third, 0, 'start')).toBeNull();
  });

  it('invariant S6 accuses a commit that is not on the disks of a quorum', () => {
    disks.set(n1, diskOf([1]));
    disks.set(n2, diskOf([2]));
    const leader = runOf('n1', { terms: [1], commit: 1 });
    elect(leader, 1, [n1, n2]);
    expect(() => invariants.traced(leader, eventOf(leader, { name: 'Commit' }, 1))).toThrow('S6');
  });

  it('invariant S7 accuses a term or a vote that goes back, and a committed entry that is cut', () => {
    const disk = diskOf([1], { term: 3, vote: n2 });
    const write = (term: number, who: NodeId | null) => () =>
      invariants.writing(n1, disk, { ...nothingWritten, hardState: { term, vote: who, commit: 0 } });
    expect(write(4, null)).not.toThrow();
    expect(write(2, null)).toThrow('S7');
    expect(write(3, n3)).toThrow('S7');
    expect(write(3, null)).toThrow('S7');
    commitOne();
    expect(() => invariants.writing(n2, diskOf([1, 1]), { ...nothingWritten, truncateFrom: 2 })).not.toThrow();
    const cutAll = (term: number) => () =>
      invariants.writing(n2, diskOf([1, 1], { term }), { ...nothingWritten, truncateFrom: 1 });
    expect(cutAll(1)).toThrow('S7');
    // By an earlier leader, before this member comes to the term in which it was committed.
    expect(cutAll(0)).not.toThrow();
  });

  it('invariant S8 accuses votes and acknowledgements that leave before they are on the disk', () => {
    const base = { from: n1, to: n2, term: 5 };
    const send = (disk: DiskView, message: Parameters<Invariants['sending']>[2]) => () =>
      invariants.sending(n1, disk, message);
    const granted = { ...base, kind: 'RequestVoteResponse', granted: true, removed: false } as const;
    expect(send(diskOf([], { term: 4 }), granted)).toThrow('S8');
    expect(send(diskOf([], { term: 5, vote: null }), granted)).toThrow('S8');
    expect(send(diskOf([], { term: 5, vote: n2 }), granted)).not.toThrow();
    const request = { ...base, kind: 'RequestVote', lastIndex: 0, lastTerm: 0, transfer: false } as const;
    expect(send(diskOf([], { term: 5, vote: null }), request)).toThrow('S8');
    const appended = { ...base, kind: 'AppendEntriesResponse', index: 2, conflict: null } as const;
    expect(send(diskOf([5], { term: 5 }), appended)).toThrow('S8');
    expect(send(diskOf([5, 5], { term: 4 }), appended)).toThrow('S8');
    expect(send(diskOf([5, 5], { term: 5 }), appended)).not.toThrow();
    expect(send(diskOf([], { term: 4 }), { ...base, kind: 'HeartbeatResponse', round: 1 })).toThrow('S8');
  });

  it('invariant S8 accuses an acknowledgement of what the leader of the term does not have', () => {
    const leader = runOf('n1', { terms: [1, 3] });
    elect(leader, 3, [n1, n2]);
    const acknowledge = (terms: readonly number[]) => () =>
      invariants.sending(n2, diskOf(terms, { term: 3 }), {
        ...{ kind: 'AppendEntriesResponse', from: n2, to: n1, term: 3, index: 2, conflict: null },
      });
    expect(acknowledge([1, 3])).not.toThrow();
    expect(acknowledge([1, 2])).toThrow('S8');
    leader.leading = null;
    expect(acknowledge([1, 2])).not.toThrow();
  });

  it('invariant S9 accuses two votes in a term, also over a restart', () => {
    vote(n3, n1, 2);
    vote(n3, n1, 2);
    vote(n3, n2, 3);
    expect(() => {
      vote(n3, n2, 2);
    }).toThrow('S9');
  });

  it('invariant S10 accuses indexes that go back, and that overtake each other', () => {
    const run = runOf('n1', { terms: [1, 1, 1], commit: 2, applied: 1 });
    expect(() => {
      invariants.settled(run);
    }).not.toThrow();
    run.commit = 3;
    expect(() => {
      invariants.settled(run);
    }).toThrow('S10');
    for (const picture of [
      { terms: [1, 1], commit: 1, applied: 2 },
      { terms: [1], commit: 2, applied: 1 },
    ]) {
      expect(() => {
        invariants.settled(runOf('n1', picture));
      }).toThrow('S10');
    }
  });

  it('invariant S11 accuses two changes that are not applied, and quorums that do not meet', () => {
    const kinds = ['configuration', 'configuration'] as const;
    const busy = runOf('n1', { terms: [1, 1], kinds });
    expect(() => invariants.traced(busy, eventOf(busy, { name: 'ChangeConf' }, 1))).toThrow('S11');
    const half = runOf('n1', { terms: [1, 1], kinds, applied: 1, commit: 1 });
    expect(() => invariants.traced(half, eventOf(half, { name: 'ChangeConf' }, 1))).not.toThrow();

    const run = runOf('n1', { terms: [1] });
    const apply = (configuration: Configuration) => () => {
      invariants.traced(run, eventOf(run, { name: 'ApplyConfChange', configuration }, 1));
    };
    expect(apply(threeVoters)).not.toThrow();
    const four = { ...noMembers, version: 3, voters: ['n1', 'n2', 'n3', 'n4'].map(nodeId) };
    expect(apply(four)).not.toThrow();
    expect(apply({ ...four, voters: [n1, n2, n3] })).toThrow('S11');
    expect(apply({ ...noMembers, version: 5, voters: ['n4', 'n5', 'n6'].map(nodeId) })).toThrow('S11');
  });

  it.each<[string, Partial<Configuration>, Partial<Configuration>]>([
    ['somebody who left and is forgotten', { voters: [n1, n2] }, { voters: [n1, n2] }],
    ['somebody who comes back', { voters: [n1, n2], removed: [n3] }, { voters: [n1, n2], learners: [n3] }],
    ['somebody banned', { voters: [n1, n2, n3], banned: ['n3'] }, { voters: [n1, n2, n3], banned: ['n3'] }],
    ['a reader that votes', { voters: [n1, n2], learners: [n3], readers: [n3] }, { voters: [n1, n2, n3] }],
  ])('invariant S19 accuses %s', (_, second, third) => {
    const run = runOf('n1', { terms: [1] });
    const apply = (version: number, configuration: Partial<Configuration>) => {
      const whole = { ...noMembers, ...configuration, version };
      invariants.traced(run, eventOf(run, { name: 'ApplyConfChange', configuration: whole }, 1));
    };
    expect(() => {
      apply(1, threeVoters);
      apply(2, second);
      apply(3, third);
    }).toThrow('S19');
  });

  it('invariant S19 accuses nobody of what is right', () => {
    const run = runOf('n1', { terms: [1] });
    const stories: Partial<Configuration>[] = [
      threeVoters,
      { voters: [n1, n2], removed: [n3] },
      { voters: [n1, n2], learners: [n4], readers: [n4], removed: [n3] },
      { voters: [n1, n2], learners: [n4], removed: [n3], banned: ['x'] },
      { voters: [n1, n2, n4], removed: [n3], banned: ['x'] },
      { voters: [n1, n4], outgoing: [n1, n2, n4], removed: [n3], banned: ['n2'] },
      { voters: [n1, n4], removed: [n3, n2], banned: ['n2'] },
    ];
    for (const [version, configuration] of stories.entries()) {
      const whole = { ...noMembers, ...configuration, version };
      expect(() => {
        invariants.traced(run, eventOf(run, { name: 'ApplyConfChange', configuration: whole }, 1));
      }).not.toThrow();
    }
  });

  it('invariant S11 accuses a configuration in force that is not the last one applied', () => {
    const four = { ...threeVoters, version: 5, voters: ['n1', 'n2', 'n3', 'n4'].map(nodeId) };
    const first = runOf('n1', {});
    for (const configuration of [threeVoters, four]) {
      invariants.traced(first, eventOf(first, { name: 'ApplyConfChange', configuration }, 1));
    }
    const settle = (configuration: Configuration, applied: number) => () => {
      const terms = [1, 1, 1, 1, 1, 1];
      invariants.settled(runOf('n2', { terms, commit: applied, applied, configuration }));
    };
    expect(settle(four, 6)).not.toThrow();
    expect(settle(threeVoters, 4)).not.toThrow();
    expect(settle(threeVoters, 5)).toThrow('S11');
  });

  it('invariant S12 accuses a leader without the votes of a quorum of members', () => {
    expect(() => elect(runOf('n1', {}), 1, [n1])).toThrow('S12');
    expect(() => elect(runOf('n1', {}), 2, [n1, nodeId('stranger')])).toThrow('S12');
    expect(() => elect(runOf('n1', {}), 3, [n1, n3])).not.toThrow();
  });

  it('nothing accuses a group at work', () => {
    const random = seededRandom(1);
    commitOne();
    for (let term = 2; term < 20; term++) {
      const leader = runOf(`n${1 + random.below(2)}`, { terms: [1], commit: 1 });
      expect(() => elect(leader, term, [n1, n2])).not.toThrow();
    }
  });
});
