/**
 * What a process has on disk in a simulation, and outlives it: written in atomic batches, as the contract of storage
 * says. Watchers see every batch with the state before it.
 */
import type { Entry, HardState, Index, LogStart, PersistentState, Snapshot, Term } from '../core/types.ts';
import { MemoryOutbox } from '../storage/memory-outbox.ts';
import type { Batch, SnapshotName, SnapshotPart } from '../storage/storage.ts';

interface Kept {
  readonly snapshot: Snapshot;
  readonly data: Uint8Array;
}

interface Staged {
  readonly name: SnapshotName;
  readonly parts: Uint8Array[];
}

const snapshotsKept = 2;

/** The part of a disk that a watcher may look at. */
export interface DiskView {
  readonly hardState: HardState;
  readonly start: LogStart;
  readonly lastIndex: Index;
  termAt(index: Index): Term | undefined;
}

export class SimDisk implements DiskView {
  hardState: HardState = { term: 0, vote: null, commit: 0 };
  start: LogStart;
  readonly #founding: LogStart;
  #entries: Entry[] = [];
  #kept: Kept[] = [];
  readonly #staged: Map<string, Staged> = new Map();
  outbox: MemoryOutbox = new MemoryOutbox();
  /** Nothing of it is there any more. */
  isEvicted = false;
  /** A record of it fails its checksum. */
  isDamaged = false;
  /** Counts the openings: only the last one may write. */
  epoch = 0;

  constructor(start: LogStart) {
    this.#founding = start;
    this.start = start;
  }

  get lastIndex(): Index {
    return this.start.index + this.#entries.length;
  }

  get newest(): Snapshot | null {
    return this.#kept.at(-1)?.snapshot ?? null;
  }

  termAt(index: Index): Term | undefined {
    if (index === this.start.index) return this.start.term;
    return this.#entries[index - this.start.index - 1]?.term;
  }

  get state(): PersistentState {
    const { hardState, start, newest: snapshot } = this;
    return { hardState, start, snapshot, entries: [...this.#entries] };
  }

  perform({ snapshot, start, hardState, truncateFrom, entries }: Batch): void {
    if (snapshot) this.#promote(snapshot);
    if (start) {
      this.#entries = this.#entries.slice(Math.max(0, start.index - this.start.index));
      this.start = start;
    }
    this.hardState = hardState ?? this.hardState;
    if (truncateFrom !== null)
      this.#entries.length = Math.min(this.#entries.length, truncateFrom - this.start.index - 1);
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1) throw new Error(`entry ${entry.index} does not follow ${this.lastIndex}`);
      this.#entries.push(entry);
    }
  }

  #promote(snapshot: Snapshot): void {
    const staged = this.#staged.get(snapshot.id);
    const data = joined(staged?.parts ?? []);
    if (data.byteLength !== snapshot.bytes) throw new Error(`snapshot ${snapshot.id} is not wholly there`);
    for (const [id, { name }] of this.#staged) if (name.index <= snapshot.index) this.#staged.delete(id);
    this.#kept = [...this.#kept, { snapshot, data }].slice(-snapshotsKept);
  }

  stage({ snapshot: name, offset, data }: SnapshotPart): void {
    const staged = this.#staged.get(name.id);
    if (staged === undefined || offset === 0) this.#staged.set(name.id, { name, parts: [data] });
    else staged.parts.push(data);
  }

  /** Parts of snapshots that never became the newest are gone after a crash, sooner or later. */
  clean(): void {
    this.#staged.clear();
  }

  read({ id }: Snapshot, offset: number, length: number): Uint8Array | null {
    return this.#kept.find(({ snapshot }) => snapshot.id === id)?.data.slice(offset, offset + length) ?? null;
  }

  /** Everything is gone. */
  wipe(): void {
    this.hardState = { term: 0, vote: null, commit: 0 };
    this.start = this.#founding;
    this.#entries = [];
    this.#kept = [];
    this.#staged.clear();
    this.outbox = new MemoryOutbox();
  }

  /** The snapshots are gone; says whether anything is missing then. */
  loseSnapshots(): boolean {
    this.#kept = [];
    return this.start.index > 0;
  }

  /** Bytes of the log, as the limits count them. */
  get logBytes(): number {
    return this.#entries.reduce((sum, { data }) => sum + data.byteLength, 0);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  return all;
}
