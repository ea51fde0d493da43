/**
 * What a leader took from each session in this leadership. It keeps commands that are sent again out of the log, and
 * those that come before their turn; that they have no effect if they get in is the business of the replicated sessions.
 */
import type { Term } from '../core/types.ts';
import type { SessionId } from '../machine/envelope.ts';

const maxSessions = 10_000;

export class Intake {
  /** The term of the leadership. */
  readonly term: Term;
  readonly #next: Map<SessionId, number> = new Map();

  constructor(term: Term) {
    this.term = term;
  }

  /** How many of the commands from `sequence` on were taken before; null when one before them is missing. */
  known(session: SessionId, sequence: number): number | null {
    const next = this.#next.get(session) ?? sequence;
    return sequence > next ? null : next - sequence;
  }

  /** The commands before `next` are in the log. */
  took(session: SessionId, next: number): void {
    // Forgetting costs a few entries without effect, never a wrong one.
    if (this.#next.size >= maxSessions) this.#next.clear();
    this.#next.set(session, next);
  }
}
