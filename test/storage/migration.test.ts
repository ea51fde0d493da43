/**
 * Databases as earlier versions wrote them. Each fixture was written once, by the code of its version, and is kept as it
 * is: today's code must read it for ever. Version 1: cut twice, with an empty record at the end of the log before entries 5
 * and 6 took its place.
 */
import 'fake-indexeddb/auto';
import { openDB } from 'idb';
import { describe, expect, test } from 'vitest';
import { checkState } from '../../src/core/persistent-state.ts';
import { isHostId } from '../../src/ids.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { entry, Store } from '../../src/testing/acceptance.ts';
import { group, host, otherGroup } from './places.ts';
import { restore, version1 } from './raw-database.ts';

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
