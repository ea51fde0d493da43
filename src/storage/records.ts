/**
 * Records on disk: a checksum, a format version, and an array in MessagePack (D11). A record that does not check out
 * stops its member: a wrong log is worse than none.
 *
 *     byte  0..3   CRC-32C of all that follows, little-endian
 *     byte  4      format version
 *     byte  5..    the payload
 *
 * Version 1 knew no configurations but a list of voters, and no snapshots. It is read for ever, and never written.
 */
import { foundingConfiguration } from '../core/configuration.ts';
import type { Entry, EntryKind, HardState, Index, LogStart, NodeId } from '../core/types.ts';
import { configurationFields, readConfiguration } from '../encoding/configuration.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { RaftError } from '../errors.ts';

const formatVersion = 2;
const headerBytes = 5;
const checksumBytes = 4;

/**
 * Entries, and the bytes of snapshots, are packed into records of about this size: larger values are stored apart, and
 * slowly, by Chromium.
 */
export const recordBytes: number = 60 * 1024;

const entryKinds: readonly EntryKind[] = ['empty', 'command', 'configuration'];

export const maxChecksum = 0xffff_ffff;

/** The sum of two checksums, or with a negative sign their difference: in any order, and of any number of records. */
export function addChecksums(one: number, other: number): number {
  return (one + other) >>> 0;
}

/** The checksum of a record, as it says itself. */
export function checksumOf(record: Uint8Array): number {
  return new DataView(record.buffer, record.byteOffset, checksumBytes).getUint32(0, true);
}

export const isNodeId = (text: string): text is NodeId => text !== '';

export function seal(payload: unknown): Uint8Array {
  const body = encode(payload);
  const record = new Uint8Array(headerBytes + body.byteLength);
  record[checksumBytes] = formatVersion;
  record.set(body, headerBytes);
  new DataView(record.buffer).setUint32(0, crc32c(record.subarray(checksumBytes)), true);
  return record;
}

/**
 * Reads a record. Byte strings in it are views into it.
 * @param name how an error names the record
 * @throws RaftError STORAGE_CORRUPT
 */
export function open<Content>(
  name: string,
  record: unknown,
  read: (fields: FieldReader, version: number) => Content,
): Content {
  const corrupt = (what: string, cause?: unknown): RaftError =>
    new RaftError('STORAGE_CORRUPT', `${name} ${what}; this member cannot go on, join the group as a new one`, {
      cause,
    });
  if (!(record instanceof Uint8Array) || record.byteLength < headerBytes) throw corrupt('is not a record');
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (view.getUint32(0, true) !== crc32c(record.subarray(checksumBytes))) throw corrupt('fails its checksum');
  const version = view.getUint8(checksumBytes);
  if (version < 1 || version > formatVersion) {
    throw new RaftError(
      'STORAGE_CORRUPT',
      `${name} has format version ${version}, this code reads up to ${formatVersion}: load the newer code`,
    );
  }
  try {
    return read(new FieldReader(decode(record.subarray(headerBytes), 3)), version);
  } catch (error) {
    throw corrupt('has a content that it cannot have', error);
  }
}

/** How often a store was taken over: whoever finds another epoch than its own is not the owner any more. */
export function encodeEpoch(epoch: number): Uint8Array {
  return seal([epoch]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeEpoch(record: unknown): number {
  return open('the fencing epoch', record, (fields) => fields.integer(1));
}

/** The hard state, and the sum of the other records that were there when it was written; null before version 2. */
export interface HardStateRecord extends HardState {
  readonly sum: number | null;
}

export function encodeHardState({ term, vote, commit }: HardState, sum: number): Uint8Array {
  return seal([term, vote, commit, sum]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeHardState(record: unknown): HardStateRecord {
  return open('the hard state', record, (fields, version) => ({
    term: fields.integer(),
    vote: fields.textOrNull(isNodeId),
    commit: fields.integer(),
    sum: version === 1 ? null : fields.integer(0, maxChecksum),
  }));
}

export function encodeStart({ index, term, configuration }: LogStart): Uint8Array {
  return seal([index, term, ...configurationFields(configuration)]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeStart(record: unknown): LogStart {
  return open('the start of the log', record, (fields, version) => ({
    index: fields.integer(),
    term: fields.integer(),
    configuration:
      version === 1
        ? foundingConfiguration(fields.list((list) => list.text(isNodeId)))
        : readConfiguration(fields, isNodeId),
  }));
}

export interface EntriesRecord {
  readonly firstIndex: Index;
  readonly bytes: Uint8Array;
}

/** Packs entries that follow each other. An entry larger than a record has one of its own. */
export function encodeEntries(entries: readonly Entry[]): EntriesRecord[] {
  const records: EntriesRecord[] = [];
  let fields: unknown[] = [];
  let firstIndex = 0;
  let size = 0;
  const finish = (): void => {
    if (fields.length > 0) records.push({ firstIndex, bytes: seal(fields) });
  };
  for (const { index, term, kind, data } of entries) {
    if (size === 0 || size + data.byteLength > recordBytes) {
      finish();
      fields = [index];
      firstIndex = index;
      size = 0;
    }
    fields.push(term, entryKinds.indexOf(kind), data);
    size += data.byteLength + 16;
  }
  finish();
  return records;
}

/** The record of a log that ends before an index. */
export function encodeEnd(firstIndex: Index): EntriesRecord {
  return { firstIndex, bytes: seal([firstIndex]) };
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeEntries(firstIndex: Index, record: unknown): Entry[] {
  return open(`the record of entries from ${firstIndex} on`, record, (fields) => {
    let index = fields.integer(firstIndex, firstIndex);
    const entries: Entry[] = [];
    while (fields.remaining > 0) {
      const term = fields.integer();
      const kind = entryKinds[fields.integer(0, entryKinds.length - 1)] ?? 'empty';
      entries.push({ index, term, kind, data: fields.bytes() });
      index++;
    }
    return entries;
  });
}
