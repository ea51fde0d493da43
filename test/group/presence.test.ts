/** What members show of themselves, in virtual time: how often, how long, and what counts when messages come as they like. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import { MemberPresence } from '../../src/group/presence.ts';
import { goneAfterMs, maxPresent } from '../../src/group/presence-board.ts';
import { defaultPresenceTiming, type PresenceTiming } from '../../src/group/presence-sender.ts';
import { hostOf, type NodeId } from '../../src/ids.ts';
import { encodeGiven } from '../../src/machine/plain.ts';
import type { PresenceMessage } from '../../src/transport/messages.ts';
import { VirtualClock } from './world.ts';

const nodeId = (name: string): NodeId => `${name}.1` as NodeId;
const closed = new RaftError('CLOSED', 'this tab was closed');

/** A few tabs that are linked as the test says. */
class Room {
  readonly clock = new VirtualClock();
  readonly sent: { readonly at: number; readonly message: PresenceMessage }[] = [];
  readonly links = new Set<string>();
  readonly members = new Map<string, MemberPresence>();
  readonly changes = new Map<string, number>();
  /** Says of each message whether its link has no room. */
  refuses: (message: PresenceMessage) => boolean = () => false;
  /** Says of each message whether it is lost on its way. */
  loses: (message: PresenceMessage) => boolean = () => false;

  open(name: string, timing: Partial<PresenceTiming> = {}): MemberPresence {
    const id = nodeId(name);
    const member: MemberPresence = new MemberPresence({
      id,
      clock: this.clock,
      timing: { ...defaultPresenceTiming, ...timing },
      send: (message) => this.members.get(name) === member && this.#send(message),
    });
    member.whenChanged(() => this.changes.set(name, (this.changes.get(name) ?? 0) + 1));
    this.members.set(name, member);
    return member;
  }

  #send(message: PresenceMessage): boolean {
    if (!this.links.has(message.from + message.to) || this.refuses(message)) return false;
    this.sent.push({ at: this.clock.now(), message });
    if (this.loses(message)) return true;
    this.clock.after(5, () => this.members.get(hostOf(message.to))?.receive(message));
    return true;
  }

  link(one: string, other: string): void {
    for (const [near, far] of [
      [one, other],
      [other, one],
    ] as const) {
      this.links.add(nodeId(near) + nodeId(far));
      this.members.get(near)?.connected(nodeId(far));
    }
  }

  cut(one: string, other: string): void {
    for (const [near, far] of [
      [one, other],
      [other, one],
    ] as const) {
      this.links.delete(nodeId(near) + nodeId(far));
      this.members.get(near)?.disconnected(hostOf(nodeId(far)));
    }
  }

  /** What a member sees of the others, by name. */
  seen(name: string): Record<string, unknown> {
    const others = this.members.get(name)?.others() ?? [];
    return Object.fromEntries(others.map(({ member, value }) => [hostOf(member), value]));
  }

  show(name: string, value: unknown): void {
    this.members.get(name)?.set(value === null ? null : encodeGiven(value));
  }
}

function roomOf(names: readonly string[], timing: Partial<PresenceTiming> = {}): Room {
  const room = new Room();
  for (const name of names) room.open(name, timing);
  names.forEach((one, i) => {
    for (const other of names.slice(i + 1)) room.link(one, other);
  });
  return room;
}

describe('what a member shows', () => {
  test('is seen at once by everybody that it is linked to, and nobody else', () => {
    const room = roomOf(['a', 'b']);
    room.open('c');
    room.link('b', 'c');
    room.show('a', { name: 'Ann' });
    room.clock.pass(5);
    expect(room.seen('b')).toEqual({ a: { name: 'Ann' } });
    expect(room.seen('c')).toEqual({});
    expect(room.seen('a')).toEqual({});
  });

  test('is told to whoever comes, as it is by then; who shows nothing tells nothing', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    room.clock.pass(100);
    room.show('a', 2);
    room.open('c');
    room.link('a', 'c');
    room.link('b', 'c');
    room.clock.pass(60);
    expect(room.seen('c')).toEqual({ a: 2 });
    expect(room.sent.every(({ message }) => message.from === nodeId('a'))).toBe(true);
  });

  test('is the same object until it is something else', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', { x: 1 });
    room.clock.pass(5);
    const [first] = room.members.get('b')?.others() ?? [];
    room.clock.pass(60_000);
    room.show('a', { x: 1 });
    room.clock.pass(100);
    expect(room.members.get('b')?.others()[0]).toBe(first);
    expect(room.changes.get('b')).toBe(1);
    room.show('a', { x: 2 });
    room.clock.pass(100);
    const [second] = room.members.get('b')?.others() ?? [];
    expect(second).toMatchObject({ value: { x: 2 }, since: first?.since });
    expect(second?.updated).toBeGreaterThan(first?.updated ?? Infinity);
    expect(Object.isFrozen(second?.value)).toBe(true);
  });

  test('is gone at once when it is withdrawn', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    room.clock.pass(100);
    room.show('a', null);
    room.clock.pass(5);
    expect(room.seen('b')).toEqual({});
  });
});

