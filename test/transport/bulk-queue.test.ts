/** What feeds the bulk channel of a link, over a channel that drains when a test says so. */
import { expect, test } from 'vitest';
import { BulkQueue, channelBytes } from '../../src/transport/bulk-queue.ts';
import { type LaneChannel, Outlet } from '../../src/transport/outlet.ts';
import { ManualTimers } from './peers.ts';

const messageBytes = 16 * 1024;

/** Counts how often it is asked what it holds. */
class SlowChannel implements LaneChannel {
  readonly taken: number[] = [];
  held = 0;
  asked = 0;
  isBroken = false;

  get bufferedBytes(): number {
    this.asked++;
    return this.held;
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.isBroken) throw new Error('not open');
    this.taken.push(message[0] ?? 0);
    this.held += message.byteLength;
  }
}

function newQueue() {
  const channel = new SlowChannel();
  const timers = new ManualTimers();
  const errors: unknown[] = [];
  const queue: BulkQueue = new BulkQueue(new Outlet(channel), timers, (error) => {
    errors.push(error);
    queue.close();
  });
  const push = (count: number, from = 0) => {
    for (let i = 0; i < count; i++) queue.push(new Uint8Array(messageBytes).fill(from + i));
    queue.feed();
  };
  return { channel, timers, errors, queue, push };
}

test('a bulk channel gets no more at a time than it can hold, and the rest, in its order, as it drains', () => {
  const { channel, queue, push } = newQueue();
  push(10);
  expect(channel.held).toBe(channelBytes);
  expect(queue.bufferedBytes).toBe(10 * messageBytes);
  while (queue.bufferedBytes > 0) {
    channel.held = 0;
    queue.feed();
  }
  expect(channel.taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a bulk channel that never tells that it has drained is fed all the same', () => {
  const { channel, timers, push } = newQueue();
  push(10);
  channel.held = 0;
  timers.pass(20);
  expect(channel.taken).toHaveLength(8);
  channel.held = 0;
  timers.pass(20);
  expect(channel.taken).toHaveLength(10);
});

test('a bulk channel is not asked what it holds for each message: in Node that costs as much as sending', () => {
  const { channel, push } = newQueue();
  for (let i = 0; i < 100; i++) {
    channel.held = 0;
    push(1, i);
  }
  expect(channel.taken).toHaveLength(100);
  expect(channel.asked).toBeLessThanOrEqual(100 / (channelBytes / messageBytes));
});

test('a queue that is empty never counts so much in the channel that the lane would stay full', () => {
  const { channel, queue, push } = newQueue();
  for (let i = 0; i < 50; i++) {
    channel.held = 0;
    push(3, i);
    expect(queue.atMostBytes).toBeLessThan(2 * channelBytes);
  }
});

test('a bulk channel that takes nothing any more is told of, and what waits is dropped', () => {
  const { channel, timers, errors, queue, push } = newQueue();
  push(6);
  channel.isBroken = true;
  channel.held = 0;
  timers.pass(20);
  expect(errors).toHaveLength(1);
  expect(queue.bufferedBytes).toBe(0);
  timers.pass(1000);
  expect(errors).toHaveLength(1);
});
