/** The options of a replica, their defaults, and what makes no sense. */

export interface RaftOptions {
  /** Ticks without hearing from a leader before a follower campaigns; the real wait is drawn from [n, 2n). */
  readonly electionTicks: number;
  /** Ticks between heartbeats; less than `electionTicks`. */
  readonly heartbeatTicks: number;
  /** Ticks that this replica waits longer than others, for those that should rather not lead; less than `electionTicks`. */
  readonly campaignDelayTicks: number;
  /** Ask around before disturbing the group with a new term (dissertation, section 9.6). */
  readonly preVote: boolean;
  /** A leader that has not heard from a majority for an election timeout steps down (dissertation, section 6.2). */
  readonly checkQuorum: boolean;
  /** Allow reads on a lease, which trusts that clocks run alike (dissertation, section 6.4.1). The same on every member. */
  readonly leaseReads: boolean;
  /** By how many ticks clocks may differ over an election timeout, for leases. */
  readonly clockDriftTicks: number;
  /** Reads waiting for a proof; beyond it they are refused. */
  readonly maxPendingReads: number;
  /** Bytes of entries in one append; one entry always fits. */
  readonly maxMessageBytes: number;
  /** Appends on their way to one follower. */
  readonly maxInflightMessages: number;
  /** Bytes of entries on their way to one follower; one message always fits. */
  readonly maxInflightBytes: number;
  /** Bytes of proposals that are not committed yet; beyond it proposals are refused, but never the first. */
  readonly maxUncommittedBytes: number;
  /** Bytes of committed entries handed out in one `Ready`; one entry always fits. */
  readonly maxCommittedBytes: number;
  /** Entries that stay in the log behind a compaction, for followers that are a little behind (S8). */
  readonly trailingEntries: number;
  /** Bytes of such entries. */
  readonly trailingBytes: number;
  /** Bytes of one part of a snapshot. */
  readonly snapshotPartBytes: number;
  /** Bytes of a snapshot on their way to one follower; one part always fits. */
  readonly snapshotWindowBytes: number;
  /** Ticks without progress after which the transfer of a snapshot is given up. */
  readonly snapshotTimeoutTicks: number;
}

export const defaultRaftOptions: RaftOptions = {
  electionTicks: 10,
  heartbeatTicks: 1,
  campaignDelayTicks: 0,
  preVote: true,
  checkQuorum: true,
  leaseReads: false,
  clockDriftTicks: 1,
  maxPendingReads: 10_000,
  maxMessageBytes: 64 * 1024,
  maxInflightMessages: 64,
  maxInflightBytes: 1024 * 1024,
  maxUncommittedBytes: 8 * 1024 * 1024,
  maxCommittedBytes: 1024 * 1024,
  trailingEntries: 1000,
  trailingBytes: 1024 * 1024,
  snapshotPartBytes: 60 * 1024,
  snapshotWindowBytes: 512 * 1024,
  snapshotTimeoutTicks: 200,
};

const mayBeZero: ReadonlySet<string> = new Set<keyof RaftOptions>([
  'campaignDelayTicks',
  'clockDriftTicks',
  'trailingEntries',
  'trailingBytes',
]);

/**
 * Fills in the defaults.
 * @throws RangeError naming the option that is out of range (E18, Q7).
 */
export function raftOptions(given: Partial<RaftOptions>): RaftOptions {
  const options = { ...defaultRaftOptions, ...given };
  for (const [name, value] of Object.entries(options)) {
    const min = mayBeZero.has(name) ? 0 : 1;
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= min)) {
      throw new RangeError(`${name} must be a whole number of at least ${min}, not ${value}`);
    }
  }
  const { electionTicks } = options;
  const mustBeBelow = ['heartbeatTicks', 'campaignDelayTicks', 'clockDriftTicks'] as const;
  for (const name of mustBeBelow) {
    if (options[name] >= electionTicks) {
      throw new RangeError(`electionTicks (${electionTicks}) must be above ${name} (${options[name]})`);
    }
  }
  if (options.leaseReads && !options.checkQuorum) {
    throw new RangeError('leaseReads needs checkQuorum: without it a leader may be replaced at any time');
  }
  return options;
}
