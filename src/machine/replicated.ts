/**
 * Applies the log to a machine: opens each envelope, asks whose turn it is, and does what is asked for if it is its turn.
 * The sessions, the time that has passed and the version that the group runs are part of the replicated state, and of its
 * snapshots (S5, C3).
 *
 * The first call in the log sets the version that the group runs; from then on it changes by a call for that alone. A
 * command that was made for a newer one is rejected on every member alike. So a command or a snapshot is never guessed at:
 * code that is older than the version that the group moves to stops right there.
 */
import type { Entry, Index, NodeId, Term } from '../core/types.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { RaftError } from '../errors.ts';
import { type Call, decodeCall, encodeCall, maxVersion } from './call.ts';
import { Context } from './context.ts';
import { decodeEnvelope, type Envelope, type SessionId } from './envelope.ts';
import { type ApplyContext, type MachineDefinition, type MachineInstance, orInvalid, type Verdict } from './machine.ts';
import { Preview } from './preview.ts';
import { readReason, reasonOf, storedReason } from './reasons.ts';
import { Sessions, type Turn } from './sessions.ts';

/** What an entry did, for whoever proposed it. */
export interface Effect<Result> {
  readonly kind: 'effect';
  readonly session: SessionId;
  readonly sequence: number;
  /** `repeated`, `early` and `forgotten` entries changed nothing. */
  readonly verdict: Verdict<Result> | Exclude<Turn, { readonly kind: 'next' }>;
  /** The command that had its turn; null for an entry that changed nothing, and for what is no command. */
  readonly command: AppliedCommand | null;
}

/** A command that was applied or rejected here, as bytes: what is kept of it can be changed by nobody. */
export interface AppliedCommand {
  readonly index: Index;
  readonly term: Term;
  /** What the machine was told: milliseconds since 1970. */
  readonly time: number;
  readonly proposer: NodeId;
  /** The version that the group ran. */
  readonly version: number;
  readonly body: Uint8Array;
  readonly isApplied: boolean;
  /** The result, or the reason for the rejection. */
  readonly value: Uint8Array;
}

interface Committed {
  readonly index: Index;
  readonly term: Term;
  /** Milliseconds since 1970 on the leader's clock, as the machine was told; never less than for the one before. */
  readonly time: number;
  /** The member that proposed it. */
  readonly proposer: NodeId;
  /** The version of the machine that the group ran: the command has the form that it has in that version. */
  readonly version: number;
}

/** A committed command, and what came of it. */
export type CommittedCommand<Command, Result> =
  | (Committed & { readonly kind: 'applied'; readonly command: Command; readonly result: Result })
  /** The command is null when nobody can read it, which is why it was rejected then. */
  | (Committed & { readonly kind: 'rejected'; readonly command: Command | null; readonly reason: string });

/** Nothing was applied: from this entry on the group runs a version that this code does not know. */
export interface UpgradeRequired {
  readonly kind: 'upgrade-required';
  readonly version: number;
}

/** What came of a call that took effect, and where in the log. */
export interface KnownOutcome<Result> {
  readonly index: Index;
  readonly verdict: Verdict<Result>;
}

/** What a proposer asks after it has missed a part of the log. */
export interface SessionMemory<Result> {
  lastOf(session: SessionId): number;
  outcomeOf(session: SessionId, sequence: number): KnownOutcome<Result> | null;
  isForgotten(session: SessionId): boolean;
}

/** What becomes of a call whose turn it is; the value is what is kept of it. */
interface Judgement<Result> {
  readonly verdict: Verdict<Result>;
  readonly value: Uint8Array;
}

const snapshotVersion = 2;
const noData = new Uint8Array(0);

export class ReplicatedMachine<State, Command, Result> implements SessionMemory<Result> {
  readonly #definition: MachineDefinition<State, Command, Result>;
  #instance: MachineInstance<State, Result>;
  /** Null before the first call. */
  #version: number | null = null;
  #sessions: Sessions;
  #time = 0;

  constructor(definition: MachineDefinition<State, Command, Result>, sessions: Sessions = new Sessions()) {
    this.#definition = definition;
    this.#instance = definition.create(definition.version);
    this.#sessions = sessions;
  }

  get state(): State {
    return this.#instance.state;
  }

  /** Which version of the machine this code is. */
  get ownVersion(): number {
    return this.#definition.version;
  }

  /** The version of the machine that the group runs; null as long as nothing was proposed in it. */
  get version(): number | null {
    return this.#version;
  }

