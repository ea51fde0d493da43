/**
 * The vocabulary of the core: ids, entries, the persistent state of Figure 2 of the Raft paper, and the messages that
 * replicas exchange. Everything here is plain, readable data.
 */

/** Names one replica of one group, for ever: a replica that lost its storage comes back under another id. */
export type NodeId = string & { readonly __brand: 'NodeId' };

/** A safe integer, 0 before the first election. */
export type Term = number;

/** A safe integer; the first entry of a log has index 1, and 0 stands before it. */
export type Index = number;

/** `empty` is the entry with which a leader opens its term; `command` carries opaque bytes for the machine. */
export type EntryKind = 'empty' | 'command';

export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** The members of a group. Voters are distinct and in ascending order. */
export interface Configuration {
  readonly voters: readonly NodeId[];
}

/**
 * What must survive a crash beside the log. Term and vote are one record (D1). The commit index is there to save
 * work after a restart only: it rides along with other writes and is never a reason for one.
 */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId | null;
  readonly commit: Index;
}

/** Where a log begins: the last entry that is not in it any more, and the configuration in force there. */
export interface LogStart {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
}

/** What a replica is constructed from: all that its storage holds. */
export interface PersistentState {
  readonly hardState: HardState;
  readonly start: LogStart;
  readonly entries: readonly Entry[];
}

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; in a pre-vote request, and in an answer that grants one, the term that is campaigned for. */
  readonly term: Term;
}

/** Asks for a vote in the sender's term (paper, section 5.2). */
export interface RequestVote extends Envelope {
  readonly kind: 'RequestVote';
  readonly lastIndex: Index;
  readonly lastTerm: Term;
}

export interface RequestVoteResponse extends Envelope {
  readonly kind: 'RequestVoteResponse';
  readonly granted: boolean;
}

/** Asks whether a vote would be granted in a term not yet begun (dissertation, section 9.6). */
export interface RequestPreVote extends Envelope {
  readonly kind: 'RequestPreVote';
  readonly lastIndex: Index;
  readonly lastTerm: Term;
}

export interface RequestPreVoteResponse extends Envelope {
  readonly kind: 'RequestPreVoteResponse';
  readonly granted: boolean;
}

/** Replicates entries that follow (prevIndex, prevTerm), none of them for a probe (paper, section 5.3). */
export interface AppendEntries extends Envelope {
  readonly kind: 'AppendEntries';
  readonly prevIndex: Index;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: Index;
}

/** The entry nearest to a conflict that may still agree: where the leader should probe next. */
export interface ConflictHint {
  readonly index: Index;
  readonly term: Term;
}

export interface AppendEntriesResponse extends Envelope {
  readonly kind: 'AppendEntriesResponse';
  /** Accepted: the log is durable and equal to the leader's up to here. Rejected: the prevIndex that did not match. */
  readonly index: Index;
  /** Null when accepted. */
  readonly conflict: ConflictHint | null;
}

/** Keeps followers loyal and tells them the commit index, as far as they are known to hold the log (R5). */
export interface Heartbeat extends Envelope {
  readonly kind: 'Heartbeat';
  readonly commit: Index;
}

export interface HeartbeatResponse extends Envelope {
  readonly kind: 'HeartbeatResponse';
}

export type Message =
  | RequestVote
  | RequestVoteResponse
  | RequestPreVote
  | RequestPreVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | Heartbeat
  | HeartbeatResponse;

export type MessageKind = Message['kind'];

/** What an entry weighs beside its data, in every limit that counts bytes: about its overhead on the wire. */
export const entryOverheadBytes = 16;

export function entryBytes(entry: Entry): number {
  return entry.data.byteLength + entryOverheadBytes;
}
