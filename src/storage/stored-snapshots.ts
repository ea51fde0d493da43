/**
 * The snapshots of a store as records: those that are kept, the newest and the one before it (S9), and those that are
 * being staged. What is staged is known here alone: after a crash its chunks belong to nobody, and are removed.
 */
import type { Snapshot } from '../core/types.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { RaftError } from '../errors.ts';
import type { Change, RecordReader } from './group-records.ts';
import {
  type Chunk,
  decodeChunk,
  decodeKept,
  encodeChunks,
  encodeKept,
  type KeptSnapshot,
} from './snapshot-records.ts';
import { checksumOf } from './records.ts';
import type { Plan } from './stored-log.ts';
import type { SnapshotName, SnapshotPart } from './storage.ts';

/** How many snapshots are kept. */
export const snapshotsKept = 2;

interface StagedSnapshot {
  readonly snapshot: SnapshotName;
  readonly slot: number;
  bytes: number;
  checksum: number;
}

const slotRange = (slot: number): Change => ({ table: 'chunks', from: slot, to: slot + 1 });

export class StoredSnapshots {
  /** The newest last. */
  #kept: readonly KeptSnapshot[] = [];
  readonly #staged: Map<string, StagedSnapshot> = new Map();
  #nextSlot = 1;
  /** The checksum of the list of snapshots. */
  #sum = 0;
  /** Slots of parts that could not be stored, or are of no use: they go with the next change. */
  #abandoned: number[] = [];

  get newest(): Snapshot | null {
    return this.#kept.at(-1)?.snapshot ?? null;
  }

  get sum(): number {
    return this.#sum;
  }

  /**
   * Takes the list of snapshots as it is stored.
   * @returns what removes the chunks of every other one
   * @throws RaftError STORAGE_CORRUPT
   */
  load(record: unknown): Change[] {
    this.#kept = record === undefined ? [] : decodeKept(record);
    this.#sum = record instanceof Uint8Array ? checksumOf(record) : 0;
    const slots = this.#kept.map(({ slot }) => slot).sort((a, b) => a - b);
    this.#nextSlot = (slots.at(-1) ?? 0) + 1;
    const borders = [-1, ...slots, Number.POSITIVE_INFINITY];
    const changes: Change[] = [];
    for (const [i, to] of borders.slice(1).entries()) {
      const from = (borders[i] ?? 0) + 1;
      if (from < to) changes.push({ table: 'chunks', from, to });
    }
    return changes;
  }

  /**
   * Takes the next part of a snapshot; the changes are those that store it.
   * @throws RaftError STORAGE_FAILED for a part that does not follow the one before; STORAGE_CORRUPT when the snapshot is
   *   complete now, and not what it should be: it has to be staged anew
   */
  stage({ snapshot, offset, data }: SnapshotPart): Change[] {
    const changes = this.#sweep();
    let staged = this.#staged.get(snapshot.id);
    if (offset === 0) {
      if (staged !== undefined) changes.push(slotRange(staged.slot));
      staged = { snapshot, slot: this.#nextSlot++, bytes: 0, checksum: 0 };
      this.#staged.set(snapshot.id, staged);
    }
    if (staged?.bytes !== offset) {
      throw new RaftError('STORAGE_FAILED', `a part at byte ${offset} follows ${staged?.bytes ?? 0} bytes: begin anew`);
    }
    const checksum = crc32c(data, staged.checksum);
    const bytes = offset + data.byteLength;
    const { bytes: whole = Number.POSITIVE_INFINITY } = snapshot;
    if (bytes > whole || (bytes === whole && checksum !== snapshot.checksum)) {
      this.abandon(snapshot.id);
      const message = `the bytes of the snapshot of entry ${snapshot.index} are not those that it was made of: begin anew`;
      throw new RaftError('STORAGE_CORRUPT', message);
    }
    Object.assign(staged, { bytes, checksum });
    for (const [at, record] of encodeChunks(staged.slot, offset, data)) {
      changes.push({ table: 'chunks', key: [staged.slot, at], bytes: record });
    }
    return changes;
  }

  /** What was staged for a snapshot is of no use: it has to begin anew. */
  abandon(id: string): void {
    const staged = this.#staged.get(id);
    if (staged === undefined) return;
    this.#abandoned.push(staged.slot);
    this.#staged.delete(id);
  }

  #sweep(): Change[] {
    const swept = this.#abandoned.map(slotRange);
    this.#abandoned = [];
    return swept;
  }

