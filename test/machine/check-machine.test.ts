import { describe, expect, test } from 'vitest';
import { defineByteMachine } from '../../src/machine/byte-machine.ts';
import { checkMachine, type MachineReport } from '../../src/machine/check-machine.ts';
import { type Applied, defineMachine } from '../../src/machine/reducer.ts';

interface State {
  readonly items: readonly unknown[];
  readonly more?: unknown;
}

const empty: State = { items: [] };

/** A machine that keeps what `step` makes of each command. */
const keeping = (step: (state: State, command: unknown) => Applied<State, unknown>): MachineReport =>
  checkMachine(defineMachine({ name: 'keeping', initial: empty, apply: step }), ['a', 'b', 'c', 'd']);

const add = (state: State, item: unknown, result: unknown = null): Applied<State, unknown> => ({
  state: { ...state, items: [...state.items, item] },
  result,
});

describe('the check of a machine', () => {
  test('passes one that depends on nothing but its arguments, and counts what it rejects', () => {
    const machine = defineMachine({
      name: 'fair',
      initial: [] as unknown[],
      apply(state, command: string, { index, time, proposer, random }) {
        if (command === 'no') throw new Error('no');
        return { state: [...state, { command, index, time, proposer, draw: random.below(100) }], result: index };
      },
    });
    const commands = ['a', 'no', 'b', 'c', 'no', 'd', 'e'];
    expect(checkMachine(machine, commands)).toEqual({ rejected: 2, divergences: [] });
  });

  test('finds one that looks at the clock', () => {
    const { divergences } = keeping((state) => add(state, Date.now()));
    expect(divergences).toContainEqual(expect.objectContaining({ kind: 'again', at: 0, what: 'state.items[0]' }));
  });

  test('finds one that draws lots of its own, in its results', () => {
    const { divergences } = keeping((state, command) => add(state, command, Math.random()));
    expect(divergences).toContainEqual({ kind: 'again', at: 0, command: 'a', what: 'verdict.result' });
  });

  test('finds one that remembers something beside its state', () => {
    let calls = 0;
    const { divergences } = keeping((state) => add(state, calls++));
    expect(divergences.map(({ kind }) => kind)).toContain('restored');
  });

  test('finds one whose state is read back as something else', () => {
    const undef = keeping((state, command) => ({
      state: { ...add(state, command).state, more: undefined },
      result: 0,
    }));
    expect(undef.divergences).toEqual([{ kind: 'unfaithful', at: 0, command: 'a', what: 'state.more' }]);
    const minusZero = keeping((state) => add(state, -0));
    expect(minusZero.divergences).toContainEqual(
      expect.objectContaining({ kind: 'unfaithful', what: 'state.items[0]' }),
    );
    const hole = keeping((state) => add(state, null, [undefined]));
    expect(hole.divergences).toContainEqual(expect.objectContaining({ kind: 'unfaithful', what: 'result[0]' }));
  });

  test('finds one that changes its state or its command in place, also bytes, which cannot be frozen', () => {
    const inPlace = (what: string): unknown => expect.objectContaining({ kind: 'in-place', what });
    const pushes = keeping((state, command) => {
      (state.items as unknown[]).push(command);
      return { state, result: null };
    });
    expect(pushes.divergences).toContainEqual(inPlace('state.items.length'));
    expect(pushes.rejected).toBe(4);

    const bytes = defineMachine({
      name: 'bytes',
      initial: new Uint8Array(4),
      apply(state, command: Uint8Array) {
        command.fill(9);
        return { state, result: null };
      },
    });
    const { divergences } = checkMachine(bytes, [Uint8Array.of(1), Uint8Array.of(2)]);
    expect(divergences).toEqual([expect.objectContaining({ kind: 'in-place', at: 0, what: 'command[0]' })]);
  });

  test('finds commands and states that cannot be written', () => {
    const { divergences } = keeping((state, command) => add(state, command));
    expect(divergences).toEqual([]);
    const machine = defineMachine<unknown, unknown, null>({
      name: 'nest',
      initial: null,
      apply: (state, command) => ({ state: [state, command], result: null }),
    });
    const odd = checkMachine(machine, [1, (): number => 2, 3]);
    expect(odd.divergences).toMatchObject([
      { kind: 'unwritable', at: 1, what: /command: .*function is not plain data/ },
    ]);
    const deep = checkMachine(
      machine,
      Array.from({ length: 120 }, (_, i) => i),
    );
    expect(deep.divergences).toContainEqual(
      expect.objectContaining({ kind: 'unwritable', what: expect.stringMatching(/^state: /) as string }),
    );
  });

  test('checks machines with bytes of their own, by their snapshots', () => {
    const machine = (forgetful: boolean): MachineReport =>
      checkMachine(
        defineByteMachine({
          name: 'sum',
          create: () => {
            let [sum, calls] = [0, 0];
            return {
              get state() {
                return sum;
              },
              apply(command) {
                sum += command[0] ?? 0;
                calls++;
                return Uint8Array.of(sum, forgetful ? calls : 0);
              },
              snapshot: () => [Uint8Array.of(sum)],
              restore([section = new Uint8Array()]) {
                sum = section[0] ?? 0;
              },
            };
          },
        }),
        [1, 2, 3].map((byte) => Uint8Array.of(byte)),
      );
    expect(machine(false).divergences).toEqual([]);
    expect(machine(true).divergences).toMatchObject([{ kind: 'restored', at: 1, what: 'verdict.result[1]' }]);
  });

  test('needs commands', () => {
    const machine = defineMachine({ name: 'none', initial: 0, apply: (state) => ({ state, result: 0 }) });
    expect(() => checkMachine(machine, [])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
