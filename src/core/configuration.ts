/**
 * Configurations and how one follows from another (dissertation, chapter 4; etcd-io/raft `confchange`): a pure function
 * from a configuration and a change to the next configuration, or to the reason why there is none. The rules:
 *
 * - one voter more or less may come at once; more go through a joint configuration (M3)
 * - nothing changes while joint, except that it is left
 * - adding who is there, and removing who is not, change nothing (M7)
 * - a voter that is demoted while joint goes on voting in the outgoing half, and becomes a learner when it is left (M6)
 * - somebody who can lead must be left (M7); who holds no commands cannot become one who does, nor the reverse (M16)
 */
import type { Configuration, Index, NodeId } from './types.ts';

export type MembershipStep =
  | { readonly kind: 'add-voter'; readonly id: NodeId }
  | { readonly kind: 'add-learner'; readonly id: NodeId }
  | { readonly kind: 'add-witness'; readonly id: NodeId }
  | { readonly kind: 'remove'; readonly id: NodeId };

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
  | 'witness-is-witness';

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

/**
 * The configuration after a change.
 * @param version the index of the entry that carries the change
 */
export function changed(
  configuration: Configuration,
  change: MembershipChange,
  version: Index,
): Configuration | ChangeRefusal {
  if (change.kind === 'leave-joint') return isJoint(configuration) ? leftJoint(configuration, version) : 'not-joint';
  if (isJoint(configuration)) return 'joint';
  const outgoing = change.kind === 'enter-joint' ? configuration.voters : [];
  const draft = new Draft(configuration, outgoing);
  for (const step of change.steps) {
    const refusal = draft.apply(step);
    if (refusal !== null) return refusal;
  }
  if (change.kind === 'simple' && draft.alteredVoters > 1) return 'needs-joint';
  const autoLeave = change.kind === 'enter-joint' && change.autoLeave;
  const next = draft.finish(version, autoLeave);
  return next.voters.some((id) => !next.witnesses.includes(id)) ? next : 'no-voter-left';
}

/** The configuration after a joint one. */
export function leftJoint(configuration: Configuration, version: Index): Configuration {
  const { voters, learners, learnersNext, witnesses } = configuration;
  return {
    version,
    voters,
    outgoing: [],
    learners: sorted(new Set([...learners, ...learnersNext])),
    learnersNext: [],
    witnesses: witnesses.filter((id) => voters.includes(id)),
    autoLeave: false,
  };
}

/** What is wrong with a configuration that comes from outside, or null. */
export function configurationFault(configuration: Configuration): string | null {
  const { voters, outgoing, learners, learnersNext, witnesses } = configuration;
  for (const list of [voters, outgoing, learners, learnersNext, witnesses]) {
    if (!isAscending(list)) return 'its ids are not distinct and in ascending order';
  }
  if (learners.some((id) => isVoter(configuration, id))) return 'somebody is a voter and a learner';
  if (!learnersNext.every((id) => outgoing.includes(id) && !voters.includes(id))) {
    return 'somebody is to become a learner who is not leaving the voters';
  }
  return witnesses.every((id) => isVoter(configuration, id)) ? null : 'a witness does not vote';
}

function isAscending(ids: readonly NodeId[]): boolean {
  return ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? ''));
}

/** A configuration under change. */
class Draft {
  readonly #before: Configuration;
  readonly #outgoing: readonly NodeId[];
  readonly #voters: Set<NodeId>;
  readonly #learners: Set<NodeId>;
  readonly #learnersNext: Set<NodeId> = new Set();
  readonly #witnesses: Set<NodeId>;

  constructor(before: Configuration, outgoing: readonly NodeId[]) {
    const { voters, learners, witnesses } = before;
    this.#before = before;
    this.#outgoing = outgoing;
    this.#voters = new Set(voters);
    this.#learners = new Set(learners);
    this.#witnesses = new Set(witnesses);
  }

  apply({ kind, id }: MembershipStep): ChangeRefusal | null {
    switch (kind) {
      case 'add-voter':
        if (this.#isWitness(id)) return 'witness-is-witness';
        this.#addVoter(id);
        return null;
      case 'add-witness':
        if (this.#holdsCommands(id)) return 'witness-is-witness';
        this.#addVoter(id);
        this.#witnesses.add(id);
        return null;
      case 'add-learner':
        if (this.#isWitness(id)) return 'witness-is-witness';
        this.#remove(id);
        if (this.#outgoing.includes(id)) this.#learnersNext.add(id);
        else this.#learners.add(id);
        return null;
      case 'remove':
        this.#remove(id);
        return null;
    }
  }

  /** Now, or before the change: removing it on the way does not give it the commands that it lacks. */
  #isWitness(id: NodeId): boolean {
    return this.#witnesses.has(id) || this.#before.witnesses.includes(id);
  }

  #holdsCommands(id: NodeId): boolean {
    const wasMember = isMember(this.#before, id);
    return (wasMember || this.#voters.has(id) || this.#learners.has(id)) && !this.#isWitness(id);
  }

  #addVoter(id: NodeId): void {
    this.#remove(id);
    this.#voters.add(id);
  }

  #remove(id: NodeId): void {
    this.#voters.delete(id);
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
    if (!this.#outgoing.includes(id)) this.#witnesses.delete(id);
  }

  /** How many ids vote before and not after, or the reverse. */
  get alteredVoters(): number {
    let altered = 0;
    const { voters } = this.#before;
    for (const id of voters) if (!this.#voters.has(id)) altered++;
    for (const id of this.#voters) if (!voters.includes(id)) altered++;
    return altered;
  }

  finish(version: Index, autoLeave: boolean): Configuration {
    return {
      version,
      voters: sorted(this.#voters),
      outgoing: this.#outgoing,
      learners: sorted(this.#learners),
      learnersNext: sorted(this.#learnersNext),
      witnesses: sorted(this.#witnesses),
      autoLeave,
    };
  }
}

function sorted(ids: ReadonlySet<NodeId>): NodeId[] {
  return [...ids].sort();
}
