/** The IndexedDB store when the disk lies, and when the browser takes the database away. */
import 'fake-indexeddb/auto';
import { forceCloseDatabase } from 'fake-indexeddb';
import { deleteDB, openDB, unwrap } from 'idb';
import { describe, expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import { crc32c } from '../../src/encoding/crc32c.ts';
import type { NodeId } from '../../src/core/types.ts';
import { RaftError } from '../../src/errors.ts';
import type { Database } from '../../src/storage/database.ts';
import { Connection } from '../../src/storage/indexeddb-connection.ts';
import { IndexedDbRecords } from '../../src/storage/indexeddb-records.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { RecordedStorage } from '../../src/storage/recorded-storage.ts';
import { codeOf, founding, range, start, Store } from '../../src/testing/acceptance.ts';
import { group } from './places.ts';
import { restore, version1 } from './raw-database.ts';

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
    ['hardStates', [group, 3], 'the hard state'],
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

  test('a record that is old, or gone without a gap, is noticed: the others are not those of the same commit', async () => {
    for (const spoil of ['revert', 'remove', 'resurrect'] as const) {
      const name = `corrupt-${++databases}`;
      const database = await IndexedDbDatabase.open(name);
      const store = await Store.open(() => Promise.resolve(database.storage(group)));
      await store.write({ ...founding, entries: range(1, 3, 1) });
      // What brings a start is not left to the journal.
      await store.write({ start, entries: range(4, 5, 1) });
      const raw = await openDB(name);
      const [first, last] = [
        [group, 1],
        [group, 4],
      ];
      const before = (await raw.get('entries', last)) as Uint8Array;
      await store.write({ start, truncateFrom: 4, entries: spoil === 'resurrect' ? [] : range(4, 5, 2) });
      if (spoil === 'remove') await raw.delete('entries', last);
      else await raw.put('entries', before, last);
      expect(await codeOf(store.reopen())).toBe('STORAGE_CORRUPT');
      expect(await raw.get('entries', first)).toBeDefined();
    }
  });

  test.each([
    ['changed', 'command 2 of the outbox fails its checksum'],
    ['lost', 'the records are not those of one commit'],
    ['placed otherwise', 'the outbox has more commands than places'],
  ])('an outbox that was %s stops the member: it would send what it should not', async (how, message) => {
    const name = `corrupt-${++databases}`;
    const database = await IndexedDbDatabase.open(name);
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    await store.write({ ...founding, entries: range(1, 3, 1) });
    const add = [1, 2, 3].map((number) => ({ number, time: 1, expires: null, call: Uint8Array.of(number) }));
    const next = how === 'placed otherwise' ? 3 : 4;
    await store.keep({ add, remove: [], placement: { session: 's@1', next, last: 3 } });
    const raw = await openDB(name);
    const key = [group, 2];
    if (how === 'lost') await raw.delete('commands', key);
    if (how === 'changed') {
      const bytes = (await raw.get('commands', key)) as Uint8Array;
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 4;
      await raw.put('commands', bytes, key);
    }
    await expect(store.reopen()).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
    await expect(store.reopen()).rejects.toThrow(message);
  });

  test('D11 a record of a version from the future is refused, not guessed at', async () => {
    const { raw, storage } = await prepared();
    const bytes = (await raw.get('hardStates', [group, 3])) as Uint8Array;
    bytes[4] = 9;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, crc32c(bytes.subarray(4)), true);
    await raw.put('hardStates', bytes, [group, 3]);
    expect(String(await load(storage))).toContain('has format version 9, this code reads up to 3');
  });

  test('a flipped bit in a snapshot, or a piece of it that is missing, fails what reads it, and nothing else', async () => {
    const name = `corrupt-${++databases}`;
    const database = await IndexedDbDatabase.open(name);
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    const data = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7) & 0xff);
    const snapshot = { ...start, index: 2, term: 1, id: 'one', bytes: data.byteLength, checksum: crc32c(data) };
    await store.write({ ...founding, entries: range(1, 3, 1) });
    await store.stage({ snapshot, offset: 0, data });
    await store.write({ snapshot });

    const raw = await openDB(name);
    const keys = await raw.getAllKeys('chunks');
    expect(keys).toHaveLength(4);
    const [, damaged, missing] = keys as [IDBValidKey, IDBValidKey, IDBValidKey];
    const bytes = (await raw.get('chunks', damaged)) as Uint8Array;
    expect(bytes.byteLength).toBeLessThanOrEqual(60 * 1024);
    bytes[500] = (bytes[500] ?? 0) ^ 1;
    await raw.put('chunks', bytes, damaged);
    expect(await codeOf(store.read(snapshot, 100_000, 10))).toBe('STORAGE_CORRUPT');
    await raw.delete('chunks', missing);
    expect(await codeOf(store.read(snapshot, 140_000, 10))).toBe('STORAGE_CORRUPT');
    expect(await store.read(snapshot, 50_000, 10)).toEqual(data.slice(50_000, 50_010));
    await store.write({ entries: range(4, 4, 1) });
    expect((await store.reopen())?.entries).toHaveLength(4);
  });

  test('the bytes of a snapshot that was not staged to its end are gone from the disk with the first write after a crash', async () => {
    const name = `corrupt-${++databases}`;
    const database = await IndexedDbDatabase.open(name);
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    const data = new Uint8Array(200_000);
    const snapshot = { ...start, index: 2, term: 1, id: 'kept', bytes: data.byteLength, checksum: crc32c(data) };
    await store.write({ ...founding, entries: range(1, 3, 1) });
    await store.stage({ snapshot, offset: 0, data });
    await store.write({ snapshot });
    await store.stage({ snapshot: { index: 3, id: 'cut off' }, offset: 0, data: data.subarray(0, 100_000) });
    const raw = await openDB(name);
    expect(await raw.getAllKeys('chunks')).toHaveLength(4 + 2);
    expect((await store.reopen())?.snapshot?.id).toBe('kept');
    await store.write({ hardState: { term: 1, vote: null, commit: 2 } });
    expect(await raw.getAllKeys('chunks')).toHaveLength(4);
    expect(await store.read(snapshot, 0, 200_000)).toEqual(data);
  });

  test('a list of snapshots that is none stops the member', async () => {
    const { raw, storage } = await prepared();
    await raw.put('snapshots', Uint8Array.of(1, 2, 3, 4, 5, 6), group);
    expect(await load(storage)).toMatchObject({ code: 'STORAGE_CORRUPT' });
  });

  test('a record of the journal that is gone, or all of them, is noticed', async () => {
    const name = `corrupt-${++databases}`;
    const database = await IndexedDbDatabase.open(name);
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    await store.write({ ...founding, entries: range(1, 3, 1) });
    for (let index = 4; index <= 9; index++) await store.write({ entries: range(index, index, 1) });
    const raw = await openDB(name);
    const keys = (await raw.getAllKeys('hardStates')) as [string, number][];
    expect((await raw.getAllKeys('entries')).length).toBe(1);
    expect(keys.map(([, number]) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const middle = (await raw.get('hardStates', [group, 5])) as Uint8Array;
    await raw.delete('hardStates', [group, 5]);
    expect(await codeOf(store.reopen())).toBe('STORAGE_CORRUPT');
    await raw.put('hardStates', middle, [group, 5]);
    expect((await store.reopen())?.entries).toEqual(range(1, 9, 1));
    for (const key of await raw.getAllKeys('hardStates')) await raw.delete('hardStates', key);
    expect(await codeOf(store.reopen())).toBe('STORAGE_CORRUPT');
  });

  test('hard states that were replaced are removed now and then; the claims among them stay', async () => {
    const name = `corrupt-${++databases}`;
    const database = await IndexedDbDatabase.open(name);
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    await store.write(founding);
    const raw = await openDB(name);
    const numbers = async () =>
      ((await raw.getAllKeys('hardStates')) as [string, number][]).map(([, number]) => number);
    for (let term = 1; term <= 200; term++) await store.write({ hardState: { term, vote: null, commit: 0 } });
    expect((await numbers()).length).toBeLessThan(70);
    expect((await numbers())[0]).toBe(1);
    for (let i = 0; i < 5; i++) {
      expect((await store.reopen())?.hardState.term).toBe(200 + i * 70);
      for (let term = 1; term <= 70; term++) {
        await store.write({ hardState: { term: 200 + i * 70 + term, vote: null, commit: 0 } });
      }
    }
    expect((await numbers()).length).toBeLessThan(75);
  });

  test('D8 a failed write fails that batch and all after it, and what was acknowledged stays', async () => {
    const { raw, storage } = await prepared();
    raw.close();
    const database = await IndexedDbDatabase.open(`corrupt-${databases}`);
    const closing = database.storage(group);
    await load(closing);
    await database.close();
    const errors = await Promise.all(
      [1, 2].map(() => new Promise((done) => closing.write({ hardState: null, truncateFrom: 2, entries: [] }, done))),
    );
    expect(errors).toMatchObject([{ code: 'CLOSED' }, { code: 'CLOSED' }]);
    expect(await load(storage)).toMatchObject({ entries: { length: 2 } });
  });
});

