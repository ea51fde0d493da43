import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/core/types.ts';
import { encodeCall } from '../../src/machine/call.ts';
import { encodeEnvelope, type SessionId } from '../../src/machine/envelope.ts';
import { encodePlain } from '../../src/machine/plain.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { ReplicatedMachine } from '../../src/machine/replicated.ts';
import { alice, commandEntry } from './log.ts';
import { cutIntoParts, SectionReader } from '../../src/machine/snapshot-stream.ts';

type Command = { add: number } | { fail: string } | { vandalize: true } | { draw: true };

const counter = defineMachine({
  name: 'counter',
  initial: { count: 0, history: [] as number[] },
  apply(state, command: Command, { time, random }) {
    if ('fail' in command) throw new Error(command.fail);
    if ('vandalize' in command) state.history.push(666);
    if ('draw' in command) return { state, result: random.below(1000) };
    const added = 'add' in command ? command.add : 0;
    return { state: { count: state.count + added, history: [...state.history, time] }, result: state.count + added };
  },
});

const session = 'one' as SessionId;
const entry = (
  index: number,
  sequence: number,
  command: Command,
  by = session,
  time = 1000 + index,
  known = 0,
): Entry => commandEntry(counter, command, { index, sequence, session: by, time, known });

describe('a machine', () => {
  test('applies commands in order and gives each proposer its result', () => {
    const machine = new ReplicatedMachine(counter);
    expect(machine.apply(entry(1, 1, { add: 2 }))).toMatchObject({ verdict: { kind: 'applied', result: 2 } });
    expect(machine.apply(entry(2, 2, { add: 3 }))).toMatchObject({ sequence: 2, verdict: { result: 5 } });
    expect(machine.state.count).toBe(5);
  });

  test('that throws rejects the command and keeps its state', () => {
    const machine = new ReplicatedMachine(counter);
    machine.apply(entry(1, 1, { add: 2 }));
    const before = machine.state;
    expect(machine.apply(entry(2, 2, { fail: 'no' }))).toMatchObject({ verdict: { kind: 'rejected' } });
    expect(machine.state).toBe(before);
    expect(machine.apply(entry(3, 3, { add: 1 }))).toMatchObject({ verdict: { result: 3 } });
  });

  test('that changes its state in place is rejected, and its state is not changed', () => {
    const machine = new ReplicatedMachine(counter);
    machine.apply(entry(1, 1, { add: 2 }));
    expect(machine.apply(entry(2, 2, { vandalize: true }))).toMatchObject({ verdict: { kind: 'rejected' } });
    expect(machine.state.history).toEqual([1001]);
  });

  test('sees a time that never goes back, whatever the leaders clocks say', () => {
    const machine = new ReplicatedMachine(counter);
    [500, 300, 700].forEach((time, i) => machine.apply(entry(i + 1, i + 1, { add: 1 }, session, time)));
    expect(machine.state.history).toEqual([500, 500, 700]);
  });

  test('draws the same random numbers on every member, and others at another place in the log', () => {
    const [one, other] = [new ReplicatedMachine(counter), new ReplicatedMachine(counter)];
    const drawn = one.apply(entry(1, 1, { draw: true }));
    expect(other.apply(entry(1, 1, { draw: true }))).toEqual(drawn);
    const { verdict } = drawn as { verdict: unknown };
    expect(one.apply(entry(2, 2, { draw: true }))).not.toMatchObject({ verdict });
  });

  test('passes over entries that carry no command, or nothing that can be read', () => {
    const machine = new ReplicatedMachine(counter);
    const data = new Uint8Array([0xc1, 1, 2]);
    expect(machine.apply({ index: 1, term: 1, kind: 'empty', data: new Uint8Array() })).toBeNull();
    expect(machine.apply({ index: 2, term: 1, kind: 'command', data })).toBeNull();
    const envelope = { time: 1, proposer: alice, session, sequence: 1, known: 0 };
    const noCall = encodeEnvelope({ ...envelope, call: data });
    expect(machine.apply({ index: 3, term: 1, kind: 'command', data: noCall })).toBeNull();
    const call = encodeCall({ kind: 'command', version: 1, body: data });
    const effect = machine.apply({ index: 4, term: 1, kind: 'command', data: encodeEnvelope({ ...envelope, call }) });
    expect(effect).toMatchObject({ verdict: { kind: 'rejected' } });
    expect(machine.state.count).toBe(0);
  });
});