describe('the pace', () => {
  test('is bounded, begins at once, and ends with the last value', () => {
    const room = roomOf(['a', 'b']);
    for (let i = 1; i <= 1000; i++) {
      room.show('a', i);
      room.clock.pass(1);
    }
    // Of a second: one at once, and one for each of the twenty steps.
    expect(room.sent.length).toBeLessThanOrEqual(21);
    expect(room.sent.length).toBeGreaterThanOrEqual(20);
    expect(room.sent[0]?.at).toBe(0);
    const pauses = room.sent.slice(1).map(({ at }, i) => at - (room.sent[i]?.at ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(50);
    room.clock.pass(55);
    expect(room.seen('b')).toEqual({ a: 1000 });
    const { length } = room.sent;
    room.clock.pass(5000);
    expect(room.sent).toHaveLength(length);
    // After a rest the next is the first again.
    room.show('a', 'again');
    room.clock.pass(5);
    expect(room.seen('b')).toEqual({ a: 'again' });
  });

  test('is what was asked for', () => {
    const room = roomOf(['a', 'b'], { updatesPerSecond: 4 });
    for (let i = 1; i <= 2000; i++) {
      room.show('a', i);
      room.clock.pass(1);
    }
    expect(room.sent.length).toBeLessThanOrEqual(9);
    expect(room.sent.length).toBeGreaterThanOrEqual(8);
  });

  test('of one event is one frame for each link', () => {
    const room = roomOf(['a', 'b', 'c']);
    for (let i = 1; i <= 10; i++) room.show('a', i);
    room.clock.pass(40);
    expect(room.sent.map(({ message }) => message.to).sort()).toEqual([nodeId('b'), nodeId('c')]);
    expect(room.seen('c')).toEqual({ a: 10 });
  });

  test('does not rise when a timer makes up for what it missed', () => {
    const calls: (() => void)[] = [];
    let now = 0;
    const sent: number[] = [];
    const id = nodeId('a');
    const member = new MemberPresence({
      id,
      clock: {
        now: () => now,
        wallTime: () => now,
        every: (_, callback) => {
          calls.push(callback);
          return () => undefined;
        },
        defer: (run) => {
          run();
        },
        later: (run) => {
          run();
        },
      },
      timing: defaultPresenceTiming,
      send: () => sent.push(now) > 0,
    });
    member.connected(nodeId('b'));
    const show = (): void => {
      member.set(encodeGiven(now));
    };
    show();
    const pace = calls.at(-1);
    now = 500;
    for (let i = 0; i < 10; i++) {
      show();
      pace?.();
    }
    expect(sent).toEqual([0, 500]);
  });

  test('of a link that has no room is that of the link: it gets the newest, and nothing queues', () => {
    const room = roomOf(['a', 'b', 'c']);
    room.refuses = ({ to }) => to === nodeId('b');
    for (let i = 1; i <= 1000; i++) {
      room.show('a', i);
      room.clock.pass(1);
    }
    room.clock.pass(100);
    expect(room.seen('b')).toEqual({});
    expect(room.seen('c')).toEqual({ a: 1000 });
    room.refuses = () => false;
    const { length } = room.sent;
    room.clock.pass(60);
    expect(room.sent.slice(length).map(({ message }) => message.to)).toEqual([nodeId('b')]);
    expect(room.seen('b')).toEqual({ a: 1000 });
  });
});

describe('the time of a value', () => {
  test('does not end while its member is there, whatever it does', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    room.clock.pass(600_000);
    expect(room.seen('b')).toEqual({ a: 1 });
    // Three signs in 30 s, for one other.
    expect(room.sent.length).toBeLessThanOrEqual(62);
  });

  test('ends when nothing is heard of it, as with a frozen tab, and begins again when something is', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    room.clock.pass(5);
    room.loses = () => true;
    room.clock.pass(29_000);
    expect(room.seen('b')).toEqual({ a: 1 });
    room.clock.pass(2000);
    expect(room.seen('b')).toEqual({});
    room.loses = () => false;
    room.clock.pass(10_000);
    expect(room.seen('b')).toEqual({ a: 1 });
  });

  test('is what its member says, and not what those who see it would say', () => {
    const room = new Room();
    room.open('a', { ttlMs: 3000 });
    room.open('b', { ttlMs: 300_000 });
    room.link('a', 'b');
    room.show('a', 1);
    room.show('b', 1);
    room.clock.pass(2500);
    expect(room.seen('b')).toEqual({ a: 1 });
    room.loses = () => true;
    room.clock.pass(3600);
    expect(room.seen('b')).toEqual({});
    expect(room.seen('a')).toEqual({ b: 1 });
  });

  test('survives the loss of two signs of three', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    let count = 0;
    room.loses = () => count++ % 3 !== 0;
    for (let i = 0; i < 200; i++) {
      room.clock.pass(1000);
      expect(room.seen('b')).toEqual({ a: 1 });
    }
  });
});

