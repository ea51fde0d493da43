/** A group that moves from one version of its machine to the next, with members whose code is older or newer. */
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/core/types.ts';
import { encodeCall } from '../../src/machine/call.ts';
import type { MachineDefinition } from '../../src/machine/machine.ts';
import { decodePlain } from '../../src/machine/plain.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { encodeUpgrade, ReplicatedMachine } from '../../src/machine/replicated.ts';
import { callEntry, commandEntry } from './log.ts';

/** Version 1 keeps a number. */
const first = defineMachine({
  name: 'score',
  initial: 0,
  apply: (state, { add }: { add: number }) => ({ state: state + add, result: state + add }),
});

interface Score {
  readonly points: number;
  readonly moved: string;
}

/** Version 2 keeps it in an object, and counts double. */
const begun: Score = { points: 0, moved: 'begun here' };

const second = defineMachine({
  name: 'score',
  version: 2,
  initial: begun,
  apply: (state, command: { add: number } | { reset: true }) => {
    const points = 'reset' in command ? 0 : state.points + 2 * command.add;
    return { state: { ...state, points }, result: points };
  },
  migrate: (state, from) => ({ points: state as number, moved: `from ${from}` }),
  previous: first,
});

/** Version 3 has the form of version 2. */
const third = defineMachine({
  name: 'score',
  version: 3,
  initial: second.initial,
  apply: (state: Score, command: { add: number }, { version }) => {
    const points = state.points + (version < 3 ? 2 : 3) * command.add;
    return { state: { ...state, points }, result: points };
  },
});

const add = (index: number, machine: MachineDefinition<unknown, unknown, unknown> = first): Entry =>
  commandEntry(machine, { add: 1 }, { index });
const move = (index: number, machine: { version: number }): Entry => callEntry(encodeUpgrade(machine), { index });
const upgradeRequired = (version: number): object => ({ kind: 'upgrade-required', version });
const restored = <State, Command, Result>(
  definition: MachineDefinition<State, Command, Result>,
  from: { snapshot(): Iterable<Uint8Array> },
): ReplicatedMachine<State, Command, Result> => {
  const machine = new ReplicatedMachine(definition);
  machine.restore([...from.snapshot()]);
  return machine;
};
const bytes = (machine: { snapshot(): Iterable<Uint8Array> }): string[] =>
  [...machine.snapshot()].map((section) => Buffer.from(section).toString('hex'));

