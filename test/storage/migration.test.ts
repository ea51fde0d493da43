/**
 * Databases as earlier versions wrote them. Each fixture was written once, by the code of its version, and is kept as it
 * is: today's code must read it for ever. Version 1: cut twice, with an empty record at the end of the log before entries 5
 * and 6 took its place. Version 2: a store with a snapshot, compacted behind it, and one that holds nothing but its journal.
 * Version 3, in IndexedDB and in LevelDB: the same, before there was an outbox.
 */
import 'fake-indexeddb/auto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { openDB } from 'idb';
import { afterAll, describe, expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import { decodeConfiguration } from '../../src/core/membership-change.ts';
import { checkState } from '../../src/core/persistent-state.ts';
import type { NodeId } from '../../src/core/types.ts';
import { isHostId } from '../../src/ids.ts';
import type { Database } from '../../src/storage/database.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { LevelDatabase } from '../../src/storage/level.ts';
import { open as openRecord } from '../../src/storage/records.ts';
import { entry, Store } from '../../src/testing/acceptance.ts';
import { group, host, otherGroup } from './places.ts';
import { layout1, restore, version1, version2, version3 } from './raw-database.ts';

const members = [`AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBB`, `CCCCCCCCCCCCCCCCCCCCCC.DDDDDDDDDDD`, `${host}.IIIIIIIIIII`];

let databases = 0;

async function openVersion1(): Promise<IndexedDbDatabase> {
  const name = `version-1-${++databases}`;
  await restore(name, version1);
  return IndexedDbDatabase.open(name);
}

describe('a database of version 1', () => {
  test('is loaded: its voters are the founding configuration, and its log and vote are what they were', async () => {
    const database = await openVersion1();
    const { state } = await Store.open(() => Promise.resolve(database.storage(group)));
    expect(state).toEqual({
      start: {
        index: 0,
        term: 0,
        configuration: {
          version: 0,
          voters: members,
          outgoing: [],
          learners: [],
          learnersNext: [],
          witnesses: [],
          autoLeave: false,
          readers: [],
          removed: [],
          banned: [],
        },
      },
      hardState: { term: 3, vote: members[1], commit: 3 },
      entries: [entry(1, 1, 0), entry(2, 1, 5), entry(3, 1, 300), entry(4, 3, 0), entry(5, 3, 7), entry(6, 3, 8)],
      snapshot: null,
    });
    if (state !== null) checkState(state);
  });

  test('is written on, cut, and compacted, with records of both versions side by side', async () => {
    const database = await openVersion1();
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    await store.write({ truncateFrom: 6, entries: [entry(6, 4), entry(7, 4)] });
    await store.write({ hardState: { term: 4, vote: null, commit: 4 } });
    expect((await store.reopen())?.entries.slice(3)).toEqual([
      entry(4, 3, 0),
      entry(5, 3, 7),
      entry(6, 4),
      entry(7, 4),
    ]);
    const start = store.state?.start;
    if (start === undefined) throw new Error('the store is empty');
    await store.write({ start: { ...start, index: 4, term: 3 } });
    const state = await store.reopen();
    expect(state).toMatchObject({ start: { index: 4, configuration: { voters: members } }, hardState: { term: 4 } });
    expect(state?.entries).toEqual([entry(5, 3, 7), entry(6, 4), entry(7, 4)]);
  });

  test('keeps its groups, and gets a host with a key: the one of before had none', async () => {
    const database = await openVersion1();
    expect(isHostId(database.host)).toBe(true);
    expect(database.host).not.toBe(host);
    expect((await database.groups()).map((record) => [record.group, record.founders])).toEqual([
      [group, 3],
      [otherGroup, null],
    ]);
    const again = await Store.open(() => Promise.resolve(database.storage(otherGroup)));
    expect(again.state).toBeNull();
  });

  test('does not hang while an older tab has it open, which must let go of it', async () => {
    const name = `version-1-${++databases}`;
    await restore(name, version1);
    const older = await openDB(name, 1, {
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    });
    const database = await IndexedDbDatabase.open(name);
    expect(await database.groups()).toHaveLength(2);
    older.close();
  });
});

describe('a database of version 2', () => {
  const voters = members.slice(1);
  const learner = 'LLLLLLLLLLLLLLLLLLLLLL.MMMMMMMMMMM';
  const nobodyShutOut = { readers: [], removed: [], banned: [] };
  const joint = {
    version: 5,
    voters,
    outgoing: members,
    learners: [learner],
    learnersNext: members.slice(0, 1),
    witnesses: members.slice(1, 2),
    autoLeave: true,
    ...nobodyShutOut,
  };

  async function openVersion2(): Promise<IndexedDbDatabase> {
    const name = `version-2-${++databases}`;
    await restore(name, version2);
    return IndexedDbDatabase.open(name);
  }

  test('is loaded: nobody is shut out by the configurations of its log, of its snapshot, and of its beginning', async () => {
    const database = await openVersion2();
    const { state } = await Store.open(() => Promise.resolve(database.storage(group)));
    expect(state).toMatchObject({
      start: { index: 5, term: 2, configuration: joint },
      hardState: { term: 3, vote: null, commit: 9 },
      snapshot: { index: 6, term: 2, configuration: joint, id: 'a1b2', bytes: 70 },
    });
    expect(state?.entries.map(({ index, term, kind }) => `${index} ${term} ${kind}`)).toEqual([
      '6 2 empty',
      '7 2 configuration',
      '8 2 command',
      '9 2 command',
      '10 3 command',
      '11 3 command',
    ]);
    const left = decodeConfiguration(state?.entries[1]?.data ?? new Uint8Array(), 7);
    expect(left).toMatchObject({ version: 7, voters, outgoing: [], ...nobodyShutOut });
    if (state !== null) checkState(state);

    const other = await Store.open(() => Promise.resolve(database.storage(otherGroup)));
    expect(other.state?.start.configuration).toEqual(foundingConfiguration(members as NodeId[]));
    expect(other.state?.entries.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test('is written on, with a configuration that shuts somebody out beside those that do not', async () => {
    const database = await openVersion2();
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    const snapshot = store.state?.snapshot;
    if (!snapshot) throw new Error('there is no snapshot');
    const configuration = {
      ...joint,
      version: 9,
      outgoing: [],
      learners: [learner],
      learnersNext: [],
      autoLeave: false,
      readers: [learner],
      removed: [members[0]],
      banned: ['X.'],
    } as unknown as typeof snapshot.configuration;
    const next = { ...snapshot, index: 9, configuration, id: 'c3d4' };
    expect(await store.read(snapshot, 0, 70)).toEqual(Uint8Array.from({ length: 70 }, (_, i) => i));
    await store.stage({ snapshot: next, offset: 0, data: await store.read(snapshot, 0, 70) });
    await store.write({ snapshot: next, hardState: { term: 3, vote: null, commit: 9 } });
    await store.write({ start: { index: 8, term: 2, configuration } });
    const again = await store.reopen();
    expect(again).toMatchObject({ start: { index: 8, configuration }, snapshot: { index: 9, configuration } });
    expect(await store.read(snapshot, 0, 70)).toHaveLength(70);
  });
});

describe('a store of version 3, from before there was an outbox', () => {
  const root = mkdtempSync(join(tmpdir(), 'flotilla-migration-'));

  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  async function openIndexedDb(): Promise<Database> {
    const name = `version-3-${++databases}`;
    await restore(name, version3);
    return IndexedDbDatabase.open(name);
  }

  async function openLevel(): Promise<LevelDatabase> {
    const directory = join(root, String(++databases));
    const raw = new ClassicLevel<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
    for (const [key, value] of layout1) await raw.put(key, new Uint8Array(Buffer.from(value, 'base64')));
    await raw.close();
    return LevelDatabase.open(directory);
  }

  test.each<[string, () => Promise<Database>]>([
    ['IndexedDB', openIndexedDb],
    ['LevelDB', openLevel],
  ])('in %s is loaded, and keeps commands from then on', async (_, open) => {
    const database = await open();
    const store = await Store.open(() => Promise.resolve(database.storage(group)));
    expect(store.state).toMatchObject({
      start: { index: 5, configuration: { version: 5, removed: ['RRRRRRRRRRRRRRRRRRRRRR.SSSSSSSSSSS'] } },
      hardState: { term: 3, vote: null, commit: 7 },
      entries: [{ index: 6 }, { index: 7 }, { index: 8, term: 3 }],
      snapshot: { index: 6, id: 'a1b2' },
    });
    expect(store.storage.outbox).toEqual({ placement: null, commands: [] });
    const other = await Store.open(() => Promise.resolve(database.storage(otherGroup)));
    expect(other.state?.entries.map(({ index }) => index)).toEqual([1, 2, 3]);

    const command = { number: 1, time: 5, expires: null, call: Uint8Array.of(1, 2) };
    const placement = { session: 's@5', next: 2, last: 1 };
    await store.keep({ add: [command], remove: [], placement });
    await store.write({ entries: [entry(9, 3)] });
    expect(await store.reopen()).toMatchObject({ entries: [{}, {}, {}, { index: 9 }] });
    expect(store.storage.outbox).toEqual({ placement, commands: [command] });
  });

  test('is not opened by code of then once it was opened by that of today, which would take an outbox for damage', async () => {
    const name = `version-3-${++databases}`;
    await restore(name, version3);
    await (await IndexedDbDatabase.open(name)).close();
    await expect(openDB(name, version3.version)).rejects.toMatchObject({ name: 'VersionError' });
    const database = await openLevel();
    await database.close();
    const level = join(root, String(databases));
    const raw = new ClassicLevel<string, Uint8Array>(level, { keyEncoding: 'utf8', valueEncoding: 'view' });
    const layout = openRecord('the layout', await raw.get('layout'), (fields) => fields.integer());
    await raw.close();
    expect(layout).toBe(2);
  });
});
