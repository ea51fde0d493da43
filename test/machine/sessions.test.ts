import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry, NodeId } from '../../src/core/types.ts';
import { openedAt, type SessionId, sessionId } from '../../src/machine/envelope.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { ReplicatedMachine } from '../../src/machine/replicated.ts';
import { defaultSessionLimits, type Outcome, type SessionLimits, Sessions } from '../../src/machine/sessions.ts';
import { alice, commandEntry } from './log.ts';

type Command = { add: number } | { fail: string };

const counter = defineMachine({
  name: 'counter',
  initial: { count: 0, proposers: [] as NodeId[] },
  apply(state, command: Command, { proposer }) {
    if ('fail' in command) throw new Error(command.fail);
    const count = state.count + command.add;
    return { state: { count, proposers: [...state.proposers, proposer] }, result: count };
  },
});

const session = 'one' as SessionId;
const entry = (index: number, sequence: number, command: Command, by = session, known = 0): Entry =>
  commandEntry(counter, command, { index, sequence, session: by, known });

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

  test('remembers what came of a command until its proposer knows', () => {
    const machine = new ReplicatedMachine(counter);
    machine.apply(entry(1, 1, { add: 2 }));
    machine.apply(entry(2, 2, { fail: 'no' }));
    expect(machine.outcomeOf(session, 1)).toEqual({ index: 1, verdict: { kind: 'applied', result: 2 } });
    expect(machine.outcomeOf(session, 2)).toMatchObject({
      index: 2,
      verdict: { kind: 'rejected', reason: 'Error: no' },
    });
    machine.apply(entry(3, 3, { add: 1 }, session, 2));
    expect(machine.outcomeOf(session, 2)).toBeNull();
    expect(machine.outcomeOf(session, 3)).toMatchObject({ index: 3 });
  });

  test('is of the member that opened it, whoever sends its calls on', () => {
    const machine = new ReplicatedMachine(counter);
    const [bob, carol] = ['bob', 'carol'] as NodeId[] as [NodeId, NodeId];
    const two = 'two' as SessionId;
    machine.apply(entry(1, 1, { add: 1 }));
    machine.apply(commandEntry(counter, { add: 1 }, { index: 2, sequence: 1, session: two, proposer: bob }));
    machine.apply(commandEntry(counter, { add: 1 }, { index: 3, sequence: 2, session: two, proposer: carol }));
    const other = new ReplicatedMachine(counter);
    other.restore([...machine.snapshot()]);
    other.apply(commandEntry(counter, { add: 1 }, { index: 4, sequence: 3, session: two, proposer: carol }));
    expect(other.state.proposers).toEqual([alice, bob, bob, bob]);
  });
});

