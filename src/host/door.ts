/**
 * The door of a group, as the member behind it knows from the log who may be in: lets nobody in who is shut out, puts out who
 * is inside when that is committed, and brings those who ask to whoever leads.
 */
import type { Configuration, NodeId } from '../core/types.ts';
import type { RoleName } from '../core/trace.ts';
import type { Clock } from '../group/clock.ts';
import type { NewcomerKind } from '../group/newcomers.ts';
import type { GroupId } from '../ids.ts';
import type { Admission, Exclusion } from '../transport/transport.ts';
import { committedExclusion } from './admission.ts';
import type { Seat } from './seats.ts';

/**
 * Whoever is shut out while it is inside is put out so much later: it may still hear from the log that it is, and hand over
 * what it leads (M11, M12).
 */
const farewellMs = 1000;

/** What the door has to do with a member. */
export interface Doorkeeper {
  readonly configuration: Configuration;
  readonly role: RoleName;
  admit(id: NodeId, kind: NewcomerKind): boolean;
}

export class Door {
  readonly #group: GroupId;
  readonly #keeper: Doorkeeper;
  readonly #seats: Iterable<Seat>;
  readonly #clock: Clock;
  #reviewed: Configuration | null = null;

  constructor(group: GroupId, keeper: Doorkeeper, seats: Iterable<Seat>, clock: Clock) {
    this.#group = group;
    this.#keeper = keeper;
    this.#seats = seats;
    this.#clock = clock;
  }

  /** Whether a host may be in the group as that member, now that it has proven its key and an invite. */
  mayEnter(member: NodeId): Exclusion | null {
    return committedExclusion(this.#keeper.configuration, member);
  }

  /** Somebody asks to be let in; false when the group is full. */
  knocked({ member, kind }: Admission): boolean {
    return this.#keeper.admit(member, kind === 'full' ? 'learner' : 'reader');
  }

  /** Something about the member, or about those inside, is different. */
  review(): void {
    this.#raiseReaders();
    const { configuration } = this.#keeper;
    if (configuration === this.#reviewed) return;
    this.#reviewed = configuration;
    if ([...this.#seats].every(({ admission }) => this.mayEnter(admission.member) === null)) return;
    const stop = this.#clock.every(farewellMs, () => {
      stop();
      this.#putOut();
    });
  }

  #putOut(): void {
    for (const { link, admission } of [...this.#seats]) {
      const exclusion = this.mayEnter(admission.member);
      if (exclusion !== null) link.refuse(this.#group, exclusion, 'that was committed by the group');
    }
  }

  /** Whoever came with a read-only invite and shows a full one now may be more than a reader. */
  #raiseReaders(): void {
    const { role, configuration } = this.#keeper;
    if (role !== 'leader' || configuration.readers.length === 0) return;
    for (const { admission } of this.#seats) {
      const { member, kind } = admission;
      if (kind === 'full' && configuration.readers.includes(member)) this.#keeper.admit(member, 'learner');
    }
  }
}
