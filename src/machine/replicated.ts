/** Applies the log to a machine: opens each envelope, asks whose turn it is, and runs the command if it is its turn. */
import { seededRandom } from '../core/random.ts';
import type { Entry } from '../core/types.ts';
import { decodeEnvelope, type SessionId } from './envelope.ts';
import { Machine, type MachineDefinition, type Verdict } from './machine.ts';
import { Sessions, type Turn } from './sessions.ts';

/** What an entry did, for whoever proposed it. */
export interface Effect<Result> {
  readonly session: SessionId;
  readonly sequence: number;
  /** `repeated` and `early` entries changed nothing. */
  readonly verdict: Verdict<Result> | Exclude<Turn, { readonly kind: 'next' }>;
}

export class ReplicatedMachine<State, Command, Result> {
  readonly #machine: Machine<State, Command, Result>;
  readonly #sessions: Sessions;
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

  /** Null for an entry that carries no command, or none that anybody could read. */
  apply({ index, term, kind, data }: Entry): Effect<Result> | null {
    if (kind !== 'command') return null;
    const envelope = tryDecode(data);
    if (envelope === null) return null;
    const { session, sequence, command } = envelope;
    const turn = this.#sessions.take(session, sequence);
    if (turn.kind !== 'next') return { session, sequence, verdict: turn };
    this.#time = Math.max(this.#time, envelope.time);
    const random = seededRandom(index ^ Math.imul(term, 0x9e3779b9));
    return { session, sequence, verdict: this.#machine.apply(command, { index, term, time: this.#time, random }) };
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
