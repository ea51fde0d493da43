/** Commands that are tried on a copy, in groups of every version. */
import { describe, expect, test } from 'vitest';
import { defineMachine } from '../../src/machine/reducer.ts';
import { encodeUpgrade, ReplicatedMachine } from '../../src/machine/replicated.ts';
import { alice, callEntry, commandEntry } from './log.ts';

const first = defineMachine({
  name: 'score',
  initial: 0,
  apply: (state, { add }: { add: number }, { random }) => ({ state: state + add, result: random.below(1000) }),
});

const second = defineMachine({
  name: 'score',
  version: 2,
  initial: { points: 0 },
  apply: ({ points }, { add }: { add: number }) => ({ state: { points: points + 2 * add }, result: 0 }),
  migrate: (state) => ({ points: state as number }),
  previous: first,
});

const place = { index: 9, term: 1, time: 0, proposer: alice };

describe('a preview', () => {
  test('does what the version does that the group runs, and shows it in the form that this code knows', () => {
    const machine = new ReplicatedMachine(second);
    machine.apply(commandEntry(first, { add: 1 }, { index: 1 }));
    expect(machine.state).toEqual({ points: 1 });
    const preview = machine.preview();
    // Nothing was tried yet: it is the same object.
    expect(preview.state).toBe(machine.state);
    preview.apply(machine.encode({ add: 5 }), place);
    expect(preview.state).toEqual({ points: 6 });
    // A command for a version that the group does not run yet would be rejected.
    preview.apply(new ReplicatedMachine(second).encode({ add: 5 }), place);
    preview.apply(encodeUpgrade(second), place);
    expect(preview.state).toEqual({ points: 6 });
    expect(machine.state).toEqual({ points: 1 });

    machine.apply(callEntry(encodeUpgrade(second), { index: 2 }));
    const later = machine.preview();
    later.apply(machine.encode({ add: 5 }), place);
    expect(later.state).toEqual({ points: 11 });
  });

  test('of a group that has proposed nothing yet begins it with the version of the first command', () => {
    const machine = new ReplicatedMachine(second);
    const older = machine.preview();
    older.apply(new ReplicatedMachine(first).encode({ add: 5 }), place);
    expect(older.state).toEqual({ points: 5 });
    const newer = machine.preview();
    newer.apply(machine.encode({ add: 5 }), place);
    expect(newer.state).toEqual({ points: 10 });
    expect([machine.version, machine.state]).toEqual([null, { points: 0 }]);
  });

  test('leaves the replicated state, its time and its sessions as they are', () => {
    const times = defineMachine({
      name: 'times',
      initial: [] as readonly number[],
      apply: (state, _command: null, { time }) => ({ state: [...state, time], result: undefined }),
    });
    const machine = new ReplicatedMachine(times);
    machine.apply(commandEntry(times, null, { index: 1, time: 100 }));
    const before = [...machine.snapshot()].map(String);
    const preview = machine.preview();
    for (const time of [5000, 20]) preview.apply(machine.encode(null), { ...place, time });
    expect(preview.state).toEqual([100, 5000, 5000]);
    expect([...machine.snapshot()].map(String)).toEqual(before);
    machine.apply(commandEntry(times, null, { index: 2, time: 200 }));
    expect(machine.state).toEqual([100, 200]);
  });
});
