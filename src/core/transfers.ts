/**
 * Leadership transfer (dissertation, section 3.10): a leader brings another voter up to date, then asks it to campaign at
 * once. A leader that is no voter any more hands over in the same way before it steps down (M11).
 */
import { canLead } from './configuration.ts';
import { campaignForTransfer } from './elections.ts';
import type { Follower, Leader, Replica } from './replica.ts';
import { becomeFollower } from './roles.ts';
import type { NodeId, TimeoutNow } from './types.ts';

/** Why leadership is not handed over. */
export type TransferRefusal =
  /** It is not ours. */
  | 'not-leader'
  /** The target leads already. */
  | 'is-leader'
  /** The target is no voter, or a witness (T1). */
  | 'cannot-lead';

export type TransferResult =
  { readonly accepted: true } | { readonly accepted: false; readonly reason: TransferRefusal };

/** Begins a hand-over; another target takes the place of an earlier one (T3). */
export function transferLeadership(replica: Replica, target: NodeId): TransferResult {
  const { role } = replica;
  if (role.name !== 'leader') return { accepted: false, reason: 'not-leader' };
  if (target === replica.id) return { accepted: false, reason: 'is-leader' };
  if (!canLead(replica.configuration, target)) return { accepted: false, reason: 'cannot-lead' };
  if (role.transfer?.target !== target) beginHandOver(replica, role, target);
  return { accepted: true };
}

function beginHandOver(replica: Replica, leader: Leader, target: NodeId): void {
  leader.transfer = { target, ticks: 0, wasAsked: false };
  if (replica.tracing) replica.emit({ name: 'TransferStart', target });
  const progress = leader.progress.get(target);
  if (progress !== undefined) {
    progress.dirty = true;
    progress.nudge = true;
  }
  handOver(replica, leader);
}

/** Asks the target to campaign, once it holds the whole log. */
export function handOver(replica: Replica, leader: Leader): void {
  const { transfer } = leader;
  if (transfer === null || transfer.wasAsked) return;
  const { id: from, term, log, rules, configuration } = replica;
  const { target: to } = transfer;
  const match = leader.progress.get(to)?.match ?? 0;
  if (!rules.mayTakeOver({ canLead: canLead(configuration, to), match, lastIndex: log.lastIndex })) return;
  transfer.wasAsked = true;
  // T4: from now on somebody may be elected whatever our followers have promised.
  leader.reads.voidLeaseForGood();
  replica.send({ kind: 'TimeoutNow', from, to, term });
}

/** T2: a transfer that takes longer than an election timeout is given up; one that was asked for in vain is repeated. */
export function tickHandOver(replica: Replica, leader: Leader): void {
  const { electionTicks, heartbeatTicks } = replica.options;
  const { transfer } = leader;
  if (transfer !== null) {
    transfer.ticks++;
    if (transfer.ticks % heartbeatTicks === 0) transfer.wasAsked = false;
    if (transfer.ticks >= electionTicks) leader.transfer = null;
    else handOver(replica, leader);
  }
  if (leader.leavingTicks === null) return;
  leader.leavingTicks++;
  if (leader.leavingTicks >= electionTicks) becomeFollower(replica, replica.term, null);
  else handOverToSuccessor(replica, leader);
}

/** The configuration in force has changed. */
export function reviewHandOver(replica: Replica, leader: Leader): void {
  const { transfer } = leader;
  if (transfer !== null && !canLead(replica.configuration, transfer.target)) leader.transfer = null;
  if (replica.canLead) {
    leader.leavingTicks = null;
  } else if (leader.leavingTicks === null) {
    leader.leavingTicks = 0;
    handOverToSuccessor(replica, leader);
  }
}

/**
 * Leads no more from now on, though it is a voter: a leader hands over as one that leaves the voters does, and steps down
 * when nobody has taken over within an election timeout.
 */
export function standAside(replica: Replica): void {
  replica.standsAside = true;
  const { role } = replica;
  if (role.name === 'leader') reviewHandOver(replica, role);
  else if (role.name !== 'follower') becomeFollower(replica, replica.term, null);
}

/** M11: to whoever can take over soonest, unless that is under way. */
function handOverToSuccessor(replica: Replica, leader: Leader): void {
  const successor = leader.transfer === null ? findSuccessor(replica, leader) : null;
  if (successor !== null) beginHandOver(replica, leader, successor);
}

/** Of those that can lead and are there, the one with the longest log. */
function findSuccessor(replica: Replica, leader: Leader): NodeId | null {
  let best: NodeId | null = null;
  let bestMatch = -1;
  for (const [id, { match, recentlyActive }] of leader.progress) {
    const isEligible = id !== replica.id && recentlyActive && canLead(replica.configuration, id);
    if (!isEligible || match <= bestMatch) continue;
    best = id;
    bestMatch = match;
  }
  return best;
}

/** T1: only the leader of our term may ask us. It asks again while we may not, with a change yet to be applied (E16). */
export function handleTimeoutNow(replica: Replica, follower: Follower, message: TimeoutNow): void {
  if (follower.leader === message.from) campaignForTransfer(replica);
}
