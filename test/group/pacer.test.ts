import { expect, test } from 'vitest';
import { Pacer } from '../../src/group/pacer.ts';

const ticksAt = (pacer: Pacer, ...times: number[]): number[] => times.map((time) => pacer.advance(time));

test('a tick is counted for each interval, and fractions are not lost', () => {
  expect(ticksAt(new Pacer(50, 10, 0), 50, 99, 149, 151, 199, 200)).toEqual([1, 0, 1, 1, 0, 1]);
});

test('E20 after a pause the inbox comes first, and the pause counts for a bounded number of ticks', () => {
  const pacer = new Pacer(50, 10, 0);
  expect(ticksAt(pacer, 50, 3_600_000, 3_600_050, 3_600_100)).toEqual([1, 0, 10, 1]);
});

test('E20 a short pause counts in full, one call later', () => {
  expect(ticksAt(new Pacer(50, 10, 0), 50, 350, 400)).toEqual([1, 0, 7]);
});

test('time goes on when every call is late', () => {
  expect(ticksAt(new Pacer(50, 10, 0), 200, 400, 600, 800)).toEqual([0, 4, 4, 4]);
});

test('a clock that stands still, or goes back, gives no ticks', () => {
  expect(ticksAt(new Pacer(50, 10, 1000), 1000, 900, 1050)).toEqual([0, 0, 1]);
});