describe('the IndexedDB store, when its database is taken away', () => {
  const opened = async (name: string) => {
    const database = await IndexedDbDatabase.open(name);
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    await store.write({ ...founding, entries: range(1, 3, 1) });
    return { database, store };
  };

  const connected = async (name: string) => {
    const connection = await Connection.open(name);
    const storage = new RecordedStorage(new IndexedDbRecords(connection, group, 'strict'));
    const store = await Store.open(() => Promise.resolve(storage));
    await store.write({ ...founding, entries: range(1, 3, 1) });
    const drop = () =>
      connection.use((database) => {
        forceCloseDatabase(unwrap(database) as unknown as Parameters<typeof forceCloseDatabase>[0]);
        return Promise.resolve();
      });
    return { store, drop };
  };

  const stored = async (name: string) => {
    const database = await IndexedDbDatabase.open(name);
    return (await Store.open(() => Promise.resolve(database.storage(group)))).state?.entries;
  };

  test('the browser drops the connection: the next write opens it again', async () => {
    const { store, drop } = await connected('dropped');
    await drop();
    await store.write({ entries: range(4, 5, 1) });
    await drop();
    expect(await codeOf(store.read({ ...start, id: 'none', bytes: 1, checksum: 0 }, 0, 1))).toBe('STORAGE_FAILED');
    await store.write({ truncateFrom: 5, entries: range(5, 6, 2) });
    expect(await stored('dropped')).toEqual([...range(1, 4, 1), ...range(5, 6, 2)]);
  });

  test('the browser drops the connection, and does not say whether the write took effect: it is done again', async () => {
    for (const tookEffect of [true, false]) {
      const name = `cut-off-${tookEffect}`;
      const connection = await Connection.open(name);
      let drops = 0;
      const records = new IndexedDbRecords(
        {
          use: (action) =>
            connection.use(async (database) => {
              if (drops === 0) return action(database);
              drops--;
              if (tookEffect) await action(database);
              throw new DOMException('the connection was lost', 'AbortError');
            }),
        },
        group,
        'strict',
      );
      const store = await Store.open(() => Promise.resolve(new RecordedStorage(records)));
      await store.write({ ...founding, entries: range(1, 5, 1) });
      drops = 1;
      await store.write({ truncateFrom: 4, entries: range(4, 6, 2) });
      expect(drops).toBe(0);
      drops = 2;
      expect(await codeOf(store.write({ entries: range(7, 7, 2) }))).toBe('STORAGE_FAILED');
      expect((await stored(name))?.slice(0, 6)).toEqual([...range(1, 3, 1), ...range(4, 6, 2)]);
    }
  });

  test('somebody else took the store over while the connection was gone: nothing is written', async () => {
    const { store, drop } = await connected('overtaken');
    await drop();
    expect(await stored('overtaken')).toEqual(range(1, 3, 1));
    expect(await codeOf(store.write({ truncateFrom: 1, entries: range(1, 1, 9) }))).toBe('STORAGE_LOST');
    expect(await stored('overtaken')).toEqual(range(1, 3, 1));
  });

  test('another tab deletes it: it is let go of, and the member loses it instead of beginning anew', async () => {
    const { database, store } = await opened('deleted');
    await deleteDB('deleted');
    expect(await codeOf(store.write({ entries: range(4, 4, 1) }))).toBe('STORAGE_LOST');
    expect(await codeOf(database.groups())).toBe('STORAGE_LOST');
    expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain('deleted');
  });

  test('newer code upgrades it: it is let go of, and the member says to load the page again', async () => {
    const { store } = await opened('upgraded');
    const newer = await openDB('upgraded', 99);
    const error = await store.write({ entries: range(4, 4, 1) }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'STORAGE_FAILED' });
    expect(String(error)).toContain('load the page again');
    newer.close();
  });

  test('an older tab that does not let go of it is named, and nothing hangs', async () => {
    await restore('stubborn', version1);
    const stubborn = await openDB('stubborn', 1);
    expect(await codeOf(Connection.open('stubborn', 1))).toBe('STORAGE_IN_USE');
    stubborn.close();
    // Whoever asked for it and gave up does not keep it.
    expect(await (await IndexedDbDatabase.open('stubborn')).groups()).toHaveLength(2);
    await deleteDB('stubborn');
  });
});
