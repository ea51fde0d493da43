/** Presence as an application has it: hosts in virtual time, over links within the process. */
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { encode } from '../../src/encoding/msgpack.ts';
import { definePresence } from '../../src/host/presence-definition.ts';
import type { Group } from '../../src/host/group.ts';
import type { Presence, Present } from '../../src/host/presence.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import { decodePlain, encodeGiven } from '../../src/machine/plain.ts';
import { decodeFrame, encodeFrame, presenceMinor, wireMajor, wireMinor } from '../../src/transport/codec.ts';
import { broker, intruder, list, Tabs } from './tabs.ts';

const cursor = z.object({ name: z.string(), x: z.number().optional() });
type Cursor = z.infer<typeof cursor>;
type Room = Group<string[], string, number, Cursor>;

/** Tabs that have opened one group; as many as it needs, unless the founding is to wait for more. */
async function gather(tabs: Tabs, count: number, founders = count): Promise<Room[]> {
  const presence = definePresence({ schema: cursor });
  const first = await tabs.open(0).create(list, broker, founders, { presence });
  const invite = decodeInvite(first.invite);
  const groups = [first];
  for (let i = 1; i < count; i++) groups.push(await tabs.open(i).join(list, invite, { presence }));
  return groups;
}

const names = ({ presence }: Room): string[] => presence.others.map(({ value }) => value.name);

