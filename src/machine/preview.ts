/**
 * What a state would be after commands that are not committed, and may never be, or after others: tried on a copy, while
 * the replicated state stays as it is.
 */
import type { Index, NodeId, Term } from '../core/types.ts';
import { decodeCall } from './call.ts';
import { Context } from './context.ts';
import type { MachineDefinition, MachineInstance } from './machine.ts';

/** Where a command would stand, as far as anybody can say. */
export interface LikelyPlace {
  readonly index: Index;
  readonly term: Term;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly proposer: NodeId;
}

export class Preview<State> {
  readonly #definition: Pick<MachineDefinition<State, unknown, unknown>, 'version' | 'create'>;
  #instance: MachineInstance<State, unknown>;
  #version: number | null;
  #time: number;

  /**
   * @param instance a copy, for this alone
   * @param version the one that the group runs; null as long as nothing was proposed in it
   * @param time of the last command that was committed
   */
  constructor(
    definition: Pick<MachineDefinition<State, unknown, unknown>, 'version' | 'create'>,
    instance: MachineInstance<State, unknown>,
    version: number | null,
    time: number,
  ) {
    this.#definition = definition;
    this.#instance = instance;
    this.#version = version;
    this.#time = time;
  }

  get state(): State {
    return this.#instance.state;
  }

  /** Does what a call would do; one that would be rejected as things stand, or that is no command, does nothing. */
  apply(bytes: Uint8Array, { index, term, time, proposer }: LikelyPlace): void {
    const call = decodeCall(bytes);
    if (call.kind !== 'command') return;
    const version = this.#begin(call.version);
    if (call.version > version) return;
    this.#time = Math.max(this.#time, time);
    try {
      this.#instance.apply(call.body, new Context(index, term, this.#time, proposer, version));
    } catch {
      // The machine says no. It may say yes when the command is committed: it stays pending.
    }
  }

  /** The first command would set the version that the group runs. */
  #begin(version: number): number {
    if (this.#version === null) {
      this.#version = version;
      if (version < this.#definition.version) this.#instance = this.#definition.create(version);
    }
    return this.#version;
  }
}
