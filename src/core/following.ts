/** The follower's side of log replication (paper, section 5.3): what it takes from the leader of its term. */
import { InvariantViolation } from './errors.ts';
import type { Replica } from './replica.ts';
import { becomeFollower } from './roles.ts';
import type { AppendEntries, AppendEntriesResponse, ConflictHint, Heartbeat, Index, NodeId } from './types.ts';

/** Contact with the leader of our term: whoever we were, we follow it, and our election timer starts anew (E5). */
export function heedLeader(replica: Replica, leader: NodeId): void {
  const { role, rules } = replica;
  if (!rules.isLeaderOfTerm({ known: replica.leader, sender: leader })) {
    throw new InvariantViolation(
      'E13',
      `${leader} and ${replica.leader ?? 'nobody'} both claim to lead term ${replica.term}`,
    );
  }
  if (role.name !== 'follower' || role.leader === null) becomeFollower(replica, replica.term, leader);
  replica.ticksSinceContact = 0;
  replica.ticksSinceLeader = 0;
}

export function handleAppendEntries(replica: Replica, message: AppendEntries): void {
  const { log, rules } = replica;
  const { prevIndex, prevTerm, entries } = message;
  const missing = log.firstMissing(entries);
  if (missing !== undefined && !rules.mayOverwrite({ conflict: missing.index, commit: log.commit })) {
    throw new InvariantViolation(
      'R3',
      `${message.from} sent another entry ${missing.index} than the one committed here (commit ${log.commit})`,
    );
  }
  if (rules.isKnownToAgree({ index: prevIndex, commit: log.commit })) {
    agree(replica, message, log.commit);
    return;
  }
  if (!rules.extendsLog({ prevTerm, ownTermAtPrev: log.termAt(prevIndex) })) {
    const conflict = log.lastAtOrBelowTerm(Math.min(prevIndex, log.lastIndex), prevTerm);
    replica.answer(answer(replica, message.from, prevIndex, conflict));
    return;
  }

  const verified = prevIndex + entries.length;
  const next = missing?.index ?? verified + 1;
  if (rules.isConflict({ ownTerm: log.termAt(next), sentTerm: missing?.term })) replica.truncate(next);
  if (missing !== undefined) log.append(entries.slice(missing.index - prevIndex - 1));
  commitTo(replica, rules.followerCommit({ leaderCommit: message.commit, verified }));
  agree(replica, message, verified);
}

function agree(replica: Replica, { from, needsNoAnswer }: AppendEntries, index: Index): void {
  if (needsNoAnswer !== true) replica.sendWhenDurable(answer(replica, from, index, null));
}

function answer(
  { id: from, term }: Replica,
  to: NodeId,
  index: Index,
  conflict: ConflictHint | null,
): AppendEntriesResponse {
  return { kind: 'AppendEntriesResponse', from, to, term, index, conflict };
}

export function handleHeartbeat(replica: Replica, message: Heartbeat): void {
  const { log, rules } = replica;
  if (!rules.holdsWhatWasCommitted({ commit: message.commit, lastIndex: log.lastIndex })) {
    throw new InvariantViolation(
      'R7',
      `${message.from} knows that we held entry ${message.commit}, but our log ends at ${log.lastIndex}: data was lost`,
    );
  }
  commitTo(replica, message.commit);
  const { id: from, term } = replica;
  replica.answer({ kind: 'HeartbeatResponse', from, to: message.from, term, round: message.round });
}

export function commitTo(replica: Replica, index: number): void {
  if (replica.log.commitTo(index) && replica.tracing) replica.emit({ name: 'Commit' });
}
