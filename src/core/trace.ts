/**
 * What a replica tells about itself: one event for each transition, emitted synchronously where it happens. Checkers,
 * visualizers and trace exporters all feed from this one stream; nothing is built when nobody listens.
 */
import type { MembershipChange } from './configuration.ts';
import type { Decision } from './rules.ts';
import type { Configuration, Entry, HardState, Index, Message, MessageKind, NodeId, Snapshot } from './types.ts';

export type RoleName = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export type TraceDetail =
  /** After loading, at the start and at each restart. */
  | { readonly name: 'InitState' }
  /** After the change. A pre-candidate has not begun a new term. */
  | { readonly name: 'BecomeFollower' | 'BecomePreCandidate' | 'BecomeCandidate' | 'BecomeLeader' }
  /** When handed out; a replica's own vote is a message to itself, which it receives when the vote is durable. */
  | { readonly name: `Send${MessageKind}`; readonly message: Message }
  /** Before any effect. */
  | { readonly name: `Receive${MessageKind}`; readonly message: Message }
  /** A leader appended one entry to its log. */
  | { readonly name: 'Replicate'; readonly entry: Entry }
  /** A leader's own acknowledgement of its log, sent when it appends and received when that is durable (D3). */
  | { readonly name: 'SendSelfAppend' | 'ReceiveSelfAppend'; readonly ackIndex: Index }
  /** The commit index moved. */
  | { readonly name: 'Commit' }
  /** A change of membership was appended, and one came into force. */
  | { readonly name: 'ChangeConf'; readonly change: MembershipChange }
  | { readonly name: 'ApplyConfChange'; readonly configuration: Configuration }
  /** A write is durable: the log up to `durable`, and this hard state. */
  | { readonly name: 'Persisted'; readonly durable: Index; readonly hardState: HardState }
  | { readonly name: 'SnapshotTaken' | 'SnapshotInstalled'; readonly snapshot: Snapshot }
  | { readonly name: 'TransferStart'; readonly target: NodeId }
  | { readonly name: 'ReadStart'; readonly context: number }
  | { readonly name: 'ReadReady'; readonly context: number; readonly index: Index }
  /** A rule was asked. */
  | { readonly name: 'Decision'; readonly decision: Decision };

/** The state of the replica when the event happened. */
export interface TraceContext {
  readonly node: NodeId;
  readonly role: RoleName;
  readonly state: HardState;
  /** The last index of the log. */
  readonly last: Index;
  /** The voters, and those of the outgoing half. */
  readonly conf: readonly [readonly NodeId[], readonly NodeId[]];
  readonly learners: readonly NodeId[];
}

export type TraceEvent = TraceContext & TraceDetail;

export type TraceListener = (event: TraceEvent) => void;

/** What is told of messages of each kind. Names are not put together for each event: whoever listens compares them. */
export const messageEvents: {
  readonly [Kind in MessageKind]: { readonly sent: `Send${Kind}`; readonly received: `Receive${Kind}` };
} = {
  RequestVote: { sent: 'SendRequestVote', received: 'ReceiveRequestVote' },
  RequestVoteResponse: { sent: 'SendRequestVoteResponse', received: 'ReceiveRequestVoteResponse' },
  RequestPreVote: { sent: 'SendRequestPreVote', received: 'ReceiveRequestPreVote' },
  RequestPreVoteResponse: { sent: 'SendRequestPreVoteResponse', received: 'ReceiveRequestPreVoteResponse' },
  AppendEntries: { sent: 'SendAppendEntries', received: 'ReceiveAppendEntries' },
  AppendEntriesResponse: { sent: 'SendAppendEntriesResponse', received: 'ReceiveAppendEntriesResponse' },
  Heartbeat: { sent: 'SendHeartbeat', received: 'ReceiveHeartbeat' },
  HeartbeatResponse: { sent: 'SendHeartbeatResponse', received: 'ReceiveHeartbeatResponse' },
  InstallSnapshot: { sent: 'SendInstallSnapshot', received: 'ReceiveInstallSnapshot' },
  InstallSnapshotResponse: { sent: 'SendInstallSnapshotResponse', received: 'ReceiveInstallSnapshotResponse' },
  TimeoutNow: { sent: 'SendTimeoutNow', received: 'ReceiveTimeoutNow' },
  ReadIndex: { sent: 'SendReadIndex', received: 'ReceiveReadIndex' },
  ReadIndexResponse: { sent: 'SendReadIndexResponse', received: 'ReceiveReadIndexResponse' },
};
