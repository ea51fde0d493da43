import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fragments, maxMessageBytes, Reassembler } from '../../src/transport/framing.ts';
import { type Lane, maxFrameBytes } from '../../src/transport/transport.ts';

const frame = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);
const lane = fc.constantFrom<Lane>('control', 'bulk');

describe('a frame', () => {
  test.each([0, 1, maxMessageBytes - 1, maxMessageBytes, maxMessageBytes + 1, 100_000, maxFrameBytes])(
    'of %i bytes arrives whole, in messages that every browser carries',
    (length) => {
      const reassembler = new Reassembler();
      const messages = [...fragments(frame(length), 'control')];
      const taken = messages.map((message) => {
        expect(message.byteLength).toBeLessThanOrEqual(maxMessageBytes);
        return reassembler.take(message);
      });
      expect(taken.slice(0, -1).every((result) => result === null)).toBe(true);
      expect(Buffer.compare(taken.at(-1) ?? new Uint8Array(), frame(length))).toBe(0);
    },
  );

  test('arrives whole when frames of the two lanes are interleaved in any way', () => {
    const traffic = fc.array(fc.tuple(fc.nat(60_000), lane), { maxLength: 8 });
    fc.assert(
      fc.property(traffic, fc.infiniteStream(fc.boolean()), (sent, coin) => {
        const queues = { control: [] as Uint8Array[], bulk: [] as Uint8Array[] };
        for (const [length, on] of sent) queues[on].push(...fragments(frame(length), on));
        const reassembler = new Reassembler();
        const received: number[] = [];
        while (queues.control.length + queues.bulk.length > 0) {
          const preferred = queues[coin.next().value === true ? 'bulk' : 'control'];
          const message = preferred.shift() ?? queues.control.shift() ?? queues.bulk.shift();
          const whole = message && reassembler.take(message);
          if (whole) received.push(whole.byteLength);
        }
        expect(received.sort()).toEqual(sent.map(([length]) => length).sort());
      }),
    );
  });
});

describe('N3 a message is refused', () => {
  const [first, second] = fragments(frame(40_000), 'control');
  if (first === undefined || second === undefined) throw new Error('too few messages');

  test('that is a part of nothing', () => {
    expect(() => new Reassembler().take(second)).toThrow('never began');
  });

  test('that begins a frame in the middle of another', () => {
    const reassembler = new Reassembler();
    reassembler.take(first);
    expect(() => reassembler.take(first)).toThrow('before the last one has ended');
  });

  test('that would make a frame longer, or end it shorter, than it began', () => {
    const tooLong = new Reassembler();
    tooLong.take(Uint8Array.of(1, 0, 0, 0, 2, 7));
    expect(() => tooLong.take(Uint8Array.of(2, 1, 2))).toThrow('another length');
    const tooShort = new Reassembler();
    tooShort.take(Uint8Array.of(1, 0, 0, 0, 9, 7));
    expect(() => tooShort.take(Uint8Array.of(2, 1, 2))).toThrow('another length');
    expect(() => new Reassembler().take(Uint8Array.of(1, 0, 0, 0, 1, 7))).toThrow('another length');
  });

  test('or waits for more, before memory is taken for what is only announced', () => {
    const announced = Uint8Array.of(1, 0, 0x40, 0, 0, 7);
    const before = process.memoryUsage().arrayBuffers;
    const many = Array.from({ length: 200 }, () => {
      const reassembler = new Reassembler();
      expect(reassembler.take(announced)).toBeNull();
      return reassembler;
    });
    // 800 MiB were announced, and nothing has come.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
    expect(many).toHaveLength(200);
  });

  test('that claims a frame larger than any', () => {
    expect(() => new Reassembler().take(Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff))).toThrow('larger than');
  });

  test.each([[[]], [[8]], [[255, 1]], [[1, 0, 0]]])('that has no valid header: %j', (bytes) => {
    expect(() => new Reassembler().take(Uint8Array.from(bytes))).toThrow(RangeError);
  });
});
