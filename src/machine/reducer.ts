/**
 * Machines as reducers over plain data: a function from a state and a command to the next state and a result. The state in
 * memory has the form of the version that the group runs, whatever version this code is, so that a snapshot says the same
 * whoever takes it; it changes its form where the log says so.
 */
import { RaftError } from '../errors.ts';
import {
  type Answer,
  type ApplyContext,
  checkNameAndVersion,
  type MachineDefinition,
  type MachineInstance,
  orInvalid,
} from './machine.ts';
import { decodePlain, encodeGiven, encodePlain, freeze } from './plain.ts';
import { type CommandSchema, parse, parseUnchanged } from './schema.ts';

/** What a reducer gives back. */
export interface Applied<State, Result> {
  readonly state: State;
  readonly result: Result;
}

/** What makes a machine. State, commands and results are plain data: what JSON has, byte arrays and dates. */
export interface MachineOptions<State, Command, Result> {
  /** Names the kind of state, in up to 128 characters; a group is joined with the machine that it was founded with. */
  readonly name: string;
  /** 1 if you do not say, up to 65,535. A machine that does anything else than before is another version. */
  readonly version?: number;
  /** The state before the first command. */
  readonly initial: State;
  /**
   * Checks commands, before they are proposed and again before they are applied: a schema of Zod, Valibot, ArkType, or any
   * other that speaks Standard Schema and is synchronous. What it fills in is part of the command.
   */
  readonly command?: CommandSchema<Command>;
  /**
   * Gives the state after a command, and what the proposer gets back. Depends on nothing but its arguments, and changes
   * none of them: states are frozen. Throwing rejects the command, on every member alike, and leaves the state as it was.
   */
  apply(state: State, command: Command, context: ApplyContext): Applied<State, Result>;
  /**
   * Turns a state of an earlier version into one of this version: where the group moves to it, and for snapshots of groups
   * that have not moved if `previous` does not reach back to their version. Without it the form is the same.
   */
  migrate?(state: unknown, fromVersion: number): State;
  /**
   * The machine as it was before this version, for groups that have not moved yet. Without it, `apply` has to do for
   * `context.version` exactly what that version did, and nothing can be proposed until the group has moved.
   */
  readonly previous?: MachineDefinition<unknown, unknown, unknown>;
}

/** A machine whose reducer can be called, as in a test of it. */
export interface ReducerMachine<State, Command, Result> extends MachineDefinition<State, Command, Result> {
  /** The reducer as it was given: nothing is checked or frozen. */
  apply(state: State, command: Command, context: ApplyContext): Applied<State, Result>;
}

const noData = new Uint8Array(0);

/**
 * Makes a machine of a reducer. The types of state, command and result follow from what it is given.
 * @throws RaftError INVALID_ARGUMENT for a name, a version or an initial state that is none
 */
export function defineMachine<State, Command, Result = void>(
  options: MachineOptions<State, Command, Result>,
): ReducerMachine<State, Command, Result> {
  return new Reducer(options);
}

class Reducer<State, Command, Result> implements ReducerMachine<State, Command, Result> {
  readonly name: string;
  readonly version: number;
  readonly initial: State;
  readonly #options: MachineOptions<State, Command, Result>;
  readonly #previous: Reducer<unknown, unknown, unknown> | null;

  constructor(options: MachineOptions<State, Command, Result>) {
    const { name, version = 1, initial, previous } = options;
    checkNameAndVersion(name, version);
    if (previous !== undefined && !(previous instanceof Reducer)) {
      throw new RaftError('INVALID_ARGUMENT', `what was before the machine ${name} must be made by defineMachine, too`);
    }
    if (previous !== undefined && (previous.name !== name || previous.version >= version)) {
      const was = `${previous.name}, version ${previous.version}`;
      throw new RaftError(
        'INVALID_ARGUMENT',
        `${was}, is no earlier version of the machine ${name}, version ${version}`,
      );
    }
    this.name = name;
    this.version = version;
    this.initial = orInvalid(() => freeze(initial));
    this.#options = options;
    this.#previous = previous ?? null;
  }

  apply(state: State, command: Command, context: ApplyContext): Applied<State, Result> {
    return this.#options.apply(state, command, context);
  }

