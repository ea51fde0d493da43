/** Writing a store to a file, whoever has it open. */
import { RaftError } from '../errors.ts';
import { isAccess } from '../identity/access.ts';
import type { GroupRecord } from './database.ts';
import type { RecordReader } from './group-records.ts';
import { decodeKept, type KeptSnapshot } from './snapshot-records.ts';
import { encodeEnd, encodeHead, encodeRecord, type FileRecord } from './store-file-format.ts';

/** Chunks are read so many bytes at a time. */
const pieceBytes = 1024 * 1024;

/**
 * A store as the pieces of a file.
 * @throws RaftError STORAGE_FAILED when the store has dropped a snapshot while it was being read, STORAGE_CORRUPT for one of
 *   version 1, whose record has no secret
 */
export async function* exportStore(record: GroupRecord, records: RecordReader): AsyncGenerator<Uint8Array> {
  if (!isAccess(record.access)) throw new RaftError('STORAGE_CORRUPT', `the record of ${record.group} has no secret`);
  yield encodeHead(record);
  let count = 0;
  for await (const one of recordsOf(records)) {
    count++;
    yield encodeRecord(one);
  }
  yield encodeEnd(count);
}

async function* recordsOf(records: RecordReader): AsyncGenerator<FileRecord> {
  const { start, snapshots, hardStates, entries, placement, commands } = await records.read();
  const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
  if (isBytes(start)) yield { table: 'starts', key: [], bytes: start };
  if (isBytes(snapshots)) yield { table: 'snapshots', key: [], bytes: snapshots };
  for (const [key, bytes] of hardStates) if (isBytes(bytes)) yield { table: 'hardStates', key: [key], bytes };
  for (const [key, bytes] of entries) if (isBytes(bytes)) yield { table: 'entries', key: [key], bytes };
  if (isBytes(placement)) yield { table: 'placements', key: [], bytes: placement };
  for (const [key, bytes] of commands) if (isBytes(bytes)) yield { table: 'commands', key: [key], bytes };
  const kept = keptIn(snapshots);
  for (const { slot, snapshot } of kept) {
    let next = 0;
    for (let offset = 0; offset < snapshot.bytes; offset += pieceBytes) {
      for (const [at, bytes] of await records.chunks(slot, offset, Math.min(offset + pieceBytes, snapshot.bytes))) {
        if (at < next || !isBytes(bytes)) continue;
        next = at + 1;
        yield { table: 'chunks', key: [slot, at], bytes };
      }
    }
  }
  if (kept.length === 0) return;
  const still = keptIn((await records.read()).snapshots);
  if (kept.every(({ slot, snapshot }) => still.some((one) => one.slot === slot && one.snapshot.id === snapshot.id)))
    return;
  throw new RaftError('STORAGE_FAILED', 'a snapshot was replaced while the store was being read: export it again');
}

/** None for a list that cannot be read: it goes into the file all the same. */
function keptIn(snapshots: unknown): readonly KeptSnapshot[] {
  try {
    return snapshots === undefined ? [] : decodeKept(snapshots).sort((one, other) => one.slot - other.slot);
  } catch {
    return [];
  }
}
