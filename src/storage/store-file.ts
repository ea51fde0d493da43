/**
 * Reading a file of a store. The file is read in pieces: what a snapshot holds is never in memory as a whole.
 */
import { RaftError } from '../errors.ts';
import type { GroupRecord } from './database.ts';
import type { RecordReader, StoredRecords } from './group-records.ts';
import {
  bytesOf,
  decodeHead,
  decodeRecord,
  type FileRecord,
  framesOf,
  type Place,
  type Table,
} from './store-file-format.ts';

interface ChunkPlace extends Place {
  /** Of the chunk in its snapshot. */
  readonly at: number;
}

/** A file of a store, of which every byte was checked. What it says of the store may be wrong: see `inspectStore`. */
export class StoreFile implements RecordReader {
  readonly record: GroupRecord;
  readonly #file: Blob;
  readonly #stored: StoredRecords;
  /** By slot, in the order of their offsets. */
  readonly #chunks: ReadonlyMap<number, readonly ChunkPlace[]>;

  private constructor(
    file: Blob,
    record: GroupRecord,
    stored: StoredRecords,
    chunks: ReadonlyMap<number, readonly ChunkPlace[]>,
  ) {
    this.#file = file;
    this.record = record;
    this.#stored = stored;
    this.#chunks = chunks;
  }

  /**
   * Opens a file that `exportStore` made, and reads it once from its beginning to its end.
   * @throws RaftError INVALID_ARGUMENT for anything else, and for one that is cut short or damaged
   */
  static async open(file: Blob): Promise<StoreFile> {
    try {
      return await StoreFile.#read(file);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new RaftError('INVALID_ARGUMENT', `this is no file of a store, or a damaged one: ${message}`, { cause });
    }
  }

  static async #read(file: Blob): Promise<StoreFile> {
    const frames = framesOf(file);
    const first = await frames.next();
    if (first.done === true) throw new RangeError('it is empty');
    const record = decodeHead(first.value.bytes);
    const gathered = new Gathered();
    let end: number | null = null;
    let count = 0;
    for await (const { place, bytes } of frames) {
      if (end !== null) throw new RangeError('something follows its end');
      const read = decodeRecord(`record ${count + 1} of the file`, bytes);
      if (read.table === 'end') [end = 0] = read.key;
      else {
        gathered.add(read, place);
        count++;
      }
    }
    if (end !== count)
      throw new RangeError(end === null ? 'it is cut short' : `it has ${count} records instead of ${end}`);
    return new StoreFile(file, record, gathered.stored, gathered.chunks);
  }

  read(): Promise<StoredRecords> {
    return Promise.resolve(this.#stored);
  }

  async chunks(slot: number, from: number, to: number): Promise<readonly (readonly [number, unknown])[]> {
    const places = this.#chunks.get(slot) ?? [];
    const first = Math.max(
      0,
      places.findLastIndex(({ at }) => at <= from),
    );
    const wanted = places.slice(first).filter(({ at }) => at < to);
    return Promise.all(
      wanted.map(async ({ at, offset, length }) => {
        const piece = await bytesOf(this.#file, offset, length);
        return [at, decodeRecord('a chunk of the file', piece).bytes] as const;
      }),
    );
  }
}

/** Puts the records of a file in their places. */
class Gathered {
  readonly #singles: Map<Table, Uint8Array> = new Map();
  readonly #hardStates: (readonly [number, Uint8Array])[] = [];
  readonly #entries: (readonly [number, Uint8Array])[] = [];
  readonly #commands: (readonly [number, Uint8Array])[] = [];
  readonly chunks: Map<number, ChunkPlace[]> = new Map();

  get stored(): StoredRecords {
    return {
      start: this.#singles.get('starts'),
      snapshots: this.#singles.get('snapshots'),
      hardStates: this.#hardStates,
      entries: this.#entries,
      placement: this.#singles.get('placements'),
      commands: this.#commands,
    };
  }

  #listOf(table: 'hardStates' | 'entries' | 'commands'): (readonly [number, Uint8Array])[] {
    return { hardStates: this.#hardStates, entries: this.#entries, commands: this.#commands }[table];
  }

  /** @throws RangeError for a record that is there already, or comes after those that follow it */
  add({ table, key, bytes }: FileRecord, place: Place): void {
    const [number = 0, at = 0] = key;
    switch (table) {
      case 'hardStates':
      case 'entries':
      case 'commands': {
        const list = this.#listOf(table);
        inOrder(list.at(-1)?.[0], number);
        list.push([number, bytes]);
        return;
      }
      case 'chunks': {
        const places = this.chunks.get(number) ?? [];
        inOrder(places.at(-1)?.at, at);
        places.push({ ...place, at });
        this.chunks.set(number, places);
        return;
      }
      default:
        if (this.#singles.has(table)) throw new RangeError(`it has two records of ${table}`);
        this.#singles.set(table, bytes);
    }
  }
}

function inOrder(before: number | undefined, key: number): void {
  if (before !== undefined && key <= before) throw new RangeError(`record ${key} comes after ${before}`);
}
