/** CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: what records on disk are checked with. */

const table = new Uint32Array(256);
for (let i = 0; i < 256; i++) {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  table[i] = crc;
}

/**
 * The checksum of `bytes`, in [0, 2^32).
 * @param before the checksum of what comes before them, for bytes that come in parts
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let crc = ~before >>> 0;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}
