/**
 * What a leader took from each session in this leadership. It keeps commands that are sent again out of the log, and
 * those that come before their turn; that they have no effect if they get in is the business of the replicated sessions.
 */
import type { Term } from '../core/types.ts';
import type { SessionId } from '../machine/envelope.ts';

const maxSessions = 10_000;

/** The commands from `first` up to, and not including, `next` are in the log. */
interface Taken {
  readonly first: number;
  readonly next: number;
}

export class Intake {
  /** The term of the leadership. */
  readonly term: Term;
  readonly #taken = new Map<SessionId, Taken>();

  constructor(term: Term) {
    this.term = term;
  }

  /**
   * How many of the commands from `sequence` on need not be taken; null when one before them is missing. What came before
   * the first that we took may be missing from the log: it is taken, with all that follows it, whenever it comes.
   * @param applied the last command of the session that took effect
   */
  known(session: SessionId, sequence: number, applied: number): number | null {
    const taken = this.#taken.get(session);
    const isBeforeTaken = taken === undefined || sequence < taken.first;
    const next = isBeforeTaken ? applied + 1 : Math.max(taken.next, applied + 1);
    if (sequence > next) return isBeforeTaken ? 0 : null;
    return next - sequence;
  }

  /** The commands from `sequence` up to, and not including, `next` are in the log now. */
  took(session: SessionId, sequence: number, next: number): void {
    // Forgetting costs a few entries without effect, never a wrong one.
    if (this.#taken.size >= maxSessions) this.#taken.clear();
    const first = this.#taken.get(session)?.first ?? sequence;
    this.#taken.set(session, { first: Math.min(first, sequence), next });
  }
}
