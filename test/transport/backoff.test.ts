import { expect, test } from 'vitest';
import { Backoff } from '../../src/transport/timers.ts';

test('pauses double up to the longest, are shortened by up to a half at random, and begin anew after a success', () => {
  const longest = new Backoff(250, 2000, () => 0.999_999);
  expect([1, 2, 3, 4, 5].map(() => Math.round(longest.next()))).toEqual([250, 500, 1000, 2000, 2000]);
  const shortest = new Backoff(250, 2000, () => 0);
  expect([1, 2, 3, 4, 5].map(() => shortest.next())).toEqual([125, 250, 500, 1000, 1000]);
  shortest.reset();
  expect(shortest.next()).toBe(125);
});
