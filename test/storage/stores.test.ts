/** Every store passes the same acceptance suite; here memory, and IndexedDB as fake-indexeddb implements it. */
import 'fake-indexeddb/auto';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import { openDB } from 'idb';
import { describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import type { GroupId, HostId } from '../../src/ids.ts';
import type { NodeId } from '../../src/core/types.ts';
import type { Database } from '../../src/storage/database.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { storageAcceptance, type StorageHarness } from '../../src/testing/storage-acceptance.ts';

const host = 'HHHHHHHHHHHHHHHHHHHHHH' as HostId;
const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;
const otherGroup = 'OOOOOOOOOOOOOOOOOOOOOO' as GroupId;

const record = (id: GroupId) => ({
  group: id,
  member: `${host}.IIIIIIIIIII` as NodeId,
  signaling: 'ws://127.0.0.1:1',
  machine: 'counter',
  founders: null,
});

async function harness(open: () => Promise<Database>): Promise<StorageHarness> {
  let database = await open();
  await database.addGroup(record(group));
  await database.addGroup(record(otherGroup));
  const reopen = async (id: GroupId) => {
    database = await open();
    return database.storage(id);
  };
  return {
    open: () => reopen(group),
    openOther: () => reopen(otherGroup),
    dispose: () => {
      database.close();
      return Promise.resolve();
    },
  };
}

let databases = 0;

describe('the memory store', () => {
  const fresh = () => {
    const database = new MemoryDatabase(host);
    return harness(() => Promise.resolve(database));
  };
  for (const accepted of storageAcceptance(fresh)) test(accepted.name, () => accepted.run());
});

describe('the IndexedDB store', () => {
  const fresh = () => {
    databases++;
    const name = `acceptance-${databases}`;
    return harness(() => IndexedDbDatabase.open(name, () => host));
  };
  for (const accepted of storageAcceptance(fresh)) test(accepted.name, () => accepted.run());
});

describe.each<[string, () => () => Promise<Database>]>([
  [
    'the memory database',
    () => {
      const database = new MemoryDatabase(host);
      return () => Promise.resolve(database);
    },
  ],
  [
    'the IndexedDB database',
    () => {
      databases++;
      const name = `database-${databases}`;
      return () => IndexedDbDatabase.open(name, () => host);
    },
  ],
])('%s', (_, fresh) => {
  test('remembers its host and its groups, and takes each group once', async () => {
    const open = fresh();
    const database = await open();
    expect(await database.groups()).toEqual([]);
    await database.addGroup(record(group));
    await expect(database.addGroup(record(group))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });

    const again = await open();
    expect(again.host).toBe(host);
    expect(await again.groups()).toEqual([record(group)]);
    await again.moveGroup(group, 'ws://127.0.0.1:2');
    await again.moveGroup(otherGroup, 'ws://127.0.0.1:2');
    expect(await again.groups()).toEqual([{ ...record(group), signaling: 'ws://127.0.0.1:2' }]);
    await again.removeGroup(group);
    expect(await again.groups()).toEqual([]);
  });
});

describe('the IndexedDB store, when the disk lies', () => {
  const prepared = async () => {
    databases++;
    const name = `corrupt-${databases}`;
    const database = await IndexedDbDatabase.open(name, () => host);
    const storage = database.storage(group);
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
    return { raw: await openDB(name), storage: (await IndexedDbDatabase.open(name, () => host)).storage(group) };
  };
  const load = (storage: ReturnType<Database['storage']>) =>
    new Promise((done) => {
      storage.load(done);
    });

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
    expect(String(await load(storage))).toContain('has format version 9, this code reads 1');
  });

  test('D8 a failed write fails that batch and all after it, and what was acknowledged stays', async () => {
    const { raw, storage } = await prepared();
    raw.close();
    const database = await IndexedDbDatabase.open(`corrupt-${databases}`, () => host);
    const closing = database.storage(group);
    database.close();
    const errors = await Promise.all(
      [1, 2].map(() => new Promise((done) => closing.write({ hardState: null, truncateFrom: 2, entries: [] }, done))),
    );
    expect(errors).toMatchObject([{ code: 'STORAGE_FAILED' }, { code: 'STORAGE_FAILED' }]);
    expect(await load(storage)).toMatchObject({ entries: { length: 2 } });
  });
});
