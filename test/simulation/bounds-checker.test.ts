/** L6: the checker accuses whatever is beyond its bound, and nothing that is within. */
import { describe, expect, it } from 'vitest';
import { defaultRaftOptions, type RaftOptions } from '../../src/core/options.ts';
import { entryBytes } from '../../src/core/types.ts';
import { defaultProposalLimits } from '../../src/group/proposal-limits.ts';
import { defaultSnapshotOptions } from '../../src/group/snapshots.ts';
import { BoundsChecker, type Limits } from '../../src/simulation/bounds-checker.ts';
import { nodeId } from '../../src/simulation/network.ts';
import type { Run } from '../../src/simulation/run-of-member.ts';
import { Tally } from '../../src/simulation/tally.ts';
import { entryOf, eventOf, type Picture, runOf } from './pictures.ts';

function checkerWith(raft: Partial<RaftOptions>, others: Partial<Limits> = {}): BoundsChecker {
  return new BoundsChecker(
    (invariant, message) => {
      throw new Error(`${invariant}: ${message}`);
    },
    {
      raft: { ...defaultRaftOptions, ...raft },
      proposals: defaultProposalLimits,
      snapshots: defaultSnapshotOptions,
      ...others,
    },
  );
}

const size = entryBytes(entryOf(1, 1, 'ten bytes!'));

/** So many commands of ten bytes, proposed together. */
function propose(checker: BoundsChecker, run: Run, first: number, count: number): void {
  for (let i = 0; i < count; i++) {
    checker.traced(run, eventOf(run, { name: 'Replicate', entry: entryOf(first + i, 1, 'ten bytes!') }, 1));
  }
  checker.traced(run, eventOf(run, { name: 'SendSelfAppend', ackIndex: first + count - 1 }, 1));
}

function commit(checker: BoundsChecker, run: Run, index: number): void {
  const event = eventOf(run, { name: 'Commit' }, 1);
  checker.traced(run, { ...event, state: { ...event.state, commit: index } });
}

