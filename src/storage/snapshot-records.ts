/**
 * Snapshots on disk: one record that lists those that are kept, and the bytes of each in chunks, every one of them a
 * record of its own. The bytes lie under a slot, a number that is never used twice while they are there: the same
 * snapshot may be received again while it is still being read.
 */
import type { Snapshot } from '../core/types.ts';
import { configurationFields } from '../encoding/configuration.ts';
import type { FieldReader } from '../encoding/fields.ts';
import { configurationOf, maxChecksum, open, recordBytes, seal } from './records.ts';

export interface KeptSnapshot {
  readonly slot: number;
  readonly snapshot: Snapshot;
}

export interface Chunk {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** What a record of a chunk holds beside its bytes, at the most. */
const chunkOverheadBytes = 32;

const isSnapshotId = (text: string): text is string => text !== '';

/** @param kept the newest last */
export function encodeKept(kept: readonly KeptSnapshot[]): Uint8Array {
  return seal(
    kept.map(({ slot, snapshot: { index, term, configuration, id, bytes, checksum } }) => [
      slot,
      index,
      term,
      ...configurationFields(configuration),
      id,
      bytes,
      checksum,
    ]),
  );
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeKept(record: unknown): KeptSnapshot[] {
  return open('the list of snapshots', record, (fields, version) => {
    const kept: KeptSnapshot[] = [];
    while (fields.remaining > 0) kept.push(fields.record((one) => readKept(one, version)));
    return kept;
  });
}

function readKept(fields: FieldReader, version: number): KeptSnapshot {
  const slot = fields.integer();
  const index = fields.integer();
  const term = fields.integer();
  const configuration = configurationOf(fields, version);
  const id = fields.text(isSnapshotId);
  const bytes = fields.integer();
  const checksum = fields.integer(0, maxChecksum);
  return { slot, snapshot: { index, term, configuration, id, bytes, checksum } };
}

/** Cuts bytes of a snapshot, the first of them at `offset`, into the records that hold them. */
export function* encodeChunks(slot: number, offset: number, data: Uint8Array): Generator<[number, Uint8Array]> {
  const length = recordBytes - chunkOverheadBytes;
  for (let at = 0; at < data.byteLength; at += length) {
    yield [offset + at, seal([slot, offset + at, data.subarray(at, at + length)])];
  }
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeChunk(slot: number, offset: number, record: unknown): Chunk {
  return open(`the chunk of a snapshot at byte ${offset}`, record, (fields) => {
    fields.integer(slot, slot);
    return { offset: fields.integer(offset, offset), data: fields.bytes() };
  });
}
