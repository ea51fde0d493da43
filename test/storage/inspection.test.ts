/** What can be told of a store from outside, and stores as files. */
import 'fake-indexeddb/auto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDB } from 'idb';
import { afterAll, expect, test } from 'vitest';
import type { NodeId } from '../../src/core/types.ts';
import { crc32c } from '../../src/encoding/crc32c.ts';
import { exportStore, inspectStorage } from '../../src/host/inspect-tab.ts';
import type { Database } from '../../src/storage/database.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { LevelDatabase } from '../../src/storage/level.ts';
import { codeOf, founding, range, start, Store } from '../../src/testing/acceptance.ts';
import { group, record } from './places.ts';

const root = mkdtempSync(join(tmpdir(), 'flotilla-inspection-'));
let directories = 0;
const fresh = (): string => join(root, String(++directories));

afterAll(() => {
  rmSync(root, { recursive: true });
});

const data = Uint8Array.from({ length: 150_000 }, (_, i) => (i * 13) & 0xff);
const snapshot = { ...start, index: 8, term: 1, id: 'one', bytes: data.byteLength, checksum: crc32c(data) };
const hardState = { term: 3, vote: 'b' as NodeId, commit: 9 };

async function fill(database: Database): Promise<Store> {
  await database.addGroup(record(group));
  const store = await Store.open(() => Promise.resolve(database.storage(group)));
  await store.write({ ...founding, entries: range(1, 10, 1) });
  await store.stage({ snapshot, offset: 0, data });
  await store.write({ snapshot, start: { ...start, index: 6, term: 1 }, hardState });
  await store.write({ entries: range(11, 12, 3) });
  return store;
}

const expected = {
  record: record(group),
  hardState,
  configuration: start.configuration,
  log: { first: 7, last: 12, lastTerm: 3 },
  snapshots: [{ index: 8, term: 1, bytes: data.byteLength, problem: null }],
  problems: [],
};

test('a store is described while its member has it, and keeps it', async () => {
  const database = await IndexedDbDatabase.open('flotilla-1');
  const store = await fill(database);
  expect(await inspectStorage()).toEqual([{ ...expected, database: 'flotilla-1' }]);
  await store.write({ entries: range(13, 13, 3) });
  expect(await inspectStorage()).toMatchObject([{ log: { last: 13 } }]);
});

test('what is wrong is said, with the record that is', async () => {
  const database = await IndexedDbDatabase.open('flotilla-2');
  await fill(database);
  const raw = await openDB('flotilla-2');
  const flip = async (table: string, key: IDBValidKey) => {
    const bytes = (await raw.get(table, key)) as Uint8Array;
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await raw.put(table, bytes, key);
  };
  const [, chunk] = (await raw.getAllKeys('chunks')) as [IDBValidKey, IDBValidKey];
  await flip('chunks', chunk);
  expect((await database.inspect())[0]).toMatchObject({
    hardState,
    snapshots: [{ problem: expect.stringMatching(/fails its checksum/) as unknown }],
  });
  await flip('starts', group);
  const [report] = await database.inspect();
  expect(report).toMatchObject({ hardState: null, snapshots: [{ index: 8 }] });
  expect(report?.problems.join()).toContain('the start of the log fails its checksum');
});

test('a store of a browser is loaded from its file on Node, to be looked at and never to be run', async () => {
  const database = await IndexedDbDatabase.open('flotilla-3');
  await fill(database);
  const file = new Uint8Array(await (await exportStore('flotilla-3', group)).arrayBuffer());
  const level = await LevelDatabase.open(fresh());
  expect(await level.import(file)).toBe(group);
  expect(await level.inspect()).toEqual([expected]);
  expect(await codeOf(level.import(file))).toBe('STORAGE_FAILED');
  const store = await Store.open(() => Promise.resolve(level.storage(group)));
  expect(await store.read(snapshot, 100_000, 50_000)).toEqual(data.slice(100_000));
  // The member belongs to the host of the browser: this one has no key of it.
  expect((await level.groups())[0]?.member.startsWith(level.host)).toBe(false);
  await level.close();
});

test('what is no file of a store, or cut short, is refused', async () => {
  const database = await IndexedDbDatabase.open('flotilla-4');
  await fill(database);
  const file = new Uint8Array(await (await exportStore('flotilla-4', group)).arrayBuffer());
  const level = await LevelDatabase.open(fresh());
  for (const bad of [new Uint8Array(), Uint8Array.of(1, 2, 3), file.subarray(0, 900), file.subarray(7)]) {
    expect(await codeOf(level.import(bad))).toBe('INVALID_ARGUMENT');
  }
  const flipped = file.slice();
  flipped[1000] = (flipped[1000] ?? 0) ^ 1;
  expect(await codeOf(level.import(flipped))).toBe('INVALID_ARGUMENT');
  expect(await level.groups()).toEqual([]);
  await level.close();
});

test('flotilla inspect says it on a terminal, exports and imports, and refuses what is not there', async () => {
  const cli = fileURLToPath(new URL('../../src/node/cli.ts', import.meta.url));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', cli, ...args], { encoding: 'utf8' });
  const directory = fresh();
  const level = await LevelDatabase.open(directory);
  await fill(level);
  await level.close();

  const file = join(root, 'store');
  const told = run('inspect', directory, '--export', file);
  expect(told.status).toBe(0);
  expect(told.stdout).toContain('term 3, vote b, commit 9');
  expect(told.stdout).toContain('7 to 12, the last of term 3');
  expect(told.stdout).toContain('of entry 8, term 1, 150000 bytes: checks out');

  const other = run('inspect', fresh(), '--import', file, '--json');
  expect(other.status).toBe(0);
  expect(JSON.parse(other.stdout)).toEqual(expected);

  writeFileSync(file, readFileSync(file).subarray(0, 500));
  expect(run('inspect', fresh(), '--import', file).status).toBe(2);
  const nowhere = run('inspect', fresh());
  expect(nowhere.status).toBe(2);
  expect(nowhere.stderr).toContain('there is no LevelDB database');
  expect(run('look').status).toBe(2);
}, 60_000);
