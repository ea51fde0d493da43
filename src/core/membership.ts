/**
 * Change of membership (dissertation, chapter 4), which takes effect when it is applied, as in etcd-io/raft: one change in
 * the log at a time (M1), none before the leader knows the log (M2), and for whoever is behind with one no campaign (E16).
 * How one configuration follows from another is in `next-configuration.ts`.
 */
import { advanceCommit } from './commitment.ts';
import { CatchUp } from './catch-up.ts';
import {
  type ChangeRefusal,
  isJoint,
  isMember,
  membersOf,
  type MembershipChange,
  type MembershipStep,
} from './configuration.ts';
import { isBanned } from './exclusions.ts';
import { decodeConfiguration, encodeConfiguration } from './membership-change.ts';
import { changed, leftJoint } from './next-configuration.ts';
import { confirmReads } from './reading.ts';
import type { Leader, Replica } from './replica.ts';
import { sendFarewell } from './replication.ts';
import { appendAsLeader, becomeFollower, newProgress } from './roles.ts';
import { reviewHandOver } from './transfers.ts';
import type { Configuration, Entry, Index, NodeId } from './types.ts';

/**
 * How to get from one configuration to the next. `auto` goes through a joint one only if more than one voter changes, and
 * leaves it by itself; `joint` always goes through one, and leaves it by itself; `joint-explicit` waits for `leaveJoint`.
 */
export type Transition = 'auto' | 'joint' | 'joint-explicit';

export interface MembershipOptions {
  /** `auto` by default. */
  readonly transition?: Transition;
  /** Refuse the change unless this is the version of the configuration in force (M9). */
  readonly ifVersion?: Index | null;
}

/** Why a change of membership was not proposed. */
export type MembershipRefusal =
  | ChangeRefusal
  /** Another member leads, or none. */
  | 'not-leader'
  /** Leadership is being handed over. */
  | 'transferring'
  /** Nothing of this leader's term is committed yet (M2). */
  | 'no-commit-in-term'
  /** A change is in the log that is not applied yet (M1). */
  | 'pending-change'
  /** The configuration is not the one that the change was meant for (M9). */
  | 'version-mismatch'
  /** Somebody is to be added who was removed before, or is banned (M10, M19). */
  | 'excluded'
  /** A learner that is to become a voter does not keep up (M14). */
  | 'not-caught-up';

export type MembershipResult =
  { readonly accepted: true; readonly index: Index } | { readonly accepted: false; readonly reason: MembershipRefusal };

export function proposeMembership(
  replica: Replica,
  steps: readonly MembershipStep[],
  { transition = 'auto', ifVersion = null }: MembershipOptions,
): MembershipResult {
  const change = changeFor(replica, steps, transition);
  return propose(replica, change, steps, ifVersion);
}

export function leaveJoint(replica: Replica, ifVersion: Index | null): MembershipResult {
  return propose(replica, { kind: 'leave-joint' }, [], ifVersion);
}

function changeFor(replica: Replica, steps: readonly MembershipStep[], transition: Transition): MembershipChange {
  if (transition !== 'auto') return { kind: 'enter-joint', steps, autoLeave: transition === 'joint' };
  const simple = { kind: 'simple', steps } as const;
  const isEnough = changed(replica.configuration, simple, 0) !== 'needs-joint';
  return isEnough ? simple : { kind: 'enter-joint', steps, autoLeave: true };
}

function propose(
  replica: Replica,
  change: MembershipChange,
  steps: readonly MembershipStep[],
  expected: Index | null,
): MembershipResult {
  const { role, configuration, log, rules } = replica;
  if (role.name !== 'leader') return { accepted: false, reason: 'not-leader' };
  if (role.transfer !== null || role.leavingTicks !== null) return { accepted: false, reason: 'transferring' };
  if (!rules.isExpectedVersion({ expected, version: configuration.version })) {
    return { accepted: false, reason: 'version-mismatch' };
  }
  if (!mayChange(replica)) return { accepted: false, reason: 'no-commit-in-term' };
  if (!isChangeFree(replica, role)) return { accepted: false, reason: 'pending-change' };
  const next = changed(configuration, change, log.lastIndex + 1);
  if (typeof next === 'string') return { accepted: false, reason: next };
  if (!steps.every((step) => mayComeIn(replica, next, step))) return { accepted: false, reason: 'excluded' };
  if (!steps.every((step) => mayTake(replica, role, step))) return { accepted: false, reason: 'not-caught-up' };
  return { accepted: true, index: appendChange(replica, role, change, next) };
}

