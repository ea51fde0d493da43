/**
 * What is replicated: a state that changes by commands, in the same way on every member. This is the contract between
 * those who write machines, as a reducer (`reducer.ts`) or over bytes of their own (`byte-machine.ts`), and the part that
 * applies the log to them (`replicated.ts`).
 */
import type { Random } from '../core/random.ts';
import type { Index, NodeId, Term } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { isVersion, maxVersion } from './call.ts';

/** All that a command may depend on beside the state and itself: the same on every member. */
export interface ApplyContext {
  /** Where in the log the command stands. */
  readonly index: Index;
  readonly term: Term;
  /** Milliseconds since 1970 on the clock of the leader that took the command; never less than for the one before. */
  readonly time: number;
  /** The member that proposed it. */
  readonly proposer: NodeId;
  /** The version of the machine that the group runs; never more than this code's. */
  readonly version: number;
  /** Seeded by the place in the log. */
  readonly random: Random;
}

export const maxMachineNameLength = 128;

/**
 * A replicated state machine, as `defineMachine` and `defineByteMachine` make it. Who drives it asks for an instance, and
 * turns commands and results into bytes and back with it.
 */
export interface MachineDefinition<State, Command, Result> {
  /** Names the kind of state, in up to 128 characters; a group is joined with the machine that it was founded with. */
  readonly name: string;
  /** Which version of it this code is, from 1 to 65,535. */
  readonly version: number;
  /** The state before the first command. */
  readonly initial: State;
  /**
   * Who makes the commands for a group that runs `version`: the oldest version known here that is not older. Its own
   * `version` is the one that its commands are made for.
   */
  forProposals(version: number): Pick<MachineDefinition<unknown, unknown, unknown>, 'version' | 'encode'>;
  /**
   * Checks a command, and gives what is proposed in its place.
   * @throws TypeError for a command that this machine does not take
   */
  validate(command: unknown): Command;
  /**
   * Checks a command and writes it.
   * @throws TypeError or another Error for a command that this machine does not take
   */
  encode(command: unknown): Uint8Array;
  /**
   * Reads what `encode` wrote.
   * @param version the one that it was made for, if it is not this one: the command has the form that it had there
   * @throws Error for bytes that `encode` does not give
   */
  decode(body: Uint8Array, version?: number): Command;
  /** What the value of an outcome stands for. */
  decodeResult(value: Uint8Array): Result;
  /** The state before the first command, in a group that runs `version`, which is not newer than this. */
  create(version: number): MachineInstance<State, Result>;
  /**
   * A state from its snapshot.
   * @param version what the group runs
   * @param form the `form` of the instance that the snapshot is of; neither is newer than this
   * @throws Error for sections that are not those of a snapshot
   */
  restore(version: number, form: number, sections: Iterable<Uint8Array>): MachineInstance<State, Result>;
}

/** The state of one member. */
export interface MachineInstance<State, Result> {
  /** The state as this code sees it; the same object until it changes. */
  readonly state: State;
  /** The version whose form the state has, and its snapshots. */
  readonly form: number;
  /** Applies a command. Throwing rejects it, and leaves the state as it was. */
  apply(body: Uint8Array, context: ApplyContext): Answer<Result>;
  /** The group runs `version` from here on, which is not newer than this code. Throwing leaves everything as it was. */
  upgrade(version: number): void;
  /** The state as it is now, in sections; what is applied later does not change them. */
  snapshot(): Iterable<Uint8Array>;
  /** A copy, which lives on its own. Left out where there can be none. */
  fork?(): MachineInstance<State, Result>;
}

/** What a command gave, and the bytes that stand for it in the replicated state. */
export interface Answer<Result> {
  readonly result: Result;
  readonly value: Uint8Array;
}

/** What became of a command: it happened, or it was rejected with a reason. */
export type Verdict<Result> =
  | { readonly kind: 'applied'; readonly result: Result }
  /** The cause is what the machine threw, where it was this member that ran it. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly cause?: unknown };

/**
 * Checks a command before it is proposed, and gives what is proposed in its place: defaults filled in, as the machine's
 * schema says.
 * @throws RaftError INVALID_ARGUMENT
 */
export function validateCommand<Command>(
  machine: Pick<MachineDefinition<unknown, Command, unknown>, 'validate'>,
  command: unknown,
): Command {
  return orInvalid(() => machine.validate(command));
}

/** Runs something that throws for bad arguments. */
export function orInvalid<Value>(action: () => Value): Value {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof RaftError) throw cause;
    throw new RaftError('INVALID_ARGUMENT', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** @throws RaftError INVALID_ARGUMENT */
export function checkNameAndVersion(name: string, version: number): void {
  if (typeof name !== 'string' || name === '' || name.length > maxMachineNameLength) {
    throw new RaftError('INVALID_ARGUMENT', `the machine's name must have 1 to ${maxMachineNameLength} characters`);
  }
  if (!isVersion(version)) {
    const range = `a whole number from 1 to ${maxVersion}`;
    throw new RaftError('INVALID_ARGUMENT', `the version of the machine ${name} must be ${range}, not ${version}`);
  }
}
