/** What can be known of a replica at a moment, as plain data. */
import type { Progress, ProgressState } from './progress.ts';
import type { Leader, Replica } from './replica.ts';
import type { RoleName } from './trace.ts';
import type { Configuration, Index, NodeId, Term } from './types.ts';

/** What a leader knows of a member. */
export interface FollowerProgress {
  readonly state: ProgressState;
  /** The highest index known to be durable there and equal to the leader's. */
  readonly match: Index;
  /** The index of the next entry to send. */
  readonly next: Index;
  /** Appends on their way. */
  readonly inflight: number;
  /** Bytes of the entries in them. */
  readonly inflightBytes: number;
  /** Nothing more is sent before an answer comes. */
  readonly paused: boolean;
  /** The index of the snapshot that is being sent; null in every state but `snapshot`. */
  readonly pendingSnapshot: Index | null;
  readonly learner: boolean;
  /** Of a learner: whether it keeps up, and may become a voter (M14). */
  readonly caughtUp: boolean;
  /** Heard from since the last check for a quorum. */
  readonly recentlyActive: boolean;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: RoleName;
  readonly term: Term;
  readonly vote: NodeId | null;
  /** Null when none is known. */
  readonly leader: NodeId | null;
  readonly commit: Index;
  readonly applied: Index;
  /** The last index that is known to be on disk here. */
  readonly durable: Index;
  /** The last entry that is not in the log any more; 0 if the log is whole. */
  readonly startIndex: Index;
  readonly lastIndex: Index;
  /** The index of the newest snapshot; 0 if there is none. */
  readonly snapshotIndex: Index;
  readonly configuration: Configuration;
  /** This replica knows that it is no member any more, or is not to be one. */
  readonly removed: boolean;
  /** To whom this leader hands over at present. */
  readonly transferTarget: NodeId | null;
  /** What a leader knows of each member, itself included, in ascending order of ids; empty in every other role. */
  readonly progress: ReadonlyMap<NodeId, FollowerProgress>;
}

export function statusOf(replica: Replica): RaftStatus {
  const { id, role, term, vote, leader, log, configuration, snapshot } = replica;
  const { commit, applied, durable, startIndex, lastIndex } = log;
  return {
    id,
    role: role.name,
    term,
    vote,
    leader,
    commit,
    applied,
    durable,
    startIndex,
    lastIndex,
    snapshotIndex: snapshot?.index ?? 0,
    configuration,
    removed: replica.isOut,
    transferTarget: role.name === 'leader' ? (role.transfer?.target ?? null) : null,
    progress: role.name === 'leader' ? progressOf(role, configuration) : new Map<NodeId, FollowerProgress>(),
  };
}

function progressOf(leader: Leader, { learners }: Configuration): Map<NodeId, FollowerProgress> {
  const all: Map<NodeId, FollowerProgress> = new Map();
  for (const [id, progress] of leader.progress) all.set(id, plainProgress(progress, learners.includes(id)));
  return all;
}

function plainProgress(progress: Progress, learner: boolean): FollowerProgress {
  const { state, match, next, inflights, paused, transfer, catchUp, recentlyActive } = progress;
  return {
    state,
    match,
    next,
    inflight: inflights.count,
    inflightBytes: inflights.bytes,
    paused,
    pendingSnapshot: transfer?.snapshot.index ?? null,
    learner,
    caughtUp: catchUp?.isCaughtUp ?? false,
    recentlyActive,
  };
}

/** What this replica, if it leads, knows of one member. */
export function progressOfMember({ role, configuration }: Replica, id: NodeId): FollowerProgress | null {
  const progress = role.name === 'leader' ? role.progress.get(id) : undefined;
  return progress === undefined ? null : plainProgress(progress, configuration.learners.includes(id));
}
