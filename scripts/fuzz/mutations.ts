/** Bytes that an enemy would send: whole frames that are bent a little, pieces of several, and plain noise. */
import type { Random } from '../../src/core/random.ts';

/** Values that lie on the edges of what MessagePack and the checks behind it tell apart. */
const edges = [
  0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xcf, 0xd9, 0xdc, 0xdd, 0xdf, 0xff,
];

const maxNoiseBytes = 200;

export function noise(random: Random): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: random.below(maxNoiseBytes) }, () => random.below(256));
}

type Mutation = (bytes: Uint8Array, other: Uint8Array, random: Random) => Uint8Array;

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const mutations: readonly Mutation[] = [
  // A bit, or a byte, is another one.
  (bytes, _other, random) => {
    const at = random.below(bytes.length);
    return bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
  },
  (bytes, _other, random) => bytes.with(random.below(bytes.length), random.below(256)),
  (bytes, _other, random) => bytes.with(random.below(bytes.length), edges[random.below(edges.length)] ?? 0),
  // A piece is missing, twice there, or somebody else's.
  (bytes, _other, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, _other, random) => {
    const [from, to] = [random.below(bytes.length), random.below(bytes.length)];
    return join(bytes.subarray(0, Math.max(from, to)), bytes.subarray(Math.min(from, to)));
  },
  (bytes, other, random) =>
    join(bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length))),
  (bytes, other, random) => {
    const at = random.below(bytes.length);
    const piece = other.subarray(random.below(other.length)).subarray(0, 1 + random.below(8));
    return join(bytes.subarray(0, at), piece, bytes.subarray(at));
  },
  // Something follows.
  (bytes, other) => join(bytes, other),
  // It claims to be longer than it is.
  (bytes, _other, random) => {
    const at = random.below(bytes.length);
    return join(bytes.subarray(0, at), Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff), bytes.subarray(at));
  },
];

/** One of the samples, bent once or a few times. */
export function mutated(samples: readonly Uint8Array[], random: Random): Uint8Array<ArrayBuffer> {
  const pick = (): Uint8Array => samples[random.below(samples.length)] ?? new Uint8Array(1);
  let bytes = pick();
  for (let times = 1 + random.below(3); times > 0 && bytes.length > 0; times--) {
    bytes = mutations[random.below(mutations.length)]?.(bytes, pick(), random) ?? bytes;
  }
  return new Uint8Array(bytes);
}
