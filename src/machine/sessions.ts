/**
 * Exactly once, in order (dissertation, section 6.3): the replicated state remembers for each session the last call that
 * took effect, and what came of those whose proposer has not said that it knows. A call that comes again is known, and one
 * that comes before its turn has no effect, so a proposer may send again whatever it has no answer for.
 *
 * Sessions are forgotten in the end, at the same place in the log on every member (C3). What a session did must not happen
 * again then, if it is sent once more, not even its first call. A session's name says behind which index all its calls
 * are; the state keeps the last index at which any forgotten session did something. A session that is not known, and was
 * opened before that index, may have been forgotten: nothing of it takes effect ever again.
 */
import type { Index, NodeId } from '../core/types.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { isProposer, isSessionId, openedAt, type SessionId } from './envelope.ts';

/**
 * The next of its session; one that took effect before; one whose predecessors, from `expected` on, are missing; or one
 * of a session that may have been forgotten, which can take effect never again.
 */
export type Turn =
  | { readonly kind: 'next' }
  | { readonly kind: 'repeated' }
  | { readonly kind: 'early'; readonly expected: number }
  | { readonly kind: 'forgotten' };

/** What came of a call, and where in the log it stands; the bytes are kept, so that nobody can change it later. */
export interface Outcome {
  readonly index: Index;
  readonly isApplied: boolean;
  /** The result, or the reason for the rejection; empty for undefined. */
  readonly value: Uint8Array;
}

/** When sessions are forgotten. The same on every member of a group, for ever: it decides what takes effect. */
export interface SessionLimits {
  /** A session is forgotten that was silent for more than so many entries of the log, */
  readonly silentEntries: number;
  /** and for more than so many milliseconds by the leaders' time stamps. */
  readonly silentMs: number;
  /** Of more sessions than these, those that were silent longest are forgotten at once. */
  readonly sessions: number;
  /** The same for the bytes of results that their proposers have not said they know. */
  readonly outcomeBytes: number;
}

export const defaultSessionLimits: SessionLimits = {
  silentEntries: 10_000,
  silentMs: 7 * 24 * 60 * 60 * 1000,
  sessions: 10_000,
  outcomeBytes: 16 * 1024 * 1024,
};

/** What an outcome counts for beside its result. A reason, which may be worded differently elsewhere, counts for no more. */
const outcomeOverhead = 512;

interface Session {
  readonly proposer: NodeId;
  /** The last call that took effect, */
  last: number;
  /** where in the log it stands, */
  index: Index;
  /** and when that was. */
  time: number;
  /** Those up to the last one that the proposer has not said it knows the outcome of, in order. */
  readonly outcomes: Map<number, Outcome>;
}

export class Sessions {
  /** The session that was silent longest comes first. */
  #sessions: Map<SessionId, Session> = new Map();
  /** The last index at which a session that is forgotten did something. */
  #forgottenTo: Index = 0;
  #outcomeBytes = 0;
  readonly #limits: SessionLimits;