describe('presence', () => {
  test('is there before the group is founded, in whatever order they come', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2, 3)) as [Room, Room];
    a.presence.set({ name: 'Ann' });
    b.presence.set({ name: 'Ben' });
    await tabs.until(() => names(a).length + names(b).length === 2, 'the two to see each other');
    expect(a.status().phase).toBe('founding');
    expect([names(a), names(b)]).toEqual([['Ben'], ['Ann']]);
    const c = await tabs.open(2).join(list, decodeInvite(a.invite));
    await tabs.until(() => c.presence.others.length === 2, 'the third to see them');
    await tabs.until(() => [a, b, c].every((group) => group.status().phase === 'running'), 'the founding');
    expect(names(a)).toEqual(['Ben']);
  });

  test('does not touch the log', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2)) as [Room, Room];
    await tabs.until(() => a.status().member?.role === 'leader', 'a leader');
    tabs.clock.pass(500);
    const before = a.status().member?.lastIndex;
    for (let x = 0; x < 100; x++) {
      b.presence.set({ name: 'Ben', x });
      tabs.clock.pass(10);
    }
    await tabs.until(() => a.presence.others[0]?.value.x === 99, 'the last place of the cursor');
    expect(a.status().member?.lastIndex).toBe(before);
  });

  test('tells subscribers now and after each change, with the same array until there is one', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2)) as [Room, Room];
    const seen: (readonly Present<Cursor>[])[] = [];
    const unsubscribe = a.presence.subscribe((others) => seen.push(others));
    expect(seen).toEqual([[]]);
    b.presence.set({ name: 'Ben' });
    b.presence.update({ x: 1 });
    await tabs.until(() => names(a).length === 1, 'the other');
    expect(seen).toHaveLength(2);
    expect(a.presence.getSnapshot()).toBe(a.presence.others);
    expect(seen.at(-1)).toBe(a.presence.others);
    const [before] = a.presence.others;
    expect(before).toMatchObject({ member: b.memberId, isSelf: false, value: { name: 'Ben', x: 1 } });
    expect(before?.since).toBe(before?.updated);

    // Our own is a change of `all`, and leaves `others` the same.
    const { others } = a.presence;
    const everybody = a.presence.select(({ all }) => all.length);
    const counts: number[] = [];
    everybody.subscribe((count) => counts.push(count));
    a.presence.set({ name: 'Ann' });
    await tabs.until(() => counts.length === 2, 'the word of our own change');
    a.presence.set({ name: 'Ann', x: 1 });
    tabs.clock.pass(100);
    expect(counts).toEqual([1, 2]);
    expect(everybody.getSnapshot()).toBe(2);
    expect(a.presence.others).toBe(others);
    expect(a.presence.all.map(({ value: { name }, isSelf }) => [name, isSelf])).toEqual([
      ['Ann', true],
      ['Ben', false],
    ]);
    tabs.clock.pass(60_000);
    expect(a.presence.others).toBe(others);
    expect(seen).toHaveLength(2);
    unsubscribe();
    b.presence.set(null);
    await tabs.until(() => a.presence.others.length === 0, 'the other to show nothing');
    expect(seen).toHaveLength(2);
  });

  test('keeps what has not changed as it was, and what is set once more is no change', async () => {
    const tabs = new Tabs();
    const [a, b, c] = (await gather(tabs, 3)) as [Room, Room, Room];
    b.presence.set({ name: 'Ben' });
    c.presence.set({ name: 'Cem' });
    await tabs.until(() => names(a).length === 2, 'the two');
    const before = a.presence.others.find(({ value }) => value.name === 'Ben');
    let calls = 0;
    b.presence.subscribe(() => calls++);
    b.presence.set({ name: 'Ben' });
    b.presence.update({ name: 'Ben' });
    c.presence.set({ name: 'Cem', x: 1 });
    await tabs.until(() => a.presence.others.some(({ value }) => value.x === 1), 'the change');
    expect(a.presence.others).toContain(before);
    // Now, and of the change of the third.
    await tabs.until(() => calls > 1, 'the word of the change');
    expect(calls).toBe(2);
  });

  test('tells who joins, who changes and who leaves', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2)) as [Room, Room];
    const events: string[] = [];
    for (const event of ['join', 'update', 'leave'] as const) {
      a.presence.on(event, ({ value }) => events.push(`${event} ${value.name} ${value.x}`));
    }
    const off = a.presence.on('join', () => events.push('too much'));
    off();
    b.presence.set({ name: 'Ben', x: 1 });
    await tabs.until(() => events.length === 1, 'the first event');
    b.presence.update({ x: 2 });
    await tabs.until(() => events.length === 2, 'the second event');
    b.close();
    await tabs.until(() => events.length === 3, 'the third event');
    expect(events).toEqual(['join Ben 1', 'update Ben 2', 'leave Ben 2']);
  });

  test('a listener that throws keeps nobody else from hearing', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2)) as [Room, Room];
    let calls = 0;
    a.presence.on('join', () => {
      throw new Error('mine');
    });
    a.presence.on('join', () => calls++);
    b.presence.set({ name: 'Ben' });
    await expect(tabs.until(() => calls === 1, 'the second listener')).rejects.toThrow('mine');
    expect(calls).toBe(1);
  });

  test('of a tab that is closed is gone at once, and of one that comes back is what it shows then', async () => {
    const tabs = new Tabs();
    const presence = definePresence({ schema: cursor });
    const first = tabs.open(0);
    const a = await first.create(list, broker, 2, { presence });
    const second = tabs.open(1);
    const b = await second.join(list, decodeInvite(a.invite), { presence });
    b.presence.set({ name: 'Ben' });
    await tabs.until(() => names(a).length === 1, 'the other');
    // As when its page is left: the host closes, with all that is on it.
    second.close();
    const at = tabs.clock.now();
    await tabs.until(() => names(a).length === 0, 'it to be gone');
    expect(tabs.clock.now() - at).toBeLessThan(100);
    expect(b.presence.self).toBeNull();

    const again = await tabs.open(1).join(list, decodeInvite(a.invite), { presence });
    again.presence.set({ name: 'Ben again' });
    await tabs.until(() => names(a).length === 1, 'it to be back');
    expect(names(a)).toEqual(['Ben again']);
    expect(again.memberId).toBe(b.memberId);
  });

  test('of a group that is closed is empty, and takes nothing', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2)) as [Room, Room];
    a.presence.set({ name: 'Ann' });
    b.presence.set({ name: 'Ben' });
    await tabs.until(() => names(a).length === 1, 'the other');
    const left: string[] = [];
    a.presence.on('leave', ({ value }) => left.push(value.name));
    a.close();
    expect([a.presence.self, a.presence.others, a.presence.all]).toEqual([null, [], []]);
    expect(() => {
      a.presence.set({ name: 'Ann' });
    }).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    // Whoever cleans up late finds that it is done.
    a.presence.set(null);
    tabs.clock.pass(10);
    expect(left).toEqual(['Ben']);
    await tabs.until(() => names(b).length === 0, 'the other to see it');
    b.presence.set(null);
    let calls = 0;
    b.presence.subscribe(() => calls++);
    tabs.clock.pass(10);
    calls = 0;
    b.close();
    tabs.clock.pass(10);
    expect(calls).toBe(0);
  });

  test('of a member that has stopped is gone, whatever stopped it', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2)) as [Room, Room];
    await tabs.until(() => a.status().member?.role === 'leader', 'a leader');
    b.presence.set({ name: 'Ben' });
    await tabs.until(() => names(a).length === 1, 'the other');
    // Somebody else takes its store: the next write fails.
    const store = tabs.databases[1]?.storage(b.id);
    await new Promise((done) => store?.load(done));
    void a.propose('x').catch(() => undefined);
    await tabs.until(() => b.status().phase === 'stopped', 'the end of the member');
    await tabs.until(() => names(a).length === 0, 'it to be gone');
    expect(b.presence.self).toBeNull();
  });
});