describe('a group', () => {
  test('runs the version of whoever proposes first', () => {
    const [one, two] = [new ReplicatedMachine(first), new ReplicatedMachine(second)];
    expect([one.version, two.version]).toEqual([null, null]);
    for (const machine of [one, two]) machine.apply(add(1));
    expect([one.version, two.version]).toEqual([1, 1]);
    expect(bytes(two)).toEqual(bytes(one));

    const newer = new ReplicatedMachine(second);
    newer.apply(add(1, second));
    expect([newer.version, newer.state]).toEqual([2, { points: 2, moved: 'begun here' }]);
    expect(new ReplicatedMachine(first).apply(add(1, second))).toEqual(upgradeRequired(2));
  });

  test('does what its version did, whatever newer code its members have', () => {
    const [old, newer] = [new ReplicatedMachine(first), new ReplicatedMachine(second)];
    for (const index of [1, 2, 3]) expect(newer.apply(add(index))).toEqual(old.apply(add(index)));
    expect(bytes(newer)).toEqual(bytes(old));
    // Applications see the form that their code knows.
    expect(old.state).toBe(3);
    expect(newer.state).toEqual({ points: 3, moved: 'from 1' });
    expect(newer.state).toBe(newer.state);
  });

  test('moves where the log says so: newer code goes on, older code stops right there', () => {
    const [old, newer] = [new ReplicatedMachine(first), new ReplicatedMachine(second)];
    for (const machine of [old, newer]) machine.apply(add(1));
    expect(newer.apply(move(2, second))).toMatchObject({ verdict: { kind: 'applied' } });
    expect(newer.apply(add(3, second))).toMatchObject({ verdict: { kind: 'applied', result: 3 } });
    expect(newer.state).toEqual({ points: 3, moved: 'from 1' });

    const before = bytes(old);
    expect(old.apply(move(2, second))).toEqual(upgradeRequired(2));
    expect(bytes(old)).toEqual(before);

    // The same member after a reload, with the newer code.
    const reloaded = restored(second, old);
    reloaded.apply(move(2, second));
    reloaded.apply(add(3, second));
    expect(bytes(reloaded)).toEqual(bytes(newer));
  });

  test('takes commands from before the move after it, and decides the same move only once', () => {
    const machine = new ReplicatedMachine(second);
    machine.apply(add(1));
    machine.apply(move(2, second));
    expect(machine.apply(add(3, first))).toMatchObject({ verdict: { result: 3 } });
    expect(machine.apply(move(4, second))).toMatchObject({ verdict: { kind: 'applied' } });
    expect(machine.apply(callEntry(encodeUpgrade(first), { index: 5 }))).toMatchObject({
      verdict: { kind: 'applied' },
    });
    expect([machine.version, machine.state]).toEqual([2, { points: 3, moved: 'from 1' }]);
  });

  test('rejects a command for a version that it does not run, on every member alike', () => {
    const [old, newer] = [new ReplicatedMachine(first), new ReplicatedMachine(second)];
    for (const machine of [old, newer]) {
      machine.apply(add(1));
      const effect = machine.apply(add(2, second));
      expect(effect).toMatchObject({ verdict: { kind: 'rejected', reason: /made for version 2.*runs 1/ } });
    }
    expect(bytes(newer)).toEqual(bytes(old));
  });

  test('stays where it is when the state cannot be migrated', () => {
    const broken = defineMachine({
      name: 'score',
      version: 2,
      initial: { points: 0 },
      apply: (state, _: { add: number }) => ({ state, result: 0 }),
      migrate: () => {
        throw new Error('no');
      },
      previous: first,
    });
    const machine = new ReplicatedMachine(broken);
    machine.apply(add(1));
    expect(machine.apply(move(2, broken))).toMatchObject({ verdict: { kind: 'rejected', reason: 'Error: no' } });
    expect([machine.version, machine.state]).toEqual([1, { points: 0 }]);
    expect(machine.apply(add(3))).toMatchObject({ verdict: { result: 2 } });
  });
});

describe('a snapshot', () => {
  test('of a newer version is not taken over', () => {
    const newer = new ReplicatedMachine(second);
    newer.apply(add(1));
    newer.apply(move(2, second));
    const old = new ReplicatedMachine(first);
    old.apply(add(1));
    expect(() => {
      old.restore([...newer.snapshot()]);
    }).toThrow(expect.objectContaining({ code: 'UPGRADE_REQUIRED' }));
    expect([old.state, old.version]).toEqual([1, 1]);
  });

  test('of newer code in a group that has not moved is as good as any', () => {
    const newer = new ReplicatedMachine(second);
    newer.apply(add(1));
    const old = restored(first, newer);
    expect([old.state, old.version]).toEqual([1, 1]);
  });

  test('of an empty group says that it runs no version yet', () => {
    const machine = restored(second, new ReplicatedMachine(second));
    expect(machine.version).toBeNull();
    machine.apply(add(1));
    expect([machine.version, machine.state]).toEqual([1, { points: 1, moved: 'from 1' }]);
  });

  test('of a version that the code has not kept is migrated at once, and says so', () => {
    const alone = defineMachine({
      name: 'score',
      version: 2,
      initial: second.initial,
      // What version 1 did, on the form of version 2.
      apply: (state, command: { add: number }, { version }) => {
        const points = state.points + (version < 2 ? 1 : 2) * command.add;
        return { state: { ...state, points }, result: points };
      },
      migrate: (state, from): Score => ({ points: state as number, moved: `from ${from}` }),
    });
    const old = new ReplicatedMachine(first);
    old.apply(add(1));
    const machine = restored(alone, old);
    expect(machine.state).toEqual({ points: 1, moved: 'from 1' });
    expect(machine.apply(add(2))).toMatchObject({ verdict: { result: 2 } });
    // The form is newer than what the older code reads, and is not migrated twice.
    expect(() => restored(first, machine)).toThrow(expect.objectContaining({ code: 'UPGRADE_REQUIRED' }));
    const again = restored(second, machine);
    again.apply(move(3, second));
    again.apply(add(4, second));
    expect(again.state).toEqual({ points: 4, moved: 'from 1' });
  });
});

