/** Who may be in a group, in whose name those who are may speak, and what those who may only read may say. */
import { type Exclusion as CommittedExclusion, exclusionOf } from '../core/exclusions.ts';
import type { Configuration, NodeId, Term } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { HostId } from '../ids.ts';
import type { GroupMessage, JoiningMessage } from '../transport/messages.ts';
import type { Admission, Exclusion } from '../transport/transport.ts';

/** How the ids of all members begin that a host has, had, or will have. */
export function prefixOf(host: HostId): string {
  return `${host}.`;
}

/** What the group has committed about somebody who wants to be in it as this member; null for whoever may. */
export function committedExclusion(configuration: Configuration, member: NodeId): Exclusion | null {
  const exclusion = exclusionOf(configuration, member);
  return exclusion && asRefusal(exclusion);
}

/** As what somebody is refused whom the group has shut out. */
export function asRefusal(exclusion: CommittedExclusion): Exclusion {
  return exclusion === 'banned' ? 'banned-key' : 'removed-incarnation';
}

/** What a member ends with that is shut out. */
export function expelled(exclusion: Exclusion): RaftError {
  return exclusion === 'banned-key'
    ? new RaftError('BANNED', 'the group has banned this host: ask its members to lift that')
    : new RaftError('REMOVED', 'this member was removed from the group: forget it here, then join as another one');
}

export function isJoiningMessage(message: GroupMessage): message is JoiningMessage {
  return message.kind === 'Join' || message.kind === 'Founded' || message.kind === 'JoinRefused';
}

/** Whether a message is from whom it says, if it says that, as the link vouches that it came over. */
export function isVouchedFor(message: GroupMessage, { member }: Admission): boolean {
  if (!isJoiningMessage(message)) return message.from === member;
  return message.kind !== 'Join' || message.member === member;
}

/**
 * What a learner says when it does as it should, and what it shows of itself. Whoever may only read says nothing else: no
 * proposal, no vote, nothing that only leaders and voters say.
 */
export function mayReaderSend({ kind }: GroupMessage): boolean {
  switch (kind) {
    case 'Join':
    case 'Report':
    case 'Presence':
    case 'AppendEntriesResponse':
    case 'HeartbeatResponse':
    case 'InstallSnapshotResponse':
    case 'ReadIndex':
      return true;
    case 'RequestVote':
    case 'RequestVoteResponse':
    case 'RequestPreVote':
    case 'RequestPreVoteResponse':
    case 'AppendEntries':
    case 'Heartbeat':
    case 'InstallSnapshot':
    case 'TimeoutNow':
    case 'ReadIndexResponse':
    case 'Propose':
    case 'ProposeRefused':
    case 'ChangeRequest':
    case 'ChangeRefused':
    case 'Founded':
    case 'JoinRefused':
      return false;
  }
}

/**
 * Whether a message would move whoever takes it to a later term than this. Terms are begun by voters: taken from somebody who
 * may only read, one would depose the leader, and a last one would end the group. A reader that has heard of a later term
 * in good faith has it from voters, who tell it the others as well.
 */
export function beginsTerm(message: GroupMessage, term: Term): boolean {
  switch (message.kind) {
    case 'AppendEntriesResponse':
    case 'HeartbeatResponse':
    case 'InstallSnapshotResponse':
    case 'ReadIndex':
      return message.term > term;
    default:
      return false;
  }
}
