/**
 * Lets newcomers in: whoever leads makes learners of those who ask, a bounded number, all that wait in one change. What they
 * may become was shown to us by their host, and is committed with them (M18); whether they come in at all is the core's to
 * decide (M10, M19). This is where a policy would look after the voters as well; so far an application promotes.
 */
import { memberKind, type MembershipStep } from '../core/configuration.ts';
import { exclusionOf } from '../core/exclusions.ts';
import type { Raft } from '../core/raft.ts';
import type { NodeId } from '../core/types.ts';

/** Learners that a group takes by itself. */
export const defaultMaxLearners = 32;

/** What a newcomer may become: `learner` may be promoted, `reader` may not. */
export type NewcomerKind = 'learner' | 'reader';

export class Newcomers {
  readonly #raft: Raft;
  readonly #maxLearners: number;
  readonly #waiting: Map<NodeId, NewcomerKind> = new Map();

  constructor(raft: Raft, maxLearners: number) {
    this.#raft = raft;
    this.#maxLearners = maxLearners;
  }

  /**
   * Somebody asks to be let in, or, a reader, to be more than that. Nothing happens unless we lead: whoever asks, asks again.
   * @returns false when the group is full
   */
  ask(id: NodeId, kind: NewcomerKind): boolean {
    const { role, configuration } = this.#raft;
    if (role !== 'leader' || !this.#mayBecome(id, kind)) return true;
    const { learners, learnersNext } = configuration;
    const isNewHere = !learners.includes(id) && !this.#waiting.has(id);
    if (isNewHere && learners.length + learnersNext.length + this.#waiting.size >= this.#maxLearners) return false;
    this.#waiting.set(id, kind);
    return true;
  }

  #mayBecome(id: NodeId, kind: NewcomerKind): boolean {
    const { configuration } = this.#raft;
    const present = memberKind(configuration, id);
    if (present === null) return exclusionOf(configuration, id) === null;
    return present === 'reader' && kind === 'learner';
  }

  /** Proposes those who wait, as soon as nothing else is changing. */
  admit(): void {
    if (this.#waiting.size === 0) return;
    if (this.#raft.role !== 'leader') {
      this.#waiting.clear();
      return;
    }
    const steps: MembershipStep[] = [];
    for (const [id, kind] of this.#waiting) if (this.#mayBecome(id, kind)) steps.push({ kind: `add-${kind}`, id });
    if (steps.length === 0 || this.#raft.proposeMembership(steps).accepted) this.#waiting.clear();
  }
}