  /**
   * Makes snapshots the newest, one after the other.
   * @throws RaftError STORAGE_FAILED when one was not staged to its end
   */
  promote(snapshots: readonly Snapshot[]): Plan {
    const [newest] = snapshots.slice(-1);
    if (newest === undefined) return { changes: [], sum: this.#sum, done: () => undefined };
    const promoted = snapshots.map((snapshot) => ({ slot: this.#completeSlot(snapshot), snapshot }));
    const all = [...this.#kept, ...promoted];
    const kept = all.slice(-snapshotsKept);
    const stale = [...this.#staged.values()].filter(({ snapshot }) => snapshot.index <= newest.index);
    const slots = new Set([...all, ...stale].map(({ slot }) => slot));
    for (const { slot } of kept) slots.delete(slot);
    const bytes = encodeKept(kept);
    const sum = checksumOf(bytes);
    return {
      changes: [{ table: 'snapshots', bytes }, ...[...slots].map(slotRange)],
      sum,
      done: () => {
        this.#kept = kept;
        this.#sum = sum;
        for (const { snapshot } of stale) this.#staged.delete(snapshot.id);
      },
    };
  }

  #completeSlot(snapshot: Snapshot): number {
    // A snapshot of nothing needs no part.
    if (snapshot.bytes === 0) return this.#staged.get(snapshot.id)?.slot ?? this.#nextSlot++;
    const staged = this.#staged.get(snapshot.id);
    if (staged?.bytes === snapshot.bytes && staged.checksum === snapshot.checksum) return staged.slot;
    const message = `${staged?.bytes ?? 0} of ${snapshot.bytes} bytes of the snapshot of entry ${snapshot.index} were staged`;
    throw new RaftError('STORAGE_FAILED', message);
  }

  /**
   * Reads bytes of a kept snapshot, fewer where it ends.
   * @throws RaftError STORAGE_FAILED when it is not kept, STORAGE_CORRUPT when the bytes are not those that were staged
   */
  async read(records: RecordReader, { id, index }: Snapshot, offset: number, length: number): Promise<Uint8Array> {
    const found = this.#find(id);
    if (found === undefined) throw gone(index);
    const { slot, snapshot } = found;
    const end = Math.min(offset + length, snapshot.bytes);
    const result = new Uint8Array(Math.max(0, end - offset));
    if (result.byteLength === 0) return result;
    const stored = await records.chunks(slot, offset, end);
    if (this.#find(id)?.slot !== slot) throw gone(index);
    let at = offset;
    for (const [chunkOffset, record] of stored) {
      const chunk = decodeChunk(slot, chunkOffset, record);
      at = copy(chunk, result, offset, at);
    }
    if (at < end) {
      const message = `byte ${at} of the snapshot of entry ${index} is missing; this member cannot send it to others`;
      throw new RaftError('STORAGE_CORRUPT', message);
    }
    return result;
  }

  #find(id: string): KeptSnapshot | undefined {
    return this.#kept.findLast(({ snapshot }) => snapshot.id === id);
  }
}

/** Copies what of a chunk belongs to the wanted bytes, if it goes on at `at`; gives where the next has to. */
function copy({ offset, data }: Chunk, result: Uint8Array, wantedFrom: number, at: number): number {
  if (offset > at) return at;
  const part = data.subarray(at - offset, wantedFrom + result.byteLength - offset);
  result.set(part, at - wantedFrom);
  return at + part.byteLength;
}

function gone(index: number): RaftError {
  return new RaftError('STORAGE_FAILED', `the snapshot of entry ${index} is not kept any more`);
}
