/** A machine that somebody watches: everything that it applies, and what came of it, is told. */
import type { Answer, ApplyContext, MachineDefinition, MachineInstance } from '../machine/machine.ts';

/** What was applied. */
export interface Observation<State, Command> {
  /** The bytes of the command. */
  readonly body: Uint8Array;
  /** What they say; null for bytes that are no command of this machine. */
  readonly command: () => Command | null;
  readonly context: ApplyContext;
  /** After it. */
  readonly state: State;
  readonly isRejected: boolean;
}

export type Observer<State, Command> = (observation: Observation<State, Command>) => void;

export class ObservedMachine<State, Command, Result> implements MachineDefinition<State, Command, Result> {
  readonly name: string;
  readonly version: number;
  readonly initial: State;
  readonly #machine: MachineDefinition<State, Command, Result>;
  readonly #observer: Observer<State, Command>;

  constructor(machine: MachineDefinition<State, Command, Result>, observer: Observer<State, Command>) {
    this.name = machine.name;
    this.version = machine.version;
    this.initial = machine.initial;
    this.#machine = machine;
    this.#observer = observer;
  }

  forProposals(version: number): ReturnType<MachineDefinition<State, Command, Result>['forProposals']> {
    return this.#machine.forProposals(version);
  }

  validate(command: unknown): Command {
    return this.#machine.validate(command);
  }

  encode(command: unknown): Uint8Array {
    return this.#machine.encode(command);
  }

  decode(body: Uint8Array): Command {
    return this.#machine.decode(body);
  }

  decodeResult(value: Uint8Array): Result {
    return this.#machine.decodeResult(value);
  }

  create(version: number): MachineInstance<State, Result> {
    return this.#observed(this.#machine.create(version));
  }

  restore(version: number, form: number, sections: Iterable<Uint8Array>): MachineInstance<State, Result> {
    return this.#observed(this.#machine.restore(version, form, sections));
  }

  #observed(instance: MachineInstance<State, Result>): MachineInstance<State, Result> {
    const tell = (body: Uint8Array, context: ApplyContext, isRejected: boolean): void => {
      const command = (): Command | null => this.#tryDecode(body);
      this.#observer({ body, command, context, state: instance.state, isRejected });
    };
    return {
      get state() {
        return instance.state;
      },
      get form() {
        return instance.form;
      },
      apply: (body, context) => {
        let answer: Answer<Result>;
        try {
          answer = instance.apply(body, context);
        } catch (error) {
          tell(body, context, true);
          throw error;
        }
        tell(body, context, false);
        return answer;
      },
      upgrade: (version) => {
        instance.upgrade(version);
      },
      snapshot: () => instance.snapshot(),
    };
  }

  #tryDecode(body: Uint8Array): Command | null {
    try {
      return this.#machine.decode(body);
    } catch {
      return null;
    }
  }
}
