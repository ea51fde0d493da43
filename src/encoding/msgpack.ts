/**
 * MessagePack for what may come from anywhere. The decoder allocates what a header claims before it has seen the
 * content, so bytes are walked first: a few of them must not cost megabytes (N3).
 */
import { Decoder, Encoder } from '@msgpack/msgpack';

// A field that is undefined is no field: read back, it would be null.
const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

/** @throws Error for values that MessagePack has no form for: functions, symbols, bigints, more than 100 levels. */
export function encode(value: unknown): Uint8Array {
  return encoder.encode(value);
}

/**
 * Encodes behind so many bytes that are left free: in one array, and with one copy less than by `encode`.
 * @throws Error as `encode` does
 */
export function encodeBehind(freeBytes: number, value: unknown): Uint8Array {
  const encoded = encoder.encodeSharedRef(value);
  const bytes = new Uint8Array(freeBytes + encoded.byteLength);
  bytes.set(encoded, freeBytes);
  return bytes;
}

/**
 * Decodes exactly one value. Byte strings in it are views into `bytes`.
 * @param maxDepth how deep arrays and maps may be nested: 0 for a scalar, 1 for a flat array
 * @throws RangeError or DecodeError for anything that is not one well-formed value of that shape
 */
export function decode(bytes: Uint8Array, maxDepth = 32): unknown {
  const end = skipValue(bytes, 0, maxDepth);
  if (end !== bytes.byteLength) throw new RangeError(`${bytes.byteLength - end} bytes follow the value`);
  return decoder.decode(bytes);
}

/** Returns where the value that begins at `start` ends. Every element costs at least a byte, so no count can lie. */
function skipValue(bytes: Uint8Array, start: number, depth: number): number {
  const head = uintAt(bytes, start, 1);
  const at = start + 1;
  if (head < 0x80 || head >= 0xe0) return at;
  if (head < 0x90) return skipMany(bytes, at, 2 * (head & 0x0f), depth);
  if (head < 0xa0) return skipMany(bytes, at, head & 0x0f, depth);
  if (head < 0xc0) return skipBytes(bytes, at, head & 0x1f);
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at;
    case 0xc4:
    case 0xd9:
      return skipBytes(bytes, at + 1, uintAt(bytes, at, 1));
    case 0xc5:
    case 0xda:
      return skipBytes(bytes, at + 2, uintAt(bytes, at, 2));
    case 0xc6:
    case 0xdb:
      return skipBytes(bytes, at + 4, uintAt(bytes, at, 4));
    case 0xc7:
      return skipBytes(bytes, at + 2, uintAt(bytes, at, 1));
    case 0xc8:
      return skipBytes(bytes, at + 3, uintAt(bytes, at, 2));
    case 0xc9:
      return skipBytes(bytes, at + 5, uintAt(bytes, at, 4));
    case 0xcc:
    case 0xd0:
      return skipBytes(bytes, at, 1);
    case 0xcd:
    case 0xd1:
      return skipBytes(bytes, at, 2);
    case 0xca:
    case 0xce:
    case 0xd2:
      return skipBytes(bytes, at, 4);
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return skipBytes(bytes, at, 8);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return skipBytes(bytes, at, 1 + (1 << (head - 0xd4)));
    case 0xdc:
      return skipMany(bytes, at + 2, uintAt(bytes, at, 2), depth);
    case 0xdd:
      return skipMany(bytes, at + 4, uintAt(bytes, at, 4), depth);
    case 0xde:
      return skipMany(bytes, at + 2, 2 * uintAt(bytes, at, 2), depth);
    case 0xdf:
      return skipMany(bytes, at + 4, 2 * uintAt(bytes, at, 4), depth);
    default:
      throw new RangeError(`no value begins with the byte ${head}`);
  }
}

/** A big-endian number of 1, 2 or 4 bytes. */
function uintAt(bytes: Uint8Array, at: number, size: 1 | 2 | 4): number {
  if (at + size > bytes.byteLength) throw new RangeError('a value is cut short');
  let value = 0;
  for (let i = at; i < at + size; i++) value = value * 256 + (bytes[i] ?? 0);
  return value;
}

function skipBytes(bytes: Uint8Array, at: number, count: number): number {
  if (at + count > bytes.byteLength) throw new RangeError(`a value of ${count} bytes is cut short`);
  return at + count;
}

function skipMany(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (depth === 0) throw new RangeError('values are nested too deep');
  if (count > bytes.byteLength - start) throw new RangeError(`${count} elements do not fit into the bytes that follow`);
  let at = start;
  for (let i = 0; i < count; i++) at = skipValue(bytes, at, depth - 1);
  return at;
}
