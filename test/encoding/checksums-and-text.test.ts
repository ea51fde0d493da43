import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBase64Url, toBase64Url } from '../../src/encoding/base64url.ts';
import { crc32c } from '../../src/encoding/crc32c.ts';

test('CRC-32C gives the values of RFC 3720, appendix B.4', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
});

test('CRC-32C is the same in one go and in parts, wherever bytes begin and end', () => {
  const bitByBit = (bytes: Uint8Array): number => {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    return ~crc >>> 0;
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(70), fc.nat(70), (bytes, one, other) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      const middle = bytes.subarray(from, to);
      expect(crc32c(middle)).toBe(bitByBit(middle));
      expect(crc32c(bytes.subarray(from), crc32c(bytes.subarray(0, from)))).toBe(bitByBit(bytes));
    }),
  );
});

test('CRC-32C notices every single flipped bit', () => {
  const bytes = new TextEncoder().encode('a record of some length');
  const sum = crc32c(bytes);
  for (let i = 0; i < bytes.length * 8; i++) {
    const flipped = bytes.slice();
    flipped[i >> 3] = (flipped[i >> 3] ?? 0) ^ (1 << (i & 7));
    expect(crc32c(flipped)).not.toBe(sum);
  }
});

test('base64url gives back every sequence of bytes, in letters that a URL takes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = toBase64Url(bytes);
      expect(text).toMatch(/^[\w-]*$/);
      expect(fromBase64Url(text)).toEqual(bytes);
    }),
  );
});

test.each(['a', 'ab=', 'a b', '+/', 'AB', 'é'])('base64url refuses %j', (text) => {
  expect(() => fromBase64Url(text)).toThrow(RangeError);
});
