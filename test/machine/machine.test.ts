import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/core/types.ts';
import { encodeEnvelope, type SessionId } from '../../src/machine/envelope.ts';
import { defineMachine, encodeCommand } from '../../src/machine/machine.ts';
import { ReplicatedMachine } from '../../src/machine/replicated.ts';
import { Sessions } from '../../src/machine/sessions.ts';
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
): Entry => ({
  index,
  term: 1,
  kind: 'command',
  data: encodeEnvelope({ time, session: by, sequence, known, command: encodeCommand(command) }),
});

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
    expect(one.apply(entry(2, 2, { draw: true }))?.verdict).not.toEqual(drawn?.verdict);
  });

  test('passes over entries that carry no command, or nothing that can be read', () => {
    const machine = new ReplicatedMachine(counter);
    const data = new Uint8Array([0xc1, 1, 2]);
    expect(machine.apply({ index: 1, term: 1, kind: 'empty', data: new Uint8Array() })).toBeNull();
    expect(machine.apply({ index: 2, term: 1, kind: 'command', data })).toBeNull();
    const unreadable = encodeEnvelope({ time: 1, session, sequence: 1, known: 0, command: data });
    const effect = machine.apply({ index: 3, term: 1, kind: 'command', data: unreadable });
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
  const command = encodeCommand({ bytes: Uint8Array.of(104, 105) });
  const data = Buffer.from(encodeEnvelope({ time: 1, session, sequence: 1, known: 0, command }));
  const before = [...data];
  machine.apply({ index: 1, term: 1, kind: 'command', data });
  const [kept] = machine.state;
  expect(kept?.constructor).toBe(Uint8Array);
  expect(String(kept)).toBe('104,105');
  kept?.fill(0);
  expect([...data]).toEqual(before);
});

describe('C3 a session', () => {
  test('lets each command take effect once, however often it comes', () => {
    const machine = new ReplicatedMachine(counter);
    machine.apply(entry(1, 1, { add: 2 }));
    expect(machine.apply(entry(2, 1, { add: 2 }))).toMatchObject({ verdict: { kind: 'repeated' } });
    expect(machine.state.count).toBe(2);
  });

  test('lets no command take effect before its turn', () => {
    const machine = new ReplicatedMachine(counter);
    expect(machine.apply(entry(1, 2, { add: 5 }))).toMatchObject({ verdict: { kind: 'early' } });
    machine.apply(entry(2, 1, { add: 1 }));
    machine.apply(entry(3, 2, { add: 5 }));
    expect(machine.state.count).toBe(6);
  });

  test('counts on its own', () => {
    const machine = new ReplicatedMachine(counter);
    machine.apply(entry(1, 1, { add: 1 }));
    expect(machine.apply(entry(2, 1, { add: 1 }, 'two' as SessionId))).toMatchObject({ verdict: { result: 2 } });
  });

  test('is forgotten by the order of the log when there are too many', () => {
    const sessions = new Sessions(2);
    const [a, b, c] = ['a', 'b', 'c'] as SessionId[] as [SessionId, SessionId, SessionId];
    const outcome = { index: 1, isApplied: true, value: new Uint8Array() };
    sessions.record(a, 1, 0, outcome);
    sessions.record(b, 1, 0, outcome);
    sessions.record(a, 2, 0, outcome);
    sessions.record(c, 1, 0, outcome);
    expect(sessions.size).toBe(2);
    expect(sessions.turn(a, 3)).toEqual({ kind: 'next' });
    expect(sessions.turn(b, 2)).toEqual({ kind: 'early', expected: 1 });
  });

  test('remembers what came of a command until its proposer knows', () => {
    const machine = new ReplicatedMachine(counter);
    machine.apply(entry(1, 1, { add: 2 }));
    machine.apply(entry(2, 2, { fail: 'no' }));
    expect(machine.outcomeOf(session, 1)).toEqual({ index: 1, verdict: { kind: 'applied', result: 2 } });
    expect(machine.outcomeOf(session, 2)).toMatchObject({
      index: 2,
      verdict: { kind: 'rejected', reason: 'Error: no' },
    });
    machine.apply(entry(3, 3, { add: 1 }, session, 1003, 2));
    expect(machine.outcomeOf(session, 2)).toBeNull();
    expect(machine.outcomeOf(session, 3)).toMatchObject({ index: 3 });
  });
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
