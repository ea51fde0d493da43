/** What can be set on a member, with what holds where nothing is said. */
import type { RaftOptions } from '../core/options.ts';
import { defaultHistoryLimits, type HistoryLimits } from './history.ts';
import { defaultMaxLearners } from './newcomers.ts';
import { defaultProposalLimits, type ProposalLimits } from './proposal-limits.ts';
import { defaultSnapshotOptions, type SnapshotOptions } from './snapshots.ts';

export interface MemberOptions {
  /** Milliseconds of a tick of the core. */
  readonly tickMs: number;
  readonly raft: Partial<RaftOptions>;
  readonly proposals: ProposalLimits;
  readonly snapshots: SnapshotOptions;
  readonly history: HistoryLimits;
  /**
   * Bytes of committed entries that a member keeps for newer code to apply, since it cannot: beyond them it stops, because
   * the log is in memory.
   */
  readonly maxUnappliedBytes: number;
  /** Learners that the group takes when newcomers ask; more can be added by hand. */
  readonly maxLearners: number;
}

/** An election timeout of 1 to 2 s, a heartbeat every 100 ms. */
export const defaultMemberOptions: MemberOptions = {
  tickMs: 50,
  raft: { electionTicks: 20, heartbeatTicks: 2 },
  proposals: defaultProposalLimits,
  snapshots: defaultSnapshotOptions,
  history: defaultHistoryLimits,
  maxUnappliedBytes: 64 * 1024 * 1024,
  maxLearners: defaultMaxLearners,
};
