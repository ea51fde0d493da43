/**
 * CRC-32C (Castagnoli), as in RFC 3720, appendix B.4: what records on disk are checked with. Eight bytes at a time, by eight
 * tables (Kounavis and Berry, "A systematic approach to building high performance, software-based, CRC generators"): every
 * flush waits for this.
 */

const stride = 8;
const entriesPerTable = 256;

/** Table k, from k * 256 on: what a byte does to the checksum k bytes after it. */
const tables = new Int32Array(stride * entriesPerTable);
for (let i = 0; i < entriesPerTable; i++) {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  tables[i] = crc;
}
for (let i = entriesPerTable; i < tables.length; i++) {
  const before = at(i - entriesPerTable);
  tables[i] = at(before & 0xff) ^ (before >>> 8);
}

function at(index: number): number {
  return tables[index] ?? 0;
}

/**
 * The checksum of `bytes`, in [0, 2^32).
 * @param before the checksum of what comes before them, for bytes that come in parts
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const strides = bytes.byteLength - (bytes.byteLength % stride);
  let crc = ~before;
  let i = 0;
  for (; i < strides; i += stride) {
    const low = crc ^ view.getInt32(i, true);
    const high = view.getInt32(i + 4, true);
    crc =
      at(0x700 + (low & 0xff)) ^
      at(0x600 + ((low >>> 8) & 0xff)) ^
      at(0x500 + ((low >>> 16) & 0xff)) ^
      at(0x400 + (low >>> 24)) ^
      at(0x300 + (high & 0xff)) ^
      at(0x200 + ((high >>> 8) & 0xff)) ^
      at(0x100 + ((high >>> 16) & 0xff)) ^
      at(high >>> 24);
  }
  for (; i < bytes.byteLength; i++) crc = at((crc ^ view.getUint8(i)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}