describe('a value', () => {
  const alone = async (): Promise<Room> => {
    const [group] = (await gather(new Tabs(), 1)) as [Room];
    return group;
  };
  const any = async (): Promise<Presence<unknown>> => (await new Tabs().open(0).create(list, broker, 1)).presence;
  const code = (expected: string) => expect.objectContaining({ code: expected, outcome: 'not-done' }) as Error;

  test('is kept as it was when it was set, and cannot be changed', async () => {
    const { presence } = await alone();
    const given = { name: 'Ann' };
    presence.set(given);
    given.name = 'somebody else';
    expect(presence.self).toEqual({ name: 'Ann' });
    expect(Object.isFrozen(presence.self)).toBe(true);
  });

  test('is plain data of at most 4 KiB, and of the schema', async () => {
    const { presence } = await alone();
    presence.set({ name: 'Ann' });
    expect(() => {
      presence.set({ name: 'x'.repeat(4096) });
    }).toThrow(code('TOO_LARGE'));
    expect(() => {
      presence.set({ name: 5 } as never);
    }).toThrow(/the value\.name: /);
    expect(() => {
      presence.set(undefined as never);
    }).toThrow(code('INVALID_ARGUMENT'));
    expect(presence.self).toEqual({ name: 'Ann' });

    const unchecked = await any();
    for (const odd of [() => 1, Symbol('s'), 1n, new Map(), { deep: new Set() }, undefined]) {
      expect(() => {
        unchecked.set(odd);
      }).toThrow(code('INVALID_ARGUMENT'));
    }
    unchecked.set('x'.repeat(4093));
    expect(() => {
      unchecked.set('x'.repeat(4094));
    }).toThrow(code('TOO_LARGE'));
    for (const fine of [0, false, '', [1, { a: null }], Uint8Array.of(1), new Date(5)]) {
      unchecked.set(fine);
      expect(unchecked.self).toEqual(fine);
    }
  });

  test('is updated field by field; one that is undefined is taken out', async () => {
    const { presence } = await alone();
    expect(() => {
      presence.update({ x: 1 });
    }).toThrow(code('INVALID_ARGUMENT'));
    presence.set({ name: 'Ann', x: 1 });
    presence.update({ x: 2 });
    expect(presence.self).toEqual({ name: 'Ann', x: 2 });
    presence.update({ x: undefined });
    expect(presence.self).toEqual({ name: 'Ann' });
    expect(() => {
      presence.update({ name: undefined } as never);
    }).toThrow(code('INVALID_ARGUMENT'));
    const unchecked = await any();
    unchecked.set([1]);
    expect(() => {
      unchecked.update({ a: 1 });
    }).toThrow(code('INVALID_ARGUMENT'));
  });
});

