/** What can be told of a store from outside. */
import 'fake-indexeddb/auto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDB } from 'idb';
import { afterAll, expect, test } from 'vitest';
import { inspectStorage } from '../../src/host/inspect-tab.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { LevelDatabase } from '../../src/storage/level.ts';
import { range } from '../../src/testing/acceptance.ts';
import { fillSample, hardState, sampleReport } from './sample.ts';
import { group, record } from './places.ts';

const root = mkdtempSync(join(tmpdir(), 'flotilla-inspection-'));
let directories = 0;
const fresh = (): string => join(root, String(++directories));

afterAll(() => {
  rmSync(root, { recursive: true });
});

const { access, ...told } = record(group);
const expected = { ...sampleReport, record: told };

test('a store is described while its member has it, and keeps it', async () => {
  const database = await IndexedDbDatabase.open('flotilla-1');
  const store = await fillSample(database);
  expect(await inspectStorage()).toEqual([{ ...expected, database: 'flotilla-1' }]);
  await store.write({ entries: range(13, 13, 3) });
  expect(await inspectStorage()).toMatchObject([{ log: { last: 13 } }]);
});

test('what is wrong is said, with the record that is', async () => {
  const database = await IndexedDbDatabase.open('flotilla-2');
  await fillSample(database);
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

test('flotilla inspect says it on a terminal, exports and imports, and refuses what is not there', async () => {
  const cli = fileURLToPath(new URL('../../src/node/cli.ts', import.meta.url));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', cli, ...args], { encoding: 'utf8' });
  const directory = fresh();
  const level = await LevelDatabase.open(directory);
  await fillSample(level);
  await level.close();

  const file = join(root, 'store');
  const said = run('inspect', directory, '--export', file);
  expect(said.status).toBe(0);
  expect(said.stdout).toContain('term 3, vote b, commit 9');
  expect(said.stdout).toContain('7 to 12, the last of term 3');
  expect(said.stdout).toContain('of entry 8, term 1, 150000 bytes: checks out');
  expect(said.stdout).not.toContain(access);

  const ofFile = run('inspect', file, '--json');
  expect([ofFile.status, ofFile.stderr]).toEqual([0, '']);
  expect(JSON.parse(ofFile.stdout)).toEqual(expected);

  const elsewhere = fresh();
  const restored = run('inspect', elsewhere, '--import', file, '--as', 'member', '--json');
  expect(restored.status).toBe(0);
  expect(JSON.parse(restored.stdout)).toMatchObject({ record: { group }, hardState: { vote: null, commit: 9 } });
  const again = run('inspect', elsewhere, '--import', file, '--as', 'member');
  expect(again.status).toBe(2);
  expect(again.stderr).toContain('nothing was restored');

  const unsaid = fresh();
  expect(run('inspect', unsaid, '--import', file).stderr).toContain('say with --as');
  writeFileSync(file, readFileSync(file).subarray(0, 500));
  expect(run('inspect', unsaid, '--import', file, '--as', 'group').status).toBe(2);
  // Nothing was made of it.
  expect(existsSync(unsaid)).toBe(false);
  expect(run('inspect', file).stderr).toContain('this is no file of a store, or a damaged one: it is cut short');
  const nowhere = run('inspect', fresh());
  expect(nowhere.status).toBe(2);
  expect(nowhere.stderr).toContain('there is no LevelDB database');
  expect(run('look').status).toBe(2);
  const unknown = run('inspect', directory, '--jason');
  expect([unknown.status, unknown.stdout]).toEqual([2, '']);
  expect(unknown.stderr).toContain("Unknown option '--jason'");
}, 60_000);