describe('a proposal', () => {
  const versionOf = (call: Uint8Array): number => ((call[1] ?? 0) << 8) | (call[2] ?? 0);

  test('is made for the version that the group runs, by the code of that version', () => {
    const machine = new ReplicatedMachine(second);
    expect(versionOf(machine.encode({ add: 1 }))).toBe(2);
    machine.apply(add(1));
    expect(versionOf(machine.encode({ add: 1 }))).toBe(1);
    machine.apply(move(2, second));
    expect(versionOf(machine.encode({ reset: true }))).toBe(2);
  });

  test('is refused while the group runs a version that the code has not kept', () => {
    const machine = new ReplicatedMachine(third);
    machine.apply(commandEntry(second, { add: 1 }, { index: 1 }));
    expect(() => machine.encode({ add: 1 })).toThrow(expect.objectContaining({ code: 'VERSION_NOT_IN_FORCE' }));
    expect(machine.state.points).toBe(2);
    machine.apply(move(2, third));
    machine.apply(callEntry(machine.encode({ add: 1 }), { index: 3 }));
    expect(machine.state.points).toBe(5);
  });

  test('can be read by newer code, and not if it is no command', () => {
    const machine = new ReplicatedMachine(second);
    expect(machine.commandOf(add(1))).toEqual({ add: 1 });
    expect(machine.commandOf(move(1, second))).toBeNull();
    expect(machine.commandOf({ index: 1, term: 1, kind: 'empty', data: new Uint8Array() })).toBeNull();
    const noCall = callEntry(Uint8Array.of(9, 9, 9), { index: 1 });
    expect([machine.commandOf(noCall), machine.apply(noCall)]).toEqual([null, null]);
  });

  test('that is damaged has no effect', () => {
    const whole = encodeCall({ kind: 'upgrade', version: 3 });
    const machine = new ReplicatedMachine(first);
    for (const damaged of [whole.subarray(0, 2), Uint8Array.of(...whole, 0), Uint8Array.of(1, 0, 0, 1)]) {
      expect(machine.apply(callEntry(damaged, { index: 1 }))).toBeNull();
    }
  });
});

describe('a chain of versions', () => {
  test('is migrated step by step', () => {
    const steps: string[] = [];
    const later = defineMachine({
      name: 'score',
      version: 5,
      initial: '',
      apply: (state, _: { add: number }) => ({ state, result: 0 }),
      migrate: (state, from) => {
        steps.push(`${JSON.stringify(state)} from ${from}`);
        return 'five';
      },
      previous: second,
    });
    const machine = new ReplicatedMachine(later);
    machine.apply(add(1));
    machine.apply(move(2, later));
    expect(machine.state).toBe('five');
    expect(steps.at(-1)).toBe('{"points":1,"moved":"from 1"} from 2');
    const [, , state] = [...machine.snapshot()];
    expect(decodePlain(state ?? new Uint8Array())).toBe('five');
  });

  test('goes up, and is of one machine', () => {
    const apply = (state: number, _: unknown): { state: number; result: undefined } => ({ state, result: undefined });
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error;
    expect(() => defineMachine({ name: 'score', initial: 0, apply, previous: first })).toThrow(invalid);
    expect(() => defineMachine({ name: 'other', version: 2, initial: 0, apply, previous: first })).toThrow(invalid);
    for (const version of [0, -1, 1.5, 65_536, NaN]) {
      expect(() => defineMachine({ name: 'score', version, initial: 0, apply })).toThrow(invalid);
    }
    for (const name of ['', 'x'.repeat(129)]) expect(() => defineMachine({ name, initial: 0, apply })).toThrow(invalid);
    expect(() =>
      defineMachine({ name: 'score', initial: new Map(), apply: (state) => ({ state, result: 0 }) }),
    ).toThrow(invalid);
  });
});
