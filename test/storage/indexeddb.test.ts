/** The IndexedDB store when the disk lies, and when the browser takes the database away. */
import 'fake-indexeddb/auto';
import { openDB } from 'idb';
import { describe, expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import type { NodeId } from '../../src/core/types.ts';
import { RaftError } from '../../src/errors.ts';
import type { Database } from '../../src/storage/database.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { group } from './places.ts';

let databases = 0;

const load = (storage: ReturnType<Database['storage']>): Promise<unknown> =>
  new Promise((done) => {
    storage.load(done);
  });

describe('the IndexedDB store, when the disk lies', () => {
  const prepared = async () => {
    databases++;
    const name = `corrupt-${databases}`;
    const database = await IndexedDbDatabase.open(name);
    const storage = database.storage(group);
    await load(storage);
    const start = { index: 0, term: 0, configuration: foundingConfiguration(['a' as NodeId]) };
    const entries = [1, 2].map((index) => ({
      index,
      term: 1,
      kind: 'command' as const,
      data: new Uint8Array([index]),
    }));
    for (const entry of entries) {
      const hardState = { term: 1, vote: null, commit: 0 };
      await new Promise((done) => storage.write({ start, hardState, truncateFrom: null, entries: [entry] }, done));
    }
    return { raw: await openDB(name), storage: (await IndexedDbDatabase.open(name)).storage(group) };
  };

  test.each([
    ['hardStates', group, 'the hard state'],
    ['starts', group, 'the start of the log'],
    ['entries', [group, 2], 'the record of entries from 2 on'],
  ] as const)('a flipped bit in %s stops the member and names the record', async (store, key, name) => {
    const { raw, storage } = await prepared();
    const bytes = (await raw.get(store, key as IDBValidKey)) as Uint8Array;
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 4;
    await raw.put(store, bytes, key as IDBValidKey);
    const result = await load(storage);
    expect(result).toBeInstanceOf(RaftError);
    expect(result).toMatchObject({ code: 'STORAGE_CORRUPT' });
    expect(String(result)).toContain(`${name} fails its checksum`);
  });

  test('a missing record of entries, or a missing start, is noticed', async () => {
    const first = await prepared();
    await first.raw.delete('entries', [group, 1]);
    expect(await load(first.storage)).toMatchObject({ code: 'STORAGE_CORRUPT' });
    const second = await prepared();
    await second.raw.delete('starts', group);
    expect(await load(second.storage)).toMatchObject({ code: 'STORAGE_CORRUPT' });
  });

  test('D11 a record of a version from the future is refused, not guessed at', async () => {
    const { raw, storage } = await prepared();
    const { crc32c } = await import('../../src/encoding/crc32c.ts');
    const bytes = (await raw.get('hardStates', group)) as Uint8Array;
    bytes[4] = 9;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, crc32c(bytes.subarray(4)), true);
    await raw.put('hardStates', bytes, group);
    expect(String(await load(storage))).toContain('has format version 9, this code reads up to 2');
  });

  test('D8 a failed write fails that batch and all after it, and what was acknowledged stays', async () => {
    const { raw, storage } = await prepared();
    raw.close();
    const database = await IndexedDbDatabase.open(`corrupt-${databases}`);
    const closing = database.storage(group);
    await load(closing);
    database.close();
    const errors = await Promise.all(
      [1, 2].map(() => new Promise((done) => closing.write({ hardState: null, truncateFrom: 2, entries: [] }, done))),
    );
    expect(errors).toMatchObject([{ code: 'CLOSED' }, { code: 'CLOSED' }]);
    expect(await load(storage)).toMatchObject({ entries: { length: 2 } });
  });
});
