/**
 * Plain data: what states, commands and results are made of. Null, booleans, numbers, text, byte arrays, dates, and arrays
 * and objects of these. It looks the same on every member, whether a member computed it or read it from a snapshot.
 */
import { decode, encode } from '../encoding/msgpack.ts';

/** Arrays and objects may be nested so deep: what is deeper cannot be written. */
const maxDepth = 100;

/**
 * Freezes a value all the way down, so that a machine that changes its state in place fails at once and alike everywhere.
 * What is frozen already is not looked into again: the cost is that of what is new.
 * @throws TypeError for what is not plain data
 */
export function freeze<Value>(value: Value): Value {
  walk(value, 0, 'freeze');
  return value;
}

type Task = 'freeze' | 'look';

function walk(value: unknown, depth: number, task: Task): void {
  if (!isWorthALook(value, task)) return;
  checkPlain(value, depth);
  // The inner parts first: what is frozen is frozen all the way down.
  if (Array.isArray(value)) {
    const parts: readonly unknown[] = value;
    for (const part of parts) if (isWorthALook(part, task)) walk(part, depth + 1, task);
  } else {
    for (const key in value) walk((value as Record<string, unknown>)[key], depth + 1, task);
  }
  if (task === 'freeze') Object.freeze(value);
}

function checkPlain(value: object, depth: number): void {
  if (!isPlain(value)) throw new TypeError(`${nameOf(value)} is not plain data`);
  // Whatever refers to itself ends here, too.
  if (depth >= maxDepth) throw new TypeError(`plain data is nested at most ${maxDepth} levels deep`);
}

/** Most parts of most states are not: they hold nothing, or are frozen. */
function isWorthALook(value: unknown, task: Task): value is object {
  switch (typeof value) {
    case 'object':
      // A byte array cannot be frozen.
      return value !== null && !(task === 'freeze' && Object.isFrozen(value)) && !(value instanceof Uint8Array);
    case 'function':
    case 'symbol':
    case 'bigint':
      throw new TypeError(`a ${typeof value} is not plain data`);
    default:
      return false;
  }
}

/** Objects of other windows count as well: their prototype is not ours, but it has none itself. */
function isPlain(value: object): boolean {
  if (Array.isArray(value) || isDate(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isDate(value: object): value is Date {
  // eslint-disable-next-line no-restricted-globals -- a point in time is data; nobody is asked what time it is
  return value instanceof Date;
}

function nameOf(value: object): string {
  return `an object of ${value.constructor.name || 'some class'}`;
}

/**
 * Writes plain data that is frozen, and so has been looked at. A field that is undefined is left out.
 * @throws Error for what is nested too deep
 */
export function encodePlain(value: unknown): Uint8Array {
  return encode(value);
}

/**
 * Writes what anybody may have given us, and leaves it as it is.
 * @throws TypeError for what is not plain data
 */
export function encodeGiven(value: unknown): Uint8Array {
  walk(value, 0, 'look');
  return encode(value);
}

/**
 * Reads plain data, frozen. What it gives is never a view into `bytes`.
 * @throws Error for bytes that are not one value
 */
export function decodePlain(bytes: Uint8Array): unknown {
  return owned(decode(bytes, maxDepth + 1), 0);
}

/**
 * Freezes what was decoded just now, with byte arrays of its own in the place of views.
 * @throws TypeError for what MessagePack can say and plain data cannot
 */
function owned(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  checkPlain(value, depth);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = owned(value[i], depth + 1);
  } else {
    const parts = value as Record<string, unknown>;
    for (const key in parts) parts[key] = owned(parts[key], depth + 1);
  }
  return Object.freeze(value);
}

/**
 * Where two values differ, as a path like `.items[2].name`, beginning with `path`; null when they are the same. A field
 * that is undefined is as good as none.
 */
export function differenceOf(one: unknown, other: unknown, path = ''): string | null {
  if (Object.is(one, other)) return null;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return path;
  if (isDate(one) && isDate(other)) return Object.is(one.getTime(), other.getTime()) ? null : path;
  if (one instanceof Uint8Array && other instanceof Uint8Array) return differenceOfBytes(one, other, path);
  if (Array.isArray(one) && Array.isArray(other)) {
    if (one.length !== other.length) return `${path}.length`;
    return firstOf(one.keys(), (i) => differenceOf(one[i], other[i], `${path}[${i}]`));
  }
  if (!isRecord(one) || !isRecord(other)) return path;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return firstOf(keys, (key) => differenceOf(ownOf(one, key), ownOf(other, key), `${path}.${key}`));
}

/** Where there is something that is read back as something else, as a path; null when there is nothing of the kind. */
export function unfaithfulPart(value: unknown, path = ''): string | null {
  if (Object.is(value, -0)) return path;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || isDate(value)) return null;
  if (Array.isArray(value)) {
    const parts: readonly unknown[] = value;
    return firstOf(parts.keys(), (i) =>
      parts[i] === undefined ? `${path}[${i}]` : unfaithfulPart(parts[i], `${path}[${i}]`),
    );
  }
  return firstOf(Object.entries(value), ([key, part]: [string, unknown]) =>
    part === undefined ? `${path}.${key}` : unfaithfulPart(part, `${path}.${key}`),
  );
}

function firstOf<Item>(items: Iterable<Item>, find: (item: Item) => string | null): string | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}

function ownOf(value: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function isRecord(value: object): value is Record<string, unknown> {
  return isPlain(value) && !Array.isArray(value) && !isDate(value);
}

function differenceOfBytes(one: Uint8Array, other: Uint8Array, path: string): string | null {
  if (one.byteLength !== other.byteLength) return `${path}.length`;
  const at = one.findIndex((byte, i) => byte !== other[i]);
  return at === -1 ? null : `${path}[${at}]`;
}
