/**
 * A store as one file: for a backup, a bug report, or a look on another machine. Its records are in it exactly as they lie in
 * the store, damaged ones too. With them goes the secret of the group: whoever gets the file can enter it.
 *
 *     file     a head, records, and an end: each with its length before it, in 4 bytes, little-endian, and sealed (records.ts)
 *     head     ["flotilla store", layout, group, member, signaling, access, machine, founders]
 *     record   [table, key, bytes], in the order of the keys of each table
 *     end      ["end", [number of records], no bytes]
 */
import type { FieldReader } from '../encoding/fields.ts';
import { isAccess } from '../identity/access.ts';
import { isGroupId, isMemberId } from '../ids.ts';
import type { GroupRecord } from './database.ts';
import { open, seal } from './records.ts';

const fileFormat = 'flotilla store';

/** What lies where in the file; records have versions of their own. Layout 1 had no outbox. */
const fileLayout = 2;

const lengthBytes = 4;

/** No store has a record as large as this. */
const maxRecordBytes = 64 * 1024 * 1024;

const maxTextLength = 4096;
const isText = (text: string): text is string => text.length <= maxTextLength;

/** How many numbers the keys of a table have. */
const keyLengths = {
  starts: 0,
  snapshots: 0,
  hardStates: 1,
  entries: 1,
  chunks: 2,
  placements: 0,
  commands: 1,
  end: 1,
} as const;
export type Table = keyof typeof keyLengths;
const isTable = (text: string): text is Table => Object.hasOwn(keyLengths, text);

export interface FileRecord {
  readonly table: Table;
  readonly key: readonly number[];
  readonly bytes: Uint8Array;
}

/** Bytes of a record with its length before them. */
function framed(record: Uint8Array): Uint8Array {
  const frame = new Uint8Array(lengthBytes + record.byteLength);
  new DataView(frame.buffer).setUint32(0, record.byteLength, true);
  frame.set(record, lengthBytes);
  return frame;
}

export function encodeHead({ group, member, signaling, access, machine, founders }: GroupRecord): Uint8Array {
  return framed(seal([fileFormat, fileLayout, group, member, signaling, access, machine, founders]));
}

export function encodeRecord({ table, key, bytes }: FileRecord): Uint8Array {
  return framed(seal([table, key, bytes]));
}

export function encodeEnd(count: number): Uint8Array {
  return encodeRecord({ table: 'end', key: [count], bytes: new Uint8Array(0) });
}

/** Where a record lies in the file. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** The sealed pieces of a file, one after the other. */
export async function* framesOf(file: Blob): AsyncGenerator<{ readonly place: Place; readonly bytes: Uint8Array }> {
  let offset = 0;
  let header = await bytesOf(file, 0, lengthBytes);
  while (header.byteLength > 0) {
    const length = header.byteLength < lengthBytes ? Number.POSITIVE_INFINITY : lengthIn(header);
    offset += lengthBytes;
    if (length > file.size - offset) throw new RangeError('it is cut short');
    if (length > maxRecordBytes) throw new RangeError(`no record has ${length} bytes`);
    // With the length of the next one.
    const bytes = await bytesOf(file, offset, length + lengthBytes);
    yield { place: { offset, length }, bytes: bytes.subarray(0, length) };
    header = bytes.subarray(length);
    offset += length;
  }
}

function lengthIn(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset, lengthBytes).getUint32(0, true);
}

/** Fewer where the file ends. */
export async function bytesOf(file: Blob, offset: number, length: number): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
}

function openPiece<Content>(name: string, piece: Uint8Array, read: (fields: FieldReader) => Content): Content {
  return open(name, piece, read, 'get the file again');
}

/** @throws RaftError STORAGE_CORRUPT, RangeError for a layout that this code does not know */
export function decodeHead(piece: Uint8Array): GroupRecord {
  const name = 'the head of the file';
  const layout = openPiece(name, piece, readLayout);
  if (layout <= fileLayout) return openPiece(name, piece, readHead);
  throw new RangeError(`it has layout ${layout}, this code reads up to ${fileLayout}: take the newer code`);
}

/**
 * @param name how an error names the record
 * @throws RaftError STORAGE_CORRUPT
 */
export function decodeRecord(name: string, piece: Uint8Array): FileRecord {
  return openPiece(name, piece, readRecord);
}

function readLayout(fields: FieldReader): number {
  fields.text((text): text is string => text === fileFormat);
  return fields.integer(1);
}

function readHead(fields: FieldReader): GroupRecord {
  readLayout(fields);
  return {
    group: fields.text(isGroupId),
    member: fields.text(isMemberId),
    signaling: fields.textOrNull(isText),
    access: fields.text(isAccess),
    machine: fields.text(isText),
    founders: fields.integerOrNull(),
  };
}

function readRecord(fields: FieldReader): FileRecord {
  const table = fields.text(isTable);
  const key = fields.list((list) => list.integer());
  if (key.length !== keyLengths[table]) throw new RangeError(`a key of ${table} has no ${key.length} numbers`);
  return { table, key, bytes: fields.bytes() };
}
