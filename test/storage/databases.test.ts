/** Every database keeps who the host is, and its groups. */
import 'fake-indexeddb/auto';
import { openDB } from 'idb';
import { describe, expect, test } from 'vitest';
import { hostIdOf, makeIdentity } from '../../src/identity/host-keys.ts';
import { isHostId } from '../../src/ids.ts';
import type { Database } from '../../src/storage/database.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { group, otherGroup, record } from './places.ts';

let databases = 0;

describe.each<[string, () => Promise<() => Promise<Database>>]>([
  [
    'the memory database',
    async () => {
      const database = new MemoryDatabase(await makeIdentity());
      return () => Promise.resolve(database);
    },
  ],
  [
    'the IndexedDB database',
    () => {
      databases++;
      const name = `database-${databases}`;
      return Promise.resolve(() => IndexedDbDatabase.open(name));
    },
  ],
])('%s', (_, fresh) => {
  test('remembers its host and its groups, and takes each group once', async () => {
    const open = await fresh();
    const database = await open();
    expect(await database.groups()).toEqual([]);
    await database.addGroup(record(group));
    await expect(database.addGroup(record(group))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });

    const again = await open();
    expect(again.host).toBe(database.host);
    expect(await again.groups()).toEqual([record(group)]);
    await again.updateGroup(group, { signaling: 'ws://127.0.0.1:2' });
    await again.updateGroup(otherGroup, { signaling: 'ws://127.0.0.1:2' });
    expect(await again.groups()).toEqual([{ ...record(group), signaling: 'ws://127.0.0.1:2' }]);
    const change = { signaling: null, room: otherGroup };
    await again.updateGroup(group, change);
    expect(await (await open()).groups()).toEqual([{ ...record(group), ...change }]);
    await again.removeGroup(group);
    expect(await again.groups()).toEqual([]);
  });

  test('keeps the key of its host: the id is the fingerprint of it, and it signs after every opening', async () => {
    const open = await fresh();
    const { host, keys } = await open();
    const raw = new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey));
    expect(isHostId(host)).toBe(true);
    expect(host).toBe(await hostIdOf(raw));
    await expect(crypto.subtle.exportKey('pkcs8', keys.privateKey)).rejects.toThrow();

    const again = await open();
    const message = new TextEncoder().encode('it is me');
    const signature = await crypto.subtle.sign('Ed25519', again.keys.privateKey, message);
    expect(await crypto.subtle.verify('Ed25519', keys.publicKey, signature, message)).toBe(true);
  });
});

describe('the IndexedDB database', () => {
  test('is one host, however many open it at the same time', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => IndexedDbDatabase.open('at-once')));
    expect(new Set(opened.map(({ host }) => host)).size).toBe(1);
  });

  test('refuses keys that are not those of its id', async () => {
    await IndexedDbDatabase.open('exchanged');
    const raw = await openDB('exchanged');
    await raw.put('host', (await makeIdentity()).keys, 'keys');
    await expect(IndexedDbDatabase.open('exchanged')).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
  });
});