function mayChange({ rules, log, term }: Replica): boolean {
  return rules.mayChangeMembership({ commitTerm: log.termAt(log.commit), term });
}

function isChangeFree({ rules, log }: Replica, { pendingChangeIndex }: Leader): boolean {
  return rules.isChangeFree({ pendingChangeIndex, applied: log.applied });
}

/** M10, M19: a ban counts that comes with the same change. */
function mayComeIn({ rules, configuration }: Replica, next: Configuration, step: MembershipStep): boolean {
  if ('prefix' in step || step.kind === 'remove') return true;
  return rules.mayComeIn({
    wasRemoved: configuration.removed.includes(step.id),
    isBanned: isBanned(next, step.id),
  });
}

/** M14: a learner becomes a voter when it keeps up; who was nothing before comes at its author's risk. */
function mayTake({ rules, configuration }: Replica, { progress }: Leader, step: MembershipStep): boolean {
  if (step.kind !== 'add-voter') return true;
  const isLearner = configuration.learners.includes(step.id);
  return rules.mayPromote({ isLearner, isCaughtUp: progress.get(step.id)?.catchUp?.isCaughtUp === true });
}

/** R18: whatever else is waiting, there is room for a change. */
function appendChange(replica: Replica, leader: Leader, change: MembershipChange, next: Configuration): Index {
  const { term } = replica;
  const index = next.version;
  leader.pendingChangeIndex = index;
  appendAsLeader(replica, leader, [{ index, term, kind: 'configuration', data: encodeConfiguration(next) }]);
  if (replica.tracing) replica.emit({ name: 'ChangeConf', change });
  return index;
}

/** M5: whichever leader sees that a joint configuration may be left, leaves it. */
export function leaveJointIfDue(replica: Replica, leader: Leader): void {
  const { configuration, log } = replica;
  if (!isJoint(configuration) || !configuration.autoLeave) return;
  if (!isChangeFree(replica, leader) || !mayChange(replica)) return;
  const next = leftJoint(configuration, log.lastIndex + 1);
  appendChange(replica, leader, { kind: 'leave-joint' }, next);
}

/** A change of membership is applied: from now on it is in force. */
export function applyChange(replica: Replica, { index, data }: Entry): void {
  const next = decodeConfiguration(data, index);
  if (next === null) return;
  const { role, id, configuration: before } = replica;
  if (role.name === 'leader') tellThoseWhoLeave(replica, role, next);
  replica.configuration = next;
  if (replica.tracing) replica.emit({ name: 'ApplyConfChange', configuration: next });
  if (isMember(before, id) && !isMember(next, id)) replica.isRemoved = true;
  if (role.name === 'leader') leadUnder(replica, role);
  else if (role.name !== 'follower' && !replica.canLead) becomeFollower(replica, replica.term, null);
}

/** M12: the last that they hear from us is that their removal is committed. */
function tellThoseWhoLeave(replica: Replica, leader: Leader, next: Configuration): void {
  for (const [id, progress] of leader.progress) {
    if (id !== replica.id && !isMember(next, id)) sendFarewell(replica, id, progress);
  }
}

/** Goes on leading under a new configuration: what is a quorum now may have been none before (R22). */
function leadUnder(replica: Replica, leader: Leader): void {
  const { configuration, log, options } = replica;
  const known = leader.progress;
  leader.progress = new Map(
    membersOf(configuration).map((id) => [id, known.get(id) ?? newProgress(replica, id, true)]),
  );
  for (const [id, progress] of leader.progress) {
    progress.dirty = true;
    progress.catchUp = isLearner(configuration, id)
      ? (progress.catchUp ?? new CatchUp(log.lastIndex, options.electionTicks))
      : null;
  }
  advanceCommit(replica, leader);
  confirmReads(replica, leader);
  reviewHandOver(replica, leader);
}

function isLearner({ learners }: Configuration, id: NodeId): boolean {
  return learners.includes(id);
}
