/**
 * Applies the log to a machine: opens each envelope, asks whose turn it is, and runs the command if it is its turn. The
 * sessions, and the time that has passed, are part of the replicated state, and of its snapshots (S5, C3).
 */
import { seededRandom } from '../core/random.ts';
import type { Entry, Index } from '../core/types.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { decodeEnvelope, type SessionId } from './envelope.ts';
import { decodeValue, Machine, type MachineDefinition, type Verdict } from './machine.ts';
import { Sessions, type Turn } from './sessions.ts';

/** What an entry did, for whoever proposed it. */
export interface Effect<Result> {
  readonly session: SessionId;
  readonly sequence: number;
  /** `repeated` and `early` entries changed nothing. */
  readonly verdict: Verdict<Result> | Exclude<Turn, { readonly kind: 'next' }>;
}

/** What came of a command that took effect, and where in the log. */
export interface KnownOutcome<Result> {
  readonly index: Index;
  readonly verdict: Verdict<Result>;
}

const snapshotVersion = 1;

export class ReplicatedMachine<State, Command, Result> {
  readonly #machine: Machine<State, Command, Result>;
  #sessions: Sessions;
  #time = 0;

  constructor(definition: MachineDefinition<State, Command, Result>, sessions: Sessions = new Sessions()) {
    this.#machine = new Machine(definition);
    this.#sessions = sessions;
  }

  get state(): State {
    return this.#machine.state;
  }

  /** The last command of a session that took effect; 0 for one that is not known. */
  lastOf(session: SessionId): number {
    return this.#sessions.last(session);
  }

  /** What came of a command; null when it did not take effect, or its proposer has said that it knows. */
  outcomeOf(session: SessionId, sequence: number): KnownOutcome<Result> | null {
    const outcome = this.#sessions.outcome(session, sequence);
    if (outcome === null) return null;
    const value = decodeValue(outcome.value);
    const verdict: Verdict<Result> = outcome.isApplied
      ? { kind: 'applied', result: value as Result }
      : { kind: 'rejected', reason: String(value) };
    return { index: outcome.index, verdict };
  }

  /** Null for an entry that carries no command, or none that anybody could read. */
  apply({ index, term, kind, data }: Entry): Effect<Result> | null {
    if (kind !== 'command') return null;
    const envelope = tryDecode(data);
    if (envelope === null) return null;
    const { session, sequence, known, command } = envelope;
    const turn = this.#sessions.turn(session, sequence);
    if (turn.kind !== 'next') return { session, sequence, verdict: turn };
    this.#time = Math.max(this.#time, envelope.time);
    const random = seededRandom(index ^ Math.imul(term, 0x9e3779b9));
    const { verdict, value } = this.#machine.apply(command, { index, term, time: this.#time, random });
    this.#sessions.record(session, sequence, known, { index, isApplied: verdict.kind === 'applied', value });
    return { session, sequence, verdict };
  }

  /** The state as it is now, in sections; what is applied later does not change them. */
  snapshot(): Iterable<Uint8Array> {
    const head = encode([snapshotVersion, this.#time]);
    return [head, this.#sessions.encode(), ...this.#machine.snapshot()];
  }

  /**
   * Takes over the state of a snapshot, wholly or not at all.
   * @throws Error for sections that are not those of a snapshot
   */
  restore(sections: readonly Uint8Array[]): void {
    const [head, sessions, ...parts] = sections;
    if (head === undefined || sessions === undefined) throw new RangeError('the snapshot has no head');
    const fields = new FieldReader(decode(head, 1));
    fields.integer(snapshotVersion, snapshotVersion);
    const time = fields.integer();
    const restored = new Sessions();
    restored.restore(sessions);
    this.#machine.restore(parts);
    this.#sessions = restored;
    this.#time = time;
  }
}

/** A committed entry that is no envelope has the same effect on every member: none. */
function tryDecode(data: Uint8Array): ReturnType<typeof decodeEnvelope> | null {
  try {
    return decodeEnvelope(data);
  } catch {
    return null;
  }
}
