/** What `bench:storage` measures, in a page: our store, and beside it IndexedDB with nothing around it. */
import type { Entry } from '../../src/core/types.ts';
import type { GroupId } from '../../src/ids.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { founding, Store } from '../../src/testing/acceptance.ts';
import { openBare } from './bare-database.ts';

const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;
const entryBytes = 128;

export interface Samples {
  /** Milliseconds. */
  readonly ours: number[];
  readonly floor: number[];
}

export interface Saturation {
  /** Entries a second. */
  readonly ours: number;
  readonly floor: number;
}

/** Milliseconds for the same work with a record for each entry, and with packed records. */
export interface Layouts {
  readonly each: Layout;
  readonly packed: Layout;
}

export interface Layout {
  /** A flush of 256 entries. */
  readonly write: number[];
  /** Reading 10,000 entries. */
  readonly load: number[];
  /** Cutting 5,000 entries off. */
  readonly truncate: number[];
}

export interface StorageBench {
  /** Flushes of so many entries, taking turns with a bare transaction that has one record of as many bytes. */
  flush(entries: number, rounds: number): Promise<Samples>;
  /** As many entries as can be written when 1024 are on their way at any time. */
  saturate(entries: number): Promise<Saturation>;
  /** Loads of a log of so many entries, that came `together` in a flush, taking turns with bare reads of the same records. */
  load(entries: number, together: number, rounds: number): Promise<Samples>;
  compareLayouts(rounds: number): Promise<Layouts>;
}

/** Bytes that cannot be compressed. */
function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

function entriesFrom(index: number, count: number): Entry[] {
  const bytes = randomBytes(count * entryBytes);
  return Array.from({ length: count }, (_, i) => ({
    index: index + i,
    term: 1,
    kind: 'command' as const,
    data: bytes.subarray(i * entryBytes, (i + 1) * entryBytes),
  }));
}

let databases = 0;

async function openStore(): Promise<{ name: string; database: IndexedDbDatabase; store: Store }> {
  const name = `bench-${++databases}-${Date.now()}`;
  const database = await IndexedDbDatabase.open(name);
  const store = await Store.open(() => Promise.resolve(database.storage(group)));
  await store.write(founding);
  return { name, database, store };
}

/** One strict transaction, committed at once. */
function transact(database: IDBDatabase, fill: (records: IDBObjectStore) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction('records', 'readwrite', { durability: 'strict' });
    fill(transaction.objectStore('records'));
    transaction.commit();
    transaction.oncomplete = () => {
      resolve();
    };
    transaction.onabort = () => {
      reject(transaction.error ?? new Error('the transaction was aborted'));
    };
  });
}

function readAll(database: IDBDatabase, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name);
    const records = transaction.objectStore(name);
    records.getAllKeys();
    records.getAll();
    transaction.oncomplete = () => {
      resolve();
    };
    transaction.onabort = () => {
      reject(transaction.error ?? new Error('the transaction was aborted'));
    };
  });
}

async function time(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** Keeps so many entries on their way; resolves when all are durable. */
function pump(storage: Storage, entries: readonly Entry[], inFlight: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let [issued, durable] = [0, 0];
    const issue = (): void => {
      const entry = entries[issued++];
      if (entry === undefined) return;
      storage.write({ hardState: null, truncateFrom: null, entries: [entry] }, (error) => {
        if (error !== null) reject(error);
        if (++durable === entries.length) resolve();
        issue();
      });
    };
    for (let i = 0; i < inFlight; i++) issue();
  });
}

const warmUps = 20;

const bench: StorageBench = {
  async flush(count, rounds) {
    const { store, database } = await openStore();
    const bare = await openBare(`bare-${databases}-${Date.now()}`);
    const samples: Samples = { ours: [], floor: [] };
    let index = 1;
    for (let round = -warmUps; round < rounds; round++) {
      const entries = entriesFrom(index, count);
      const hardState = { term: 1, vote: null, commit: index - 1 };
      const bytes = randomBytes(count * entryBytes);
      index += count;
      const write = (): Promise<number> => time(() => store.write({ hardState, entries }));
      const put = (): Promise<number> => time(() => transact(bare, (records) => records.put(bytes, index)));
      // Whoever goes second finds the disk as the first has left it: they take turns in that as well.
      const isFirst = round % 2 === 0;
      const before = isFirst ? await write() : await put();
      const after = isFirst ? await put() : await write();
      const [ours, floor] = isFirst ? [before, after] : [after, before];
      if (round < 0) continue;
      samples.ours.push(ours);
      samples.floor.push(floor);
    }
    bare.close();
    await database.close();
    return samples;
  },

  async saturate(count) {
    const { store, database } = await openStore();
    const entries = entriesFrom(1, count);
    const ours = await time(() => pump(store.storage, entries, 1024));
    await database.close();
    const bare = await openBare(`bare-${databases}-${Date.now()}`);
    const together = 512;
    const bytes = randomBytes(together * entryBytes);
    const floor = await time(async () => {
      for (let at = 0; at < count; at += together) await transact(bare, (records) => records.put(bytes, at));
    });
    bare.close();
    return { ours: (count / ours) * 1000, floor: (count / floor) * 1000 };
  },

  async load(count, together, rounds) {
    const { name, store, database } = await openStore();
    const entries = entriesFrom(1, count);
    const writes: Promise<void>[] = [];
    for (let at = 0; at < count; at += together) {
      const written = store.write({ entries: entries.slice(at, at + together) });
      writes.push(written);
      // Each for itself: what waits at the same time would be written together.
      await written;
    }
    await Promise.all(writes);
    const samples: Samples = { ours: [], floor: [] };
    const bare = await openBare(name);
    for (let round = 0; round < rounds; round++) {
      samples.floor.push(await time(() => readAll(bare, 'entries')));
      samples.ours.push(await time(() => store.reopen()));
      if (store.state?.entries.length !== count) throw new Error('the log was not loaded');
    }
    bare.close();
    await database.close();
    return samples;
  },

  async compareLayouts(rounds) {
    const layouts: Layouts = {
      each: { write: [], load: [], truncate: [] },
      packed: { write: [], load: [], truncate: [] },
    };
    const [flush, count, rest] = [256, 10_000, 5000];
    for (let round = 0; round < rounds; round++) {
      for (const [layout, times] of Object.entries(layouts) as [keyof Layouts, Layout][]) {
        const bare = await openBare(`layout-${layout}-${round}-${Date.now()}`);
        for (let at = 0; at < count; at += flush) {
          const bytes = randomBytes(flush * entryBytes);
          const ms = await time(() =>
            transact(bare, (records) => {
              if (layout === 'packed') records.put(bytes, at);
              else
                for (let i = 0; i < flush; i++) records.put(bytes.slice(i * entryBytes, (i + 1) * entryBytes), at + i);
            }),
          );
          times.write.push(ms);
        }
        times.load.push(await time(() => readAll(bare, 'records')));
        const cut = IDBKeyRange.lowerBound(count - rest);
        times.truncate.push(await time(() => transact(bare, (records) => records.delete(cut))));
        bare.close();
      }
    }
    return layouts;
  },
};

Object.assign(globalThis, { bench });