describe('the checker of bounds', () => {
  it('invariant L6 accuses a leader that takes in more than may be uncommitted (R18)', () => {
    const checker = checkerWith({ maxUncommittedBytes: 3 * size });
    const run = runOf('n1', {});
    // The first comes in whatever its size.
    propose(checker, run, 1, 5);
    expect(() => {
      propose(checker, run, 6, 1);
    }).toThrow('L6: n1 has');
    const other = runOf('n2', {});
    propose(checker, other, 1, 2);
    propose(checker, other, 3, 1);
    commit(checker, other, 2);
    propose(checker, other, 4, 2);
    expect(() => {
      propose(checker, other, 6, 1);
    }).toThrow('L6');
    // A new leadership begins with nothing.
    checker.traced(other, eventOf(other, { name: 'BecomeLeader' }, 2));
    propose(checker, other, 7, 3);
  });

  it('invariant L6 accuses appends that are too large, or go out through a full window (R14, R17)', () => {
    const send = (entries: number, progress: object | null) => () => {
      const run = runOf('n1', { raft: { progressOf: () => progress } });
      const message = { kind: 'AppendEntries', from: run.id, to: nodeId('n2'), term: 1, prevIndex: 0, prevTerm: 0 };
      const log = Array.from({ length: entries }, (_, i) => entryOf(i + 1, 1, 'ten bytes!'));
      checkerWith({ maxMessageBytes: 2 * size, maxInflightMessages: 3, maxInflightBytes: 100 }).traced(
        run,
        eventOf(run, { name: 'SendAppendEntries', message: { ...message, entries: log, commit: 0 } }, 1),
      );
    };
    const window = (inflight: number, inflightBytes: number) => ({ state: 'replicate', inflight, inflightBytes });
    expect(send(2, window(2, 99))).not.toThrow();
    expect(send(3, window(0, 0))).toThrow('L6: n1 sends 78 bytes of entries at once');
    expect(send(1, window(3, 30))).toThrow('L6: n1 sends to n2, with 3 appends');
    expect(send(1, window(1, 100))).toThrow('L6');
    expect(send(0, window(3, 30))).not.toThrow();
    expect(send(1, { ...window(3, 30), state: 'probe' })).not.toThrow();
  });

  it('invariant L6 accuses parts of snapshots that are too large, and reads beyond their number', () => {
    const checker = checkerWith({ snapshotPartBytes: 10, maxPendingReads: 2 });
    const part = (bytes: number) => () => {
      const run = runOf('n1', {});
      const message = { kind: 'InstallSnapshot', data: new Uint8Array(bytes) };
      checker.traced(run, eventOf(run, { name: 'SendInstallSnapshot', message }, 1));
    };
    expect(part(10)).not.toThrow();
    expect(part(11)).toThrow('L6');
    const read = (pendingReads: number) => () => {
      const run = runOf('n1', { raft: { pendingReads } });
      checker.traced(run, eventOf(run, { name: 'ReadStart', context: 1 }, 1));
    };
    expect(read(1)).not.toThrow();
    expect(read(2)).toThrow('L6');
  });

  it('invariant L6 accuses a member that keeps more commands than it may', () => {
    const proposals = { ...defaultProposalLimits, maxPending: 2, maxPendingBytes: 50 };
    const settle = (pendingCommands: number, pendingCommandBytes: number) => () => {
      checkerWith({}, { proposals }).settled(runOf('n1', { home: { pendingCommands, pendingCommandBytes } }));
    };
    expect(settle(2, 50)).not.toThrow();
    expect(settle(1, 500)).not.toThrow();
    expect(settle(3, 30)).toThrow('L6');
    expect(settle(2, 51)).toThrow('L6');
  });

  /** A log of so many entries, all applied, with what was kept behind a snapshot. */
  const withLog = (entries: number, snapshot: number, startIndex: number, more: Picture = {}): Run => {
    const terms = Array.from({ length: entries }, () => 1);
    const run = runOf('n1', { terms, commit: entries, applied: entries, ...more });
    Object.assign(run.raft, { snapshot: snapshot === 0 ? null : { index: snapshot, bytes: 100 }, startIndex });
    return run;
  };
  const sending = (pendingSnapshot: number) => ({
    status: () => ({ progress: new Map([[nodeId('n2'), { pendingSnapshot }]]) }),
  });

  it('invariant L6 accuses a log that is longer behind its snapshot than the tail (S8)', () => {
    const settle =
      (run: Run, options: Partial<RaftOptions> = { trailingEntries: 4 }) =>
      () => {
        checkerWith(options).settled(run);
      };
    expect(settle(withLog(20, 10, 6))).not.toThrow();
    expect(settle(withLog(20, 10, 5))).toThrow('L6: n1 keeps 5 entries');
    expect(settle(withLog(20, 10, 6), { trailingEntries: 4, trailingBytes: 20 })).toThrow('64 bytes');
    // Somebody is being sent an earlier one.
    expect(settle(withLog(20, 10, 3, { raft: sending(3) }))).not.toThrow();
    expect(settle(withLog(20, 10, 2, { raft: sending(3) }))).toThrow('L6');
  });

  it('invariant L6 accuses a member that applies on and on, and takes no snapshot', () => {
    const snapshots = { entries: 10, bytes: 1_000_000 };
    let isLate = true;
    const settle = (applied: number, more: Picture = {}, limits: Partial<Limits> = { snapshots }) => {
      const run = withLog(applied, 0, 0, more);
      // It began with nothing, and was seen to be late once before.
      run.counted = 0;
      run.isSnapshotDue = isLate;
      return () => {
        checkerWith({}, limits).settled(run);
      };
    };
    expect(settle(19)).not.toThrow();
    isLate = false;
    expect(settle(20)).not.toThrow();
    isLate = true;
    expect(settle(20)).toThrow('L6: n1 has applied 20 entries');
    expect(settle(20, { home: { isKeepingSnapshot: true } })).not.toThrow();
    expect(settle(20, { raft: sending(1) })).not.toThrow();
    expect(settle(5, {}, { snapshots: { entries: 10, bytes: 30 } })).toThrow('80 bytes');
  });

  it('invariant L6 accuses a member that reads more of a snapshot ahead than it may send', () => {
    const options = { snapshotWindowBytes: 1_000, snapshotPartBytes: 100 };
    const settle =
      (bytesBeingRead: number, raft: Picture['raft'] = {}) =>
      () => {
        checkerWith(options).settled(runOf('n1', { home: { bytesBeingRead }, raft }));
      };
    const own = 60 * 1024;
    expect(settle(own + 1_000)).not.toThrow();
    expect(settle(own + 1_001)).toThrow('L6');
    expect(settle(own + 2_000, sending(1))).not.toThrow();
    expect(settle(own + 2_001, sending(1))).toThrow('L6');
  });
});

describe('a tally', () => {
  it('counts what is added and not dropped', () => {
    const tally = new Tally();
    for (let index = 1; index <= 100; index++) tally.add(index, index);
    expect([tally.count, tally.bytes, tally.fresh]).toEqual([100, 5_050, 5_050]);
    tally.dropTo(90);
    expect([tally.count, tally.bytes]).toEqual([10, 955]);
    tally.dropTo(10);
    expect(tally.count).toBe(10);
    tally.add(101, 5);
    tally.dropTo(1_000);
    expect([tally.count, tally.bytes]).toEqual([0, 0]);
    tally.add(1_001, 7);
    tally.clear();
    expect([tally.count, tally.bytes, tally.fresh]).toEqual([0, 0, 0]);
  });
});
