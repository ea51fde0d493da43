/** The options of a replica, their defaults, and what makes no sense. */

export interface RaftOptions {
  /** Ticks without hearing from a leader before a follower campaigns; the real wait is drawn from [n, 2n). */
  readonly electionTicks: number;
  /** Ticks between heartbeats; less than `electionTicks`. */
  readonly heartbeatTicks: number;
  /** Ask around before disturbing the group with a new term (dissertation, section 9.6). */
  readonly preVote: boolean;
  /** A leader that has not heard from a majority for an election timeout steps down (dissertation, section 6.2). */
  readonly checkQuorum: boolean;
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
}

export const defaultRaftOptions: RaftOptions = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  maxMessageBytes: 64 * 1024,
  maxInflightMessages: 64,
  maxInflightBytes: 1024 * 1024,
  maxUncommittedBytes: 8 * 1024 * 1024,
  maxCommittedBytes: 1024 * 1024,
};

/**
 * Fills in the defaults.
 * @throws RangeError naming the option that is out of range (E18).
 */
export function raftOptions(given: Partial<RaftOptions>): RaftOptions {
  const options = { ...defaultRaftOptions, ...given };
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value > 0)) {
      throw new RangeError(`${name} must be a whole number above 0, not ${value}`);
    }
  }
  if (options.electionTicks <= options.heartbeatTicks) {
    throw new RangeError(
      `electionTicks (${options.electionTicks}) must be above heartbeatTicks (${options.heartbeatTicks})`,
    );
  }
  return options;
}
