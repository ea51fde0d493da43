/**
 * Records on disk: a checksum, a format version, and an array in MessagePack (D11). A record that does not check out
 * stops its member: a wrong log is worse than none.
 *
 *     byte  0..3   CRC-32C of all that follows, little-endian
 *     byte  4      format version
 *     byte  5..    the payload
 */
import type { Entry, EntryKind, HardState, Index, LogStart, NodeId } from '../core/types.ts';
import { configurationFields, readConfiguration } from '../encoding/configuration.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { RaftError } from '../errors.ts';

const formatVersion = 1;
const headerBytes = 5;
const checksumBytes = 4;

/** Entries are packed into records of about this size: larger values are stored apart, and slowly, by Chromium. */
export const recordBytes: number = 60 * 1024;

const entryKinds: readonly EntryKind[] = ['empty', 'command', 'configuration'];

const isNodeId = (text: string): text is NodeId => text !== '';

function seal(payload: unknown): Uint8Array {
  const body = encode(payload);
  const record = new Uint8Array(headerBytes + body.byteLength);
  record[checksumBytes] = formatVersion;
  record.set(body, headerBytes);
  new DataView(record.buffer).setUint32(0, crc32c(record.subarray(checksumBytes)), true);
  return record;
}

/** @param name how an error names the record */
function open<Content>(name: string, record: unknown, read: (fields: FieldReader) => Content): Content {
  const corrupt = (what: string, cause?: unknown): RaftError =>
    new RaftError('STORAGE_CORRUPT', `${name} ${what}; this member cannot go on, join the group as a new one`, {
      cause,
    });
  if (!(record instanceof Uint8Array) || record.byteLength < headerBytes) throw corrupt('is not a record');
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (view.getUint32(0, true) !== crc32c(record.subarray(checksumBytes))) throw corrupt('fails its checksum');
  const version = record[checksumBytes];
  if (version !== formatVersion) {
    throw new RaftError(
      'STORAGE_CORRUPT',
      `${name} has format version ${version ?? 'none'}, this code reads ${formatVersion}: load the newer code`,
    );
  }
  try {
    return read(new FieldReader(decode(record.subarray(headerBytes), 2)));
  } catch (error) {
    throw corrupt('has a content that it cannot have', error);
  }
}

export function encodeHardState({ term, vote, commit }: HardState): Uint8Array {
  return seal([term, vote, commit]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeHardState(record: unknown): HardState {
  return open('the hard state', record, (fields) => ({
    term: fields.integer(),
    vote: fields.textOrNull(isNodeId),
    commit: fields.integer(),
  }));
}

export function encodeStart({ index, term, configuration }: LogStart): Uint8Array {
  return seal([index, term, ...configurationFields(configuration)]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeStart(record: unknown): LogStart {
  return open('the start of the log', record, (fields) => ({
    index: fields.integer(),
    term: fields.integer(),
    configuration: readConfiguration(fields, isNodeId),
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
