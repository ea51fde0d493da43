/** Snapshots: staged in parts, made the newest with a batch, read in any range, and gone when they should be. */
import { seededRandom } from '../core/random.ts';
import type { Snapshot } from '../core/types.ts';
import { crc32c } from '../encoding/crc32c.ts';
import { type Accept, codeOf, equal, founding, range, start, Store, type StorageHarness } from './acceptance.ts';

interface Sample {
  readonly snapshot: Snapshot;
  readonly bytes: Uint8Array;
}

function sample(index: number, length: number, id = `of ${index}`): Sample {
  const random = seededRandom(index + length);
  const bytes = Uint8Array.from({ length }, () => random.below(256));
  const { configuration } = start;
  return { snapshot: { index, term: 1, configuration, id, bytes: length, checksum: crc32c(bytes) }, bytes };
}

/** Stages bytes in parts, and does not wait for one before the next. */
function stageAll(store: Store, { snapshot, bytes }: Sample, partLength: number): Promise<unknown> {
  const parts: Promise<void>[] = [];
  for (let offset = 0; offset < bytes.byteLength; offset += partLength) {
    parts.push(store.stage({ snapshot, offset, data: bytes.slice(offset, offset + partLength) }));
  }
  return Promise.all(parts);
}

async function readAll(store: Store, { snapshot }: Sample): Promise<Uint8Array> {
  return store.read(snapshot, 0, snapshot.bytes);
}

async function founded(place: StorageHarness): Promise<Store> {
  const store = await Store.open(place.open);
  await store.write({ ...founding, entries: range(1, 30, 1) });
  return store;
}

