/**
 * Leader election (paper, sections 5.2 and 5.4.1) with pre-votes (dissertation, section 9.6): a replica that hears of
 * no leader asks first whether it could win, and begins a new term only if a majority says so.
 */
import { isMember } from './configuration.ts';
import { commitTo } from './following.ts';
import { voteResult } from './quorum.ts';
import type { Candidate, PreCandidate, Replica } from './replica.ts';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts';
import type {
  CommittedEntry,
  NodeId,
  RequestPreVote,
  RequestPreVoteResponse,
  RequestVote,
  RequestVoteResponse,
} from './types.ts';

export function tickElection(replica: Replica): void {
  replica.ticksSinceContact++;
  if (replica.ticksSinceContact < replica.electionTimeout) return;
  campaign(replica);
  // Whoever may not campaign must not count for ever on a leader that is silent: it would ask nobody else.
  const { role } = replica;
  if (role.name === 'follower' && role.leader !== null) becomeFollower(replica, replica.term, null);
}

/** Whether this replica may stand for election now. */
function mayCampaign(replica: Replica, transfer: boolean): boolean {
  return replica.rules.mayCampaign({
    canLead: replica.canLead,
    isRemoved: replica.isRemoved,
    isRestoring: replica.log.isRestoring,
    hasUnappliedChange: hasUnappliedChange(replica),
    owesLease: replica.owesLease && !transfer,
  });
}

/** E16: with a configuration that takes effect when applied, a replica that is behind with that may not lead. */
function hasUnappliedChange({ log }: Replica): boolean {
  for (let index = log.applied + 1; index <= log.commit; index++) {
    if (log.entryAt(index)?.kind === 'configuration') return true;
  }
  return false;
}

/** Campaigns now. Does nothing in a leader, nor in a replica that may not lead. */
export function campaign(replica: Replica): void {
  if (replica.role.name === 'leader' || !mayCampaign(replica, false)) return;
  if (!replica.options.preVote) {
    startElection(replica, false);
    return;
  }
  becomePreCandidate(replica);
  requestPreVotes(replica);
  if (replica.role.name === 'pre-candidate') recordPreVote(replica, replica.role, replica.id, true);
}

/** T4: a campaign that the leader has asked for needs no pre-votes, and disturbs nobody. */
export function campaignForTransfer(replica: Replica): void {
  if (mayCampaign(replica, true)) startElection(replica, true);
}

function requestPreVotes(replica: Replica): void {
  const { id: from, log } = replica;
  const request = { kind: 'RequestPreVote', from, term: replica.term + 1 } as const;
  const { lastIndex, lastTerm } = log;
  for (const to of otherVoters(replica)) replica.send({ ...request, to, lastIndex, lastTerm });
}

function startElection(replica: Replica, transfer: boolean): void {
  becomeCandidate(replica);
  const { id: from, term, log } = replica;
  // D2: our own vote is a message to ourselves, and counts when the term and the vote are durable.
  replica.sendWhenDurable({ kind: 'RequestVoteResponse', from, to: from, term, granted: true, removed: false });
  // D2: so are the requests, which say how long our log is. If a crash took back the log and the term, we could win the
  // same term again, with a shorter log and the votes that the longer one was given.
  const { lastIndex, lastTerm } = log;
  for (const to of otherVoters(replica)) {
    replica.sendWhenDurable({ kind: 'RequestVote', from, to, term, lastIndex, lastTerm, transfer });
  }
}

/** The voters of both halves without ourselves, in ascending order. */
function otherVoters({ id, configuration: { voters, outgoing } }: Replica): NodeId[] {
  const all = outgoing.length === 0 ? voters : [...new Set([...voters, ...outgoing])].sort();
  return all.filter((voter) => voter !== id);
}

/** Whether this is no time for a vote in a later term, because we have a leader that lives (E7). */
export function isDisturbance(replica: Replica, request: RequestVote | RequestPreVote): boolean {
  if (!replica.options.checkQuorum) return false;
  return replica.rules.isDisturbance({
    leader: replica.leader,
    ticksSinceContact: replica.ticksSinceContact,
    electionTicks: replica.options.electionTicks,
    owesLease: replica.owesLease,
    isTransfer: request.kind === 'RequestVote' && request.transfer,
  });
}

/**
 * Whether the candidate was removed, and does not know it (M12). Who was added and has not heard of any configuration yet
 * knows of no removal either.
 */
export function wasRemoved({ rules, configuration, log }: Replica, request: RequestVote | RequestPreVote): boolean {
  return rules.wasRemoved({
    isMember: configuration.voters.length === 0 || isMember(configuration, request.from),
    candidateLastIndex: request.lastIndex,
    applied: log.applied,
  });
}

