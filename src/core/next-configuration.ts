/**
 * How one configuration follows from another (dissertation, chapter 4; etcd-io/raft `confchange`): a pure function from a
 * configuration and a change to the next configuration, or to the reason why there is none. The rules:
 *
 * - one voter more or less may come at once; more go through a joint configuration (M3)
 * - nothing changes while joint, except that it is left
 * - adding who is there, and removing who is not, change nothing (M7)
 * - a voter that is demoted while joint goes on voting in the outgoing half, and becomes a learner when it is left (M6)
 * - somebody who can lead must be left (M7); who holds no commands cannot become one who does, nor the reverse (M16)
 * - a reader is no voter before another change has made it a learner (M18)
 * - a ban removes whoever it concerns (M19); whoever is in the group no more is noted down (M10)
 */
import {
  type ChangeRefusal,
  isJoint,
  isMember,
  isVoter,
  type MembershipChange,
  type MembershipStep,
  sorted,
} from './configuration.ts';
import { maxBanned, withLeavers } from './exclusions.ts';
import type { Configuration, Index, NodeId } from './types.ts';

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
  const left = {
    ...configuration,
    version,
    outgoing: [],
    learners: sorted(new Set([...learners, ...learnersNext])),
    learnersNext: [],
    witnesses: witnesses.filter((id) => voters.includes(id)),
    autoLeave: false,
  };
  return withLeavers(configuration, left);
}

/** A configuration under change. */
class Draft {
  readonly #before: Configuration;
  readonly #outgoing: readonly NodeId[];
  readonly #voters: Set<NodeId>;
  readonly #learners: Set<NodeId>;
  readonly #learnersNext: Set<NodeId> = new Set();
  readonly #witnesses: Set<NodeId>;
  readonly #readers: Set<NodeId>;
  readonly #banned: Set<string>;

  constructor(before: Configuration, outgoing: readonly NodeId[]) {
    const { voters, learners, witnesses, readers, banned } = before;
    this.#before = before;
    this.#outgoing = outgoing;
    this.#voters = new Set(voters);
    this.#learners = new Set(learners);
    this.#witnesses = new Set(witnesses);
    this.#readers = new Set(readers);
    this.#banned = new Set(banned);
  }

  apply(step: MembershipStep): ChangeRefusal | null {
    switch (step.kind) {
      case 'add-voter':
        return this.#addVoter(step.id);
      case 'add-witness':
        return this.#addWitness(step.id);
      case 'add-learner':
        return this.#addLearner(step.id);
      case 'add-reader':
        return this.#addReader(step.id);
      case 'remove':
        this.#remove(step.id);
        return null;
      case 'ban':
        return this.#ban(step.prefix);
      case 'unban':
        this.#banned.delete(step.prefix);
        return null;
    }
  }

  #addVoter(id: NodeId): ChangeRefusal | null {
    if (this.#isWitness(id)) return 'witness-is-witness';
    if (this.#isReader(id)) return 'reader-is-reader';
    this.#remove(id);
    this.#voters.add(id);
    return null;
  }

  #addWitness(id: NodeId): ChangeRefusal | null {
    if (this.#holdsCommands(id)) return 'witness-is-witness';
    this.#remove(id);
    this.#voters.add(id);
    this.#witnesses.add(id);
    return null;
  }

  #addLearner(id: NodeId): ChangeRefusal | null {
    if (this.#isWitness(id)) return 'witness-is-witness';
    this.#remove(id);
    if (this.#outgoing.includes(id)) this.#learnersNext.add(id);
    else this.#learners.add(id);
    return null;
  }

  #addReader(id: NodeId): ChangeRefusal | null {
    if (this.#isWitness(id)) return 'witness-is-witness';
    if (this.#voters.has(id) || isVoter(this.#before, id)) return 'reader-is-reader';
    this.#learners.add(id);
    this.#readers.add(id);
    return null;
  }

  #ban(prefix: string): ChangeRefusal | null {
    this.#banned.add(prefix);
    if (this.#banned.size > maxBanned) return 'too-many-banned';
    for (const ids of [this.#voters, this.#learners, this.#learnersNext]) {
      for (const id of [...ids]) if (id.startsWith(prefix)) this.#remove(id);
    }
    return null;
  }

  /** Now, or before the change: removing it on the way does not give it the commands that it lacks. */
  #isWitness(id: NodeId): boolean {
    return this.#witnesses.has(id) || this.#before.witnesses.includes(id);
  }

  #holdsCommands(id: NodeId): boolean {
    const wasMember = isMember(this.#before, id);
    return (wasMember || this.#voters.has(id) || this.#learners.has(id)) && !this.#isWitness(id);
  }

  /** Now, or before the change: whoever may vote was made a learner by a change of its own. */
  #isReader(id: NodeId): boolean {
    return this.#readers.has(id) || this.#before.readers.includes(id);
  }

  #remove(id: NodeId): void {
    this.#voters.delete(id);
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
    this.#readers.delete(id);
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
    return withLeavers(this.#before, {
      version,
      voters: sorted(this.#voters),
      outgoing: this.#outgoing,
      learners: sorted(this.#learners),
      learnersNext: sorted(this.#learnersNext),
      witnesses: sorted(this.#witnesses),
      autoLeave,
      readers: sorted(this.#readers),
      removed: this.#before.removed,
      banned: sorted(this.#banned),
    });
  }
}
