/**
 * The machine that the simulator runs by default: registers and lists, each under its key. A digest of everything that
 * ever happened to it is part of its state, so that two states are compared in no time.
 */
import { defineMachine, type MachineDefinition } from '../machine/machine.ts';
import { keyValueModel, type KeyValueInput, type KeyValueOutput, type KeyValueState } from './key-value-model.ts';

export interface RegisterCommand {
  /** Another number for every operation of a run. */
  readonly id: number;
  readonly key: string;
  readonly input: KeyValueInput;
}

export interface Registers {
  readonly values: Readonly<Record<string, KeyValueState>>;
  readonly digest: string;
}

export const registers: MachineDefinition<Registers, RegisterCommand, KeyValueOutput> = defineMachine({
  name: 'registers',
  initial: { values: {}, digest: '' } as Registers,
  apply(state, { id, key, input }: RegisterCommand) {
    const next = keyValueModel.step(state.values[key] ?? null, input);
    const digest = mixed(state.digest, id);
    return { state: { values: { ...state.values, [key]: next.state }, digest }, result: next.output };
  },
});

/** Two rounds of FNV-1a over the digest so far and a number. */
function mixed(digest: string, id: number): string {
  let [a, b] = [0x811c9dc5 ^ id, 0x01000193 + id];
  for (let i = 0; i < digest.length; i++) {
    a = Math.imul(a ^ digest.charCodeAt(i), 0x01000193);
    b = Math.imul(b + digest.charCodeAt(i), 0x85ebca6b) ^ (a >>> 13);
  }
  return `${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`;
}
