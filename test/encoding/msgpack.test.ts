import { encode as reference } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, encode } from '../../src/encoding/msgpack.ts';

const json = fc.jsonValue({ maxDepth: 5 });
const value = fc.oneof(
  json,
  fc.uint8Array({ maxLength: 70_000 }),
  fc.string({ maxLength: 300 }),
  fc.double({ noNaN: true }),
  fc.maxSafeInteger(),
  fc.array(fc.integer(), { minLength: 15, maxLength: 20 }),
);

describe('decoding', () => {
  test('gives back what was encoded', () => {
    fc.assert(
      fc.property(value, (given) => {
        expect(reference(decode(encode(given)))).toEqual(reference(given));
      }),
    );
    fc.assert(
      fc.property(json, (given) => {
        expect(JSON.stringify(decode(encode(given)))).toBe(JSON.stringify(given));
      }),
    );
  });

  test('takes every form that the format has', () => {
    for (const given of [null, true, false, -1, -33, -129, -70_000, 127, 255, 65_535, 70_000, 2 ** 40, 0.5]) {
      expect(decode(encode(given))).toBe(given);
    }
    expect(decode(encode(new Date(1234)))).toEqual(new Date(1234));
    const long = 'x'.repeat(70_000);
    expect(decode(encode(long))).toBe(long);
    expect(decode(encode(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i]))))).toHaveProperty(
      'k19',
    );
  });

  test('refuses every proper prefix and every value with something behind it', () => {
    fc.assert(
      fc.property(value, (given) => {
        const bytes = encode(given);
        const cut = bytes.byteLength - 1 - Math.floor(bytes.byteLength / 3);
        expect(() => decode(bytes.subarray(0, cut))).toThrow();
        expect(() => decode(new Uint8Array([...bytes.subarray(0, 1000), ...bytes, 0]))).toThrow();
      }),
    );
  });

  test('refuses nesting beyond the depth asked for', () => {
    expect(decode(encode([1, 2]), 1)).toEqual([1, 2]);
    expect(() => decode(encode([[1]]), 1)).toThrow('nested too deep');
    expect(() => decode(encode({ a: 1 }), 0)).toThrow('nested too deep');
  });

  test.each([
    ['an array of four billion', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a map of four billion', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['a string of four billion', [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['bytes of four billion', [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ['the byte that means nothing', [0xc1]],
    ['nothing', []],
  ])('refuses %s at once', (_, bytes) => {
    expect(() => decode(Uint8Array.from(bytes))).toThrow(RangeError);
  });

  test('refuses arrays in arrays in arrays, whose headers alone would claim gigabytes', () => {
    const bytes = new Uint8Array(60_000);
    for (let i = 0; i < bytes.length; i += 3) bytes.set([0xdc, 0x40, 0x00], i);
    expect(() => decode(bytes)).toThrow('nested too deep');
  });

  test('survives random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