  validate(command: unknown): Command {
    const { command: schema } = this.#options;
    if (schema === undefined) return command as Command;
    const parsed = parse(schema, command);
    // Whatever it makes of a command has to pass before it is applied, unchanged: the author learns here if it will not.
    if (parsed !== command) parseUnchanged(schema, parsed);
    return parsed;
  }

  encode(command: unknown): Uint8Array {
    return encodeGiven(this.validate(command));
  }

  decode(body: Uint8Array, version: number = this.version): Command {
    const made = this.at(version);
    if (made !== this) return made.decode(body) as Command;
    const { command: schema } = this.#options;
    const command = decodePlain(body);
    return schema === undefined ? (command as Command) : parseUnchanged(schema, command);
  }

  decodeResult(value: Uint8Array): Result {
    return (value.byteLength === 0 ? undefined : decodePlain(value)) as Result;
  }

  forProposals(version: number): Reducer<unknown, unknown, unknown> {
    return this.at(version);
  }

  /** The oldest version known here that is not older than `version`. */
  at(version: number): Reducer<unknown, unknown, unknown> {
    const previous = this.#previous;
    return previous === null || previous.version < version ? this : previous.at(version);
  }

  /** Brings a state from the form of an earlier version to that of this one, by way of those between. */
  migrate(state: unknown, from: number): State {
    if (from === this.version) return state as State;
    const previous = this.#previous;
    if (previous !== null && previous.version > from)
      return this.migrate(previous.migrate(state, from), previous.version);
    return this.#options.migrate === undefined ? (state as State) : freeze(this.#options.migrate(state, from));
  }

  create(version: number): ReducerInstance<State, Command, Result> {
    const running = this.at(version);
    return new ReducerInstance(this, running, running.initial);
  }

  restore(version: number, form: number, sections: Iterable<Uint8Array>): ReducerInstance<State, Command, Result> {
    const [section, ...others] = sections;
    if (section === undefined || others.length > 0) throw new RangeError('the state must be one section');
    const running = this.at(Math.max(version, form));
    return new ReducerInstance(this, running, running.migrate(decodePlain(section), form));
  }
}

class ReducerInstance<State, Command, Result> implements MachineInstance<State, Result> {
  readonly #newest: Reducer<State, Command, Result>;
  #running: Reducer<unknown, unknown, unknown>;
  #state: unknown;
  /** What the newest version would make of the state. */
  #view: { readonly of: unknown; readonly state: State };

  constructor(newest: Reducer<State, Command, Result>, running: Reducer<unknown, unknown, unknown>, state: unknown) {
    this.#newest = newest;
    this.#running = running;
    this.#state = state;
    this.#view = { of: newest.initial, state: newest.initial };
  }

  get form(): number {
    return this.#running.version;
  }

  /** What the application reads has the form that its code knows, whatever the group runs. */
  get state(): State {
    if (this.#running.version === this.#newest.version) return this.#state as State;
    if (this.#view.of !== this.#state) this.#view = { of: this.#state, state: this.#viewOf(this.#state) };
    return this.#view.state;
  }

  /** A state that cannot be migrated is not shown; the decision to move to the newest version will be rejected. */
  #viewOf(state: unknown): State {
    try {
      return this.#newest.migrate(state, this.form);
    } catch {
      return this.#view.state;
    }
  }

  apply(body: Uint8Array, context: ApplyContext): Answer<Result> {
    const running = this.#running;
    const { state, result } = running.apply(this.#state, running.decode(body), context);
    if (state === undefined) throw new Error('the machine must give back { state, result }, at once');
    const value = result === undefined ? noData : encodePlain(freeze(result));
    this.#state = freeze(state);
    return { result: result as Result, value };
  }

  upgrade(version: number): void {
    const next = this.#newest.at(version);
    if (next.version <= this.form) return;
    this.#state = next.migrate(this.#state, this.form);
    this.#running = next;
  }

  snapshot(): Iterable<Uint8Array> {
    return encodeWhenAsked(this.#state);
  }

  /** States do not change, so nothing is copied. */
  fork(): ReducerInstance<State, Command, Result> {
    const copy = new ReducerInstance(this.#newest, this.#running, this.#state);
    copy.#view = this.#view;
    return copy;
  }
}

/** States do not change, so there is no hurry: nothing is written before somebody wants it. */
function* encodeWhenAsked(state: unknown): Generator<Uint8Array> {
  yield encodePlain(state);
}
