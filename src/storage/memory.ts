/** A database that forgets: for tests, and for a tab that wants to leave nothing behind. */
import type { Entry, HardState, LogStart, PersistentState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { GroupId, HostId } from '../ids.ts';
import type { Database, GroupRecord } from './database.ts';
import type { Batch, Durability, Storage } from './storage.ts';

/** What outlives a `MemoryStorage`, as a disk outlives a process. */
export class MemoryDisk {
  #start: LogStart | null = null;
  #hardState: HardState | null = null;
  #entries: Entry[] = [];

  get state(): PersistentState | null {
    const start = this.#start;
    if (start === null) return null;
    const hardState = this.#hardState ?? { term: 0, vote: null, commit: start.index };
    return { start, hardState, entries: [...this.#entries] };
  }

  perform({ start, hardState, truncateFrom, entries }: Batch): void {
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

export class MemoryStorage implements Storage {
  readonly durability: Durability = 'memory';
  readonly #disk: MemoryDisk;
  #closed = false;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
  }

  load(done: (result: PersistentState | null | RaftError) => void): void {
    queueMicrotask(() => {
      done(this.#disk.state);
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
