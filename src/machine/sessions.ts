/**
 * Exactly once, in order (dissertation, section 6.3): the replicated state remembers for each session the last command
 * that took effect. A command that comes again is known, and one that comes before its turn has no effect, so a proposer
 * may send again whatever it has no answer for.
 */
import type { SessionId } from './envelope.ts';

/** The next of its session; one that took effect before; or one whose predecessors, from `expected` on, are missing. */
export type Turn =
  { readonly kind: 'next' } | { readonly kind: 'repeated' } | { readonly kind: 'early'; readonly expected: number };

/** Sessions that are remembered. Beyond it the one that was silent longest, by the log, is forgotten on all members. */
export const maxSessions = 10_000;

export class Sessions {
  /** The last sequence of each session; the session that was silent longest comes first. */
  readonly #last: Map<SessionId, number> = new Map();
  readonly #limit: number;

  constructor(limit: number = maxSessions) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#last.size;
  }

  /** The last command of a session that took effect; 0 for one that is not known. */
  last(session: SessionId): number {
    return this.#last.get(session) ?? 0;
  }

  /** Takes the next command of a session, and says whose turn it was. */
  take(session: SessionId, sequence: number): Turn {
    const last = this.last(session);
    if (sequence <= last) return { kind: 'repeated' };
    if (sequence > last + 1) return { kind: 'early', expected: last + 1 };
    this.#last.delete(session);
    this.#last.set(session, sequence);
    if (this.#last.size > this.#limit) {
      for (const oldest of this.#last.keys()) {
        this.#last.delete(oldest);
        break;
      }
    }
    return { kind: 'next' };
  }
}
