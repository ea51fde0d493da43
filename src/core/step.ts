/** The front door for messages: what their term means (E1, E2), then who handles them in which role. */
import { isMember } from './configuration.ts';
import {
  handleRequestPreVote,
  handleRequestPreVoteResponse,
  handleRequestVote,
  handleRequestVoteResponse,
  isDisturbance,
  learnCommit,
  learnRemoval,
  refuseVote,
  wasRemoved,
} from './elections.ts';
import { handleAppendEntries, handleHeartbeat, heedLeader } from './following.ts';
import { handleReadIndex, handleReadIndexResponse } from './reading.ts';
import type { Replica } from './replica.ts';
import { handleAppendEntriesResponse, handleHeartbeatResponse, handleInstallSnapshotResponse } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { handleInstallSnapshot } from './snapshots.ts';
import { messageEvents } from './trace.ts';
import { handleTimeoutNow } from './transfers.ts';
import type {
  Message,
  MessageKind,
  RequestPreVote,
  RequestPreVoteResponse,
  RequestVote,
  RequestVoteResponse,
} from './types.ts';

/** M17: a request from somebody unknown may be from a newer configuration than ours; an answer may not. */
const isResponse: Readonly<Record<MessageKind, boolean>> = {
  RequestVote: false,
  RequestVoteResponse: true,
  RequestPreVote: false,
  RequestPreVoteResponse: true,
  AppendEntries: false,
  AppendEntriesResponse: true,
  Heartbeat: false,
  HeartbeatResponse: true,
  InstallSnapshot: false,
  InstallSnapshotResponse: true,
  TimeoutNow: false,
  ReadIndex: false,
  ReadIndexResponse: true,
};

export function step(replica: Replica, message: Message): void {
  if (replica.tracing) replica.emit({ name: messageEvents[message.kind].received, message });
  if (isResponse[message.kind] && !isMember(replica.configuration, message.from)) return;
  if (isVoteResponse(message) && message.removed) {
    learnRemoval(replica);
    return;
  }
  if (isVoteResponse(message) && message.committed !== undefined) learnCommit(replica, message.committed);
  if (message.term < replica.term) {
    answerFromLaterTerm(replica, message);
    return;
  }
  if (isVoteRequest(message) && (isDisturbance(replica, message) || wasRemoved(replica, message))) {
    refuseVote(replica, message);
    return;
  }
  if (message.term > replica.term) enterLaterTerm(replica, message);
  handle(replica, message);
}

function isVoteRequest(message: Message): message is RequestVote | RequestPreVote {
  return message.kind === 'RequestVote' || message.kind === 'RequestPreVote';
}

function isVoteResponse(message: Message): message is RequestVoteResponse | RequestPreVoteResponse {
  return message.kind === 'RequestVoteResponse' || message.kind === 'RequestPreVoteResponse';
}

/** E2: a sender stuck in an earlier term learns of ours, or it could never take part again. */
function answerFromLaterTerm(replica: Replica, message: Message): void {
  const reply = { from: replica.id, to: message.from, term: replica.term };
  switch (message.kind) {
    case 'RequestVote':
    case 'RequestPreVote':
      refuseVote(replica, message);
      break;
    case 'AppendEntries':
      replica.answer({
        ...reply,
        kind: 'AppendEntriesResponse',
        index: message.prevIndex,
        conflict: { index: 0, term: 0 },
      });
      break;
    case 'Heartbeat':
    case 'InstallSnapshot':
    case 'TimeoutNow':
      replica.answer({ ...reply, kind: 'HeartbeatResponse', round: 0 });
      break;
    case 'ReadIndex':
      replica.answer({ ...reply, kind: 'ReadIndexResponse', context: message.context, index: null });
      break;
    case 'RequestVoteResponse':
    case 'RequestPreVoteResponse':
    case 'AppendEntriesResponse':
    case 'HeartbeatResponse':
    case 'InstallSnapshotResponse':
    case 'ReadIndexResponse':
      break;
  }
}

/** E1, and its exceptions. */
function enterLaterTerm(replica: Replica, message: Message): void {
  switch (message.kind) {
    case 'RequestPreVote':
      // E8: it is about a term that has not begun.
      break;
    case 'RequestPreVoteResponse':
      // A grant carries the term that was campaigned for; only a refusal tells the voter's (E9).
      if (!message.granted) becomeFollower(replica, message.term, null);
      break;
    case 'AppendEntries':
    case 'Heartbeat':
    case 'InstallSnapshot':
      becomeFollower(replica, message.term, message.from);
      break;
    case 'RequestVote':
    case 'RequestVoteResponse':
    case 'AppendEntriesResponse':
    case 'HeartbeatResponse':
    case 'InstallSnapshotResponse':
    case 'TimeoutNow':
    case 'ReadIndex':
    case 'ReadIndexResponse':
      becomeFollower(replica, message.term, null);
      break;
  }
}

function handle(replica: Replica, message: Message): void {
  const { role } = replica;
  switch (message.kind) {
    case 'RequestVote':
      handleRequestVote(replica, message);
      break;
    case 'RequestPreVote':
      handleRequestPreVote(replica, message);
      break;
    case 'AppendEntries':
      heedLeader(replica, message.from);
      handleAppendEntries(replica, message);
      break;
    case 'Heartbeat':
      heedLeader(replica, message.from);
      handleHeartbeat(replica, message);
      break;
    case 'InstallSnapshot':
      heedLeader(replica, message.from);
      handleInstallSnapshot(replica, message);
      break;
    case 'TimeoutNow':
      if (role.name === 'follower') handleTimeoutNow(replica, role, message);
      break;
    case 'ReadIndex':
      handleReadIndex(replica, message);
      break;
    // E10: an answer counts in the role that asked for it, and nowhere else.
    case 'RequestVoteResponse':
      if (role.name === 'candidate') handleRequestVoteResponse(replica, role, message);
      break;
    case 'RequestPreVoteResponse':
      if (role.name === 'pre-candidate') handleRequestPreVoteResponse(replica, role, message);
      break;
    case 'AppendEntriesResponse':
      if (role.name === 'leader') handleAppendEntriesResponse(replica, role, message);
      break;
    case 'HeartbeatResponse':
      if (role.name === 'leader') handleHeartbeatResponse(replica, role, message);
      break;
    case 'InstallSnapshotResponse':
      if (role.name === 'leader') handleInstallSnapshotResponse(replica, role, message);
      break;
    case 'ReadIndexResponse':
      if (role.name === 'follower') handleReadIndexResponse(replica, role, message);
      break;
  }
}
