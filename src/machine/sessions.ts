/**
 * Exactly once, in order (dissertation, section 6.3): the replicated state remembers for each session the last command
 * that took effect, and what came of those whose proposer has not said that it knows. A command that comes again is
 * known, and one that comes before its turn has no effect, so a proposer may send again whatever it has no answer for.
 */
import type { Index } from '../core/types.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { isSessionId, type SessionId } from './envelope.ts';

/** The next of its session; one that took effect before; or one whose predecessors, from `expected` on, are missing. */
export type Turn =
  { readonly kind: 'next' } | { readonly kind: 'repeated' } | { readonly kind: 'early'; readonly expected: number };

/** What came of a command, and where in the log it stands; the bytes are kept, so that nobody can change it later. */
export interface Outcome {
  readonly index: Index;
  readonly isApplied: boolean;
  /** The result, or the reason for the rejection; empty for undefined. */
  readonly value: Uint8Array;
}

/** Sessions that are remembered. Beyond it the one that was silent longest, by the log, is forgotten on all members. */
export const maxSessions = 10_000;

interface Session {
  /** The last command that took effect. */
  last: number;
  /** Those after the last one that the proposer knows the outcome of. */
  readonly outcomes: Map<number, Outcome>;
}

export class Sessions {
  /** The session that was silent longest comes first. */
  #sessions: Map<SessionId, Session> = new Map();
  readonly #limit: number;

  constructor(limit: number = maxSessions) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The last command of a session that took effect; 0 for one that is not known. */
  last(session: SessionId): number {
    return this.#sessions.get(session)?.last ?? 0;
  }

  /** What came of a command; null for one that did not take effect, or whose proposer knew it. */
  outcome(session: SessionId, sequence: number): Outcome | null {
    return this.#sessions.get(session)?.outcomes.get(sequence) ?? null;
  }

  /** Whose turn a command is. */
  turn(session: SessionId, sequence: number): Turn {
    const last = this.last(session);
    if (sequence <= last) return { kind: 'repeated' };
    return sequence > last + 1 ? { kind: 'early', expected: last + 1 } : { kind: 'next' };
  }

  /**
   * Records what came of the next command of a session.
   * @param known the proposer knows the outcomes up to this one
   */
  record(session: SessionId, sequence: number, known: number, outcome: Outcome): void {
    const { outcomes } = this.#sessions.get(session) ?? { outcomes: new Map<number, Outcome>() };
    for (const earlier of outcomes.keys()) {
      if (earlier > known) break;
      outcomes.delete(earlier);
    }
    outcomes.set(sequence, outcome);
    this.#sessions.delete(session);
    this.#sessions.set(session, { last: sequence, outcomes });
    if (this.#sessions.size <= this.#limit) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      break;
    }
  }

  encode(): Uint8Array {
    const fields: unknown[] = [this.#sessions.size];
    for (const [id, { last, outcomes }] of this.#sessions) {
      fields.push(id, last, outcomes.size);
      for (const [sequence, { index, isApplied, value }] of outcomes) {
        fields.push(sequence, index, isApplied, value);
      }
    }
    return encode(fields);
  }

  /** @throws RangeError for bytes that `encode` does not make */
  restore(bytes: Uint8Array): void {
    const fields = new FieldReader(decode(bytes, 1));
    const sessions: Map<SessionId, Session> = new Map();
    const count = fields.integer(0, fields.remaining);
    for (let i = 0; i < count; i++) {
      const id = fields.text(isSessionId);
      const last = fields.integer(1);
      const outcomes: Map<number, Outcome> = new Map();
      const kept = fields.integer(0, fields.remaining);
      for (let j = 0; j < kept; j++) {
        const sequence = fields.integer(1, last);
        outcomes.set(sequence, {
          index: fields.integer(1),
          isApplied: fields.boolean(),
          value: fields.bytes().slice(),
        });
      }
      sessions.set(id, { last, outcomes });
    }
    this.#sessions = sessions;
  }
}
