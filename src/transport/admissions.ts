/**
 * The groups that the two ends of a link enter: each end claims the right to be in a group, and checks the other's claim. Both
 * have proven their keys by then, and every claim is bound to this link.
 */
import { type AdmissionClaim, checkAdmission, claimAdmission } from '../identity/admission.ts';
import type { Proven } from '../identity/handshake.ts';
import { Refusal, type RefusalReason } from '../identity/refusals.ts';
import type { GroupId, HostId } from '../ids.ts';
import type { LinkMessage } from './link-messages.ts';
import { SharedGroups } from './shared-groups.ts';
import type { Admission, GroupEntry } from './transport.ts';

export interface AdmissionsInit {
  /** Our own host. */
  readonly self: HostId;
  /** The groups that are open here. */
  readonly entry: (group: GroupId) => GroupEntry | undefined;
  readonly isOpen: () => boolean;
  readonly tell: (message: Extract<LinkMessage, { kind: 'Enter' | 'Entered' }>) => void;
  /** The other end is not let in. */
  readonly refuse: (group: GroupId, reason: RefusalReason, detail: string) => void;
  /** Both ends are in a group. */
  readonly met: (group: GroupId) => void;
  /** They are not any more. */
  readonly parted: (group: GroupId) => void;
}

export class Admissions {
  readonly #init: AdmissionsInit;
  readonly #groups = new SharedGroups();
  /** When our claims to enter were sent. */
  readonly #claimed = new Map<GroupId, Promise<void>>();
  #proven: Proven | null = null;

  constructor(init: AdmissionsInit) {
    this.#init = init;
  }

  /** Whether neither end has to do with any group. */
  get areNone(): boolean {
    return this.#groups.isEmpty;
  }

  get haveMet(): boolean {
    return this.#groups.all.some((group) => this.areIn(group));
  }

  has(group: GroupId): boolean {
    return this.#groups.has(group);
  }

  /** Whether each end has let the other in. */
  areIn(group: GroupId): boolean {
    return this.#groups.areIn(group);
  }

  /** As whom the other end has entered. */
  admissionTo(group: GroupId): Admission | null {
    return this.#groups.admissionTo(group);
  }

  /** The other end is known: from now on groups can be entered. */
  proven(proven: Proven): void {
    this.#proven = proven;
  }

  /** Asks to enter a group that is open here, unless that was done. */
  enter(group: GroupId): void {
    const { self, entry: entryOf, isOpen, tell } = this.#init;
    const entry = entryOf(group);
    if (this.#proven === null || entry === undefined || !isOpen()) return;
    if (!this.#groups.ask(group)) return;
    const place = { session: this.#proven.session, host: self };
    const claimed = claimAdmission(entry.credentials, place, entry.member).then((claim) => {
      if (isOpen() && this.#groups.has(group)) tell({ kind: 'Enter', ...claim });
    });
    this.#claimed.set(group, claimed);
  }

  /** The other end lets us in. */
  wereLetIn(group: GroupId): void {
    if (this.#groups.wereLetIn(group)) this.#meet(group);
  }

  /** The other end asks to enter. */
  async check(claim: AdmissionClaim, { host, session }: Proven): Promise<void> {
    const { entry: entryOf, refuse, isOpen, tell } = this.#init;
    const { group, right, member } = claim;
    const entry = entryOf(group);
    if (entry === undefined) {
      refuse(group, 'no-such-group', 'this host has no such group, or has closed it');
      return;
    }
    try {
      await checkAdmission(entry.credentials, { session, host }, claim);
      if (!member.startsWith(`${host}.`)) throw new Refusal('wrong-key', 'the member is of another host');
      const exclusion = entry.mayEnter(host, member);
      if (exclusion !== null) {
        await this.#showRight(group);
        throw new Refusal(exclusion, explain[exclusion]);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(group, error.reason, error.message);
      return;
    }
    if (!isOpen()) return;
    this.#groups.letIn(group, { member, kind: right });
    tell({ kind: 'Entered', group });
    this.enter(group);
    this.#meet(group);
  }

  /** Whoever is told that the group has shut him out need not believe it to somebody who has no right to say so. */
  async #showRight(group: GroupId): Promise<void> {
    this.enter(group);
    await this.#claimed.get(group);
  }

  #meet(group: GroupId): void {
    if (this.#init.isOpen() && this.areIn(group)) this.#init.met(group);
  }

  /** One of the ends is not in the group any more. */
  forget(group: GroupId): void {
    if (this.#groups.forget(group)) this.#init.parted(group);
  }

  forgetAll(): void {
    for (const group of this.#groups.all) this.forget(group);
  }
}

const explain = {
  'removed-incarnation': 'that member was removed from the group: join again, as another one',
  'banned-key': 'that key is banned from the group',
} as const;
