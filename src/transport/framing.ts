/**
 * Cuts frames into messages that every WebRTC stack carries, and puts them together again. Each message begins with one
 * byte: whether a frame begins or ends in it, and the lane, so that frames of both lanes may be interleaved. The first
 * message of a frame says how long the frame is.
 *
 *     byte 0       1: a frame begins, 2: it ends, 4: bulk lane
 *     byte 1..4    only where a frame begins and does not end: its length, big-endian
 */
import { type Lane, maxFrameBytes } from './link.ts';

/** What a message may hold in all: the size up to which browsers of every age agree. */
export const maxMessageBytes: number = 16 * 1024;

const begins = 1;
const ends = 2;
const bulk = 4;
const lengthBytes = 4;

export function* fragments(frame: Uint8Array, lane: Lane): Generator<Uint8Array<ArrayBuffer>> {
  const flags = lane === 'bulk' ? bulk : 0;
  if (frame.byteLength + 1 <= maxMessageBytes) {
    const message = new Uint8Array(1 + frame.byteLength);
    message[0] = flags | begins | ends;
    message.set(frame, 1);
    yield message;
    return;
  }
  let offset = 0;
  while (offset < frame.byteLength) {
    const header = offset === 0 ? 1 + lengthBytes : 1;
    const part = frame.subarray(offset, offset + maxMessageBytes - header);
    const message = new Uint8Array(header + part.byteLength);
    const isLast = offset + part.byteLength === frame.byteLength;
    message[0] = flags | (offset === 0 ? begins : 0) | (isLast ? ends : 0);
    if (offset === 0) new DataView(message.buffer).setUint32(1, frame.byteLength);
    message.set(part, header);
    offset += part.byteLength;
    yield message;
  }
}

/** The lane that a message is of. */
export function laneOf(message: Uint8Array): Lane {
  return ((message[0] ?? 0) & bulk) === 0 ? 'control' : 'bulk';
}

interface PartialFrame {
  /** As it was announced. */
  readonly length: number;
  /** What has come of it, and room for more of it. */
  bytes: Uint8Array;
  filled: number;
}

/** What is reserved for a frame when it begins. From there on it is twice what has come, at the most. */
const firstRoom = 4 * maxMessageBytes;

/**
 * Takes the messages of one link in their order. One frame of each lane may be unfinished: its length bounds memory, and no
 * more is reserved than what has come is worth, because anybody can announce a frame.
 */
export class Reassembler {
  readonly #partial: Record<Lane, PartialFrame | null> = { control: null, bulk: null };

  /**
   * Takes a message; gives the frame that it completes, or null.
   * @throws RangeError for a message that cannot follow those before; the link is broken then
   */
  take(message: Uint8Array): Uint8Array | null {
    const flags = message[0];
    if (flags === undefined || flags > (begins | ends | bulk)) throw new RangeError('a message without a valid header');
    const lane = laneOf(message);
    const isWhole = (flags & begins) !== 0 && (flags & ends) !== 0;
    if (isWhole) return message.subarray(1);
    const partial = (flags & begins) === 0 ? this.#partial[lane] : this.#begin(message, lane);
    if (partial === null) throw new RangeError('a part of a frame that never began');
    const part = message.subarray((flags & begins) === 0 ? 1 : 1 + lengthBytes);
    const filled = partial.filled + part.byteLength;
    const isComplete = (flags & ends) !== 0;
    if (filled > partial.length || isComplete !== (filled === partial.length)) {
      throw new RangeError('a frame of another length than it began with');
    }
    if (filled > partial.bytes.byteLength) partial.bytes = grown(partial, filled);
    partial.bytes.set(part, partial.filled);
    partial.filled = filled;
    if (!isComplete) return null;
    this.#partial[lane] = null;
    return partial.bytes;
  }

  #begin(message: Uint8Array, lane: Lane): PartialFrame {
    if (this.#partial[lane] !== null) throw new RangeError('a frame begins before the last one has ended');
    if (message.byteLength < 1 + lengthBytes) throw new RangeError('a frame begins without its length');
    const length = new DataView(message.buffer, message.byteOffset).getUint32(1);
    if (length > maxFrameBytes) throw new RangeError(`a frame of ${length} bytes is larger than ${maxFrameBytes}`);
    const partial = { length, bytes: new Uint8Array(Math.min(length, firstRoom)), filled: 0 };
    this.#partial[lane] = partial;
    return partial;
  }
}

/** Room for what has come, and as much again; never more than the frame has. */
function grown({ bytes, filled, length }: PartialFrame, needed: number): Uint8Array {
  const larger = new Uint8Array(Math.min(2 * needed, length));
  larger.set(bytes.subarray(0, filled));
  return larger;
}