describe('a schema', () => {
  test('keeps out what does not fit, says so, and lets it in again when it fits', async () => {
    const tabs = new Tabs();
    const a = await tabs.open(0).create(list, broker, 2, { presence: definePresence({ schema: cursor }) });
    const b = await tabs.open(1).join(list, decodeInvite(a.invite));
    const unfit: string[] = [];
    a.presence.on('unfit', ({ member, reason }) => unfit.push(`${member} ${reason}`));
    a.presence.set({ name: 'Ann' });
    const { all } = a.presence;
    b.presence.set({ name: 5 });
    await tabs.until(() => unfit.length === 1, 'the word of it');
    expect(a.presence.all).toBe(all);
    expect(unfit[0]).toMatch(`${b.memberId} the value.name: `);
    expect(a.presence.others).toEqual([]);
    b.presence.set({ name: 'Ben', added: 'by a newer version of the application' });
    await tabs.until(() => a.presence.others.length === 1, 'what fits');
    expect(a.presence.others[0]?.value).toEqual({ name: 'Ben' });
    b.presence.set('something else');
    await tabs.until(() => a.presence.others.length === 0, 'it to be gone');
    expect(unfit).toHaveLength(2);
  });

  test('of any library gives the type; without one it is what was named', () => {
    expectTypeOf(definePresence({ schema: cursor })).toExtend<{ ttlMs: number }>();
    const open = <Value>(_: ReturnType<typeof definePresence<Value>>): Group<string[], string, number, Value> =>
      undefined as never;
    expectTypeOf(open(definePresence({ schema: cursor }))).toEqualTypeOf<Room>();
    expectTypeOf(open(definePresence({ schema: v.object({ x: v.number() }) }))).toEqualTypeOf<
      Group<string[], string, number, { x: number }>
    >();
    expectTypeOf(open(definePresence({ schema: type({ x: 'number' }) }))).toEqualTypeOf<
      Group<string[], string, number, { x: number }>
    >();
    expectTypeOf(open(definePresence<'typing' | 'idle'>({ ttlMs: 5000 }))).toEqualTypeOf<
      Group<string[], string, number, 'typing' | 'idle'>
    >();
    expectTypeOf(open(definePresence())).toEqualTypeOf<Group<string[], string, number>>();
    expectTypeOf<Presence<Cursor>['set']>().parameter(0).toEqualTypeOf<Cursor | null>();
    expectTypeOf<Presence<Cursor>['others'][number]['value']>().toEqualTypeOf<Cursor>();
    // Who does not care what is shown takes a group of any kind.
    const take = (_: Group<string[], string, number>): void => undefined;
    expectTypeOf(take).toBeCallableWith(undefined as unknown as Room);
  });

  test.each([
    { updatesPerSecond: 0 },
    { updatesPerSecond: 61 },
    { updatesPerSecond: Number.NaN },
    { ttlMs: 999 },
    { ttlMs: 300_001 },
    { ttlMs: 1500.5 },
  ])('and its times are in their range: not %o', (options) => {
    expect(() => definePresence(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('somebody with an invite', () => {
  const said = (received: readonly Uint8Array[]): unknown[] =>
    received.map((frame) => decodeFrame(frame).message).filter(({ kind }) => kind === 'Presence');

  test('to read only may show himself, and sees the others', async () => {
    const tabs = new Tabs();
    const [a] = (await gather(tabs, 1)) as [Room];
    a.presence.set({ name: 'Ann' });
    const { state, member, received } = await intruder(tabs, a.readOnlyInvite);
    await tabs.until(() => said(received).length === 1, 'what is shown');
    const frame = { kind: 'Presence', from: member, to: a.memberId, run: 1, version: 1, ttlMs: 30_000 } as const;
    state.link?.send(encodeFrame(a.id, { ...frame, value: encodeGiven({ name: 'reader' }) }), 'control');
    await tabs.until(() => names(a).length === 1, 'the reader');
    expect(names(a)).toEqual(['reader']);
    expect(state.refusals).toEqual([]);
  });

  test('who floods is put out, and the last that was taken goes with him', async () => {
    const tabs = new Tabs();
    const [a] = (await gather(tabs, 1)) as [Room];
    const { state, member } = await intruder(tabs, a.invite);
    for (let version = 1; version <= 400; version++) {
      const value = encodeGiven({ name: `${version}` });
      const frame = { kind: 'Presence', from: member, to: a.memberId, run: 1, version, ttlMs: 300_000, value } as const;
      state.link?.send(encodeFrame(a.id, frame), 'control');
    }
    await tabs.until(() => state.isClosed, 'the door');
    await tabs.until(() => names(a).length === 0, 'what he showed to be gone');
  });

  test('who speaks for another is not believed', async () => {
    const tabs = new Tabs();
    const [a, b] = (await gather(tabs, 2)) as [Room, Room];
    const { state } = await intruder(tabs, a.invite);
    const frame = { kind: 'Presence', from: b.memberId, to: a.memberId, run: 1, version: 1, ttlMs: 30_000 } as const;
    for (let i = 0; i < 10; i++) {
      state.link?.send(encodeFrame(a.id, { ...frame, value: encodeGiven({ name: 'not Ben' }) }), 'control');
    }
    await tabs.until(() => state.isClosed, 'the door');
    expect(names(a)).toEqual([]);
  });

  test('whose code is older is told nothing that it does not know', async () => {
    const tabs = new Tabs();
    const [a] = (await gather(tabs, 1)) as [Room];
    const { received } = await intruder(tabs, a.invite, presenceMinor - 1);
    a.presence.set({ name: 'Ann' });
    tabs.clock.pass(5000);
    expect(said(received)).toEqual([]);
  });

  test.each([
    ['is newer may say what we do not know', 1, false],
    ['is not newer may not', 0, true],
  ])('whose code %s', async (_, more, isPutOut) => {
    const tabs = new Tabs();
    const [a] = (await gather(tabs, 1)) as [Room];
    const { state } = await intruder(tabs, a.invite, wireMinor + more);
    for (let i = 0; i < 20; i++) state.link?.send(encode([wireMajor, a.id, 9999, 'news']), 'control');
    tabs.clock.pass(100);
    expect(state.isClosed).toBe(isPutOut);
  });
});

test('a slow link carries a value at a time, the newest, and leaves its room to the rest', async () => {
  const tabs = new Tabs();
  const [a] = (await gather(tabs, 1)) as [Room];
  const { received } = await intruder(tabs, a.invite);
  tabs.delayMs = 500;
  for (let x = 0; x < 500; x++) {
    a.presence.set({ name: 'x'.repeat(4050), x });
    tabs.clock.pass(10);
  }
  tabs.clock.pass(2000);
  const shown = received.map((frame) => decodeFrame(frame).message).filter((message) => message.kind === 'Presence');
  // In five seconds there was room for ten times half a second's delay, not for a hundred updates.
  expect(shown.length).toBeLessThanOrEqual(12);
  expect(shown.length).toBeGreaterThanOrEqual(9);
  expect(decodePlain(shown.at(-1)?.value ?? new Uint8Array())).toMatchObject({ x: 499 });
});
