/**
 * Looking into a store without taking it over: what it holds, and whether it checks out. And a store as one file, for
 * bug reports and for a look on another machine. A file never brings a member back: it may be older than what the member
 * has promised since (D9), so it is loaded into a database whose host is another one, which can show it and not run it.
 */
import type { Configuration, HardState, Index, PersistentState, Term } from '../core/types.ts';
import { checkState } from '../core/persistent-state.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { RaftError } from '../errors.ts';
import { isAccess } from '../identity/access.ts';
import type { GroupId } from '../ids.ts';
import type { GroupRecord } from './database.ts';
import type { Change, GroupRecords } from './group-records.ts';
import { open, seal } from './records.ts';
import { decodeKept } from './snapshot-records.ts';
import { StoredState } from './stored-state.ts';

export interface SnapshotReport {
  readonly index: Index;
  readonly term: Term;
  readonly bytes: number;
  /** Null when every byte is the one that was stored. */
  readonly problem: string | null;
}

export interface StoreReport {
  readonly record: GroupRecord;
  /** Null for a store that was never founded, or cannot be read. */
  readonly hardState: HardState | null;
  /** Where the log begins; of the founding, or of the newest snapshot. */
  readonly configuration: Configuration | null;
  /** The first and the last entry; null where there is none. */
  readonly log: { readonly first: Index; readonly last: Index; readonly lastTerm: Term } | null;
  /** The newest last. */
  readonly snapshots: readonly SnapshotReport[];
  /** What is wrong with the records; empty when all of them check out. */
  readonly problems: readonly string[];
}

/** Snapshots are read in pieces of so many bytes. */
const pieceBytes = 1024 * 1024;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says what a store holds. A store that cannot be read is described as far as it can be. */
export async function inspectStore(record: GroupRecord, records: GroupRecords): Promise<StoreReport> {
  const problems: string[] = [];
  const stored = await records.read();
  let state: PersistentState | null = null;
  const reader = new StoredState();
  try {
    state = reader.load(stored, Number.MAX_SAFE_INTEGER);
    if (state !== null) checkState(state);
  } catch (error) {
    problems.push(messageOf(error));
  }
  const snapshots: SnapshotReport[] = [];
  try {
    const kept = stored.snapshots === undefined ? [] : decodeKept(stored.snapshots);
    for (const { snapshot } of kept) {
      let problem: string | null = null;
      try {
        let checksum = 0;
        for (let offset = 0; offset < snapshot.bytes; offset += pieceBytes) {
          checksum = crc32c(await reader.snapshots.read(records, snapshot, offset, pieceBytes), checksum);
        }
        if (checksum !== snapshot.checksum) problem = 'the bytes fail the checksum of the snapshot';
      } catch (error) {
        problem = messageOf(error);
      }
      if (problem !== null) problems.push(`the snapshot of entry ${snapshot.index}: ${problem}`);
      snapshots.push({ index: snapshot.index, term: snapshot.term, bytes: snapshot.bytes, problem });
    }
  } catch (error) {
    problems.push(messageOf(error));
  }
  const [first, last] = [state?.entries.at(0), state?.entries.at(-1)];
  return {
    record,
    hardState: state?.hardState ?? null,
    configuration: state?.start.configuration ?? null,
    log: first && last ? { first: first.index, last: last.index, lastTerm: last.term } : null,
    snapshots,
    problems: [...new Set(problems)],
  };
}

const fileFormat = 'flotilla store';

/** Of a file: each piece is a record, with its length in four bytes before it. */
const lengthBytes = 4;

function framed(record: Uint8Array): Uint8Array {
  const frame = new Uint8Array(lengthBytes + record.byteLength);
  new DataView(frame.buffer).setUint32(0, record.byteLength, true);
  frame.set(record, lengthBytes);
  return frame;
}

/**
 * A store as the pieces of a file, its records exactly as they are, damaged ones too. With them goes the secret of the
 * group: whoever gets the file can enter it.
 */
export async function* exportStore(record: GroupRecord, records: GroupRecords): AsyncGenerator<Uint8Array> {
  const { group, member, signaling, access, machine, founders } = record;
  yield framed(seal([fileFormat, group, member, signaling, access, machine, founders]));
  const { start, snapshots, hardStates, entries } = await records.read();
  if (start !== undefined) yield framed(seal(['starts', [], start]));
  if (snapshots !== undefined) yield framed(seal(['snapshots', [], snapshots]));
  for (const [key, value] of hardStates) yield framed(seal(['hardStates', [key], value]));
  for (const [key, value] of entries) yield framed(seal(['entries', [key], value]));
  for (const { slot, snapshot } of snapshots === undefined ? [] : decodeKept(snapshots)) {
    for (let offset = 0; offset < snapshot.bytes; offset += pieceBytes) {
      for (const [at, value] of await records.chunks(slot, offset, Math.min(offset + pieceBytes, snapshot.bytes))) {
        if (at >= offset) yield framed(seal(['chunks', [slot, at], value]));
      }
    }
  }
}

const isText = (text: string): text is string => text.length <= 4096;
const isGroup = (text: string): text is GroupId => isText(text);
const isMember = (text: string): text is GroupRecord['member'] => isText(text);

const tables = ['starts', 'snapshots', 'hardStates', 'entries', 'chunks'] as const;
const isTable = (text: string): text is (typeof tables)[number] => tables.some((table) => table === text);

/** What a file holds: the record of its group, and the changes that make the same store of an empty one. */
export interface StoreFile {
  readonly record: GroupRecord;
  readonly changes: readonly Change[];
}

/**
 * Reads a file that `exportStore` made.
 * @throws RaftError INVALID_ARGUMENT
 */
export function readStoreFile(file: Uint8Array): StoreFile {
  try {
    const pieces = piecesOf(file);
    const [head, ...rest] = pieces;
    const record = open('the head of the file', head, (fields) => {
      fields.text((text): text is string => text === fileFormat);
      return {
        group: fields.text(isGroup),
        member: fields.text(isMember),
        signaling: fields.text(isText),
        access: fields.text(isAccess),
        machine: fields.text(isText),
        founders: fields.integerOrNull(),
      };
    });
    const changes = rest.map((piece, i) =>
      open(`record ${i + 1} of the file`, piece, (fields): Change => {
        const table = fields.text(isTable);
        const key = fields.list((list) => list.integer());
        const bytes = fields.bytes().slice();
        return table === 'starts' || table === 'snapshots' ? { table, bytes } : { table, key, bytes };
      }),
    );
    return { record, changes };
  } catch (cause) {
    throw new RaftError('INVALID_ARGUMENT', `this is no file of a store: ${messageOf(cause)}`, { cause });
  }
}

function piecesOf(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const pieces: Uint8Array[] = [];
  let at = 0;
  while (at < file.byteLength) {
    const length = view.getUint32(at, true);
    at += lengthBytes;
    if (at + length > file.byteLength) throw new RangeError('the file is cut short');
    pieces.push(file.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