  /**
   * A command as it is proposed: checked, and made for the version that the group runs.
   * @throws RaftError INVALID_ARGUMENT, VERSION_NOT_IN_FORCE
   */
  encode(command: unknown): Uint8Array {
    if (this.#version === null) return encodeCommand(this.#definition, command);
    const maker = this.#definition.forProposals(this.#version);
    const { version } = maker;
    if (version > this.#version) {
      const remedy = 'move the group first, or give `defineMachine` the earlier one as `previous`';
      const message = `the group runs version ${this.#version} of the machine, and this code proposes for ${version}: ${remedy}`;
      throw new RaftError('VERSION_NOT_IN_FORCE', message);
    }
    return orInvalid(() => encodeCall({ kind: 'command', version, body: maker.encode(command) }));
  }

  /** The decision to move the group to the version of this code, as it is proposed. */
  get upgrade(): Uint8Array {
    return encodeUpgrade(this.#definition);
  }

  /** The command of an entry; null for one that carries none, or none that can be read. */
  commandOf({ kind, data }: Entry): Command | null {
    if (kind !== 'command') return null;
    try {
      return readCommand(this.#definition, decodeEnvelope(data).call)?.command ?? null;
    } catch {
      return null;
    }
  }

  /** The last call of a session that took effect; 0 for one that is not known. */
  lastOf(session: SessionId): number {
    return this.#sessions.last(session);
  }

  /** Whether a session may have done something that nobody remembers; nothing of it takes effect any more then. */
  isForgotten(session: SessionId): boolean {
    return this.#sessions.isForgotten(session);
  }

  /** What came of a call; null when it did not take effect, or its proposer has said that it knows. */
  outcomeOf(session: SessionId, sequence: number): KnownOutcome<Result> | null {
    const outcome = this.#sessions.outcome(session, sequence);
    if (outcome === null) return null;
    const { index, isApplied, value } = outcome;
    return {
      index,
      verdict: isApplied
        ? { kind: 'applied', result: this.#definition.decodeResult(value) }
        : { kind: 'rejected', reason: readReason(value) },
    };
  }

  /** Null for an entry that carries no call, as those that a witness holds, or none that anybody could read. */
  apply(entry: Entry): Effect<Result> | UpgradeRequired | null {
    if (entry.kind !== 'command' || entry.data.byteLength === 0) return null;
    const read = tryRead(entry.data);
    if (read === null) return null;
    const { envelope, call } = read;
    const { session, sequence, known } = envelope;
    const turn = this.#sessions.turn(session, sequence);
    if (turn.kind !== 'next') return { kind: 'effect', session, sequence, verdict: turn, command: null };
    if (this.#version === null || call.kind === 'upgrade') {
      if (call.version > this.#definition.version) return { kind: 'upgrade-required', version: call.version };
    }
    const proposer = this.#sessions.proposer(session) ?? envelope.proposer;
    if (proposer === null) return null;
    this.#time = Math.max(this.#time, envelope.time);
    this.#begin(call.version);
    const { verdict, value } = call.kind === 'upgrade' ? this.#upgrade(call.version) : this.#run(call, entry, proposer);
    const outcome = { index: entry.index, isApplied: verdict.kind === 'applied', value };
    this.#sessions.record(session, proposer, sequence, known, this.#time, outcome);
    return {
      kind: 'effect',
      session,
      sequence,
      verdict,
      command: this.#appliedCommand(call, entry, proposer, outcome),
    };
  }

  #appliedCommand(
    call: Call,
    { index, term }: Entry,
    proposer: NodeId,
    { isApplied, value }: Pick<AppliedCommand, 'isApplied' | 'value'>,
  ): AppliedCommand | null {
    const version = this.#version;
    if (call.kind !== 'command' || version === null) return null;
    return { index, term, time: this.#time, proposer, version, body: call.body, isApplied, value };
  }

  /** What an applied command stands for. */
  described({ body, isApplied, value, ...committed }: AppliedCommand): CommittedCommand<Command, Result> {
    const { version } = committed;
    if (isApplied) {
      const command = this.#definition.decode(body, version);
      return { kind: 'applied', ...committed, command, result: this.#definition.decodeResult(value) };
    }
    let command: Command | null = null;
    try {
      command = this.#definition.decode(body, version);
    } catch {
      // That it cannot be read is why it was rejected.
    }
    return { kind: 'rejected', ...committed, command, reason: readReason(value) };
  }

  /** The group is new: it runs the version of whoever is the first to propose something. */
  #begin(version: number): void {
    if (this.#version !== null) return;
    this.#version = version;
    if (version < this.#definition.version) this.#instance = this.#definition.create(version);
  }

  #run(
    { version, body }: Extract<Call, { kind: 'command' }>,
    { index, term }: Entry,
    proposer: ApplyContext['proposer'],
  ): Judgement<Result> {
    return this.#judge((running) => {
      if (version > running) throw new NotInForce(`it was made for version ${version}, and the group runs ${running}`);
      const context = new Context(index, term, this.#time, proposer, running);
      const { result, value } = this.#instance.apply(body, context);
      return { verdict: { kind: 'applied', result }, value };
    });
  }

  #upgrade(version: number): Judgement<Result> {
    return this.#judge((running) => {
      if (version > running) {
        this.#instance.upgrade(version);
        this.#version = version;
      }
      return { verdict: { kind: 'applied', result: undefined as Result }, value: noData };
    });
  }

  /** Whatever throws rejects the call. */
  #judge(action: (running: number) => Judgement<Result>): Judgement<Result> {
    try {
      return action(this.#version ?? this.#definition.version);
    } catch (cause) {
      return { verdict: { kind: 'rejected', reason: reasonOf(cause), cause }, value: storedReason(cause) };
    }
  }

  /** Whether commands can be tried without being applied. */
  get canPreview(): boolean {
    return this.#instance.fork !== undefined;
  }

  /**
   * A copy of the state, to try commands on.
   * @throws Error where `canPreview` is false
   */
  preview(): Preview<State> {
    const copy = this.#instance.fork?.();
    if (copy === undefined) throw new Error('the machine cannot be copied');
    return new Preview(this.#definition, copy, this.#version, this.#time);
  }

  /** The state as it is now, in sections; what is applied later does not change them. */
  snapshot(): Iterable<Uint8Array> {
    const head = encode([snapshotVersion, this.#time, this.#version, this.#instance.form]);
    return concatenate([head, this.#sessions.encode()], this.#instance.snapshot());
  }

  /**
   * Takes over the state of a snapshot, wholly or not at all.
   * @throws RaftError UPGRADE_REQUIRED for one of a newer version of the machine than this code is
   * @throws Error for sections that are not those of a snapshot
   */
  restore(sections: readonly Uint8Array[]): void {
    const [head, sessions, ...parts] = sections;
    if (head === undefined || sessions === undefined) throw new RangeError('the snapshot has no head');
    const fields = new FieldReader(decode(head, 1));
    fields.integer(snapshotVersion, snapshotVersion);
    const time = fields.integer();
    const version = fields.integerOrNull();
    const form = fields.integer(1, maxVersion);
    const newest = Math.max(version ?? 0, form);
    if (newest > this.#definition.version) throw upgradeRequired(newest, this.#definition.version);
    const restored = this.#sessions.restored(sessions);
    this.#instance = this.#definition.restore(version ?? this.#definition.version, form, parts);
    this.#sessions = restored;
    this.#version = version;
    this.#time = time;
  }
}

/**
 * A command as it is proposed by whoever does not know yet which version the group runs: made for that of this code.
 * @throws RaftError INVALID_ARGUMENT
 */
export function encodeCommand(machine: MachineDefinition<unknown, unknown, unknown>, command: unknown): Uint8Array {
  return orInvalid(() => encodeCall({ kind: 'command', version: machine.version, body: machine.encode(command) }));
}

/** The command of a call; null for one that asks for something else, and for bytes that nobody can read. */
export function readCommand<Command>(
  machine: Pick<MachineDefinition<unknown, Command, unknown>, 'decode'>,
  bytes: Uint8Array,
): { readonly command: Command } | null {
  try {
    const call = decodeCall(bytes);
    return call.kind === 'command' ? { command: machine.decode(call.body, call.version) } : null;
  } catch {
    return null;
  }
}

/** The decision that the group runs the version of this code from here on, as it is proposed. */
export function encodeUpgrade({ version }: Pick<MachineDefinition<unknown, unknown, unknown>, 'version'>): Uint8Array {
  return encodeCall({ kind: 'upgrade', version });
}

/** What to say to whoever runs older code than its group. */
export function upgradeRequired(version: number, own: number): RaftError {
  const message = `the group runs version ${version} of the machine, and this code is version ${own}: reload with newer code`;
  return new RaftError('UPGRADE_REQUIRED', message);
}

class NotInForce extends Error {
  override readonly name = 'NotInForce';
}

/** A committed entry that cannot be read has the same effect on every member: none. */
function tryRead(data: Uint8Array): { readonly envelope: Envelope; readonly call: Call } | null {
  try {
    const envelope = decodeEnvelope(data);
    return { envelope, call: decodeCall(envelope.call) };
  } catch {
    return null;
  }
}

function* concatenate(...lists: Iterable<Uint8Array>[]): Generator<Uint8Array> {
  for (const list of lists) yield* list;
}
