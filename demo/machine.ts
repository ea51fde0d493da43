/** What the demo replicates: a small table of keys and values, changed by typed commands. */
import { type Applied, defineMachine, type MachineDefinition } from 'flotilla';

export type Value = string | number;

export type Command =
  | { readonly op: 'set'; readonly key: string; readonly value: Value }
  | { readonly op: 'add'; readonly key: string; readonly amount: number }
  | { readonly op: 'delete'; readonly key: string };

export type Table = Readonly<Record<string, Value>>;

/** The result says what the command did, for the line under the input. */
export const table: MachineDefinition<Table, Command, string> = defineMachine({
  name: 'flotilla demo table 1',
  initial: {},
  apply(state: Table, command: Command): Applied<Table, string> {
    const { key } = command;
    const before = Object.hasOwn(state, key) ? state[key] : undefined;
    switch (command.op) {
      case 'set':
        return { state: { ...state, [key]: command.value }, result: `${key} is ${command.value}` };
      case 'add': {
        if (typeof before === 'string') throw new Error(`${key} is no number`);
        const sum = (before ?? 0) + command.amount;
        return { state: { ...state, [key]: sum }, result: `${key} is ${sum}` };
      }
      case 'delete': {
        if (before === undefined) throw new Error(`there is no ${key}`);
        const { [key]: _gone, ...rest } = state;
        return { state: rest, result: `${key} is gone` };
      }
    }
  },
});

export const examples = ['set color teal', 'add boats 1', 'delete color'] as const;

/** Reads a command as it is typed; null when it is none. */
export function parseCommand(text: string): Command | null {
  const [op, key, ...rest] = text.trim().split(/\s+/);
  const value = rest.join(' ');
  if (key === undefined) return null;
  switch (op) {
    case 'set':
      if (value === '') return null;
      return { op, key, value: Number.isFinite(Number(value)) ? Number(value) : value };
    case 'add': {
      const amount = value === '' ? 1 : Number(value);
      return Number.isFinite(amount) ? { op, key, amount } : null;
    }
    case 'delete':
      return value === '' ? { op, key } : null;
    default:
      return null;
  }
}

export function printCommand(command: Command): string {
  switch (command.op) {
    case 'set':
      return `set ${command.key} ${command.value}`;
    case 'add':
      return `add ${command.key} ${command.amount}`;
    case 'delete':
      return `delete ${command.key}`;
  }
}
