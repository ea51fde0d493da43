/** Commands that are checked by a schema, of three libraries that speak Standard Schema. */
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { encodeCall } from '../../src/machine/call.ts';
import { validateCommand } from '../../src/machine/machine.ts';
import { encodePlain } from '../../src/machine/plain.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { ReplicatedMachine } from '../../src/machine/replicated.ts';
import type { CommandSchema } from '../../src/machine/schema.ts';
import { callEntry, commandEntry } from './log.ts';

interface Command {
  item: string;
  count: number;
  note?: string | undefined;
}

const zod: CommandSchema<Command> = z.object({
  item: z.string().min(1),
  count: z.number().int().default(1),
  note: z.string().optional(),
});

const schemas: [string, CommandSchema<Command>][] = [
  ['Zod', zod],
  [
    'Valibot',
    v.object({
      item: v.pipe(v.string(), v.minLength(1)),
      count: v.optional(v.pipe(v.number(), v.integer()), 1),
      note: v.optional(v.string()),
    }),
  ],
  ['ArkType', type({ item: 'string >= 1', count: 'number.integer = 1', 'note?': 'string' })],
];

const basket = (command: CommandSchema<Command>) =>
  defineMachine({
    name: 'basket',
    initial: [] as string[],
    command,
    apply: (state, { item, count }) => ({ state: [...state, `${count} ${item}`], result: state.length + count }),
  });

describe.each(schemas)('a schema of %s', (_, schema) => {
  const machine = basket(schema);

  test('checks commands before they are proposed, and fills in what is left out', () => {
    expect(validateCommand(machine, { item: 'nut', count: 2 })).toEqual({ item: 'nut', count: 2 });
    expect(validateCommand(machine, { item: 'nut' })).toEqual({ item: 'nut', count: 1 });
    for (const wrong of [{ item: '' }, { item: 5 }, { item: 'nut', count: 1.5 }, null, 'nut']) {
      expect(() => validateCommand(machine, wrong)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', outcome: 'not-done' }),
      );
    }
  });

  test('is part of what is proposed: what it fills in is in the log', () => {
    const replica = new ReplicatedMachine(machine);
    replica.apply(callEntry(replica.encode({ item: 'nut' }), { index: 1 }));
    replica.apply(callEntry(replica.encode({ item: 'egg', count: 1, note: 'brown' }), { index: 2 }));
    expect(replica.state).toEqual(['1 nut', '1 egg']);
    expect(() => replica.encode({ item: 7 })).toThrow(/item/);
  });

  test('checks commands again before they are applied, and rejects on every member alike', () => {
    const [one, other] = [new ReplicatedMachine(machine), new ReplicatedMachine(machine)];
    for (const wrong of [{ item: '' }, { item: 'nut' }, { item: 'nut', count: '2' }, [1]]) {
      const call = encodeCall({ kind: 'command', version: 1, body: encodePlain(wrong) });
      const index = one.state.length + 1;
      for (const replica of [one, other]) {
        const effect = replica.apply(
          callEntry(call, { index, sequence: 1, session: `s${JSON.stringify(wrong)}` as never }),
        );
        expect(effect).toMatchObject({ verdict: { kind: 'rejected', reason: /the command/ } });
      }
    }
    expect(one.state).toEqual([]);
    expect([...other.snapshot()]).toEqual([...one.snapshot()]);
  });
});

describe('a schema', () => {
  test('that is asynchronous is refused, with a reason', () => {
    const machine = basket(z.object({ item: z.string(), count: z.number() }).refine(() => Promise.resolve(true)));
    const asynchronous = expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('asynchronous') as string,
    }) as Error;
    const schema: CommandSchema<Command> = {
      '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('nobody waits for it')) },
    };
    expect(() => validateCommand(basket(schema), { item: 'x', count: 1 })).toThrow(asynchronous);
    expect(() => validateCommand(machine, { item: 'x', count: 1 })).toThrow(asynchronous);
  });

  test('that changes what it has passed already is refused, when the first command is proposed', () => {
    const machine = defineMachine({
      name: 'louder',
      initial: '',
      command: z.string().transform((text) => `${text}!`),
      apply: (_, text) => ({ state: text, result: undefined }),
    });
    expect(() => validateCommand(machine, 'hi')).toThrow(/changed by its schema each time/);
  });

  test('that draws what it fills in draws it once', () => {
    let drawn = 0;
    const machine = defineMachine({
      name: 'ids',
      initial: [] as number[],
      command: z.object({ id: z.number().default(() => ++drawn) }),
      apply: (state, { id }) => ({ state: [...state, id], result: id }),
    });
    const replicas = [new ReplicatedMachine(machine), new ReplicatedMachine(machine)];
    const entry = commandEntry(machine, {}, { index: 1 });
    for (const replica of replicas) replica.apply(entry);
    expect(replicas.map(({ state }) => state)).toEqual([[1], [1]]);
    // Whoever goes past the proposing member's check does not get members to draw.
    const call = encodeCall({ kind: 'command', version: 1, body: encodePlain({}) });
    const effect = replicas[0]?.apply(callEntry(call, { index: 2 }));
    expect(effect).toMatchObject({ verdict: { kind: 'rejected' } });
  });

  test('that lets a field be undefined lets it be left out', () => {
    const replica = new ReplicatedMachine(basket(zod));
    const entry = callEntry(replica.encode({ item: 'egg', note: undefined }), { index: 1 });
    expect(replica.apply(entry)).toMatchObject({ verdict: { kind: 'applied' } });
    expect(replica.commandOf(entry)).toEqual({ item: 'egg', count: 1 });
  });

  test('that takes fields away has them taken away before they are proposed', () => {
    const machine = basket(z.object({ item: z.string(), count: z.number() }));
    expect(validateCommand(machine, { item: 'nut', count: 1, price: 3 })).toEqual({ item: 'nut', count: 1 });
  });
});

describe('without a schema', () => {
  const machine = defineMachine<unknown, unknown, undefined>({
    name: 'any',
    initial: null,
    apply: (_, command) => ({ state: command, result: undefined }),
  });

  test.each([
    ['a function', (): number => 1],
    ['a bigint', { n: 1n }],
    ['a symbol', [Symbol('x')]],
    ['a map', { deep: [new Map([[1, 2]])] }],
    ['an object of a class', new URL('http://localhost')],
    ['a typed array that is no bytes', new Float64Array(2)],
  ])('a command may be any plain data, and not %s', (_, command) => {
    const replica = new ReplicatedMachine(machine);
    expect(() => replica.encode(command)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('a command is left as it was given, and read by the machine as a frozen copy', () => {
    const command = { list: [1, { two: 2 }], when: new Date(5), bytes: Uint8Array.of(1), none: null };
    const replica = new ReplicatedMachine(machine);
    replica.apply(callEntry(replica.encode(command), { index: 1 }));
    command.list.push(3);
    expect(replica.state).toEqual({ list: [1, { two: 2 }], when: new Date(5), bytes: Uint8Array.of(1), none: null });
    expect(Object.isFrozen((replica.state as typeof command).list)).toBe(true);
  });
});