describe('C3 sessions', () => {
  const outcome = (index: number, value: Uint8Array = new Uint8Array()): Outcome => ({ index, isApplied: true, value });
  const id = (name: string, opened = 0): SessionId => sessionId(name, opened);
  const limits = { ...defaultSessionLimits, silentEntries: 10, silentMs: 1000 };
  /** Sessions that speak once each, at these places. */
  const spoken = (given: SessionLimits, places: readonly [name: string, index: number, time: number][]): Sessions => {
    const sessions = new Sessions(given);
    for (const [name, index, time] of places) sessions.record(id(name), alice, 1, 0, time, outcome(index));
    return sessions;
  };

  test('say from where in the log they count', () => {
    expect(openedAt(sessionId('0123456789abcdef', 123_456_789))).toBe(123_456_789);
    expect(openedAt(sessionId('a', Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
    expect(openedAt('no index' as SessionId)).toBe(0);
  });

  test('are forgotten when they were silent for long, by the log and by the leaders time', () => {
    const places = (index: number, time: number): [string, number, number][] => [
      ['a', 1, 1],
      ['b', index, time],
    ];
    expect(spoken(limits, places(12, 1001)).size).toBe(2);
    expect(spoken(limits, places(11, 1002)).size).toBe(2);
    expect(spoken(limits, places(12, 1002)).size).toBe(1);
    expect(spoken(limits, places(12, 1002)).turn(id('a'), 2)).toEqual({ kind: 'forgotten' });
  });

  test('are forgotten by the order of the log when there are too many', () => {
    const sessions = new Sessions({ ...limits, sessions: 2 });
    sessions.record(id('a'), alice, 1, 0, 1, outcome(1));
    sessions.record(id('b'), alice, 1, 0, 1, outcome(2));
    sessions.record(id('a'), alice, 2, 0, 1, outcome(3));
    sessions.record(id('c'), alice, 1, 0, 1, outcome(4));
    expect(sessions.size).toBe(2);
    expect(sessions.turn(id('a'), 3)).toEqual({ kind: 'next' });
    expect(sessions.turn(id('b'), 2)).toEqual({ kind: 'forgotten' });
  });

  test('are forgotten when the results that nobody has asked for are too large', () => {
    const sessions = new Sessions({ ...limits, outcomeBytes: 10_000 });
    const large = new Uint8Array(4000);
    sessions.record(id('a'), alice, 1, 0, 1, outcome(1, large));
    sessions.record(id('b'), alice, 1, 0, 1, outcome(2, large));
    expect(sessions.size).toBe(2);
    sessions.record(id('b'), alice, 2, 1, 1, outcome(3, large));
    expect(sessions.size).toBe(2);
    sessions.record(id('b'), alice, 3, 1, 1, outcome(4, large));
    expect([sessions.size, sessions.last(id('b'))]).toEqual([1, 3]);
    // The one that speaks is kept, whatever it costs.
    sessions.record(id('b'), alice, 4, 0, 1, outcome(5, new Uint8Array(20_000)));
    expect(sessions.last(id('b'))).toBe(4);
  });

  test('that are forgotten do nothing again, not even their first call', () => {
    const sessions = spoken({ ...limits, sessions: 1 }, [
      ['a', 5, 1],
      ['b', 6, 1],
    ]);
    expect(sessions.turn(id('a'), 1)).toEqual({ kind: 'forgotten' });
    // One that was opened behind all that was forgotten cannot have been; one before may have been.
    expect(sessions.turn(id('c', 4), 1)).toEqual({ kind: 'forgotten' });
    expect(sessions.turn(id('c', 5), 1)).toEqual({ kind: 'next' });
    expect(sessions.turn(id('c', 5), 2)).toEqual({ kind: 'early', expected: 1 });
  });

  test('carry what was forgotten, and when each last spoke, in snapshots', () => {
    const sessions = spoken({ ...limits, sessions: 2 }, [
      ['a', 5, 1],
      ['b', 6, 1],
      ['c', 7, 500],
    ]);
    const restored = new Sessions({ ...limits, sessions: 2 }).restored(sessions.encode());
    expect(restored.encode()).toEqual(sessions.encode());
    for (const one of [sessions, restored]) {
      one.record(id('c'), alice, 2, 1, 1002, outcome(17));
      expect(one.size).toBe(1);
      expect(one.turn(id('d', 5), 1)).toEqual({ kind: 'forgotten' });
    }
  });

  test('never let a call take effect twice, whatever comes again, and when', () => {
    const places = fc.array(
      fc.record({
        session: fc.integer({ min: 0, max: 4 }),
        sequence: fc.integer({ min: 1, max: 3 }),
        later: fc.integer({ min: 0, max: 2000 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(places, fc.integer({ min: 1, max: 3 }), (calls, most) => {
        const sessions = new Sessions({ ...limits, silentEntries: 3, sessions: most });
        const done = new Set<string>();
        let time = 0;
        calls.forEach(({ session: n, sequence, later }, i) => {
          time += later;
          const name = id(`s${n}`);
          if (sessions.turn(name, sequence).kind !== 'next') return;
          expect(done.has(`${n} ${sequence}`)).toBe(false);
          done.add(`${n} ${sequence}`);
          sessions.record(name, alice, sequence, 0, time, outcome(i + 1));
        });
      }),
    );
  });
});
