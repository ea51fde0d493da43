/** What follows from what, for whoever writes a machine: these fail to compile, or fail, when inference gets worse. */
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineByteMachine } from '../../src/machine/byte-machine.ts';
import { keyValue, type KeyValueEntry, valueOf } from '../../src/machine/library/key-value.ts';
import { counter } from '../../src/machine/library/counter.ts';
import { type ApplyContext, type MachineDefinition, validateCommand } from '../../src/machine/machine.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { ReplicatedMachine } from '../../src/machine/replicated.ts';
import type { NodeId } from '../../src/core/types.ts';

/** What a group of a machine would have. */
declare function open<State, Command, Result>(options: {
  machine: MachineDefinition<State, Command, Result>;
}): { readonly state: State; readonly propose: (command: Command) => Promise<Result> };

describe('the types of a machine', () => {
  test('follow from its initial state and its reducer', () => {
    const machine = defineMachine({
      name: 'counter',
      initial: 0,
      apply(state, command: { add: number }) {
        expectTypeOf(state).toEqualTypeOf<number>();
        return { state: state + command.add, result: `${state}` };
      },
    });
    expectTypeOf(machine).toExtend<MachineDefinition<number, { add: number }, string>>();
    expectTypeOf(machine.initial).toEqualTypeOf<number>();
    const use = (): unknown => {
      const group = open({ machine });
      expectTypeOf(group.state).toEqualTypeOf<number>();
      expectTypeOf(group.propose).parameter(0).toEqualTypeOf<{ add: number }>();
      expectTypeOf(group.propose).returns.resolves.toEqualTypeOf<string>();
      return group;
    };
    expectTypeOf(use).toBeFunction();
  });

  test('follow from a schema of any library: nothing is said twice', () => {
    const zod = defineMachine({
      name: 'zod',
      initial: { names: [] as string[] },
      command: z.discriminatedUnion('op', [
        z.object({ op: z.literal('add'), name: z.string() }),
        z.object({ op: z.literal('clear') }),
      ]),
      apply(state, command, context) {
        expectTypeOf(state).toEqualTypeOf<{ names: string[] }>();
        expectTypeOf(context).toEqualTypeOf<ApplyContext>();
        if (command.op === 'add') expectTypeOf(command.name).toEqualTypeOf<string>();
        return {
          state: { names: command.op === 'add' ? [...state.names, command.name] : [] },
          result: state.names.length,
        };
      },
    });
    expectTypeOf(zod).toExtend<
      MachineDefinition<{ names: string[] }, { op: 'add'; name: string } | { op: 'clear' }, number>
    >();
    const valibot = defineMachine({
      name: 'valibot',
      initial: 0,
      command: v.object({ add: v.optional(v.number(), 1) }),
      apply: (state, { add }) => ({ state: state + add, result: undefined }),
    });
    expectTypeOf(valibot).toExtend<MachineDefinition<number, { add: number }, undefined>>();
    const arktype = defineMachine({
      name: 'arktype',
      initial: 0,
      command: type({ add: 'number' }),
      apply: (state, { add }) => ({ state: state + add, result: undefined }),
    });
    expectTypeOf(arktype).toExtend<MachineDefinition<number, { add: number }, undefined>>();
    expectTypeOf(validateCommand(arktype, { add: 1 })).toEqualTypeOf<{ add: number }>();
  });

  test('say what the context has', () => {
    expectTypeOf<ApplyContext['proposer']>().toEqualTypeOf<NodeId>();
    expectTypeOf<ApplyContext['version']>().toEqualTypeOf<number>();
    expectTypeOf<ApplyContext['time']>().toEqualTypeOf<number>();
  });

  test('keep a state from being another one', () => {
    defineMachine({
      name: 'wrong',
      initial: 0,
      // @ts-expect-error -- a state that is no number
      apply: (state: number, command: { add: number }) => ({ state: `${state + command.add}`, result: 0 }),
    });
    defineMachine({
      name: 'wrong',
      initial: 0,
      command: z.object({ add: z.number() }),
      // @ts-expect-error -- the schema knows no such field
      apply: (state, { take }) => ({ state: state - Number(take), result: 0 }),
    });
  });

  test('of an earlier version need not be those of the later one', () => {
    const first = defineMachine({ name: 'v', initial: 0, apply: (state) => ({ state, result: '' }) });
    const second = defineMachine({
      name: 'v',
      version: 2,
      initial: { n: 0 },
      apply: (state, add: number) => ({ state: { n: state.n + add }, result: true }),
      migrate(state, from) {
        expectTypeOf(state).toEqualTypeOf<unknown>();
        expectTypeOf(from).toEqualTypeOf<number>();
        return { n: Number(state) };
      },
      previous: first,
    });
    expectTypeOf(second).toExtend<MachineDefinition<{ n: number }, number, boolean>>();
  });

  test('of bytes are bytes, but for the state', () => {
    const machine = defineByteMachine({
      name: 'bytes',
      create: () => ({ state: 'idle', apply: (command) => command, snapshot: () => [], restore: () => undefined }),
    });
    expectTypeOf(machine).toEqualTypeOf<MachineDefinition<string, Uint8Array, Uint8Array>>();
    expectTypeOf(new ReplicatedMachine(machine).state).toEqualTypeOf<string>();
  });

  test('of the ready-made ones are what one would say', () => {
    expectTypeOf(counter()).toExtend<MachineDefinition<number, { readonly add: number }, number>>();
    const store = keyValue<{ title: string }>();
    expectTypeOf(valueOf(store.initial, 'a')).toEqualTypeOf<KeyValueEntry<{ title: string }> | undefined>();
  });
});