describe('a link that is gone', () => {
  test('takes what its member showed with it, a moment later', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    room.clock.pass(100);
    room.cut('a', 'b');
    room.clock.pass(goneAfterMs - 100);
    expect(room.seen('b')).toEqual({ a: 1 });
    room.clock.pass(700);
    expect(room.seen('b')).toEqual({});
  });

  test('takes nobody else', () => {
    const room = roomOf(['a', 'b', 'c']);
    room.show('a', 1);
    room.show('c', 1);
    room.clock.pass(100);
    room.cut('a', 'b');
    room.clock.pass(goneAfterMs + 500);
    expect(room.seen('b')).toEqual({ c: 1 });
    room.show('b', 2);
    room.clock.pass(100);
    expect(room.seen('c')).toEqual({ a: 1, b: 2 });
  });

  test('and is back in a moment changes nothing', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    room.clock.pass(100);
    const [before] = room.members.get('b')?.others() ?? [];
    room.cut('a', 'b');
    room.clock.pass(1000);
    room.link('a', 'b');
    room.clock.pass(60_000);
    expect(room.members.get('b')?.others()[0]).toBe(before);
    expect(room.changes.get('b')).toBe(1);
  });

  test('of one who says that he goes takes it at once', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 1);
    room.clock.pass(100);
    room.members.get('a')?.close(closed);
    room.clock.pass(5);
    expect(room.seen('b')).toEqual({});
    room.cut('a', 'b');
    room.clock.pass(5000);
    expect(room.changes.get('b')).toBe(2);
  });
});

describe('a tab that was reloaded', () => {
  const reloaded = (room: Room): void => {
    room.cut('a', 'b');
    room.clock.pass(500);
    room.open('a');
    room.link('a', 'b');
  };

  test('shows something else, and whatever is left of the run before does not come back', () => {
    const room = roomOf(['a', 'b']);
    for (let i = 1; i <= 5; i++) {
      room.show('a', { before: i });
      room.clock.pass(100);
    }
    reloaded(room);
    room.show('a', 'after');
    room.clock.pass(5);
    expect(room.seen('b')).toEqual({ a: 'after' });
    for (const { message } of room.sent) if (message.version > 1) room.members.get('b')?.receive(message);
    expect(room.seen('b')).toEqual({ a: 'after' });
  });

  test('and shows nothing any more is not seen with what it showed before', () => {
    const room = roomOf(['a', 'b']);
    room.show('a', 'before');
    room.clock.pass(100);
    reloaded(room);
    room.clock.pass(2100);
    expect(room.seen('b')).toEqual({});
  });

  test('while its clock was set back is seen all the same', () => {
    const room = roomOf(['a', 'b']);
    for (let i = 1; i <= 5; i++) {
      room.show('a', i);
      room.clock.pass(100);
    }
    room.clock.wallOffset -= 500_000;
    reloaded(room);
    room.show('a', 'after');
    room.clock.pass(5);
    expect(room.seen('b')).toEqual({ a: 'after' });
    room.show('a', 'and after');
    room.clock.pass(60);
    expect(room.seen('b')).toEqual({ a: 'and after' });
  });
});

