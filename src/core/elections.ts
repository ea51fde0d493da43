/**
 * Leader election (paper, sections 5.2 and 5.4.1) with pre-votes (dissertation, section 9.6): a replica that hears of
 * no leader asks first whether it could win, and begins a new term only if a majority says so.
 */
import { voteResult } from './quorum.ts';
import type { Candidate, PreCandidate, Replica } from './replica.ts';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts';
import type { NodeId, RequestPreVote, RequestPreVoteResponse, RequestVote, RequestVoteResponse } from './types.ts';

export function tickElection(replica: Replica): void {
  replica.ticksSinceContact++;
  if (replica.ticksSinceContact >= replica.electionTimeout) campaign(replica);
}

/** Campaigns now. Does nothing in a leader, nor in a replica that may not lead. */
export function campaign(replica: Replica): void {
  if (replica.role.name === 'leader') return;
  if (!replica.rules.mayCampaign({ isVoter: replica.isVoter })) return;
  if (!replica.options.preVote) {
    startElection(replica);
    return;
  }
  becomePreCandidate(replica);
  requestVotes(replica, 'RequestPreVote', (message) => {
    replica.send(message);
  });
  if (replica.role.name === 'pre-candidate') recordPreVote(replica, replica.role, replica.id, true);
}

function startElection(replica: Replica): void {
  becomeCandidate(replica);
  const { id, term } = replica;
  // D2: our own vote is a message to ourselves, and counts when the term and the vote are durable.
  replica.sendWhenDurable({ kind: 'RequestVoteResponse', from: id, to: id, term, granted: true });
  // D2: so are the requests, which say how long our log is. If a crash took back the log and the term, we could win the
  // same term again, with a shorter log and the votes that the longer one was given.
  requestVotes(replica, 'RequestVote', (message) => {
    replica.sendWhenDurable(message);
  });
}

function requestVotes(
  replica: Replica,
  kind: 'RequestVote' | 'RequestPreVote',
  send: (message: RequestVote | RequestPreVote) => void,
): void {
  const { lastIndex, lastTerm } = replica.log;
  const term = kind === 'RequestPreVote' ? replica.term + 1 : replica.term;
  for (const to of replica.configuration.voters) {
    if (to !== replica.id) send({ kind, from: replica.id, to, term, lastIndex, lastTerm });
  }
}

/** Whether this is no time for a vote in a later term, because we have a leader that lives (E7). */
export function isDisturbance(replica: Replica): boolean {
  if (!replica.options.checkQuorum) return false;
  return replica.rules.isDisturbance({
    leader: replica.leader,
    ticksSinceContact: replica.ticksSinceContact,
    electionTicks: replica.options.electionTicks,
  });
}

function isUpToDate(replica: Replica, request: RequestVote | RequestPreVote): boolean {
  return replica.rules.isUpToDate({
    lastTerm: replica.log.lastTerm,
    lastIndex: replica.log.lastIndex,
    candidateLastTerm: request.lastTerm,
    candidateLastIndex: request.lastIndex,
  });
}

function mayVote(replica: Replica, candidate: NodeId): boolean {
  return replica.rules.mayVoteInTerm({ candidate, vote: replica.vote, leader: replica.leader });
}

/** A request in our own term: a later one has made us enter it, an earlier one was refused. */
export function handleRequestVote(replica: Replica, request: RequestVote): void {
  const granted = mayVote(replica, request.from) && isUpToDate(replica, request);
  const { id: from, term } = replica;
  if (granted) {
    replica.vote = request.from;
    replica.ticksSinceContact = 0;
    replica.sendWhenDurable({ kind: 'RequestVoteResponse', from, to: request.from, term, granted });
  } else {
    replica.answer({ kind: 'RequestVoteResponse', from, to: request.from, term, granted });
  }
}

/** Changes nothing here (E8). A grant names the term that it is for, a refusal the term that we are in (E9). */
export function handleRequestPreVote(replica: Replica, request: RequestPreVote): void {
  const isFree = request.term > replica.term || mayVote(replica, request.from);
  const granted = isFree && isUpToDate(replica, request);
  const term = granted ? request.term : replica.term;
  replica.answer({ kind: 'RequestPreVoteResponse', from: replica.id, to: request.from, term, granted });
}

export function refuseVote(replica: Replica, request: RequestVote | RequestPreVote): void {
  const kind = request.kind === 'RequestVote' ? 'RequestVoteResponse' : 'RequestPreVoteResponse';
  replica.answer({ kind, from: replica.id, to: request.from, term: replica.term, granted: false });
}

export function handleRequestVoteResponse(replica: Replica, role: Candidate, answer: RequestVoteResponse): void {
  role.votes.set(answer.from, answer.granted);
  const result = voteResult(replica.configuration.voters, role.votes);
  if (result === 'won') becomeLeader(replica);
  else if (result === 'lost') becomeFollower(replica, replica.term, null);
}

export function handleRequestPreVoteResponse(
  replica: Replica,
  role: PreCandidate,
  answer: RequestPreVoteResponse,
): void {
  // E10: a grant for another campaign than this one does not count.
  if (answer.term !== (answer.granted ? replica.term + 1 : replica.term)) return;
  recordPreVote(replica, role, answer.from, answer.granted);
}

function recordPreVote(replica: Replica, role: PreCandidate, from: NodeId, granted: boolean): void {
  role.votes.set(from, granted);
  const result = voteResult(replica.configuration.voters, role.votes);
  if (result === 'won') startElection(replica);
  else if (result === 'lost') becomeFollower(replica, replica.term, null);
}

/** A follower that was told that its leader has gone campaigns soon. */
export function forgetLeader(replica: Replica): void {
  if (replica.role.name !== 'follower' || replica.role.leader === null) return;
  const gone = replica.role.leader;
  becomeFollower(replica, replica.term, null);
  hasten(replica, 1, gone);
}

/** A replica without a leader campaigns soon, if it does not hear from one before: others can be reached again. */
export function campaignSoon(replica: Replica): void {
  if (replica.leader === null) hasten(replica, 1 + replica.options.heartbeatTicks, null);
}

/**
 * Shortens the wait for a campaign. The order of ids spaces the candidates out by a heartbeat each, so that those who have
 * the same reason at the same moment do not split the vote.
 */
function hasten(replica: Replica, ticks: number, gone: NodeId | null): void {
  const others = replica.configuration.voters.filter((id) => id !== gone);
  const rank = Math.max(others.indexOf(replica.id), 0);
  const wait = ticks + rank * replica.options.heartbeatTicks;
  replica.electionTimeout = Math.min(replica.electionTimeout, replica.ticksSinceContact + wait);
}
