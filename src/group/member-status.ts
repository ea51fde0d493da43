/** How one member is doing, as plain data. */
import type { Raft } from '../core/raft.ts';
import type { RaftStatus } from '../core/status.ts';
import type { Entry, Index, Term } from '../core/types.ts';
import type { RaftError } from '../errors.ts';
import type { Durability } from '../storage/storage.ts';
import type { MemberReport } from '../transport/messages.ts';
import type { PeerStatus } from './peers.ts';

type ReplicaStatus = Pick<
  RaftStatus,
  'id' | 'role' | 'term' | 'leader' | 'commit' | 'applied' | 'durable' | 'lastIndex'
>;

export interface MemberStatus extends ReplicaStatus {
  /** How much of what is acknowledged survives. */
  readonly durability: Durability;
  /** Every member, in the order of ids. */
  readonly members: readonly PeerStatus[];
  /** Commands proposed here whose outcome is open. */
  readonly pending: number;
  /**
   * UPGRADE_REQUIRED, when the group has moved to a version of the machine that this code does not know: nothing is
   * applied, proposed or read here any more, but this member goes on keeping the log and voting. Null otherwise.
   */
  readonly outgrown: RaftError | null;
  /** Why this member takes no further part; null while it does. */
  readonly stopped: RaftError | null;
}

/** What a member tells the others of itself. */
export function reportOf({ role, term, leader, commit, appliedIndex: applied, lastIndex }: Raft): MemberReport {
  return { role, term, leader, commit, applied, lastIndex };
}

/** An entry of the log as a person would read it. */
export interface LogEntry<Command> {
  readonly index: Index;
  readonly term: Term;
  readonly committed: boolean;
  /** Null for entries without one, with which a leader opens its term. */
  readonly command: Command | null;
}

/**
 * The last entries of the log, in order.
 * @param commandOf reads the command of an entry; null for one that has none
 */
export function logTail<Command>(
  raft: Raft,
  count: number,
  commandOf: (entry: Entry) => Command | null,
): LogEntry<Command>[] {
  const { lastIndex, commit } = raft;
  const tail: LogEntry<Command>[] = [];
  for (let index = Math.max(1, lastIndex - count + 1); index <= lastIndex; index++) {
    const entry = raft.entryAt(index);
    if (entry === undefined) continue;
    tail.push({ index, term: entry.term, committed: index <= commit, command: commandOf(entry) });
  }
  return tail;
}
