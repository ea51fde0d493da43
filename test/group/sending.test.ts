/** Messages on their way to the other members: what the next one says as well is not sent, and nothing else is left out. */
import { describe, expect, test } from 'vitest';
import type { AppendEntries, AppendEntriesResponse, Entry, Message, NodeId } from '../../src/core/types.ts';
import { Sending } from '../../src/group/sending.ts';
import type { MemberMessage } from '../../src/transport/messages.ts';

const [a, b, c] = ['a', 'b', 'c'] as unknown as [NodeId, NodeId, NodeId];

function append(to: NodeId, prevIndex: number, commit: number, more: Partial<AppendEntries> = {}): AppendEntries {
  return { kind: 'AppendEntries', from: a, to, term: 1, prevIndex, prevTerm: 1, entries: [], commit, ...more };
}

const news = (to: NodeId, commit: number): AppendEntries => append(to, commit, commit, { needsNoAnswer: true });

const entries = (index: number): readonly Entry[] => [{ index, term: 1, kind: 'command', data: new Uint8Array() }];

const acknowledgement = (to: NodeId, index: number): AppendEntriesResponse => ({
  kind: 'AppendEntriesResponse',
  from: a,
  to,
  term: 1,
  index,
  conflict: null,
});

class Desk {
  readonly sent: MemberMessage[] = [];
  readonly unsent: Message[] = [];
  readonly #turns: (() => void)[] = [];
  readonly awaiting = new Set<NodeId>();
  readonly full = new Set<NodeId>();
  role: 'leader' | 'follower' = 'leader';
  term = 1;
  readonly sending: Sending;

  constructor() {
    this.sending = new Sending({
      raft: this,
      transport: {
        send: (to, message) => {
          if (this.full.has(to)) return false;
          this.sent.push(message);
          return true;
        },
      },
      later: (action) => this.#turns.push(action),
      isAwaited: ({ to }) => this.awaiting.has(to),
    });
  }

  reportUnsent(message: Message): void {
    this.unsent.push(message);
  }

  /** Gives what was sent since the last time. */
  taken(): MemberMessage[] {
    return this.sent.splice(0);
  }

  turn(): MemberMessage[] {
    for (const action of this.#turns.splice(0)) action();
    return this.taken();
  }
}

describe('news of a commit', () => {
  test('waits a turn, and is not sent when an append brings it as well', () => {
    const desk = new Desk();
    desk.sending.send([news(b, 1), news(c, 1)]);
    expect(desk.taken()).toEqual([]);
    const next = append(b, 1, 1, { entries: entries(2) });
    desk.sending.send([next]);
    expect(desk.taken()).toEqual([next]);
    expect(desk.turn()).toEqual([news(c, 1)]);
    expect(desk.turn()).toEqual([]);
  });

  test('is told once, as it stands in the end', () => {
    const desk = new Desk();
    desk.sending.send([news(b, 1)]);
    desk.sending.send([news(b, 2)]);
    expect(desk.turn()).toEqual([news(b, 2)]);
    desk.sending.send([news(b, 3)]);
    expect(desk.turn()).toEqual([news(b, 3)]);
  });

  test('goes at once to whoever waits for it', () => {
    const desk = new Desk();
    desk.awaiting.add(c);
    desk.sending.send([news(b, 1), news(c, 1)]);
    expect(desk.taken()).toEqual([news(c, 1)]);
    expect(desk.turn()).toEqual([news(b, 1)]);
  });

  test('is not told any more by whoever does not lead that term', () => {
    const desk = new Desk();
    desk.sending.send([news(b, 1)]);
    desk.role = 'follower';
    expect(desk.turn()).toEqual([]);
    desk.role = 'leader';
    desk.sending.send([news(b, 1)]);
    desk.term = 2;
    expect(desk.turn()).toEqual([]);
  });

  test('is reported when the transport does not take it', () => {
    const desk = new Desk();
    desk.full.add(b);
    desk.sending.send([news(b, 1)]);
    expect(desk.turn()).toEqual([]);
    expect(desk.unsent).toEqual([news(b, 1)]);
  });

  test('does not hold back an append that asks', () => {
    const desk = new Desk();
    desk.sending.send([append(b, 1, 1)]);
    expect(desk.taken()).toEqual([append(b, 1, 1)]);
  });
});

describe('acknowledgements that follow each other', () => {
  test('are told by the last of them', () => {
    const desk = new Desk();
    desk.sending.send([acknowledgement(b, 1), acknowledgement(b, 2), acknowledgement(b, 2), acknowledgement(b, 3)]);
    expect(desk.taken()).toEqual([acknowledgement(b, 3)]);
  });

  test('are all told when they are for others, of another term, a step back, or refusals', () => {
    const desk = new Desk();
    const all = [
      acknowledgement(b, 2),
      acknowledgement(c, 3),
      { ...acknowledgement(c, 4), term: 2 },
      { ...acknowledgement(c, 1), term: 2 },
      { ...acknowledgement(c, 5), conflict: { index: 4, term: 1 } },
      acknowledgement(c, 6),
    ];
    desk.sending.send(all);
    expect(desk.taken()).toEqual(all);
  });
});

test('what is behind an append that was refused stays, and other members get theirs', () => {
  const desk = new Desk();
  desk.full.add(b);
  const [first, second] = [append(b, 1, 1, { entries: entries(2) }), append(b, 2, 1, { entries: entries(3) })];
  desk.sending.send([first, second, append(c, 1, 1)]);
  expect(desk.unsent).toEqual([first]);
  expect(desk.taken()).toEqual([append(c, 1, 1)]);
});
