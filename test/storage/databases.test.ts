/** Every database keeps who the host is, and its groups. */
import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/storage/database.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { group, host, otherGroup, record } from './places.ts';

let databases = 0;

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
