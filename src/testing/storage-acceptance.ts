/**
 * What every store must do, as cases that any test runner, or a page, can run: each is a name and a function that
 * throws when the promise is broken.
 */
import type { Entry, PersistentState } from '../core/types.ts';
import type { NodeId } from '../core/types.ts';
import { emptyState } from '../core/raft.ts';
import { seededRandom } from '../core/random.ts';
import { RaftError } from '../errors.ts';
import type { Batch, Storage } from '../storage/storage.ts';

/** One fresh place to store in, for each case. */
export interface StorageHarness {
  /** Opens the store, at first empty, then with what was written before, as after a crash or a reload. */
  open(): Promise<Storage>;
  /** Opens another store of the same database. */
  openOther(): Promise<Storage>;
  dispose(): Promise<void>;
}

export interface AcceptanceCase {
  readonly name: string;
  run(): Promise<void>;
}

const { start } = emptyState(['a', 'b', 'c'] as NodeId[]);
const founding: Batch = { start, hardState: null, truncateFrom: null, entries: [] };

function equal(actual: unknown, expected: unknown, what: string): void {
  const show = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? `bytes ${part.join(' ')}` : part));
  const [got, wanted] = [show(actual), show(expected)];
  if (got !== wanted) throw new Error(`${what}: got ${got.slice(0, 500)}, not ${wanted.slice(0, 500)}`);
}

function load(storage: Storage): Promise<PersistentState | null> {
  return new Promise((resolve, reject) => {
    storage.load((result) => {
      if (result instanceof RaftError) reject(result);
      else resolve(result);
    });
  });
}

function write(storage: Storage, batch: Partial<Batch>): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.write({ hardState: null, truncateFrom: null, entries: [], ...batch }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function entry(index: number, term: number, size = 4): Entry {
  const data = Uint8Array.from({ length: size }, (_, i) => (index * 31 + term * 7 + i) & 0xff);
  return { index, term, kind: size === 0 ? 'empty' : 'command', data };
}

const range = (first: number, last: number, term: number, size?: number): Entry[] =>
  Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term, size));