export function acceptSnapshots(accept: Accept): void {
  for (const [what, length, partLength] of [
    ['one part', 1000, 1000],
    ['small parts', 5000, 77],
    ['parts larger than a record', 400_000, 150_000],
    ['many parts', 1_000_000, 16_384],
  ] as const) {
    accept(`takes a snapshot in ${what}, and gives it back in any range`, async (place) => {
      const store = await founded(place);
      const one = sample(10, length);
      await stageAll(store, one, partLength);
      await store.write({ snapshot: one.snapshot, start: { ...start, index: 8, term: 1 } });
      const state = await store.reopen();
      equal(state?.snapshot, one.snapshot, 'the snapshot');
      equal(state?.hardState.commit, 10, 'the commit index, which is not behind the snapshot');
      equal(state?.entries, range(9, 30, 1), 'the log behind it');
      equal(crc32c(await readAll(store, one)), one.snapshot.checksum, 'the checksum of all bytes');
      const random = seededRandom(length);
      for (let i = 0; i < 20; i++) {
        const offset = random.below(length);
        const wanted = 1 + random.below(Math.min(length - offset, 100_000));
        const expected = one.bytes.subarray(offset, offset + wanted);
        equal(
          crc32c(await store.read(one.snapshot, offset, wanted)),
          crc32c(expected),
          `${wanted} bytes from ${offset}`,
        );
      }
      equal(await store.read(one.snapshot, length - 3, 10), one.bytes.subarray(length - 3), 'bytes at the end');
      equal((await store.read(one.snapshot, length, 10)).byteLength, 0, 'bytes behind the end');
    });
  }

  accept('takes a snapshot of nothing', async (place) => {
    const store = await founded(place);
    const none = sample(5, 0);
    await store.write({ snapshot: none.snapshot });
    equal((await store.reopen())?.snapshot, none.snapshot, 'the snapshot');
    equal((await readAll(store, none)).byteLength, 0, 'its bytes');
  });

  accept('finds every part in a batch that is issued behind the last', async (place) => {
    const store = await founded(place);
    const one = sample(10, 100_000);
    await Promise.all([stageAll(store, one, 9999), store.write({ snapshot: one.snapshot })]);
    equal(await readAll(store, one), one.bytes, 'the bytes');
  });

  accept('keeps the newest snapshot and the one before it, and no older one', async (place) => {
    const store = await founded(place);
    const all = [5, 10, 15, 20].map((index) => sample(index, 70_000 + index));
    for (const [i, one] of all.entries()) {
      await stageAll(store, one, 30_000);
      await store.write({ snapshot: one.snapshot });
      if (i === 1) await store.reopen();
      for (const [age, kept] of all
        .slice(0, i + 1)
        .reverse()
        .entries()) {
        const code = await codeOf(readAll(store, kept));
        equal(code, age < 2 ? null : 'STORAGE_FAILED', `reading the snapshot ${age} before the newest`);
      }
    }
    equal((await store.reopen())?.snapshot, all[3]?.snapshot, 'the newest');
    for (const one of all.slice(2)) equal(await readAll(store, one), one.bytes, 'the bytes of a kept one');
  });

  accept('keeps the one before the newest when both come in one flush', async (place) => {
    const store = await founded(place);
    const all = [5, 10, 15].map((index) => sample(index, 1000));
    await Promise.all(all.map((one) => stageAll(store, one, 400)));
    await Promise.all(all.map(({ snapshot }) => store.write({ snapshot })));
    await store.reopen();
    for (const one of all.slice(1)) equal(await readAll(store, one), one.bytes, 'the bytes of a kept one');
  });

  accept('stages several snapshots at once', async (place) => {
    const store = await founded(place);
    const [taken, received] = [sample(10, 50_000, 'taken'), sample(20, 50_000, 'received')];
    for (let offset = 0; offset < 50_000; offset += 10_000) {
      for (const { snapshot, bytes } of [taken, received]) {
        await store.stage({ snapshot, offset, data: bytes.slice(offset, offset + 10_000) });
      }
    }
    await store.write({ snapshot: taken.snapshot });
    await store.write({ snapshot: received.snapshot });
    equal(await readAll(store, taken), taken.bytes, 'the bytes of the one');
    equal(await readAll(store, received), received.bytes, 'the bytes of the other');
  });

  accept('begins anew at offset 0', async (place) => {
    const store = await founded(place);
    const one = sample(10, 40_000);
    const wrong = new Uint8Array(30_000);
    await store.stage({ snapshot: one.snapshot, offset: 0, data: wrong });
    await stageAll(store, one, 25_000);
    await store.write({ snapshot: one.snapshot });
    await store.reopen();
    equal(await readAll(store, one), one.bytes, 'the bytes');
  });

  accept('takes a snapshot again while it is kept already', async (place) => {
    const store = await founded(place);
    const one = sample(10, 40_000);
    await stageAll(store, one, 15_000);
    await store.write({ snapshot: one.snapshot });
    await store.stage({ snapshot: one.snapshot, offset: 0, data: one.bytes.slice(0, 15_000) });
    equal(await readAll(store, one), one.bytes, 'the bytes, while it is staged again');
    await stageAll(store, one, 20_000);
    await store.write({ snapshot: one.snapshot });
    equal(await readAll(store, one), one.bytes, 'the bytes after that');
  });

  accept('forgets what was staged and never became the newest', async (place) => {
    const store = await founded(place);
    const one = sample(10, 40_000);
    await store.stage({ snapshot: one.snapshot, offset: 0, data: one.bytes.slice(0, 30_000) });
    equal((await store.reopen())?.snapshot ?? null, null, 'the snapshot after a crash');
    const rest = { snapshot: one.snapshot, offset: 30_000, data: one.bytes.slice(30_000) };
    equal(await codeOf(store.stage(rest)), 'STORAGE_FAILED', 'a part that follows nothing');
    equal(await codeOf(readAll(store, one)), 'STORAGE_FAILED', 'reading it');
    await stageAll(store, one, 30_000);
    await store.write({ snapshot: one.snapshot });
    equal(await readAll(store, one), one.bytes, 'the bytes, staged anew');
  });

  accept('refuses a part that does not follow, and wrong bytes, and goes on', async (place) => {
    const store = await founded(place);
    const one = sample(10, 40_000);
    await store.stage({ snapshot: one.snapshot, offset: 0, data: one.bytes.slice(0, 10_000) });
    const later = { snapshot: one.snapshot, offset: 20_000, data: one.bytes.slice(20_000) };
    equal(await codeOf(store.stage(later)), 'STORAGE_FAILED', 'a part behind a gap');
    const flipped = one.bytes.slice();
    flipped[20_000] = (flipped[20_000] ?? 0) ^ 1;
    equal(await codeOf(stageAll(store, { ...one, bytes: flipped }, 40_000)), 'STORAGE_CORRUPT', 'wrong bytes');
    await store.write({ entries: range(31, 31, 1) });
    await stageAll(store, one, 10_000);
    await store.write({ snapshot: one.snapshot });
    await store.reopen();
    equal(await readAll(store, one), one.bytes, 'the bytes');
  });

  accept('never makes a snapshot the newest that was not staged to its end', async (place) => {
    const store = await founded(place);
    const one = sample(10, 40_000);
    await store.stage({ snapshot: one.snapshot, offset: 0, data: one.bytes.slice(0, 30_000) });
    const batch = { snapshot: one.snapshot, entries: range(31, 31, 1) };
    equal(await codeOf(store.write(batch)), 'STORAGE_FAILED', 'the batch');
    const state = await store.reopen();
    equal([state?.snapshot ?? null, state?.entries.length], [null, 30], 'the store');
  });

  accept('fails a read of a snapshot that is gone, and goes on', async (place) => {
    const store = await founded(place);
    equal(await codeOf(readAll(store, sample(7, 100))), 'STORAGE_FAILED', 'the read');
    await store.write({ entries: range(31, 31, 1) });
    equal((await store.reopen())?.entries.length, 31, 'the length of the log');
  });

  accept(
    'gives a read the bytes of its snapshot or fails it, whatever becomes of the snapshot meanwhile',
    async (place) => {
      const store = await founded(place);
      const random = seededRandom(3);
      const all = [5, 9, 13, 17, 21, 25].map((index) => sample(index, 70_000 + index));
      const reads: Promise<void>[] = [];
      let failed = 0;
      for (const [i, next] of all.entries()) {
        const staged = stageAll(store, next, 30_000);
        const promoted = store.write({ snapshot: next.snapshot });
        for (const { snapshot, bytes } of all.slice(0, i)) {
          const offset = random.below(snapshot.bytes);
          const wanted = bytes.subarray(offset, offset + 50_000);
          const read = store.read(snapshot, offset, 50_000).then(
            (found) => {
              equal(crc32c(found), crc32c(wanted), `bytes of the snapshot of ${snapshot.index}`);
            },
            (error: unknown) => {
              failed++;
              equal((error as { code?: unknown }).code, 'STORAGE_FAILED', 'the error of a read');
            },
          );
          reads.push(read);
        }
        if (random.below(2) === 0) await promoted;
        reads.push(
          staged.then(() => undefined),
          promoted,
        );
      }
      await Promise.all(reads);
      // Of those before the last two, nothing is left to read.
      if (failed < 3) throw new Error(`only ${failed} reads failed`);
    },
  );

  accept('keeps the snapshots of two stores of one database apart', async (place) => {
    const [one, other] = [await founded(place), await Store.open(place.openOther)];
    await other.write(founding);
    const [ours, theirs] = [sample(10, 30_000, 'same'), { ...sample(12, 30_000, 'same') }];
    await stageAll(one, ours, 30_000);
    await stageAll(other, theirs, 30_000);
    await other.write({ snapshot: theirs.snapshot });
    await one.write({ snapshot: ours.snapshot });
    equal(
      [await one.reopen(), await other.reopen()].map((state) => state?.snapshot?.index),
      [10, 12],
      'their indexes',
    );
    equal(await readAll(one, ours), ours.bytes, 'the bytes of the one');
    equal(await readAll(other, theirs), theirs.bytes, 'the bytes of the other');
  });
}