  constructor(limits: SessionLimits = defaultSessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The last call of a session that took effect; 0 for one that is not known. */
  last(session: SessionId): number {
    return this.#sessions.get(session)?.last ?? 0;
  }

  /** Whose session it is; null for one that is not known. */
  proposer(session: SessionId): NodeId | null {
    return this.#sessions.get(session)?.proposer ?? null;
  }

  /** What came of a call; null for one that did not take effect, or whose proposer knew it. */
  outcome(session: SessionId, sequence: number): Outcome | null {
    return this.#sessions.get(session)?.outcomes.get(sequence) ?? null;
  }

  /** Whether a session may have done something that nobody remembers. */
  isForgotten(session: SessionId): boolean {
    return !this.#sessions.has(session) && openedAt(session) < this.#forgottenTo;
  }

  /** Whose turn a call is. */
  turn(session: SessionId, sequence: number): Turn {
    const last = this.#sessions.get(session)?.last ?? 0;
    if (last === 0 && this.isForgotten(session)) return { kind: 'forgotten' };
    if (sequence <= last) return { kind: 'repeated' };
    return sequence > last + 1 ? { kind: 'early', expected: last + 1 } : { kind: 'next' };
  }

  /**
   * Records what came of the next call of a session, and forgets whom it is time to forget.
   * @param proposer whose session it is, with its first call
   * @param known the proposer knows the outcomes up to this one
   * @param time never less than for the call before
   */
  record(session: SessionId, proposer: NodeId, sequence: number, known: number, time: number, outcome: Outcome): void {
    const { index } = outcome;
    const record: Session = this.#sessions.get(session) ?? { proposer, last: 0, index, time, outcomes: new Map() };
    for (const [earlier, { isApplied, value }] of record.outcomes) {
      if (earlier > known) break;
      record.outcomes.delete(earlier);
      this.#outcomeBytes -= weightOf(isApplied, value);
    }
    record.outcomes.set(sequence, outcome);
    this.#outcomeBytes += weightOf(outcome.isApplied, outcome.value);
    record.last = sequence;
    record.index = index;
    record.time = time;
    this.#sessions.delete(session);
    this.#sessions.set(session, record);
    this.#forget(index, time);
  }

  #forget(index: Index, time: number): void {
    const { silentEntries, silentMs, sessions, outcomeBytes } = this.#limits;
    for (const [id, session] of this.#sessions) {
      const isSilent = index - session.index > silentEntries && time - session.time > silentMs;
      const isOneTooMany = this.#sessions.size > sessions || this.#outcomeBytes > outcomeBytes;
      // The last one is the one that is speaking.
      if (!(isSilent || isOneTooMany) || this.#sessions.size === 1) return;
      this.#sessions.delete(id);
      this.#forgottenTo = Math.max(this.#forgottenTo, session.index);
      for (const { isApplied, value } of session.outcomes.values()) this.#outcomeBytes -= weightOf(isApplied, value);
    }
  }

  encode(): Uint8Array {
    const fields: unknown[] = [this.#forgottenTo, this.#sessions.size];
    for (const [id, { proposer, last, index, time, outcomes }] of this.#sessions) {
      fields.push(id, proposer, last, index, time, outcomes.size);
      for (const [sequence, outcome] of outcomes) {
        fields.push(sequence, outcome.index, outcome.isApplied, outcome.value);
      }
    }
    return encode(fields);
  }

  /**
   * What `encode` wrote, under the same limits.
   * @throws RangeError for bytes that `encode` does not make
   */
  restored(bytes: Uint8Array): Sessions {
    const restored = new Sessions(this.#limits);
    const fields = new FieldReader(decode(bytes, 1));
    restored.#forgottenTo = fields.integer();
    const count = fields.integer(0, fields.remaining);
    for (let i = 0; i < count; i++) restored.#read(fields);
    if (fields.remaining > 0) throw new RangeError(`${fields.remaining} fields follow the sessions`);
    return restored;
  }

  #read(fields: FieldReader): void {
    const [id, proposer] = [fields.text(isSessionId), fields.text(isProposer)];
    const [last, index, time] = [fields.integer(1), fields.integer(1), fields.integer()];
    const outcomes: Map<number, Outcome> = new Map();
    const count = fields.integer(0, fields.remaining);
    for (let i = 0; i < count; i++) {
      const sequence = fields.integer(1, last);
      const outcome = { index: fields.integer(1), isApplied: fields.boolean(), value: fields.bytes().slice() };
      outcomes.set(sequence, outcome);
      this.#outcomeBytes += weightOf(outcome.isApplied, outcome.value);
    }
    this.#sessions.set(id, { proposer, last, index, time, outcomes });
  }
}

function weightOf(isApplied: boolean, value: Uint8Array): number {
  return outcomeOverhead + (isApplied ? value.byteLength : 0);
}