test('frames of two runs in any order, each any number of times, never bring back what was before', () => {
  const frame = (run: number, version: number): PresenceMessage => ({
    kind: 'Presence',
    from: nodeId('a'),
    to: nodeId('b'),
    run,
    version,
    ttlMs: 30_000,
    // Every fourth is a withdrawal.
    value: version % 4 === 0 ? null : encodeGiven([run, version]),
  });
  const frames = [1, 2].flatMap((run) => [1, 2, 3, 4, 5].map((version) => frame(run, version)));
  const arrivals = fc.array(fc.constantFrom(...frames), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(arrivals, (arrived) => {
      const room = new Room();
      const member = room.open('b');
      member.connected(nodeId('a'));
      // On a link the first run that speaks is believed: another one counts from then on only if it is later.
      let newest: PresenceMessage | null = null;
      for (const message of arrived) {
        expect(member.receive(message)).toBe(true);
        const isNewer =
          newest === null ||
          message.run > newest.run ||
          (message.run === newest.run && message.version >= newest.version);
        if (isNewer) newest = message;
        const shown = newest?.value === null ? {} : { a: [newest?.run, newest?.version] };
        expect(room.seen('b')).toEqual(shown);
        room.clock.pass(1);
      }
    }),
    { numRuns: 500 },
  );
});

describe('what no honest member sends', () => {
  const honest: PresenceMessage = {
    kind: 'Presence',
    from: nodeId('a'),
    to: nodeId('b'),
    run: 1,
    version: 1,
    ttlMs: 30_000,
    value: encodeGiven('fine'),
  };

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['half a value', Uint8Array.of(0xa5, 0x41)],
    ['two values', Uint8Array.of(1, 2)],
    ['null', Uint8Array.of(0xc0)],
    ['more elements than bytes', Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['4,000 arrays, one in the other', new Uint8Array(4000).fill(0x91)],
    ['an extension of MessagePack', Uint8Array.of(0xd4, 0x05, 0x01)],
    ['a key that reaches for the prototype', Uint8Array.of(0x81, 0xa9, ...new TextEncoder().encode('__proto__'), 0x80)],
  ])('is refused: %s', (_, value) => {
    const room = roomOf(['a', 'b']);
    const member = room.members.get('b');
    expect(member?.receive(honest)).toBe(true);
    expect(member?.receive({ ...honest, version: 2, value })).toBe(false);
    expect(room.seen('b')).toEqual({ a: 'fine' });
  });

  test('is refused: what is for another member', () => {
    const room = roomOf(['a', 'b']);
    expect(room.members.get('b')?.receive({ ...honest, to: nodeId('c') })).toBe(false);
    expect(room.seen('b')).toEqual({});
  });

  test('is far too much of it; the fastest pace, and what waited for five seconds, are not', () => {
    const room = roomOf(['a', 'b']);
    const member = room.members.get('b');
    let version = 0;
    const push = (): boolean | undefined =>
      member?.receive({ ...honest, version: ++version, value: encodeGiven(version) });
    for (let i = 0; i < 3600; i++) {
      expect(push()).toBe(true);
      room.clock.pass(1000 / 60);
    }
    room.clock.pass(4900);
    for (let i = 0; i < 60 * 4.9; i++) expect(push()).toBe(true);
    let taken = 0;
    for (let i = 0; i < 1000; i++) if (push() === true) taken++;
    expect(taken).toBeLessThan(20);
    const before = room.seen('b');
    expect(push()).toBe(false);
    expect(room.seen('b')).toEqual(before);
  });

  test('is a crowd: so many are kept, and no more', () => {
    const room = new Room();
    const member = room.open('b');
    for (let i = 0; i < maxPresent + 50; i++) {
      const from = nodeId(`h${i}`);
      member.connected(from);
      expect(member.receive({ ...honest, from })).toBe(true);
    }
    expect(member.others()).toHaveLength(maxPresent);
    // A place that is free goes to the next.
    member.disconnected(hostOf(nodeId('h0')));
    room.clock.pass(goneAfterMs + 500);
    member.connected(nodeId('next'));
    member.receive({ ...honest, from: nodeId('next') });
    expect(member.others().map(({ member: id }) => id)).toContain(nodeId('next'));
  });
});

test('whoever is closed shows nothing, sees nothing, and says why', () => {
  const room = roomOf(['a', 'b']);
  room.show('a', 1);
  room.show('b', 1);
  room.clock.pass(100);
  const a = room.members.get('a');
  a?.close(closed);
  expect(a?.others()).toEqual([]);
  expect(() => a?.set(encodeGiven(2))).toThrow(closed);
  room.show('b', 2);
  room.clock.pass(60_000);
  expect(a?.others()).toEqual([]);
});

test('nothing runs while nobody shows anything', () => {
  const room = roomOf(['a', 'b']);
  room.show('a', 1);
  room.clock.pass(1000);
  room.show('a', null);
  // A timer that was ended passes once more in virtual time.
  room.clock.pass(20_000);
  expect(room.clock.step(Infinity)).toBe(false);
});
