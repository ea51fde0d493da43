/** The LevelDB store on a real disk. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, describe, expect, test } from 'vitest';
import { crc32c } from '../../src/encoding/crc32c.ts';
import { Ownership, LevelRecords } from '../../src/storage/level-records.ts';
import { LevelDatabase } from '../../src/storage/level.ts';
import { codeOf, founding, range, start, Store } from '../../src/testing/acceptance.ts';
import { storageAcceptance } from '../../src/testing/storage-acceptance.ts';
import { faultyPlace, group, otherGroup, record } from './places.ts';

const root = mkdtempSync(join(tmpdir(), 'flotilla-level-'));
let directories = 0;
const fresh = (): string => join(root, String(++directories));

afterAll(() => {
  rmSync(root, { recursive: true });
});

describe.each([
  ['the LevelDB store', false],
  ['the LevelDB store, when completions come late and out of order', true],
])('%s', (_, isJumbled) => {
  const place = async () => {
    const level = new ClassicLevel<string, Uint8Array>(fresh(), { keyEncoding: 'utf8', valueEncoding: 'view' });
    await level.open();
    const ownerships = new Map([group, otherGroup].map((id) => [id, new Ownership()] as const));
    return faultyPlace(
      (id) => Promise.resolve(new LevelRecords(level, id, ownerships.get(id) ?? new Ownership(), 'strict')),
      () => level.close(),
      isJumbled,
    );
  };
  for (const accepted of storageAcceptance(place)) test(accepted.name, () => accepted.run());
});

describe('the LevelDB database', () => {
  const storeOf = (database: LevelDatabase) => Store.open(() => Promise.resolve(database.storage(group)));

  test('is what it was when the process starts again: host, key, groups, log and snapshots', async () => {
    const directory = fresh();
    const before = await LevelDatabase.open(directory);
    await before.addGroup(record(group));
    await expect(before.addGroup(record(group))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    const store = await storeOf(before);
    const data = Uint8Array.from({ length: 100_000 }, (_, i) => i & 0xff);
    const snapshot = { ...start, index: 4, term: 1, id: 'one', bytes: data.byteLength, checksum: crc32c(data) };
    await store.write({ ...founding, entries: range(1, 9, 1) });
    await store.stage({ snapshot, offset: 0, data });
    await store.write({ snapshot, start: { ...start, index: 3, term: 1 } });
    expect(store.storage.durability).toBe('strict');
    await before.close();

    const again = await LevelDatabase.open(directory);
    expect(again.host).toBe(before.host);
    const message = Uint8Array.of(1, 2, 3);
    const signature = await crypto.subtle.sign('Ed25519', again.keys.privateKey, message);
    expect(await crypto.subtle.verify('Ed25519', before.keys.publicKey, signature, message)).toBe(true);
    await expect(crypto.subtle.exportKey('pkcs8', again.keys.privateKey)).rejects.toThrow();
    expect(await again.groups()).toEqual([record(group)]);
    await again.updateGroup(group, { signaling: 'ws://127.0.0.1:2' });
    expect(await again.groups()).toEqual([{ ...record(group), signaling: 'ws://127.0.0.1:2' }]);
    const change = { signaling: null, room: otherGroup };
    await again.updateGroup(group, change);
    expect(await again.groups()).toEqual([{ ...record(group), ...change }]);
    const restarted = await storeOf(again);
    expect(restarted.state).toMatchObject({ start: { index: 3 }, snapshot, entries: range(4, 9, 1) });
    expect(await restarted.read(snapshot, 0, data.byteLength)).toEqual(data);

    await again.removeGroup(group);
    expect(await codeOf(restarted.write({ entries: range(10, 10, 1) }))).toBe('STORAGE_LOST');
    expect(await again.groups()).toEqual([]);
    expect((await storeOf(again)).state).toBeNull();
    await again.close();
  });

  test('is open once at a time, and only its owner may read the key in it', async () => {
    const directory = fresh();
    const database = await LevelDatabase.open(directory);
    expect(await codeOf(LevelDatabase.open(directory))).toBe('STORAGE_IN_USE');
    expect(statSync(directory).mode & 0o077).toBe(0);
    await database.close();
    await (await LevelDatabase.open(directory)).close();
  });

  test('refuses a directory with the database of something else', async () => {
    const directory = fresh();
    const level = new ClassicLevel(directory);
    await level.put('somebody', 'else');
    await level.close();
    expect(await codeOf(LevelDatabase.open(directory))).toBe('STORAGE_CORRUPT');
  });

  test('a torn tail of the write-ahead log, of which nobody was told, is dropped; what was acknowledged is there', async () => {
    const directory = fresh();
    const database = await LevelDatabase.open(directory);
    const store = await storeOf(database);
    await store.write({ ...founding, entries: range(1, 5, 1) });
    await store.write({ entries: range(6, 6, 1, 500) });
    await database.close();
    const log = join(directory, readdirSync(directory).find((name) => name.endsWith('.log')) ?? '');
    writeFileSync(log, readFileSync(log).subarray(0, -200));
    const again = await LevelDatabase.open(directory);
    expect((await storeOf(again)).state?.entries).toEqual(range(1, 5, 1));
    await again.close();
  });

  test('a bit that flipped in the middle of the write-ahead log, which LevelDB passes over, is noticed', async () => {
    const directory = fresh();
    const database = await LevelDatabase.open(directory);
    const store = await storeOf(database);
    // LevelDB goes on at the next of its blocks, of 32 KiB.
    await store.write({ ...founding, entries: range(1, 3, 1, 100) });
    await store.write({ truncateFrom: 3, entries: range(3, 3, 2, 1000) });
    await store.write({ hardState: { term: 2, vote: null, commit: 1 }, entries: range(4, 4, 2, 40_000) });
    await store.write({ entries: range(5, 5, 2, 40_000) });
    await database.close();
    const log = join(directory, readdirSync(directory).find((name) => name.endsWith('.log')) ?? '');
    const bytes = readFileSync(log);
    const at = bytes.indexOf(Buffer.from(range(3, 3, 2, 1000)[0]?.data ?? []).subarray(0, 200));
    expect(at).toBeGreaterThan(0);
    bytes[at + 100] = (bytes[at + 100] ?? 0) ^ 1;
    writeFileSync(log, bytes);
    expect(await codeOf(LevelDatabase.open(directory).then(storeOf))).toBe('STORAGE_CORRUPT');
  });
});
