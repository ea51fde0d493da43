/** What a store does when it is taken over, when its disk fails, and when there is no room. */
import { emptyState } from '../core/raft.ts';
import type { NodeId, Snapshot } from '../core/types.ts';
import { crc32c } from '../encoding/crc32c.ts';
import type { Batch } from '../storage/storage.ts';
import {
  type Accept,
  codeOf,
  equal,
  founding,
  range,
  start,
  Store,
  type StorageFault,
  type StorageHarness,
} from './acceptance.ts';

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
const { configuration } = emptyState(['a' as NodeId]).start;
const snapshot: Snapshot = { index: 5, term: 1, configuration, id: 'a', bytes: 1000, checksum: crc32c(bytes) };

/** Issues batches at once, and gives the codes of their errors in the order in which they complete. */
function codesOf(store: Store, batches: readonly Partial<Batch>[]): Promise<[number, string | null][]> {
  return new Promise((resolve) => {
    const completed: [number, string | null][] = [];
    batches.forEach((batch, i) => {
      store.storage.write({ hardState: null, truncateFrom: null, entries: [], ...batch }, (error) => {
        completed.push([i, error?.code ?? null]);
        if (completed.length === batches.length) resolve(completed);
      });
    });
  });
}

export function acceptFaults(accept: Accept): void {
  accept('lets nobody write who had it before somebody else did', async (place) => {
    const before = await Store.open(place.open);
    await before.write({ ...founding, entries: range(1, 10, 1) });
    const asleep = await Store.open(place.open);
    const now = await Store.open(place.open);
    equal(await codeOf(before.write({ truncateFrom: 3, entries: range(3, 3, 2) })), 'STORAGE_LOST', 'a late batch');
    equal(await codeOf(before.stage({ snapshot, offset: 0, data: bytes })), 'STORAGE_LOST', 'a late part');
    // However much is written since, and whatever a store cleans up then.
    for (let term = 1; term <= 150; term++) await now.write({ hardState: { term, vote: null, commit: 1 } });
    await now.write({ entries: range(11, 12, 1) });
    equal(
      await codeOf(asleep.write({ hardState: { term: 999, vote: null, commit: 0 } })),
      'STORAGE_LOST',
      'a late vote',
    );
    const state = await now.reopen();
    equal([state?.entries, state?.hardState.term], [range(1, 12, 1), 150], 'the store');
  });

  accept('writes nothing that was issued before it was loaded', async (place) => {
    const storage = await place.open();
    const error = await new Promise((done) => storage.write(founding, done));
    if (error === null) throw new Error('a batch was written into a store that was never loaded');
    equal((await Store.open(place.open)).state, null, 'the store');
  });

  /** A case for harnesses that can let a write fail in this way. */
  const acceptFault = (
    fault: StorageFault,
    name: string,
    body: (place: StorageHarness, fail: () => void) => Promise<void>,
  ): void => {
    accept(name, async (place) => {
      const { fail, faults = [] } = place;
      if (fail !== undefined && faults.includes(fault)) await body(place, () => fail(fault));
    });
  };

  for (const fault of ['failed-before', 'failed-after'] as const) {
    acceptFault(
      fault,
      `writes nothing more once a write has ${fault.replace('-', ' ')} it took effect`,
      async (place, fail) => {
        const store = await Store.open(place.open);
        await store.write({ ...founding, entries: range(1, 5, 1) });
        fail();
        const completed = await codesOf(store, [
          { entries: range(6, 7, 1) },
          { hardState: { term: 2, vote: null, commit: 0 } },
          { entries: range(8, 8, 1) },
        ]);
        const code = 'STORAGE_FAILED';
        equal(
          completed,
          [
            [0, code],
            [1, code],
            [2, code],
          ],
          'the completions',
        );
        equal(await codeOf(store.write({ entries: range(9, 9, 1) })), code, 'what comes later');
        equal(await codeOf(store.stage({ snapshot, offset: 0, data: bytes })), code, 'a part');
        const length = (await store.reopen())?.entries.length ?? 0;
        // Batches that travelled together are there together, or none of them.
        if (![5, 7, 8].includes(length)) throw new Error(`${length} entries are there`);
        equal((await store.reopen())?.entries, range(1, length, 1), 'the log');
      },
    );
  }

  acceptFault('no-room', 'goes on after there was no room, when what failed is written again', async (place, fail) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 10, 1) });
    fail();
    const failed = [{ entries: range(11, 12, 1) }, { hardState: { term: 2, vote: null, commit: 0 } }];
    const full = 'QUOTA_EXCEEDED';
    equal(
      await codesOf(store, failed),
      [
        [0, full],
        [1, full],
      ],
      'the completions',
    );
    equal(await codesOf(store, [{ entries: range(13, 13, 1) }]), [[0, full]], 'what follows what is missing');
    await store.stage({ snapshot, offset: 0, data: bytes });
    await store.write({ snapshot });
    await store.write({ start: { ...start, index: 5, term: 1 } });
    const again = [{ ...failed[0], resumes: true }, { ...failed[1] }, { entries: range(13, 13, 1) }];
    equal(
      await codesOf(store, again),
      [
        [0, null],
        [1, null],
        [2, null],
      ],
      'the second attempt',
    );
    await store.write({ entries: range(14, 14, 1) });
    const state = await store.reopen();
    equal([state?.entries, state?.hardState.term, state?.start.index], [range(6, 14, 1), 2, 5], 'the store');
    equal(await store.read(snapshot, 0, 1000), bytes, 'the snapshot');
  });

  acceptFault(
    'no-room',
    'takes nothing that was issued behind what failed before that was said',
    async (place, fail) => {
      const store = await Store.open(place.open);
      await store.write({ ...founding, hardState: { term: 1, vote: null, commit: 8 }, entries: range(1, 10, 1) });
      for (let waits = 0; waits < 12; waits++) {
        const after = 10 + waits;
        const errors: (string | null)[] = [];
        const write = (batch: Partial<Batch>): Promise<void> =>
          new Promise((resolve) => {
            store.storage.write({ hardState: null, truncateFrom: null, entries: [], ...batch }, (error) => {
              errors.push(error?.code ?? null);
              resolve();
            });
          });
        fail();
        const first = write({ entries: range(after + 1, after + 1, 1) });
        for (let i = 0; i < waits; i++) await Promise.resolve();
        const wasTold = errors.length > 0;
        // A compaction like any other: it was not issued to make room.
        await Promise.all([first, write({ start: { ...start, index: 1 + Math.floor(waits / 2), term: 1 } })]);
        await store.write({ entries: range(after + 1, after + 1, 1), resumes: true });
        equal(errors, ['QUOTA_EXCEEDED', wasTold ? null : 'QUOTA_EXCEEDED'], `the errors, ${waits} turns apart`);
      }
      equal((await store.reopen())?.entries.at(-1), range(22, 22, 1)[0], 'the end of the log');
    },
  );

  acceptFault('no-room', 'fails for good when there is no room for the second attempt either', async (place, fail) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 10, 1) });
    for (const resumes of [false, true]) {
      fail();
      equal(await codeOf(store.write({ entries: range(11, 12, 1), resumes })), 'QUOTA_EXCEEDED', 'an attempt');
    }
    equal(await codeOf(store.write({ entries: range(11, 12, 1), resumes: true })), 'QUOTA_EXCEEDED', 'a third');
    equal(await codeOf(store.write({ start: { ...start, index: 5, term: 1 } })), 'QUOTA_EXCEEDED', 'a compaction');
    equal((await store.reopen())?.entries, range(1, 10, 1), 'the log');
  });

  acceptFault('no-room', 'goes on when there is no room for a part of a snapshot', async (place, fail) => {
    const store = await Store.open(place.open);
    await store.write({ ...founding, entries: range(1, 10, 1) });
    await store.stage({ snapshot, offset: 0, data: bytes.slice(0, 500) });
    fail();
    const rest = { snapshot, offset: 500, data: bytes.slice(500) };
    equal(await codeOf(store.stage(rest)), 'QUOTA_EXCEEDED', 'the part');
    equal(await codeOf(store.stage(rest)), 'STORAGE_FAILED', 'the part again, of which the beginning is gone');
    await store.write({ entries: range(11, 11, 1) });
    await store.stage({ snapshot, offset: 0, data: bytes });
    await store.write({ snapshot });
    equal((await store.reopen())?.entries.length, 11, 'the length of the log');
    equal(await store.read(snapshot, 0, 1000), bytes, 'the snapshot');
  });
}
