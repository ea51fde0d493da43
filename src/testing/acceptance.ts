/** What the cases of the acceptance suite stand on: a place to store in, and a store's calls as promises. */
import { emptyState } from '../core/raft.ts';
import type { Entry, LogStart, NodeId, PersistentState, Snapshot } from '../core/types.ts';
import { RaftError, type RaftErrorCode } from '../errors.ts';
import type { Batch, OutboxChange, SnapshotPart, Storage } from '../storage/storage.ts';

/** What may go wrong with a write: nothing was written; or it was, and nobody was told. */
export type StorageFault = 'no-room' | 'failed-before' | 'failed-after';

/** One fresh place to store in, for each case. */
export interface StorageHarness {
  /** Opens the store, at first empty, then with what was written before, as after a crash or a reload. */
  readonly open: () => Promise<Storage>;
  /** Opens another store of the same database. */
  readonly openOther: () => Promise<Storage>;
  /**
   * Lets the next write or part that reaches the store's disk fail. A harness without it skips the cases that need it.
   * `no-room` must be as in a store that tells QUOTA_EXCEEDED; leave that out of `faults` if the store has no such thing.
   */
  readonly fail?: (fault: StorageFault) => void;
  /** The faults that `fail` takes. */
  readonly faults?: readonly StorageFault[];
  readonly dispose: () => Promise<void>;
}

export interface AcceptanceCase {
  readonly name: string;
  run(): Promise<void>;
}

/** Adds a case to the suite. */
export type Accept = (name: string, body: (place: StorageHarness) => Promise<void>) => void;

export const start: LogStart = emptyState(['a', 'b', 'c'] as NodeId[]).start;
export const founding: Batch = { start, hardState: null, truncateFrom: null, entries: [] };

export function equal(actual: unknown, expected: unknown, what: string): void {
  const show = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? `bytes ${part.join(' ')}` : part));
  const [got, wanted] = [show(actual), show(expected)];
  if (got !== wanted) throw new Error(`${what}: got ${got.slice(0, 500)}, not ${wanted.slice(0, 500)}`);
}

/** A store at work, with promises for callbacks. */
export class Store {
  readonly #open: () => Promise<Storage>;
  #storage: Storage;
  #state: PersistentState | null = null;

  private constructor(open: () => Promise<Storage>, storage: Storage) {
    this.#open = open;
    this.#storage = storage;
  }

  /** Opens a store and loads it. */
  static async open(open: () => Promise<Storage>): Promise<Store> {
    const store = new Store(open, await open());
    await store.#load();
    return store;
  }

  get storage(): Storage {
    return this.#storage;
  }

  /** What it held when it was loaded. */
  get state(): PersistentState | null {
    return this.#state;
  }

  /** Goes on with the store as it is after a crash, and gives what it holds. */
  async reopen(): Promise<PersistentState | null> {
    this.#storage = await this.#open();
    await this.#load();
    return this.#state;
  }

  async #load(): Promise<void> {
    this.#state = await new Promise((resolve, reject) => {
      this.#storage.load((result) => {
        if (result instanceof RaftError) reject(result);
        else resolve(result);
      });
    });
  }

  write(batch: Partial<Batch>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#storage.write({ hardState: null, truncateFrom: null, entries: [], ...batch }, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  keep(change: OutboxChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#storage.keep(change, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  stage(part: SnapshotPart): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#storage.stage(part, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  read(snapshot: Snapshot, offset: number, length: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#storage.readSnapshot(snapshot, offset, length, (result) => {
        if (result instanceof RaftError) reject(result);
        else resolve(result);
      });
    });
  }
}

/** The code of the error that a call ends with; null when it succeeds. */
export function codeOf(call: Promise<unknown>): Promise<RaftErrorCode | null> {
  return call.then(
    () => null,
    (error: unknown) => {
      if (error instanceof RaftError) return error.code;
      throw error;
    },
  );
}

export function entry(index: number, term: number, size = 4): Entry {
  const data = Uint8Array.from({ length: size }, (_, i) => (index * 31 + term * 7 + i) & 0xff);
  return { index, term, kind: size === 0 ? 'empty' : 'command', data };
}

/** Entries of one term, both indexes included. */
export function range(first: number, last: number, term: number, size?: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term, size));
}
