/** The front door for messages: what their term means (E1, E2), then who handles them in which role. */
import {
  handleRequestPreVote,
  handleRequestPreVoteResponse,
  handleRequestVote,
  handleRequestVoteResponse,
  isDisturbance,
  refuseVote,
} from './elections.ts';
import { handleAppendEntries, handleHeartbeat, heedLeader } from './following.ts';
import type { Replica } from './replica.ts';
import { handleAppendEntriesResponse, handleHeartbeatResponse } from './replication.ts';
import { becomeFollower } from './roles.ts';
import type { Message } from './types.ts';

export function step(replica: Replica, message: Message): void {
  if (replica.tracing) replica.emit({ name: `Receive${message.kind}`, message });
  // M17: a request from somebody unknown may be from a newer configuration than ours; an answer may not.
  if (isResponse(message) && !replica.configuration.voters.includes(message.from)) return;
  if (message.term < replica.term) {
    answerFromLaterTerm(replica, message);
    return;
  }
  if (message.term > replica.term && !enterLaterTerm(replica, message)) return;
  handle(replica, message);
}

function isResponse(message: Message): boolean {
  return (
    message.kind === 'RequestVoteResponse' ||
    message.kind === 'RequestPreVoteResponse' ||
    message.kind === 'AppendEntriesResponse' ||
    message.kind === 'HeartbeatResponse'
  );
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
      replica.answer({ ...reply, kind: 'HeartbeatResponse' });
      break;
    case 'RequestVoteResponse':
    case 'RequestPreVoteResponse':
    case 'AppendEntriesResponse':
    case 'HeartbeatResponse':
      break;
  }
}

/** E1, and its exceptions. Says whether the message is to be handled. */
function enterLaterTerm(replica: Replica, message: Message): boolean {
  switch (message.kind) {
    case 'RequestVote':
    case 'RequestPreVote':
      if (isDisturbance(replica)) {
        refuseVote(replica, message);
        return false;
      }
      // E8: a pre-vote request is about a term that has not begun.
      if (message.kind === 'RequestVote') becomeFollower(replica, message.term, null);
      return true;
    case 'RequestPreVoteResponse':
      // A grant carries the term that was campaigned for; only a refusal tells the voter's (E9).
      if (!message.granted) becomeFollower(replica, message.term, null);
      return true;
    case 'AppendEntries':
    case 'Heartbeat':
      becomeFollower(replica, message.term, message.from);
      return true;
    case 'RequestVoteResponse':
    case 'AppendEntriesResponse':
    case 'HeartbeatResponse':
      becomeFollower(replica, message.term, null);
      return true;
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
  }
}
