/** A database that forgets: for tests, and for a tab that wants to leave nothing behind. */
import type { Entry, HardState, LogStart, PersistentState, Snapshot } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { GroupId, HostId } from '../ids.ts';
import type { Database, GroupRecord } from './database.ts';
import type { Batch, Durability, SnapshotName, SnapshotPart, Storage } from './storage.ts';

/** How many snapshots are kept: the newest, and the one before it (S9). */
const snapshotsKept = 2;

/** What outlives a `MemoryStorage`, as a disk outlives a process. */
export class MemoryDisk {
  #start: LogStart | null = null;
  #hardState: HardState | null = null;
  #entries: Entry[] = [];
  /** The newest last. */
  #kept: Bytes[] = [];
  readonly #staged: Map<string, { readonly snapshot: SnapshotName; readonly parts: Uint8Array[] }> = new Map();

  get state(): PersistentState | null {
    const start = this.#start;
    if (start === null) return null;
    const hardState = this.#hardState ?? { term: 0, vote: null, commit: start.index };
    const snapshot = this.#kept.at(-1)?.snapshot ?? null;
    return { start, hardState, entries: [...this.#entries], snapshot };
  }

  /** What was staged for a snapshot that never became the newest is forgotten. */
  clean(): void {
    this.#staged.clear();
  }

  stage({ snapshot, offset, data }: SnapshotPart): void {
    const staged = this.#staged.get(snapshot.id);
    if (staged === undefined || offset === 0) this.#staged.set(snapshot.id, { snapshot, parts: [data] });
    else staged.parts.push(data);
  }

  read({ id }: Snapshot, offset: number, length: number): Uint8Array | null {
    const kept = this.#kept.find(({ snapshot }) => snapshot.id === id);
    if (kept === undefined) return null;
    return concatenated(kept.parts).slice(offset, offset + length);
  }

  perform({ snapshot, start, hardState, truncateFrom, entries }: Batch): void {
    if (snapshot) {
      const { parts } = this.#staged.get(snapshot.id) ?? { parts: [] };
      for (const [id, staged] of this.#staged) if (staged.snapshot.index <= snapshot.index) this.#staged.delete(id);
      this.#kept = [...this.#kept, { snapshot, parts: [concatenated(parts)] }].slice(-snapshotsKept);
    }
    this.#start = start ?? this.#start;
    this.#hardState = hardState ?? this.#hardState;
    const first = start ? start.index + 1 : 0;
    const end = truncateFrom ?? Number.POSITIVE_INFINITY;
    if (start || truncateFrom !== null) {
      this.#entries = this.#entries.filter(({ index }) => index >= first && index < end);
    }
    for (const entry of entries) this.#entries.push(entry);
  }
}

interface Bytes {
  readonly snapshot: Snapshot;
  readonly parts: readonly Uint8Array[];
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  return all;
}

export class MemoryStorage implements Storage {
  readonly durability: Durability = 'memory';
  readonly #disk: MemoryDisk;
  #closed = false;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
  }

  load(done: (result: PersistentState | null | RaftError) => void): void {
    queueMicrotask(() => {
      this.#disk.clean();
      done(this.#disk.state);
    });
  }

  stage(part: SnapshotPart, done: (error: RaftError | null) => void): void {
    queueMicrotask(() => {
      if (!this.#closed) this.#disk.stage(part);
      done(this.#closed ? new RaftError('CLOSED', 'the storage is closed') : null);
    });
  }

  readSnapshot(
    snapshot: Snapshot,
    offset: number,
    length: number,
    done: (result: Uint8Array | RaftError) => void,
  ): void {
    queueMicrotask(() => {
      const data = this.#disk.read(snapshot, offset, length);
      done(data ?? new RaftError('STORAGE_FAILED', `the snapshot of entry ${snapshot.index} is not kept any more`));
    });
  }

  write(batch: Batch, done: (error: RaftError | null) => void): void {
    queueMicrotask(() => {
      if (!this.#closed) this.#disk.perform(batch);
      done(this.#closed ? new RaftError('CLOSED', 'the storage is closed') : null);
    });
  }

  close(): void {
    this.#closed = true;
  }
}

export class MemoryDatabase implements Database {
  readonly host: HostId;
  readonly #groups: Map<GroupId, { readonly record: GroupRecord; readonly disk: MemoryDisk }> = new Map();

  constructor(host: HostId) {
    this.host = host;
  }

  groups(): Promise<readonly GroupRecord[]> {
    return Promise.resolve([...this.#groups.values()].map(({ record }) => record));
  }

  addGroup(record: GroupRecord): Promise<void> {
    if (this.#groups.has(record.group)) {
      return Promise.reject(new RaftError('STORAGE_FAILED', `group ${record.group} is stored already`));
    }
    this.#groups.set(record.group, { record, disk: new MemoryDisk() });
    return Promise.resolve();
  }

  moveGroup(group: GroupId, signaling: string): Promise<void> {
    const found = this.#groups.get(group);
    if (found !== undefined) this.#groups.set(group, { ...found, record: { ...found.record, signaling } });
    return Promise.resolve();
  }

  removeGroup(group: GroupId): Promise<void> {
    this.#groups.delete(group);
    return Promise.resolve();
  }

  storage(group: GroupId): Storage {
    const found = this.#groups.get(group);
    if (found === undefined) throw new RaftError('NO_SUCH_GROUP', `this host has no group ${group}`);
    return new MemoryStorage(found.disk);
  }

  close(): void {
    // Nothing is held open.
  }
}
