/**
 * A map in the order of its keys, as plain data that never changes: pages of neighbouring keys. A change copies one page
 * and the list of pages, and shares all the rest with the map before it.
 */

/** As many values as keys; text is in the order of its UTF-16 code units, which is the same everywhere. */
interface Page<Key, Value> {
  readonly keys: readonly Key[];
  readonly values: readonly Value[];
}

/** No page is empty. */
export type SortedMap<Key extends string | number, Value> = readonly Page<Key, Value>[];

/** A page that is fuller is cut in two. */
const maxPageKeys = 128;

/** How many of `count` things, in order, come before what is looked for. */
function countBefore(count: number, isBefore: (place: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The page that a key is on, or would be on. */
function pageOf<Key extends string | number, Value>(map: SortedMap<Key, Value>, key: Key): number {
  const isBefore = (place: number): boolean => {
    const first = map[place]?.keys[0];
    return first !== undefined && first <= key;
  };
  return Math.max(0, countBefore(map.length, isBefore) - 1);
}

/** Where on a page a key is, or would be. */
function placeOf<Key extends string | number>(keys: readonly Key[], key: Key): number {
  return countBefore(keys.length, (place) => {
    const other = keys[place];
    return other !== undefined && other < key;
  });
}

export function get<Key extends string | number, Value>(map: SortedMap<Key, Value>, key: Key): Value | undefined {
  const page = map[pageOf(map, key)];
  if (page === undefined) return undefined;
  const place = placeOf(page.keys, key);
  return page.keys[place] === key ? page.values[place] : undefined;
}

export function put<Key extends string | number, Value>(
  map: SortedMap<Key, Value>,
  key: Key,
  value: Value,
): SortedMap<Key, Value> {
  const at = pageOf(map, key);
  const { keys, values } = map[at] ?? { keys: [], values: [] };
  const place = placeOf(keys, key);
  if (keys[place] === key) return replaced(map, at, { keys, values: values.with(place, value) });
  const page = { keys: keys.toSpliced(place, 0, key), values: values.toSpliced(place, 0, value) };
  if (page.keys.length <= maxPageKeys) return replaced(map, at, page);
  // Whoever appends fills the pages: the last one is left as it is, and a new one begun.
  const half = place === keys.length && at === map.length - 1 ? keys.length : maxPageKeys / 2;
  return replaced(
    map,
    at,
    { keys: page.keys.slice(0, half), values: page.values.slice(0, half) },
    { keys: page.keys.slice(half), values: page.values.slice(half) },
  );
}

export function remove<Key extends string | number, Value>(
  map: SortedMap<Key, Value>,
  key: Key,
): SortedMap<Key, Value> {
  const at = pageOf(map, key);
  const page = map[at];
  if (page === undefined) return map;
  const place = placeOf(page.keys, key);
  if (page.keys[place] !== key) return map;
  const rest = { keys: page.keys.toSpliced(place, 1), values: page.values.toSpliced(place, 1) };
  return rest.keys.length === 0 ? replaced(map, at) : replaced(map, at, rest);
}

function replaced<Key extends string | number, Value>(
  map: SortedMap<Key, Value>,
  at: number,
  ...pages: Page<Key, Value>[]
): SortedMap<Key, Value> {
  return map.toSpliced(at, 1, ...pages);
}

/** The keys from `from` on, with their values, in order. */
export function* entriesFrom<Key extends string | number, Value>(
  map: SortedMap<Key, Value>,
  from: Key,
): Generator<readonly [key: Key, value: Value]> {
  for (let at = pageOf(map, from); at < map.length; at++) {
    const { keys, values } = map[at] ?? { keys: [], values: [] };
    const first = placeOf(keys, from);
    for (const [i, key] of keys.slice(first).entries()) yield [key, values[first + i] as Value];
  }
}

export function sizeOf(map: SortedMap<string | number, unknown>): number {
  return map.reduce((sum, { keys }) => sum + keys.length, 0);
}
