/** A database that forgets: for tests, and for a tab that wants to leave nothing behind. */
import type { Entry, HardState, LogStart, PersistentState, Snapshot } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { HostIdentity } from '../identity/host-keys.ts';
import type { GroupId, HostId } from '../ids.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { beginsEarlier } from './batch.ts';
import type { Database, GroupChange, GroupRecord } from './database.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import { snapshotsKept } from './stored-snapshots.ts';
import {
  type Batch,
  type Durability,
  emptyOutbox,
  type OutboxContent,
  type OutboxChange,
  type SnapshotName,
  type SnapshotPart,
  type Storage,
} from './storage.ts';

/** What outlives a `MemoryStorage`, as a disk outlives a process. */
export class MemoryDisk {
  #start: LogStart | null = null;
  #hardState: HardState | null = null;
  #entries: Entry[] = [];
  /** The newest last. */
  #kept: Bytes[] = [];
  readonly #staged: Map<string, StagedBytes> = new Map();
  readonly outbox: MemoryOutbox = new MemoryOutbox();
  #owner: unknown = null;

  /** Whoever has the disk from now on. Nobody else writes on it any more. */
  claim(owner: unknown): void {
    this.#owner = owner;
  }

  isOwnedBy(owner: unknown): boolean {
    return this.#owner === owner;
  }

  get state(): PersistentState | null {
    const [start, hardState] = [this.#start, this.#hardState];
    if (start === null || hardState === null) return null;
    const snapshot = this.#kept.at(-1)?.snapshot ?? null;
    return { start, hardState, entries: [...this.#entries], snapshot };
  }

  /** What was staged for a snapshot that never became the newest is forgotten. */
  clean(): void {
    this.#staged.clear();
  }

  /** Gives what is wrong with the part, if anything is. */
  stage({ snapshot, offset, data }: SnapshotPart): RaftError | null {
    const { id, index, bytes = Number.POSITIVE_INFINITY, checksum } = snapshot;
    const staged: StagedBytes | undefined = offset === 0 ? { snapshot, parts: [] } : this.#staged.get(id);
    const before = staged === undefined ? 0 : length(staged.parts);
    if (staged === undefined || before !== offset) {
      return new RaftError('STORAGE_FAILED', `a part at byte ${offset} follows ${before} bytes: begin anew`);
    }
    this.#staged.set(id, staged);
    staged.parts.push(data);
    const end = offset + data.byteLength;
    if (end < bytes || (end === bytes && crc32c(concatenated(staged.parts)) === checksum)) return null;
    this.#staged.delete(id);
    const message = `the bytes of the snapshot of entry ${index} are not those that it was made of: begin anew`;
    return new RaftError('STORAGE_CORRUPT', message);
  }

  /** Whether all bytes of a snapshot were staged. */
  holds({ id, bytes, checksum }: Snapshot): boolean {
    const data = concatenated(this.#staged.get(id)?.parts ?? []);
    return data.byteLength === bytes && crc32c(data) === checksum;
  }

  read({ id }: Snapshot, offset: number, length: number): Uint8Array | null {
    const kept = this.#kept.findLast(({ snapshot }) => snapshot.id === id);
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
    const { commit = 0, ...kept } = hardState ?? this.#hardState ?? { term: 0, vote: null };
    this.#hardState = { ...kept, commit: Math.max(commit, start?.index ?? 0, snapshot?.index ?? 0) };
    const first = start ? start.index + 1 : 0;
    const end = truncateFrom ?? Number.POSITIVE_INFINITY;
    if (start || truncateFrom !== null) {
      this.#entries = this.#entries.filter(({ index }) => index >= first && index < end);
    }
    for (const entry of entries) this.#entries.push(entry);
  }
}

interface StagedBytes {
  readonly snapshot: SnapshotName;
  readonly parts: Uint8Array[];
}

interface Bytes {
  readonly snapshot: Snapshot;
  readonly parts: readonly Uint8Array[];
}

function length(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const all = new Uint8Array(length(parts));
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
  #failure: RaftError | null = null;
  #outbox: OutboxContent = emptyOutbox;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
  }

  get outbox(): OutboxContent {
    return this.#outbox;
  }

  load(done: (result: PersistentState | null | RaftError) => void): void {
    queueMicrotask(() => {
      this.#disk.claim(this);
      this.#disk.clean();
      this.#outbox = this.#disk.outbox.content;
      done(this.#disk.state);
    });
  }

  keep(change: OutboxChange, done: (error: RaftError | null) => void): void {
    queueMicrotask(() => {
      const failure = this.#check();
      if (failure === null) this.#disk.outbox.change(change);
      done(failure);
    });
  }

  stage(part: SnapshotPart, done: (error: RaftError | null) => void): void {
    queueMicrotask(() => {
      done(this.#check() ?? this.#disk.stage(part));
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
      const gone = new RaftError('STORAGE_FAILED', `the snapshot of entry ${snapshot.index} is not kept any more`);
      done(this.#failure ?? data ?? gone);
    });
  }

  write(batch: Batch, done: (error: RaftError | null) => void): void {
    queueMicrotask(() => {
      const failure = this.#check() ?? this.#fault(batch);
      if (failure === null) this.#disk.perform(batch);
      else this.#failure ??= failure;
      done(failure);
    });
  }

  /** What a batch asks for and cannot have. */
  #fault({ snapshot, start }: Batch): RaftError | null {
    if (snapshot && !this.#disk.holds(snapshot)) {
      return new RaftError('STORAGE_FAILED', `the snapshot of entry ${snapshot.index} was not staged to its end`);
    }
    if (!start) return null;
    const begins = this.#disk.state?.start.index ?? 0;
    return start.index < begins ? beginsEarlier(begins, start.index) : null;
  }

  #check(): RaftError | null {
    if (this.#failure === null && !this.#disk.isOwnedBy(this)) {
      this.#failure = new RaftError(
        'STORAGE_LOST',
        'this storage was not loaded, or was loaded again since by another',
      );
    }
    return this.#failure;
  }

  close(): void {
    this.#failure ??= new RaftError('CLOSED', 'the storage is closed');
  }
}

export class MemoryDatabase implements Database {
  readonly host: HostId;
  readonly keys: CryptoKeyPair;
  readonly #groups: Map<GroupId, GroupRecord> = new Map();
  readonly #disks: Map<GroupId, MemoryDisk> = new Map();

  constructor({ host, keys }: HostIdentity) {
    this.host = host;
    this.keys = keys;
  }

  groups(): Promise<readonly GroupRecord[]> {
    return Promise.resolve([...this.#groups.values()]);
  }

  addGroup(record: GroupRecord): Promise<void> {
    if (this.#groups.has(record.group)) {
      return Promise.reject(new RaftError('STORAGE_FAILED', `group ${record.group} is stored already`));
    }
    this.#groups.set(record.group, record);
    return Promise.resolve();
  }

  updateGroup(group: GroupId, change: GroupChange): Promise<void> {
    const record = this.#groups.get(group);
    if (record !== undefined) this.#groups.set(group, { ...record, ...change });
    return Promise.resolve();
  }

  removeGroup(group: GroupId): Promise<void> {
    // Whoever still has the store writes nothing into it any more.
    this.#disks.get(group)?.claim(null);
    this.#disks.delete(group);
    this.#groups.delete(group);
    return Promise.resolve();
  }

  storage(group: GroupId): Storage {
    const disk = this.#disks.get(group) ?? new MemoryDisk();
    this.#disks.set(group, disk);
    return new MemoryStorage(disk);
  }

  close(): Promise<void> {
    // Nothing is held open.
    return Promise.resolve();
  }
}
