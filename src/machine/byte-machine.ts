/**
 * The lower contract: machines that keep their state as they like, in WebAssembly or in structures of their own, and take
 * commands and give results as bytes.
 */
import {
  type Answer,
  type ApplyContext,
  checkNameAndVersion,
  type MachineDefinition,
  type MachineInstance,
} from './machine.ts';

/** The state of one member. All of it depends on nothing but the arguments, the same on every member. */
export interface ByteMachine<State> {
  /** What applications read. Another value after every change, so that they notice; computed when asked, if you like. */
  readonly state: State;
  /**
   * Applies a command and gives its result. The command may be kept, and the result is copied before it is. Throwing
   * rejects the command: nothing may be changed then.
   */
  apply(command: Uint8Array, context: ApplyContext): Uint8Array;
  /**
   * The state as it is now, in sections of up to 1 GiB, which are asked for one by one while commands go on being applied:
   * what is applied later must not change them.
   */
  snapshot(): Iterable<Uint8Array>;
  /**
   * Takes over the state of a snapshot, as its sections come. Called at most once, on a machine that has applied nothing.
   * @param version what the group ran when the snapshot was taken
   * @throws Error for sections that are not those of a snapshot: this machine is thrown away then
   */
  restore(sections: Iterable<Uint8Array>, version: number): void;
  /** The group runs `version` from here on: what `context.version` says next. Throwing rejects it: change nothing then. */
  upgrade?(version: number): void;
  /** A copy that lives on its own, so that `optimistic` can try commands on it. Without it there is no `optimistic`. */
  fork?(): ByteMachine<State>;
}

export interface ByteMachineOptions<State> {
  /** Names the kind of state, in up to 128 characters; a group is joined with the machine that it was founded with. */
  readonly name: string;
  /** 1 if you do not say, up to 65,535. For earlier versions, `apply` does what they did: see `context.version`. */
  readonly version?: number;
  /** The state before the first command, in a group that runs `version`. */
  create(version: number): ByteMachine<State>;
}

/**
 * Makes a machine of what keeps its own bytes.
 * @throws RaftError INVALID_ARGUMENT for a name or a version that is none
 */
export function defineByteMachine<State>(
  options: ByteMachineOptions<State>,
): MachineDefinition<State, Uint8Array, Uint8Array> {
  return new ByteDefinition(options);
}

class ByteDefinition<State> implements MachineDefinition<State, Uint8Array, Uint8Array> {
  readonly name: string;
  readonly version: number;
  readonly initial: State;
  readonly #options: ByteMachineOptions<State>;

  constructor(options: ByteMachineOptions<State>) {
    const { name, version = 1 } = options;
    checkNameAndVersion(name, version);
    this.name = name;
    this.version = version;
    this.#options = options;
    this.initial = options.create(version).state;
  }

  /** It is one and the same code for all versions up to its own. */
  forProposals(version: number): Pick<MachineDefinition<unknown, unknown, unknown>, 'version' | 'encode'> {
    return { version, encode: (command) => this.encode(command) };
  }

  validate(command: unknown): Uint8Array {
    if (command instanceof Uint8Array) return command;
    throw new TypeError(`a command of the machine ${this.name} must be a Uint8Array`);
  }

  encode(command: unknown): Uint8Array {
    return this.validate(command);
  }

  /** Always plain arrays, and never a view into the log, whatever the transport had them in. */
  decode(body: Uint8Array): Uint8Array {
    return new Uint8Array(body);
  }

  decodeResult(value: Uint8Array): Uint8Array {
    return new Uint8Array(value);
  }

  create(version: number): MachineInstance<State, Uint8Array> {
    return new ByteInstance(this, this.#options.create(version));
  }

  restore(version: number, _form: number, sections: Iterable<Uint8Array>): MachineInstance<State, Uint8Array> {
    const machine = this.#options.create(version);
    machine.restore(sections, version);
    return new ByteInstance(this, machine);
  }
}

class ByteInstance<State> implements MachineInstance<State, Uint8Array> {
  /** What the machine's own bytes say of their form is its own affair. */
  readonly form = 1;
  readonly #definition: ByteDefinition<State>;
  readonly #machine: ByteMachine<State>;
  readonly fork?: () => ByteInstance<State>;

  constructor(definition: ByteDefinition<State>, machine: ByteMachine<State>) {
    this.#definition = definition;
    this.#machine = machine;
    const fork = machine.fork?.bind(machine);
    if (fork !== undefined) this.fork = () => new ByteInstance(definition, fork());
  }

  get state(): State {
    return this.#machine.state;
  }

  apply(body: Uint8Array, context: ApplyContext): Answer<Uint8Array> {
    const result = this.#machine.apply(this.#definition.decode(body), context);
    return { result, value: new Uint8Array(result) };
  }

  upgrade(version: number): void {
    this.#machine.upgrade?.(version);
  }

  snapshot(): Iterable<Uint8Array> {
    return this.#machine.snapshot();
  }
}