test('byte arrays reach the machine as plain copies, wherever the command came from', () => {
  const keep = defineMachine({
    name: 'keep',
    initial: [] as Uint8Array[],
    apply: (state, command: { bytes: Uint8Array }) => ({ state: [...state, command.bytes], result: undefined }),
  });
  const machine = new ReplicatedMachine(keep);
  const body = encodePlain({ bytes: Uint8Array.of(104, 105) });
  const call = encodeCall({ kind: 'command', version: 1, body });
  const data = Buffer.from(encodeEnvelope({ time: 1, proposer: alice, session, sequence: 1, known: 0, call }));
  const before = [...data];
  machine.apply({ index: 1, term: 1, kind: 'command', data });
  const [kept] = machine.state;
  expect(kept?.constructor).toBe(Uint8Array);
  expect(String(kept)).toBe('104,105');
  kept?.fill(0);
  expect([...data]).toEqual(before);
});

describe('a snapshot', () => {
  const cut = (machine: { snapshot(): Iterable<Uint8Array> }, partBytes: number): Uint8Array[] => [
    ...cutIntoParts(machine.snapshot(), partBytes),
  ];
  const put = (parts: readonly Uint8Array[]): Uint8Array[] => {
    const reader = new SectionReader();
    for (const part of parts) reader.add(part);
    reader.end();
    return reader.sections;
  };

  test.each([1, 3, 7, 64, 100_000])('S5 C3 in parts of %i bytes carries state, sessions and time', (partBytes) => {
    const [machine, other] = [new ReplicatedMachine(counter), new ReplicatedMachine(counter)];
    machine.apply(entry(1, 1, { add: 2 }, session, 5000));
    machine.apply(entry(2, 2, { fail: 'no' }));
    other.restore(put(cut(machine, partBytes)));
    expect(other.state).toEqual(machine.state);
    expect(other.outcomeOf(session, 2)).toMatchObject({ verdict: { reason: 'Error: no' } });
    for (const one of [machine, other]) {
      expect(one.apply(entry(3, 2, { add: 9 }))).toMatchObject({ verdict: { kind: 'repeated' } });
      one.apply(entry(4, 3, { add: 1 }, session, 1));
    }
    expect(other.state).toEqual({ count: 3, history: [5000, 5000] });
    expect(cut(other, 1000)).toEqual(cut(machine, 1000));
  });

  test('is of the moment when it was taken, whatever is applied before its parts are read', () => {
    const machine = new ReplicatedMachine(counter);
    machine.apply(entry(1, 1, { add: 2 }));
    const parts = cutIntoParts(machine.snapshot(), 8);
    parts.next();
    const before = machine.snapshot();
    machine.apply(entry(2, 2, { add: 3 }));
    const other = new ReplicatedMachine(counter);
    other.restore([...before]);
    expect(other.state.count).toBe(2);
  });

  test('that is damaged is not taken over, and changes nothing', () => {
    const [machine, other] = [new ReplicatedMachine(counter), new ReplicatedMachine(counter)];
    machine.apply(entry(1, 1, { add: 2 }));
    other.apply(entry(1, 1, { add: 7 }));
    const sections = [...machine.snapshot()];
    for (const damaged of [
      [],
      sections.slice(0, 2),
      [...sections, ...sections],
      [sections[1], sections[0], sections[2]],
    ]) {
      expect(() => {
        other.restore(damaged as Uint8Array[]);
      }).toThrow();
      expect(other.state.count).toBe(7);
      expect(other.lastOf(session)).toBe(1);
    }
    const parts = cut(machine, 8);
    expect(() => put(parts.slice(0, -1))).toThrow('within a section');
    expect(() => put([Uint8Array.of(255, 255, 255, 255, 0)])).toThrow('too large');
  });
});