function isUpToDate({ rules, log }: Replica, request: RequestVote | RequestPreVote): boolean {
  return rules.isUpToDate({
    lastTerm: log.lastTerm,
    lastIndex: log.lastIndex,
    candidateLastTerm: request.lastTerm,
    candidateLastIndex: request.lastIndex,
  });
}

function mayVote({ rules, vote, leader }: Replica, candidate: NodeId): boolean {
  return rules.mayVoteInTerm({ candidate, vote, leader });
}

/**
 * A request in our own term: a later one has made us enter it, an earlier one was refused. We answer whoever we are, also
 * as a learner: the candidate may know a newer configuration than we do (E15, M17).
 */
export function handleRequestVote(replica: Replica, request: RequestVote): void {
  if (!mayVote(replica, request.from) || !isUpToDate(replica, request)) {
    refuseVote(replica, request);
    return;
  }
  replica.vote = request.from;
  replica.ticksSinceContact = 0;
  const { id: from, term } = replica;
  replica.sendWhenDurable({
    kind: 'RequestVoteResponse',
    from,
    to: request.from,
    term,
    granted: true,
    removed: false,
  });
}

/** Changes nothing here (E8). A grant names the term that it is for, a refusal the term that we are in (E9). */
export function handleRequestPreVote(replica: Replica, request: RequestPreVote): void {
  const isFree = request.term > replica.term || mayVote(replica, request.from);
  if (!isFree || !isUpToDate(replica, request)) {
    refuseVote(replica, request);
    return;
  }
  const { id: from } = replica;
  const { from: to, term } = request;
  replica.answer({ kind: 'RequestPreVoteResponse', from, to, term, granted: true, removed: false });
}

export function refuseVote(replica: Replica, request: RequestVote | RequestPreVote): void {
  const kind = request.kind === 'RequestVote' ? 'RequestVoteResponse' : 'RequestPreVoteResponse';
  const removed = wasRemoved(replica, request);
  const { log } = replica;
  const index = Math.min(log.commit, request.lastIndex);
  const term = log.termAt(index);
  const committed = term === undefined || index === 0 ? {} : { committed: { index, term } };
  replica.answer({
    kind,
    from: replica.id,
    to: request.from,
    term: replica.term,
    granted: false,
    removed,
    ...committed,
  });
}

/**
 * A candidate may need the vote of somebody who votes no more, and who refuses it for ever, with a longer log: a leader
 * that has left and died before it could say that its leaving is committed. So whoever refuses a vote says how far the log
 * is committed, and a candidate that holds the same entry knows it, too. It gives up if a change has come with it (E16).
 */
export function learnCommit(replica: Replica, { index, term }: CommittedEntry): void {
  const { log, rules, role } = replica;
  if (role.name !== 'candidate' && role.name !== 'pre-candidate') return;
  if (!rules.extendsLog({ prevTerm: term, ownTermAtPrev: log.termAt(index) })) return;
  commitTo(replica, index);
  if (hasUnappliedChange(replica)) becomeFollower(replica, replica.term, null);
}

export function handleRequestVoteResponse(replica: Replica, role: Candidate, answer: RequestVoteResponse): void {
  role.votes.set(answer.from, answer.granted);
  const result = voteResult(replica.configuration, role.votes);
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
  const result = voteResult(replica.configuration, role.votes);
  // E14: meanwhile a snapshot may have been taken over, and with it a configuration in which we do not vote.
  if (result === 'won' && mayCampaign(replica, false)) startElection(replica, false);
  else if (result !== 'pending') becomeFollower(replica, replica.term, null);
}

/** M12: a voter has told us that we are no member any more. Nobody is disturbed by us from now on. */
export function learnRemoval(replica: Replica): void {
  replica.isRemoved = true;
  if (replica.role.name !== 'follower') becomeFollower(replica, replica.term, null);
}

/**
 * A follower that was told that its leader has gone campaigns soon. Where there are leases it may not forget: the leader
 * counts on its word (Q7).
 */
export function forgetLeader(replica: Replica): void {
  if (replica.role.name !== 'follower' || replica.role.leader === null || replica.options.leaseReads) return;
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
 * the same reason at the same moment do not split the vote; who should rather not lead comes last.
 */
function hasten(replica: Replica, ticks: number, gone: NodeId | null): void {
  const { heartbeatTicks, campaignDelayTicks } = replica.options;
  const others = replica.configuration.voters.filter((id) => id !== gone);
  const rank = Math.max(others.indexOf(replica.id), 0);
  const wait = ticks + rank * heartbeatTicks + campaignDelayTicks;
  replica.electionTimeout = Math.min(replica.electionTimeout, replica.ticksSinceContact + wait);
}
