/** The log and the hard state: what every store must keep of them, whatever order batches come in. */
import type { Entry, NodeId } from '../core/types.ts';
import { seededRandom } from '../core/random.ts';
import { type Accept, codeOf, entry, equal, founding, range, start, Store } from './acceptance.ts';

export function acceptLog(accept: Accept): void {
  accept('is empty at first', async (place) => {
    equal((await Store.open(place.open)).state, null, 'a new store');
  });

  accept('holds what it was founded with', async (place) => {
    const store = await Store.open(place.open);
    await store.write(founding);
    const hardState = { term: 0, vote: null, commit: 0 };
    equal(await store.reopen(), { start, hardState, entries: [], snapshot: null }, 'after founding');
  });

  accept('holds every part of a batch, exactly', async (place) => {
    const store = await Store.open(place.open);
    const hardState = { term: 7, vote: 'b' as NodeId, commit: 2 };
    const entries = [entry(1, 3, 0), entry(2, 7, 300), entry(3, 7, 1)];
    await store.write({ ...founding, hardState, entries });
    equal(await store.reopen(), { start, hardState, entries, snapshot: null }, 'after one batch');
  });

  accept('appends across batches and openings', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 3, 1) });
    await store.write({ entries: range(4, 4, 1) });
    await store.reopen();
    await store.write({ entries: range(5, 9, 2) });
    const state = await store.reopen();
    equal(state?.entries, [...range(1, 4, 1), ...range(5, 9, 2)], 'the log');
  });

  accept('keeps the last hard state, and the one before when a batch brings none', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, hardState: { term: 1, vote: 'a' as NodeId, commit: 0 } });
    await store.write({ hardState: { term: 2, vote: null, commit: 0 } });
    await store.write({ entries: range(1, 1, 2) });
    const state = await store.reopen();
    equal(state?.hardState, { term: 2, vote: null, commit: 0 }, 'the hard state');
  });

  for (const [what, cut] of [
    ['at the first entry', 1],
    ['in the middle of a batch', 7],
    ['between batches', 6],
    ['at the last entry', 10],
  ] as const) {
    accept(`cuts the log ${what}`, async (place) => {
      const store = await Store.open(place.open);
      await store.write({ ...founding, entries: range(1, 5, 1) });
      await store.write({ entries: range(6, 10, 1) });
      await store.write({ truncateFrom: cut, entries: range(cut, cut + 1, 2) });
      const expected = [...range(1, cut - 1, 1), ...range(cut, cut + 1, 2)];
      equal((await store.reopen())?.entries, expected, 'the log after the cut');
      await store.write({ entries: range(cut + 2, cut + 3, 2) });
      const longer = [...expected, ...range(cut + 2, cut + 3, 2)];
      equal((await store.reopen())?.entries, longer, 'the log after the next append');
    });
  }

  accept('cuts the log without appending', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 10, 1) });
    await store.write({ truncateFrom: 4, entries: [] });
    equal((await store.reopen())?.entries, range(1, 3, 1), 'the log after the cut');
    await store.write({ truncateFrom: 2, entries: [] });
    await store.write({ entries: range(2, 3, 2) });
    equal((await store.reopen())?.entries, [...range(1, 1, 1), ...range(2, 3, 2)], 'the log after the append');
  });

  accept('cuts the log again and again', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 20, 1) });
    await store.write({ truncateFrom: 15, entries: range(15, 30, 2) });
    await store.write({ truncateFrom: 18, entries: range(18, 19, 3) });
    await store.write({ truncateFrom: 4, entries: range(4, 25, 4) });
    await store.write({ truncateFrom: 25, entries: range(25, 25, 5) });
    const expected = [...range(1, 3, 1), ...range(4, 24, 4), ...range(25, 25, 5)];
    equal((await store.reopen())?.entries, expected, 'the log');
  });

  accept('begins the log later after a compaction, and goes on from there', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 10, 1) });
    await store.write({ entries: range(11, 20, 1) });
    for (const index of [3, 10, 14]) {
      await store.write({ start: { ...start, index, term: 1 } });
      const state = await store.reopen();
      equal(state?.start, { ...start, index, term: 1 }, 'the start');
      equal(state?.hardState.commit, index, 'the commit index, which is not behind the start');
      equal(state?.entries, range(index + 1, 20, 1), 'the log');
    }
    await store.write({ truncateFrom: 17, entries: range(17, 18, 2) });
    await store.write({ start: { ...start, index: 18, term: 2 } });
    equal((await store.reopen())?.entries, [], 'the log of which all is gone');
    await store.write({ entries: range(19, 20, 2) });
    equal((await store.reopen())?.entries, range(19, 20, 2), 'the log after the next append');
  });

  accept('begins the log anew behind a snapshot that is further on', async (place) => {
    const store = await Store.open(place.open);
    const later = { ...start, index: 100, term: 3 };
    await store.write({ ...founding, entries: range(1, 10, 1) });
    await Promise.all([
      store.write({ entries: range(11, 20, 1) }),
      store.write({ start: later, truncateFrom: 101, entries: [] }),
      store.write({ entries: range(101, 102, 3) }),
    ]);
    equal((await store.reopen())?.entries, range(101, 102, 3), 'the log');
    await store.write({ start: { ...start, index: 200, term: 4 }, truncateFrom: 201, entries: [] });
    equal((await store.reopen())?.entries, [], 'the log of which all is gone');
    await store.write({ entries: range(201, 201, 4) });
    const state = await store.reopen();
    equal(state?.entries, range(201, 201, 4), 'the log after the next append');
  });

  accept('completes in the order of issue, each once, never before write returns', async (place) => {
    const store = await Store.open(place.open);
    await store.write(founding);
    const order: number[] = [];
    let isIssuing = true;
    await new Promise<void>((resolve, reject) => {
      for (let i = 1; i <= 50; i++) {
        // Every third batch is empty: it completes after those before it all the same.
        const entries = i % 3 === 0 ? [] : range(i - Math.floor(i / 3), i - Math.floor(i / 3), 1);
        store.storage.write({ hardState: null, truncateFrom: null, entries }, (error) => {
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
    equal((await store.reopen())?.entries.length, 34, 'the length of the log');
  });

  accept('gives many batches in flight the effect that they have one by one', async (place) => {
    const store = await Store.open(place.open);
    await Promise.all([
      store.write({ ...founding, entries: range(1, 10, 1) }),
      store.write({ truncateFrom: 8, entries: range(8, 12, 2) }),
      store.write({ hardState: { term: 3, vote: null, commit: 1 } }),
      store.write({ truncateFrom: 10, entries: range(10, 10, 3) }),
      store.write({ entries: range(11, 11, 3) }),
      store.write({ truncateFrom: 9, entries: range(9, 9, 4) }),
    ]);
    const expected = [...range(1, 7, 1), ...range(8, 8, 2), ...range(9, 9, 4)];
    equal((await store.reopen())?.entries, expected, 'the log');
  });

  accept('takes large entries and large batches', async (place) => {
    const store = await Store.open(place.open);
    const large = [entry(1, 1, 100_000), entry(2, 1, 10), entry(3, 1, 300_000)];
    await store.write({ ...founding, entries: large });
    await store.write({ entries: range(4, 5003, 1, 40) });
    await store.write({ truncateFrom: 2503, entries: range(2503, 2503, 2) });
    const expected = [...large, ...range(4, 2502, 1, 40), ...range(2503, 2503, 2)];
    equal((await store.reopen())?.entries, expected, 'the log');
  });

  accept('never begins the log before what is there, and keeps what it has when it is asked to', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 10, 1) });
    const [later, earlier] = [6, 4].map((index) => ({ start: { ...start, index, term: 1 } }));
    await store.write({ ...later });
    equal(await codeOf(store.write({ ...earlier, entries: range(11, 11, 1) })), 'STORAGE_FAILED', 'the batch');
    const state = await store.reopen();
    equal([state?.start.index, state?.entries], [6, range(7, 10, 1)], 'the store');
  });

  accept('never begins the log before what a batch has said that it travels with', async (place) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 10, 1) });
    const batches = [6, 4].map((index) => store.write({ start: { ...start, index, term: 1 } }));
    equal(await codeOf(Promise.all(batches)), 'STORAGE_FAILED', 'the batches');
    const state = await store.reopen();
    const begins = state?.start.index ?? -1;
    if (begins !== 0 && begins !== 6) throw new Error(`the log begins behind ${begins}`);
    equal(state?.entries, range(begins + 1, 10, 1), 'the log');
  });

  accept('keeps two stores of one database apart', async (place) => {
    const [one, other] = [await Store.open(place.open), await Store.open(place.openOther)];
    await one.write({ ...founding, entries: range(1, 5, 1) });
    await other.write({ ...founding, entries: range(1, 3, 9) });
    await other.write({ truncateFrom: 1, entries: range(1, 1, 10) });
    equal((await one.reopen())?.entries, range(1, 5, 1), 'one log');
    equal((await other.reopen())?.entries, range(1, 1, 10), 'the other log');
  });

  accept('refuses to write once it is closed', async (place) => {
    const store = await Store.open(place.open);
    await store.write(founding);
    store.storage.close();
    const code = await codeOf(store.write({ entries: range(1, 1, 1) }));
    equal(code, 'CLOSED', 'the error');
  });

  accept('agrees with a model over random batches and openings', async (place) => {
    const random = seededRandom(42);
    let log: Entry[] = [];
    let first = 1;
    const store = await Store.open(place.open);
    await store.write(founding);
    for (let term = 1; term <= 120; term++) {
      const compacted = random.below(5) === 0 ? random.below(log.length + 1) : 0;
      if (compacted > 0) {
        first += compacted;
        log = log.slice(compacted);
        await store.write({ start: { ...start, index: first - 1, term: 1 } });
      }
      const cut = random.below(3) === 0 ? first + random.below(log.length + 1) : null;
      if (cut !== null) log = log.slice(0, cut - first);
      const end = first + log.length;
      const entries = range(end, end + random.below(12) - 1, term, random.below(40));
      log = [...log, ...entries];
      await store.write({ truncateFrom: cut, entries });
      if (random.below(4) === 0) {
        equal((await store.reopen())?.entries, log, `the log after batch ${term}`);
      }
    }
  });
}
