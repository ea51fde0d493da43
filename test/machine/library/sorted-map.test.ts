import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entriesFrom, get, put, remove, sizeOf, type SortedMap } from '../../../src/machine/library/sorted-map.ts';

const sorted = (model: Map<string, number>): [string, number][] => [...model].sort(([a], [b]) => (a < b ? -1 : 1));

test('a sorted map is a map in the order of its keys, and never changes', () => {
  const key = fc.oneof(fc.string({ maxLength: 2 }), fc.constantFrom('a', 'b', 'ä', '\u{1f600}', 'ﬀ'));
  const step = fc.record({ key, value: fc.option(fc.nat(), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), key, (steps, from) => {
      let map: SortedMap<string, number> = [];
      const model = new Map<string, number>();
      for (const { key, value } of steps) {
        const [before, old] = [[...entriesFrom(map, '')], map];
        map = value === undefined ? remove(map, key) : put(map, key, value);
        if (value === undefined) model.delete(key);
        else model.set(key, value);
        expect([...entriesFrom(old, '')]).toEqual(before);
        expect(get(map, key)).toBe(value);
      }
      expect([...entriesFrom(map, '')]).toEqual(sorted(model));
      expect([...entriesFrom(map, from)]).toEqual(sorted(model).filter(([key]) => key >= from));
      expect(sizeOf(map)).toBe(model.size);
    }),
    { numRuns: 60 },
  );
});

test.each([
  ['upwards', (i: number): number => i],
  ['downwards', (i: number): number => 5000 - i],
  ['at random', (i: number): number => (i * 2741) % 5003],
])('a sorted map of many keys, put in %s and taken out again, keeps its pages small and few', (_, keyOf) => {
  let map: SortedMap<number, string> = [];
  for (let i = 0; i < 5000; i++) map = put(map, keyOf(i), `${i}`);
  expect([sizeOf(map), get(map, keyOf(1234)), get(map, -1)]).toEqual([5000, '1234', undefined]);
  expect(Math.max(...map.map(({ keys }) => keys.length))).toBeLessThanOrEqual(128);
  expect(map.length).toBeLessThan(100);
  for (let i = 0; i < 5000; i++) map = remove(map, keyOf(i));
  expect(map).toEqual([]);
  expect(remove(map, 1)).toBe(map);
});
