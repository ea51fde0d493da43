/**
 * What is replicated: a state that changes by commands, in the same way on every member. A definition is a reducer; the
 * machine made from it holds the state of one member.
 */
import type { Random } from '../core/random.ts';
import type { Index, Term } from '../core/types.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { freeze } from './freeze.ts';

/** All that a command may depend on beside the state and itself: the same on every member. */
export interface ApplyContext {
  /** Where in the log the command stands. */
  readonly index: Index;
  readonly term: Term;
  /** Milliseconds since 1970 on the clock of the leader that took the command; never less than for the one before. */
  readonly time: number;
  /** Seeded by the place in the log. */
  readonly random: Random;
}

export interface Applied<State, Result> {
  readonly state: State;
  readonly result: Result;
}

const noData = new Uint8Array(0);

export const maxMachineNameLength = 128;

/**
 * A replicated state machine. State, commands and results are plain data: what JSON has, byte arrays and dates.
 */
export interface MachineDefinition<State, Command, Result> {
  /** Names the kind of state, in up to 128 characters; a group is joined with the machine that it was founded with. */
  readonly name: string;
  readonly initial: State;
  /**
   * Gives the state after a command, and what the proposer gets back. Depends on nothing but its arguments, and changes
   * none of them: states are frozen. Throwing rejects the command, on every member alike, and leaves the state as it was.
   */
  apply(state: State, command: Command, context: ApplyContext): Applied<State, Result>;
}

/** Gives a definition its types: the identity function, for inference. */
export function defineMachine<State, Command, Result = void>(
  definition: MachineDefinition<State, Command, Result>,
): MachineDefinition<State, Command, Result> {
  return definition;
}

/** What became of a command: it happened, or it was rejected with a reason. */
export type Verdict<Result> =
  | { readonly kind: 'applied'; readonly result: Result }
  /** The cause is what the machine threw, where it was this member that ran it. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly cause?: unknown };

/** A verdict, and its value as it is kept in the replicated state. */
export interface Judgement<Result> {
  readonly verdict: Verdict<Result>;
  readonly value: Uint8Array;
}

/** The state of one member, and the only place that changes it. */
export class Machine<State, Command, Result> {
  readonly #definition: MachineDefinition<State, Command, Result>;
  #state: State;

  constructor(definition: MachineDefinition<State, Command, Result>) {
    this.#definition = definition;
    this.#state = freeze(definition.initial);
  }

  get state(): State {
    return this.#state;
  }

  apply(command: Uint8Array, context: ApplyContext): Judgement<Result> {
    try {
      const { state, result } = this.#definition.apply(this.#state, decodeCommand(command) as Command, context);
      const value = encodeValue(result);
      this.#state = freeze(state);
      return { verdict: { kind: 'applied', result }, value };
    } catch (cause) {
      const reason = String(cause);
      return { verdict: { kind: 'rejected', reason, cause }, value: encodeValue(reason) };
    }
  }

  /** The state as it is now, in parts; what is applied later does not change them. */
  *snapshot(): Generator<Uint8Array> {
    yield encode(this.#state);
  }

  /** @throws Error for parts that are not those of a snapshot */
  restore(parts: readonly Uint8Array[]): void {
    const [part, ...others] = parts;
    if (part === undefined || others.length > 0) throw new RangeError(`${parts.length} parts are no state`);
    this.#state = freeze(decode(part) as State);
  }
}

/** A result as it is kept: empty for undefined, which MessagePack does not know. */
function encodeValue(value: unknown): Uint8Array {
  return value === undefined ? noData : encode(value);
}

/** What `Judgement.value` stands for. */
export function decodeValue(value: Uint8Array): unknown {
  return value.byteLength === 0 ? undefined : decode(value);
}

/** @throws Error for a command that is not plain data */
export function encodeCommand(command: unknown): Uint8Array {
  return encode(command);
}

/**
 * Decodes a copy: what the machine gets, and may keep, is never a view into the log.
 * @throws Error for bytes that are no command
 */
export function decodeCommand(bytes: Uint8Array): unknown {
  return freeze(decode(new Uint8Array(bytes)));
}
