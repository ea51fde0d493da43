/**
 * The machine that the simulator runs by default: registers with put, append and compare-and-set. A digest of everything
 * that ever happened to it is part of its state, so that two states are compared in no time.
 */
import { defineMachine, type MachineDefinition } from '../machine/machine.ts';

export type RegisterCommand =
  | { readonly kind: 'put'; readonly id: number; readonly key: string; readonly value: string }
  | {
      readonly kind: 'cas';
      readonly id: number;
      readonly key: string;
      readonly expected: string | null;
      readonly value: string;
    }
  /** Changes nothing, and takes part in the order of all that does. */
  | { readonly kind: 'get'; readonly id: number; readonly key: string };

export interface Registers {
  readonly values: Readonly<Record<string, string>>;
  readonly digest: string;
}

/** `put`: null. `get`: the value, or null. `cas`: whether the value was the expected one, and is the new one now. */
export type RegisterResult = string | boolean | null;

export const registers: MachineDefinition<Registers, RegisterCommand, RegisterResult> = defineMachine({
  name: 'registers',
  initial: { values: {}, digest: '' } as Registers,
  apply(state, command: RegisterCommand) {
    const { key, id } = command;
    const before = state.values[key] ?? null;
    const result = resultOf(command, before);
    const digest = mixed(state.digest, `${id} ${String(result)}`);
    const isChange = command.kind === 'put' || (command.kind === 'cas' && result === true);
    const values = isChange ? { ...state.values, [key]: command.value } : state.values;
    return { state: { values, digest }, result };
  },
});

function resultOf(command: RegisterCommand, before: string | null): RegisterResult {
  switch (command.kind) {
    case 'put':
      return null;
    case 'get':
      return before;
    case 'cas':
      return before === command.expected;
  }
}

/** Two rounds of FNV-1a, over the digest so far and the text. */
function mixed(digest: string, text: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (const part of [digest, text]) {
    for (let i = 0; i < part.length; i++) {
      a = Math.imul(a ^ part.charCodeAt(i), 0x01000193);
      b = Math.imul(b + part.charCodeAt(i), 0x85ebca6b) ^ (a >>> 13);
    }
  }
  return `${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`;
}
