/** The groups that two ends of a link have to do with: who has let whom into which. */
import type { GroupId } from '../ids.ts';
import type { Admission } from './transport.ts';

interface Sharing {
  /** As whom the other end has entered, once we have let it in. */
  theirs: Admission | null;
  /** Whether we have asked to enter at the other end, and whether it has let us in. */
  ours: 'out' | 'asked' | 'in';
}

export class SharedGroups {
  readonly #groups = new Map<GroupId, Sharing>();

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  get all(): readonly GroupId[] {
    return [...this.#groups.keys()];
  }

  has(group: GroupId): boolean {
    return this.#groups.has(group);
  }

  /** Whether each end has let the other in. */
  areIn(group: GroupId): boolean {
    const sharing = this.#groups.get(group);
    return sharing?.ours === 'in' && sharing.theirs !== null;
  }

  admissionTo(group: GroupId): Admission | null {
    return this.#groups.get(group)?.theirs ?? null;
  }

  #of(group: GroupId): Sharing {
    const known = this.#groups.get(group) ?? { theirs: null, ours: 'out' };
    this.#groups.set(group, known);
    return known;
  }

  letIn(group: GroupId, admission: Admission): void {
    this.#of(group).theirs = admission;
  }

  /** We ask to enter; false if we did before. */
  ask(group: GroupId): boolean {
    const sharing = this.#of(group);
    if (sharing.ours !== 'out') return false;
    sharing.ours = 'asked';
    return true;
  }

  /** The other end lets us in; false if we have not asked. */
  wereLetIn(group: GroupId): boolean {
    const sharing = this.#groups.get(group);
    if (sharing?.ours !== 'asked') return false;
    sharing.ours = 'in';
    return true;
  }

  /** Gives whether both were in. */
  forget(group: GroupId): boolean {
    const wereIn = this.areIn(group);
    this.#groups.delete(group);
    return wereIn;
  }
}
