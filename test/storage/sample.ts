/** A store with something of everything in it: snapshots, a log that begins later, packed records, a journal, an outbox, and a tail that is not committed. */
import type { NodeId, Snapshot } from '../../src/core/types.ts';
import { crc32c } from '../../src/encoding/crc32c.ts';
import type { Database } from '../../src/storage/database.ts';
import type { StoreReport } from '../../src/storage/inspection.ts';
import { founding, range, start, Store } from '../../src/testing/acceptance.ts';
import { group, record } from './places.ts';

export const data: Uint8Array = Uint8Array.from({ length: 150_000 }, (_, i) => (i * 13) & 0xff);
export const snapshot: Snapshot = {
  ...start,
  index: 8,
  term: 1,
  id: 'one',
  bytes: data.byteLength,
  checksum: crc32c(data),
};
export const hardState = { term: 3, vote: 'b' as NodeId, commit: 9 };

export async function fillSample(database: Database): Promise<Store> {
  await database.addGroup(record(group));
  const store = await Store.open(() => Promise.resolve(database.storage(group)));
  await store.write({ ...founding, entries: range(1, 10, 1) });
  await store.stage({ snapshot, offset: 0, data });
  await store.write({ snapshot, start: { ...start, index: 6, term: 1 }, hardState });
  await store.write({ entries: range(11, 12, 3) });
  const command = { number: 2, time: 5, expires: null, call: Uint8Array.of(1, 2, 3) };
  await store.keep({ add: [command], remove: [], placement: { session: 's@1', next: 3, last: 2 } });
  return store;
}

export const sampleReport: Omit<StoreReport, 'record'> = {
  hardState,
  configuration: start.configuration,
  log: { first: 7, last: 12, lastTerm: 3 },
  snapshots: [{ index: 8, term: 1, bytes: data.byteLength, problem: null }],
  outbox: 1,
  problems: [],
};
