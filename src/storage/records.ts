/**
 * Records on disk: a checksum, a format version, and an array in MessagePack (D11). A record that does not check out
 * stops its member: a wrong log is worse than none.
 *
 *     byte  0..3   CRC-32C of all that follows, little-endian
 *     byte  4      format version
 *     byte  5..    the payload
 *
 * Version 1 knew no configurations but a list of voters, and no snapshots; version 2 had configurations that shut nobody
 * out. Both are read for ever, and never written.
 */
import { foundingConfiguration } from '../core/configuration.ts';
import type { Configuration, Entry, EntryKind, HardState, Index, LogStart, NodeId } from '../core/types.ts';
import { configurationFields, readConfiguration, readEarlierConfiguration } from '../encoding/configuration.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encodeBehind } from '../encoding/msgpack.ts';
import { RaftError } from '../errors.ts';
import type { LogChange } from './batch.ts';

export const formatVersion = 3;
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
  const record = encodeBehind(headerBytes, payload);
  record[checksumBytes] = formatVersion;
  new DataView(record.buffer).setUint32(0, crc32c(record.subarray(checksumBytes)), true);
  return record;
}

/**
 * Reads a record. Byte strings in it are views into it.
 * @param name how an error names the record
 * @param advice what to do about a damaged one
 * @throws RaftError STORAGE_CORRUPT
 */
export function open<Content>(
  name: string,
  record: unknown,
  read: (fields: FieldReader, version: number) => Content,
  advice = 'this member cannot go on, join the group as a new one',
): Content {
  const corrupt = (what: string, cause?: unknown): RaftError =>
    new RaftError('STORAGE_CORRUPT', `${name} ${what}; ${advice}`, { cause });
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

/** Lies in the journal where the store was taken over. */
export function encodeClaim(): Uint8Array {
  return seal([]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function isClaim(record: unknown): boolean {
  return open('the hard state', record, (fields) => fields.remaining === 0);
}

/** A record of the journal. */
export interface JournalRecord {
  readonly hardState: HardState;
  /** The sum of the records outside of the journal that were there when it was written; null before version 2. */
  readonly sum: number | null;
  readonly change: LogChange;
}

export function encodeJournal(
  { term, vote, commit }: HardState,
  sum: number,
  { truncateFrom, entries }: LogChange,
): Uint8Array {
  const [first] = entries;
  const fields: unknown[] = [term, vote, commit, sum, truncateFrom];
  if (first !== undefined) pushEntries(fields, first.index, entries);
  return seal(fields);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeJournal(record: unknown): JournalRecord {
  return open('the hard state', record, (fields, version) => {
    const hardState = { term: fields.integer(), vote: fields.textOrNull(isNodeId), commit: fields.integer() };
    if (version === 1) return { hardState, sum: null, change: { truncateFrom: null, entries: [] } };
    const sum = fields.integer(0, maxChecksum);
    const truncateFrom = fields.integerOrNull();
    const entries = fields.remaining === 0 ? [] : readEntries(fields, fields.integer());
    return { hardState, sum, change: { truncateFrom, entries } };
  });
}

/** Whether version 1 wrote a record. It wrote no hard state with the founding. */
export function isOfVersion1(record: unknown): boolean {
  return open('a record', record, (_, version) => version === 1);
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
        : configurationOf(fields, version),
  }));
}

/** Of a record of version 2 or later. */
export function configurationOf(fields: FieldReader, version: number): Configuration {
  return version === 2 ? readEarlierConfiguration(fields, isNodeId) : readConfiguration(fields, isNodeId);
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

function pushEntries(fields: unknown[], firstIndex: Index, entries: readonly Entry[]): void {
  fields.push(firstIndex);
  for (const { term, kind, data } of entries) fields.push(term, entryKinds.indexOf(kind), data);
}

function readEntries(fields: FieldReader, firstIndex: Index): Entry[] {
  let index = firstIndex;
  const entries: Entry[] = [];
  while (fields.remaining > 0) {
    const term = fields.integer();
    const kind = entryKinds[fields.integer(0, entryKinds.length - 1)] ?? 'empty';
    entries.push({ index, term, kind, data: fields.bytes() });
    index++;
  }
  return entries;
}

/** The record of a log that ends before an index. */
export function encodeEnd(firstIndex: Index): EntriesRecord {
  return { firstIndex, bytes: seal([firstIndex]) };
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeEntries(firstIndex: Index, record: unknown): Entry[] {
  return open(`the record of entries from ${firstIndex} on`, record, (fields) =>
    readEntries(fields, fields.integer(firstIndex, firstIndex)),
  );
}
