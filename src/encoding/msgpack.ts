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
 * Decodes exactly one value. Byte strings in it are views into `bytes`.
 * @param maxDepth how deep arrays and maps may be nested: 0 for a scalar, 1 for a flat array
 * @throws RangeError or DecodeError for anything that is not one well-formed value of that shape
 */
export function decode(bytes: Uint8Array, maxDepth = 32): unknown {
  const end = skipValue(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, maxDepth);
  if (end !== bytes.byteLength) throw new RangeError(`${bytes.byteLength - end} bytes follow the value`);
  return decoder.decode(bytes);
}

/** Returns where the value that begins at `start` ends. Every element costs at least a byte, so no count can lie. */
function skipValue(view: DataView, start: number, depth: number): number {
  const head = view.getUint8(start);
  const at = start + 1;
  if (head < 0x80 || head >= 0xe0) return at;
  if (head < 0x90) return skipMany(view, at, 2 * (head & 0x0f), depth);
  if (head < 0xa0) return skipMany(view, at, head & 0x0f, depth);
  if (head < 0xc0) return skipBytes(view, at, head & 0x1f);
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at;
    case 0xc4:
    case 0xd9:
      return skipBytes(view, at + 1, view.getUint8(at));
    case 0xc5:
    case 0xda:
      return skipBytes(view, at + 2, view.getUint16(at));
    case 0xc6:
    case 0xdb:
      return skipBytes(view, at + 4, view.getUint32(at));
    case 0xc7:
      return skipBytes(view, at + 2, view.getUint8(at));
    case 0xc8:
      return skipBytes(view, at + 3, view.getUint16(at));
    case 0xc9:
      return skipBytes(view, at + 5, view.getUint32(at));
    case 0xcc:
    case 0xd0:
      return skipBytes(view, at, 1);
    case 0xcd:
    case 0xd1:
      return skipBytes(view, at, 2);
    case 0xca:
    case 0xce:
    case 0xd2:
      return skipBytes(view, at, 4);
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return skipBytes(view, at, 8);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return skipBytes(view, at, 1 + (1 << (head - 0xd4)));
    case 0xdc:
      return skipMany(view, at + 2, view.getUint16(at), depth);
    case 0xdd:
      return skipMany(view, at + 4, view.getUint32(at), depth);
    case 0xde:
      return skipMany(view, at + 2, 2 * view.getUint16(at), depth);
    case 0xdf:
      return skipMany(view, at + 4, 2 * view.getUint32(at), depth);
    default:
      throw new RangeError(`no value begins with the byte ${head}`);
  }
}

function skipBytes(view: DataView, at: number, count: number): number {
  if (at + count > view.byteLength) throw new RangeError(`a value of ${count} bytes is cut short`);
  return at + count;
}

function skipMany(view: DataView, start: number, count: number, depth: number): number {
  if (depth === 0) throw new RangeError('values are nested too deep');
  if (count > view.byteLength - start) throw new RangeError(`${count} elements do not fit into the bytes that follow`);
  let at = start;
  for (let i = 0; i < count; i++) at = skipValue(view, at, depth - 1);
  return at;
}
