/**
 * How this host's member learns that its group has shut it out: from the log, or from a member that refuses it because of that.
 */
import type { Exclusion as CommittedExclusion } from '../core/exclusions.ts';
import type { RoleName } from '../core/trace.ts';
import type { RaftError } from '../errors.ts';
import type { RefusalNotice } from '../transport/transport.ts';
import { asRefusal, expelled } from './admission.ts';

/** What there is to know of a member that may be out of its group. */
export interface Leaver {
  readonly exclusion: CommittedExclusion | null;
  readonly role: RoleName;
  saveCommit(saved: () => void): void;
}

export class Exit {
  /** Called with the reason, as often as it is learned. */
  readonly #excluded: (reason: RaftError) => void;
  /** The application has the group: whatever ends it is an event now. */
  #isOpen = false;
  #isLeaving = false;

  constructor(excluded: (reason: RaftError) => void) {
    this.#excluded = excluded;
  }

  /** The group is in the hands of the application. A member that was removed shows what it has first, and ends then. */
  open(): void {
    this.#isOpen = true;
  }

  /** Something about our member is different: whether it is in the group, perhaps. */
  review(member: Leaver): void {
    const { exclusion, role } = member;
    // M11: whoever leads goes when another one does.
    if (exclusion === null || role === 'leader' || !this.#isOpen || this.#isLeaving) return;
    this.#isLeaving = true;
    // So that we know it after a restart as well, without being told.
    member.saveCommit(() => {
      this.#excluded(expelled(asRefusal(exclusion)));
    });
  }

  /**
   * A host of the group is believed when it says that the group has shut us out, one that may only read is not.
   * @returns false when this is no reason to go
   */
  refused({ by, reason, admission }: RefusalNotice): boolean {
    const isBelieved = by === 'them' && admission?.kind === 'full';
    if (!isBelieved || (reason !== 'banned-key' && reason !== 'removed-incarnation')) return false;
    this.#excluded(expelled(reason));
    return true;
  }
}