/** The cases. `harness` is asked for a fresh place for each. */
export function storageAcceptance(harness: () => Promise<StorageHarness>): AcceptanceCase[] {
  const cases: AcceptanceCase[] = [];
  const accept = (name: string, body: (place: StorageHarness) => Promise<void>): void => {
    cases.push({
      name,
      async run() {
        const place = await harness();
        try {
          await body(place);
        } finally {
          await place.dispose();
        }
      },
    });
  };

  accept('is empty at first', async (place) => {
    equal(await load(await place.open()), null, 'a new store');
  });

  accept('holds what it was founded with', async (place) => {
    await write(await place.open(), founding);
    const hardState = { term: 0, vote: null, commit: 0 };
    equal(await load(await place.open()), { start, hardState, entries: [] }, 'after founding');
  });

  accept('holds every part of a batch, exactly', async (place) => {
    const hardState = { term: 7, vote: 'b' as NodeId, commit: 2 };
    const entries = [entry(1, 3, 0), entry(2, 7, 300), entry(3, 7, 1)];
    await write(await place.open(), { ...founding, hardState, entries });
    equal(await load(await place.open()), { start, hardState, entries }, 'after one batch');
  });

  accept('appends across batches and openings', async (place) => {
    const storage = await place.open();
    await write(storage, { ...founding, entries: range(1, 3, 1) });
    await write(storage, { entries: range(4, 4, 1) });
    const again = await place.open();
    await load(again);
    await write(again, { entries: range(5, 9, 2) });
    const state = await load(await place.open());
    equal(state?.entries, [...range(1, 4, 1), ...range(5, 9, 2)], 'the log');
  });

  accept('keeps the last hard state, and the one before when a batch brings none', async (place) => {
    const storage = await place.open();
    await write(storage, { ...founding, hardState: { term: 1, vote: 'a' as NodeId, commit: 0 } });
    await write(storage, { hardState: { term: 2, vote: null, commit: 0 } });
    await write(storage, { entries: range(1, 1, 2) });
    const state = await load(await place.open());
    equal(state?.hardState, { term: 2, vote: null, commit: 0 }, 'the hard state');
  });

  for (const [what, cut] of [
    ['at the first entry', 1],
    ['in the middle of a batch', 7],
    ['between batches', 6],
    ['at the last entry', 10],
  ] as const) {
    accept(`cuts the log ${what}`, async (place) => {
      const storage = await place.open();
      await write(storage, { ...founding, entries: range(1, 5, 1) });
      await write(storage, { entries: range(6, 10, 1) });
      await write(storage, { truncateFrom: cut, entries: range(cut, cut + 1, 2) });
      const expected = [...range(1, cut - 1, 1), ...range(cut, cut + 1, 2)];
      equal((await load(await place.open()))?.entries, expected, 'the log after the cut');
      await write(storage, { entries: range(cut + 2, cut + 3, 2) });
      const longer = [...expected, ...range(cut + 2, cut + 3, 2)];
      equal((await load(await place.open()))?.entries, longer, 'the log after the next append');
    });
  }

  accept('cuts the log without appending', async (place) => {
    const storage = await place.open();
    await write(storage, { ...founding, entries: range(1, 10, 1) });
    await write(storage, { truncateFrom: 4, entries: [] });
    equal((await load(await place.open()))?.entries, range(1, 3, 1), 'the log after the cut');
    await write(storage, { truncateFrom: 2, entries: [] });
    await write(storage, { entries: range(2, 3, 2) });
    equal(
      (await load(await place.open()))?.entries,
      [...range(1, 1, 1), ...range(2, 3, 2)],
      'the log after the append',
    );
  });

  accept('cuts the log again and again', async (place) => {
    const storage = await place.open();
    await write(storage, { ...founding, entries: range(1, 20, 1) });
    await write(storage, { truncateFrom: 15, entries: range(15, 30, 2) });
    await write(storage, { truncateFrom: 18, entries: range(18, 19, 3) });
    await write(storage, { truncateFrom: 4, entries: range(4, 25, 4) });
    await write(storage, { truncateFrom: 25, entries: range(25, 25, 5) });
    const expected = [...range(1, 3, 1), ...range(4, 24, 4), ...range(25, 25, 5)];
    equal((await load(await place.open()))?.entries, expected, 'the log');
  });

  accept('begins the log later after a compaction, and goes on from there', async (place) => {
    const storage = await place.open();
    await write(storage, { ...founding, entries: range(1, 10, 1) });
    await write(storage, { entries: range(11, 20, 1) });
    for (const index of [3, 10, 14]) {
      await write(storage, { start: { ...start, index, term: 1 } });
      const state = await load(await place.open());
      equal(state?.start, { ...start, index, term: 1 }, 'the start');
      equal(state?.entries, range(index + 1, 20, 1), 'the log');
    }
    await write(storage, { truncateFrom: 17, entries: range(17, 18, 2) });
    await write(storage, { start: { ...start, index: 18, term: 2 } });
    equal((await load(await place.open()))?.entries, [], 'the log of which all is gone');
    await write(storage, { entries: range(19, 20, 2) });
    equal((await load(await place.open()))?.entries, range(19, 20, 2), 'the log after the next append');
  });

  accept('begins the log anew behind a snapshot that is further on', async (place) => {
    const storage = await place.open();
    const later = { ...start, index: 100, term: 3 };
    await write(storage, { ...founding, entries: range(1, 10, 1) });
    await Promise.all([
      write(storage, { entries: range(11, 20, 1) }),
      write(storage, { start: later, truncateFrom: 101, entries: [] }),
      write(storage, { entries: range(101, 102, 3) }),
    ]);
    equal((await load(await place.open()))?.entries, range(101, 102, 3), 'the log');
    await write(storage, { start: { ...start, index: 200, term: 4 }, truncateFrom: 201, entries: [] });
    equal((await load(await place.open()))?.entries, [], 'the log of which all is gone');
    await write(storage, { entries: range(201, 201, 4) });
    const state = await load(await place.open());
    equal(state?.entries, range(201, 201, 4), 'the log after the next append');
  });

  accept('completes in the order of issue, each once, never before write returns', async (place) => {
    const storage = await place.open();
    await write(storage, founding);
    const order: number[] = [];
    let isIssuing = true;
    await new Promise<void>((resolve, reject) => {
      for (let i = 1; i <= 50; i++) {
        // Every third batch is empty: it completes after those before it all the same.
        const entries = i % 3 === 0 ? [] : range(i - Math.floor(i / 3), i - Math.floor(i / 3), 1);
        storage.write({ hardState: null, truncateFrom: null, entries }, (error) => {
          if (error !== null) reject(error);
          if (isIssuing) reject(new Error('a batch completed before write returned'));
          order.push(i);
          if (i === 50) resolve();
        });
      }
      isIssuing = false;
    });
    equal(
      order,
      Array.from({ length: 50 }, (_, i) => i + 1),
      'the order of completions',
    );
    equal((await load(await place.open()))?.entries.length, 34, 'the length of the log');
  });

  accept('gives many batches in flight the effect that they have one by one', async (place) => {
    const storage = await place.open();
    await Promise.all([
      write(storage, { ...founding, entries: range(1, 10, 1) }),
      write(storage, { truncateFrom: 8, entries: range(8, 12, 2) }),
      write(storage, { hardState: { term: 3, vote: null, commit: 1 } }),
      write(storage, { truncateFrom: 10, entries: range(10, 10, 3) }),
      write(storage, { entries: range(11, 11, 3) }),
      write(storage, { truncateFrom: 9, entries: range(9, 9, 4) }),
    ]);
    const expected = [...range(1, 7, 1), ...range(8, 8, 2), ...range(9, 9, 4)];
    equal((await load(await place.open()))?.entries, expected, 'the log');
  });

  accept('takes large entries and large batches', async (place) => {
    const storage = await place.open();
    const large = [entry(1, 1, 100_000), entry(2, 1, 10), entry(3, 1, 300_000)];
    await write(storage, { ...founding, entries: large });
    await write(storage, { entries: range(4, 5003, 1, 40) });
    await write(storage, { truncateFrom: 2503, entries: range(2503, 2503, 2) });
    const expected = [...large, ...range(4, 2502, 1, 40), ...range(2503, 2503, 2)];
    equal((await load(await place.open()))?.entries, expected, 'the log');
  });

  accept('keeps two stores of one database apart', async (place) => {
    const [one, other] = [await place.open(), await place.openOther()];
    await write(one, { ...founding, entries: range(1, 5, 1) });
    await write(other, { ...founding, entries: range(1, 3, 9) });
    await write(other, { truncateFrom: 1, entries: range(1, 1, 10) });
    equal((await load(await place.open()))?.entries, range(1, 5, 1), 'one log');
    equal((await load(await place.openOther()))?.entries, range(1, 1, 10), 'the other log');
  });

  accept('refuses to write once it is closed', async (place) => {
    const storage = await place.open();
    await write(storage, founding);
    storage.close();
    const code = await write(storage, { entries: range(1, 1, 1) }).then(
      () => 'written',
      (error: unknown) => (error instanceof RaftError ? error.code : error),
    );
    equal(code, 'CLOSED', 'the error');
  });

  accept('agrees with a model over random batches and openings', async (place) => {
    const random = seededRandom(42);
    let log: Entry[] = [];
    let first = 1;
    let storage = await place.open();
    await write(storage, founding);
    for (let term = 1; term <= 120; term++) {
      const compacted = random.below(5) === 0 ? random.below(log.length + 1) : 0;
      if (compacted > 0) {
        first += compacted;
        log = log.slice(compacted);
        await write(storage, { start: { ...start, index: first - 1, term: 1 } });
      }
      const cut = random.below(3) === 0 ? first + random.below(log.length + 1) : null;
      if (cut !== null) log = log.slice(0, cut - first);
      const end = first + log.length;
      const entries = range(end, end + random.below(12) - 1, term, random.below(40));
      log = [...log, ...entries];
      await write(storage, { truncateFrom: cut, entries });
      if (random.below(4) === 0) {
        storage = await place.open();
        equal((await load(storage))?.entries, log, `the log after batch ${term}`);
      }
    }
  });

  return cases;
}
