/**
 * The vocabulary of the core: ids, entries, configurations, the persistent state of Figure 2 of the Raft paper, and the
 * messages that replicas exchange. Everything here is plain, readable data.
 */

/** Names one replica of one group, for ever: a replica that lost its storage comes back under another id. */
export type NodeId = string & { readonly __brand: 'NodeId' };

/** A safe integer, 0 before the first election. */
export type Term = number;

/** A safe integer; the first entry of a log has index 1, and 0 stands before it. */
export type Index = number;

/**
 * `empty` is the entry with which a leader opens its term; `command` carries opaque bytes for the machine;
 * `configuration` carries a change of membership (`membership-change.ts` reads and writes it).
 */
export type EntryKind = 'empty' | 'command' | 'configuration';

export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  /** Empty in the log of a witness, whatever it was, unless it is a configuration. */
  readonly data: Uint8Array;
}

/**
 * Who takes part in what. Every list of ids is distinct and, unless it says otherwise, ascending; voters and learners are disjoint. While
 * `outgoing` is not empty the configuration is joint: decisions need a majority of `voters` and one of `outgoing`
 * (dissertation, section 4.3).
 */
export interface Configuration {
  /** The index of the entry that brought it, 0 for the founding one: what compare-and-set compares (M9). */
  readonly version: Index;
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  /** Receive the log, and count for nothing. */
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing half that become learners when it is left (M6). */
  readonly learnersNext: readonly NodeId[];
  /** Those voters, of either half, that vote and acknowledge but hold no commands, and never lead (M16). */
  readonly witnesses: readonly NodeId[];
  /** Whether the leader leaves the joint configuration without being asked (M5). */
  readonly autoLeave: boolean;
  /** Those learners that may only read: they never become voters (M18). */
  readonly readers: readonly NodeId[];
  /** Members of before: ids are never used again (M10). In the order of their removal; the oldest are forgotten. */
  readonly removed: readonly NodeId[];
  /** Whoever's id begins with one of these is shut out, whether it was a member or not (M19). In ascending order. */
  readonly banned: readonly string[];
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

/** Where a log begins: the last entry that is not in it. */
export interface LogStart {
  readonly index: Index;
  readonly term: Term;
  /** That of the founding, or of the newest snapshot. */
  readonly configuration: Configuration;
}

/** The machine's state at one applied entry, and the configuration in force there (S5). The bytes are kept elsewhere. */
export interface Snapshot {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
  /** Names the bytes: equal ids mean equal bytes, so that a transfer may be resumed from another member (S7). */
  readonly id: string;
  readonly bytes: number;
  /** CRC-32C of the bytes, for whoever keeps them; the core does not look at it. */
  readonly checksum: number;
}

/** What a replica is constructed from: all that its storage holds. */
export interface PersistentState {
  readonly hardState: HardState;
  readonly start: LogStart;
  readonly entries: readonly Entry[];
  /** The newest snapshot, if there is one; at or after `start`. */
  readonly snapshot?: Snapshot | null;
}

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; in a pre-vote request, and in an answer that grants one, the term that is campaigned for. */
  readonly term: Term;
}

/** Names an entry that is committed, and with it everything before it. */
export interface CommittedEntry {
  readonly index: Index;
  readonly term: Term;
}

/** Asks for a vote in the sender's term (paper, section 5.2). */
export interface RequestVote extends Envelope {
  readonly kind: 'RequestVote';
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** The leader itself has asked for this election: it disturbs nobody (dissertation, section 4.2.3). */
  readonly transfer: boolean;
}

export interface RequestVoteResponse extends Envelope {
  readonly kind: 'RequestVoteResponse';
  readonly granted: boolean;
  /** The candidate was removed from the group, and does not know it (M12). */
  readonly removed: boolean;
  /** With a refusal: an entry that is committed, as far as the candidate's log may reach (E16). */
  readonly committed?: CommittedEntry;
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
  /** The candidate was removed from the group, and does not know it (M12). */
  readonly removed: boolean;
  /** With a refusal: an entry that is committed, as far as the candidate's log may reach (E16). */
  readonly committed?: CommittedEntry;
}

/** Replicates entries that follow (prevIndex, prevTerm), none of them for a probe (paper, section 5.3). */
export interface AppendEntries extends Envelope {
  readonly kind: 'AppendEntries';
  readonly prevIndex: Index;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: Index;
  /** It brings nothing but the commit index: whoever agrees need not say so. A refusal is told as ever (R13). */
  readonly needsNoAnswer?: true;
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
  /** Counts the rounds of this leadership: an answer proves that it led when the round began (Q2). */
  readonly round: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly kind: 'HeartbeatResponse';
  /** The round that is answered. */
  readonly round: number;
}

/** A part of a snapshot, for a follower that is behind the log (paper, section 7). */
export interface InstallSnapshot extends Envelope {
  readonly kind: 'InstallSnapshot';
  readonly snapshot: Snapshot;
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface InstallSnapshotResponse extends Envelope {
  readonly kind: 'InstallSnapshotResponse';
  readonly snapshotIndex: Index;
  readonly snapshotId: string;
  /** Bytes that are held without a gap: where to go on. */
  readonly offset: number;
}

/** Asks a voter that is up to date to campaign at once (dissertation, section 3.10). */
export interface TimeoutNow extends Envelope {
  readonly kind: 'TimeoutNow';
}

/** Asks the leader for an index that a read has to wait for (dissertation, section 6.4). */
export interface ReadIndex extends Envelope {
  readonly kind: 'ReadIndex';
  /** Names the read among those of its sender. */
  readonly context: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly kind: 'ReadIndexResponse';
  readonly context: number;
  /** Null when the read is refused: whoever was asked does not lead. */
  readonly index: Index | null;
}

export type Message =
  | RequestVote
  | RequestVoteResponse
  | RequestPreVote
  | RequestPreVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | InstallSnapshotResponse
  | TimeoutNow
  | ReadIndex
  | ReadIndexResponse;

export type MessageKind = Message['kind'];

/** Those that are large, of which a transport that is full refuses some. */
export type BulkMessage = AppendEntries | InstallSnapshot;

/** What an entry weighs beside its data, in every limit that counts bytes: about its overhead on the wire. */
export const entryOverheadBytes = 16;

export function entryBytes(entry: Entry): number {
  return entry.data.byteLength + entryOverheadBytes;
}
