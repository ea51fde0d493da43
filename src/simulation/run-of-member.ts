/** One run of a member, from a start to a crash, and what it has shown so far. */
import type { Raft } from '../core/raft.ts';
import type { Index, NodeId, Snapshot, Term } from '../core/types.ts';
import { Tally } from './tally.ts';

/** What can be seen of a member's process from outside. */
export interface Home {
  /** Commands that wait for an outcome, and their bytes. */
  readonly pendingCommands: number;
  readonly pendingCommandBytes: number;
  /** A snapshot, or a part of one, is on its way to the disk. */
  readonly isKeepingSnapshot: boolean;
  /** Bytes of snapshots that the disk was asked for and has not given yet. */
  readonly bytesBeingRead: number;
}

export class Run {
  readonly id: NodeId;
  readonly raft: Raft;
  readonly home: Home;
  commit: Index;
  applied: Index;
  /** How many effects its machine has shown, or was restored with. */
  effects = 0;
  /** While it leads: its term and the end of its log. */
  leading: { readonly term: Term; last: Index } | null = null;
  /** By the context of a read that has begun, how far the group had committed then. */
  readonly reads: Map<number, Index> = new Map();
  /** Who has granted a vote in the pre-vote under way, or the last one. */
  preVotes: Set<NodeId> = new Set();
  /** While it leads: the round of heartbeats that it has begun last, and by member, during which one it last answered. */
  round = 0;
  readonly answered: Map<NodeId, number> = new Map();
  /** In this event, its leader has asked it to stand for election. */
  wasAskedToLead = false;
  /** Commands that it has appended as the leader of its term, and that are not committed. */
  readonly uncommitted: Tally = new Tally();
  /** The newest durable snapshot, and what was applied since. */
  snapshot: Snapshot | null;
  readonly sinceSnapshot: Tally = new Tally();
  /** Whether that was enough for another one when it was last looked at. */
  isSnapshotDue = false;
  /** How much of what is applied is counted there. */
  counted: Index;

  constructor(id: NodeId, raft: Raft, home: Home) {
    this.id = id;
    this.raft = raft;
    this.home = home;
    this.commit = raft.commit;
    this.applied = raft.appliedIndex;
    this.counted = raft.appliedIndex;
    this.snapshot = raft.snapshot;
  }
}
