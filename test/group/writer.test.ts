/** Batches on their way to a store that has no room for a while. */
import { expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import type { Write } from '../../src/core/replica.ts';
import type { LogStart, NodeId } from '../../src/core/types.ts';
import { RaftError } from '../../src/errors.ts';
import { Writer } from '../../src/group/writer.ts';
import { type Batch, emptyOutbox, type Storage } from '../../src/storage/storage.ts';

const configuration = foundingConfiguration(['a' as NodeId]);
const startAt = (index: number): LogStart => ({ index, term: 1, configuration });
const full = new RaftError('QUOTA_EXCEEDED', 'there is no room');

/** A store whose batches complete when the test says so. */
function slowStore() {
  const issued: { readonly batch: Batch; readonly done: (error: RaftError | null) => void }[] = [];
  const unused = (): never => {
    throw new Error('only batches are written here');
  };
  const storage: Storage = {
    durability: 'strict',
    outbox: emptyOutbox,
    load: unused,
    stage: unused,
    keep: unused,
    readSnapshot: unused,
    close: unused,
    write: (batch, done) => void issued.push({ batch, done }),
  };
  return { storage, issued };
}

const write = (id: number, parts: Partial<Write> = {}): Write => ({
  id,
  hardState: null,
  snapshot: null,
  start: null,
  truncateFrom: null,
  entries: [],
  ...parts,
});

test('a compaction that was on its way when there was no room does not bring back the beginning that relief took away', () => {
  const { storage, issued } = slowStore();
  const durable: number[] = [];
  const writer = new Writer({
    storage,
    durable: ({ id }) => durable.push(id),
    compact: () => startAt(8),
    fail: (error) => {
      throw error;
    },
  });
  writer.write(write(1, { hardState: { term: 2, vote: null, commit: 9 } }));
  writer.write(write(2, { start: startAt(5) }));
  writer.write(write(3, { start: startAt(9), hardState: { term: 3, vote: null, commit: 9 } }));
  for (const { done } of issued.splice(0)) done(full);
  // All came back: now the log is compacted wholly.
  expect(issued.map(({ batch }) => batch.start)).toEqual([startAt(8)]);
  issued.splice(0)[0]?.done(null);
  expect(issued.map(({ batch: { start, resumes } }) => [start, resumes])).toEqual([
    [null, true],
    [null, undefined],
    [startAt(9), undefined],
  ]);
  for (const { done } of issued.splice(0)) done(null);
  expect(durable).toEqual([1, 2, 3]);
});
