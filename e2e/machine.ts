/** The machine of the harness, for members in Node. */
import type { MachineDefinition } from '../src/machine/machine.ts';
import { defineMachine } from '../src/machine/reducer.ts';

export const list: MachineDefinition<readonly string[], string, number> = defineMachine({
  name: 'e2e list',
  initial: [] as readonly string[],
  apply: (state: readonly string[], command: string) => ({ state: [...state, command], result: state.length + 1 }),
});
