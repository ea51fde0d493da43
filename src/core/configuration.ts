/**
 * Who is in a configuration, and as what. How one follows from another is in `next-configuration.ts`; who may not be in it
 * any more is in `exclusions.ts`.
 */
import type { Configuration, NodeId } from './types.ts';

export type MemberKind =
  | 'voter'
  /** Votes, and holds no commands (M16). */
  | 'witness'
  /** Receives the log, and may become a voter. */
  | 'learner'
  /** Receives the log, and never becomes a voter (M18). */
  | 'reader';

/** What becomes of one member. `add-learner` gives a reader the prospect of a vote; `add-reader` takes it from a learner. */
export interface MemberStep {
  readonly kind: 'add-voter' | 'add-learner' | 'add-reader' | 'add-witness' | 'remove';
  readonly id: NodeId;
}

/** Removes everybody whose id begins like this, and lets nobody in with such an id; or lets them in again. */
export interface BanStep {
  readonly kind: 'ban' | 'unban';
  readonly prefix: string;
}

export type MembershipStep = MemberStep | BanStep;

export type MembershipChange =
  /** Takes effect at once; alters at most one voter. */
  | { readonly kind: 'simple'; readonly steps: readonly MembershipStep[] }
  /** Enters a joint configuration, to be left by the leader itself or when it is asked to. */
  | { readonly kind: 'enter-joint'; readonly steps: readonly MembershipStep[]; readonly autoLeave: boolean }
  | { readonly kind: 'leave-joint' };

export type ChangeRefusal =
  /** Nothing may change before the joint configuration is left. */
  | 'joint'
  /** There is no joint configuration to leave. */
  | 'not-joint'
  /** More than one voter would change: that takes a joint configuration. */
  | 'needs-joint'
  /** Nobody would be left who can lead. */
  | 'no-voter-left'
  /** A witness would become another kind of member, or the reverse. */
  | 'witness-is-witness'
  /** Somebody who may only read would vote, or a voter become such a one. */
  | 'reader-is-reader'
  /** There is no room for another ban. */
  | 'too-many-banned';

export function isJoint({ outgoing }: Configuration): boolean {
  return outgoing.length > 0;
}

/** Founds a configuration of full voters. */
export function foundingConfiguration(voters: readonly NodeId[]): Configuration {
  return {
    version: 0,
    voters: sorted(new Set(voters)),
    outgoing: [],
    learners: [],
    learnersNext: [],
    witnesses: [],
    autoLeave: false,
    readers: [],
    removed: [],
    banned: [],
  };
}

/** Everybody who takes part in any way, in ascending order. */
export function membersOf({ voters, outgoing, learners }: Configuration): NodeId[] {
  return sorted(new Set([...voters, ...outgoing, ...learners]));
}

export function isVoter({ voters, outgoing }: Configuration, id: NodeId): boolean {
  return voters.includes(id) || outgoing.includes(id);
}

export function isMember(configuration: Configuration, id: NodeId): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id);
}

/** Whether a member votes, and holds what a leader has to hold. */
export function canLead(configuration: Configuration, id: NodeId): boolean {
  return isVoter(configuration, id) && !configuration.witnesses.includes(id);
}

/** As what somebody is in the group; null for whoever is not. A voter that is leaving is one until it has left. */
export function memberKind(configuration: Configuration, id: NodeId): MemberKind | null {
  if (isVoter(configuration, id)) return configuration.witnesses.includes(id) ? 'witness' : 'voter';
  if (configuration.readers.includes(id)) return 'reader';
  return configuration.learners.includes(id) ? 'learner' : null;
}

/** What is wrong with a configuration that comes from outside, or null. */
export function configurationFault(configuration: Configuration): string | null {
  const { voters, outgoing, learners, learnersNext, witnesses, readers, removed, banned } = configuration;
  for (const list of [voters, outgoing, learners, learnersNext, witnesses, readers, banned]) {
    if (!isAscending(list)) return 'its ids are not distinct and in ascending order';
  }
  if (new Set(removed).size < removed.length) return 'somebody was removed twice';
  if (learners.some((id) => isVoter(configuration, id))) return 'somebody is a voter and a learner';
  if (!learnersNext.every((id) => outgoing.includes(id) && !voters.includes(id))) {
    return 'somebody is to become a learner who is not leaving the voters';
  }
  if (!readers.every((id) => learners.includes(id))) return 'somebody who may only read is no learner';
  return witnesses.every((id) => isVoter(configuration, id)) ? null : 'a witness does not vote';
}

function isAscending(ids: readonly string[]): boolean {
  return ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? ''));
}

export function sorted<Id extends string>(ids: Iterable<Id>): Id[] {
  return [...ids].sort();
}
