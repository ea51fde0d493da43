/**
 * A machine whose commands have numbers, so that each can be told from all others: four bytes before what the machine
 * itself makes of them.
 */
import type { MachineDefinition, MachineInstance } from '../machine/machine.ts';

export interface Numbered<Command> {
  /** A whole number in [0, 2^32). */
  readonly id: number;
  readonly command: Command;
}

const headBytes = 4;

export class NumberedMachine<State, Command, Result> implements MachineDefinition<State, Numbered<Command>, Result> {
  readonly name: string;
  readonly version: number;
  readonly initial: State;
  readonly #machine: MachineDefinition<State, Command, Result>;

  constructor(machine: MachineDefinition<State, Command, Result>) {
    this.name = machine.name;
    this.version = machine.version;
    this.initial = machine.initial;
    this.#machine = machine;
  }

  forProposals(version: number): ReturnType<MachineDefinition<State, Command, Result>['forProposals']> {
    const maker = this.#machine.forProposals(version);
    return { version: maker.version, encode: (numbered) => encodeWith(maker, numbered) };
  }

  validate(numbered: unknown): Numbered<Command> {
    const { id, command } = numbered as Numbered<unknown>;
    return { id, command: this.#machine.validate(command) };
  }

  encode(numbered: unknown): Uint8Array {
    return encodeWith(this.#machine, numbered);
  }

  decode(body: Uint8Array): Numbered<Command> {
    const id = new DataView(body.buffer, body.byteOffset).getUint32(0);
    return { id, command: this.#machine.decode(body.subarray(headBytes)) };
  }

  decodeResult(value: Uint8Array): Result {
    return this.#machine.decodeResult(value);
  }

  create(version: number): MachineInstance<State, Result> {
    return withoutNumbers(this.#machine.create(version));
  }

  restore(version: number, form: number, sections: Iterable<Uint8Array>): MachineInstance<State, Result> {
    return withoutNumbers(this.#machine.restore(version, form, sections));
  }
}

function encodeWith(maker: { encode(command: unknown): Uint8Array }, numbered: unknown): Uint8Array {
  const { id, command } = numbered as Numbered<unknown>;
  const inner = maker.encode(command);
  const body = new Uint8Array(headBytes + inner.byteLength);
  new DataView(body.buffer).setUint32(0, id);
  body.set(inner, headBytes);
  return body;
}

function withoutNumbers<State, Result>(instance: MachineInstance<State, Result>): MachineInstance<State, Result> {
  return {
    get state() {
      return instance.state;
    },
    get form() {
      return instance.form;
    },
    apply: (body, context) => instance.apply(body.subarray(headBytes), context),
    upgrade: (version) => {
      instance.upgrade(version);
    },
    snapshot: () => instance.snapshot(),
  };
}
