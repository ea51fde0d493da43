/** Stores as files, and what is restored from them. */
import 'fake-indexeddb/auto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDB } from 'idb';
import { afterAll, describe, expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import { encodeConfiguration } from '../../src/core/membership-change.ts';
import { checkState } from '../../src/core/persistent-state.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { NodeId } from '../../src/core/types.ts';
import { crc32c } from '../../src/encoding/crc32c.ts';
import { RaftError } from '../../src/errors.ts';
import { exportStore, inspectStorage, inspectStoreFile, persistStorage } from '../../src/host/inspect-tab.ts';
import { randomBytes } from '../../src/identity/crypto.ts';
import { makeIdentity } from '../../src/identity/host-keys.ts';
import { hostOf } from '../../src/ids.ts';
import type { Database } from '../../src/storage/database.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { LevelDatabase } from '../../src/storage/level.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import type { RecordedDatabase } from '../../src/storage/recorded-database.ts';
import { formatVersion, open as openRecord, seal } from '../../src/storage/records.ts';
import { type RestoreAs, restoreStore } from '../../src/storage/restoring.ts';
import { StoreFile } from '../../src/storage/store-file.ts';
import { codeOf, entry, founding, range, start, Store } from '../../src/testing/acceptance.ts';
import { group, otherGroup, record } from './places.ts';
import { restore as restoreRaw, version1 } from './raw-database.ts';
import { data, fillSample, sampleReport, snapshot } from './sample.ts';

const identity = await makeIdentity();
const root = mkdtempSync(join(tmpdir(), 'flotilla-files-'));
let made = 0;
const freshTab = (): Promise<IndexedDbDatabase> => IndexedDbDatabase.open(`files-${++made}`);
const freshProcess = (): Promise<LevelDatabase> => LevelDatabase.open(join(root, String(++made)));

afterAll(() => {
  rmSync(root, { recursive: true });
});

async function fileOf(database: RecordedDatabase, id = group): Promise<Blob> {
  const pieces: BlobPart[] = [];
  for await (const piece of database.export(id)) pieces.push(piece as Uint8Array<ArrayBuffer>);
  return new Blob(pieces);
}

const bytesOf = async (file: Blob): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await file.arrayBuffer());

async function sampleFile(): Promise<Blob> {
  const database = await freshTab();
  await fillSample(database);
  return fileOf(database);
}

const restore = async (database: Database, file: Blob, as: RestoreAs) =>
  restoreStore(database, await StoreFile.open(file), as, randomBytes);

const storeOf = (database: Database, id = group) => Store.open(() => Promise.resolve(database.storage(id)));

/** Whether a database holds nothing but who its host is, the claims of whoever looked included. */
async function isUntouched(database: Database): Promise<boolean> {
  return (await database.groups()).length === 0 && (await storeOf(database)).state === null;
}

/** The frames of a file, each with its length before it. */
function framesOf(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < file.byteLength;) {
    const end = at + 4 + new DataView(file.buffer, file.byteOffset + at).getUint32(0, true);
    frames.push(file.subarray(at, end));
    at = end;
  }
  return frames;
}

function frame(sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(4 + sealed.byteLength);
  new DataView(framed.buffer).setUint32(0, sealed.byteLength, true);
  framed.set(sealed, 4);
  return framed;
}

describe('a file of a store', () => {
  test('says the same as the store, in the browser and on Node, while its member has it and keeps it', async () => {
    for (const database of [await freshTab(), await freshProcess()]) {
      const store = await fillSample(database);
      const file = await fileOf(database);
      const { access: _, ...told } = record(group);
      expect(await inspectStoreFile(file)).toEqual({ ...sampleReport, record: told });
      await store.write({ entries: range(13, 13, 3) });
      await database.close();
    }
  });

  test('is made by the name of the database, and only of a group that it has', async () => {
    const name = `files-${made + 1}`;
    await fillSample(await freshTab());
    expect((await exportStore(name, group)).size).toBeGreaterThan(data.byteLength);
    expect(await codeOf(exportStore(name, otherGroup))).toBe('NO_SUCH_GROUP');
  });

  test('and whatever else looks into stores can be given up, before and while it works', async () => {
    const name = `files-${made + 1}`;
    const database = await freshTab();
    await fillSample(database);
    const file = await fileOf(database);
    const aborted = { code: 'ABORTED', outcome: 'not-done', cause: 'never mind' };
    for (const call of [
      (signal: AbortSignal) => exportStore(name, group, { signal }),
      (signal: AbortSignal) => inspectStoreFile(file, { signal }),
      (signal: AbortSignal) => inspectStorage({ signal }),
    ]) {
      await expect(call(AbortSignal.abort('never mind'))).rejects.toMatchObject(aborted);
      const controller = new AbortController();
      const meanwhile = call(controller.signal);
      controller.abort('never mind');
      await expect(meanwhile).rejects.toMatchObject(aborted);
      await call(new AbortController().signal);
    }
    await expect(persistStorage({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('of a damaged store has the damage in it, and tells of it', async () => {
    const name = `files-${made + 1}`;
    await fillSample(await freshTab());
    const raw = await openDB(name);
    const bytes = (await raw.get('starts', group)) as Uint8Array;
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await raw.put('starts', bytes, group);
    const file = await exportStore(name, group);
    const { problems } = await inspectStoreFile(file);
    expect(problems.join()).toContain('the start of the log fails its checksum');
    const elsewhere = await freshTab();
    for (const as of ['member', 'group'] as const) {
      const error = await restore(elsewhere, file, as).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'STORAGE_CORRUPT' });
      expect(String(error)).toContain('the start of the log fails its checksum');
    }
    expect(await isUntouched(elsewhere)).toBe(true);
  });

  test('is not made of a store that drops a snapshot meanwhile', async () => {
    const database = await freshTab();
    const store = await fillSample(database);
    const take = async (index: number): Promise<void> => {
      const next = { ...snapshot, index, id: `of ${index}` };
      await store.stage({ snapshot: next, offset: 0, data });
      await store.write({ snapshot: next });
    };
    const pieces = database.export(group);
    await pieces.next();
    await pieces.next();
    for (const index of [9, 10]) await take(index);
    const rest = async () => {
      for await (const piece of pieces) expect(piece.byteLength).toBeGreaterThan(0);
    };
    expect(await codeOf(rest())).toBe('STORAGE_FAILED');
    expect((await inspectStoreFile(await fileOf(database))).problems).toEqual([]);
  });

  test('of version 1 is not made: its group had no secret', async () => {
    await restoreRaw('files-version-1', version1);
    expect(await codeOf(exportStore('files-version-1', group))).toBe('STORAGE_CORRUPT');
  });
});

describe('what is no file of a store', () => {
  const refuses = async (file: Blob, why?: string): Promise<void> => {
    const database = new MemoryDatabase(identity);
    for (const attempt of [restore(database, file, 'member'), inspectStoreFile(file)]) {
      const error = await attempt.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(RaftError);
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-done' });
      expect(String(error)).toContain('this is no file of a store, or a damaged one');
      if (why !== undefined) expect(String(error)).toContain(why);
    }
    expect(await isUntouched(database)).toBe(true);
  };

  test('is refused, and nothing is stored', async () => {
    await refuses(new Blob([]), 'it is empty');
    await refuses(new Blob([Uint8Array.of(1, 2, 3)]), 'it is cut short');
    await refuses(new Blob(['a picture of a cat, or something else that is longer than a head']), 'it is cut short');
    await refuses(new Blob([new Uint8Array(100_000)]), 'the head of the file is not a record');
    await refuses(
      new Blob([frame(seal(['something else', 1]))]),
      'the head of the file has a content that it cannot have',
    );
    const huge = new Blob([Uint8Array.of(0, 0, 0, 5), new Uint8Array(84_000_000)]);
    await refuses(huge, 'no record has 83886080 bytes');
  });

  test('is refused wherever it is cut, also between two records', async () => {
    const file = await bytesOf(await sampleFile());
    let end = 0;
    for (const piece of framesOf(file)) {
      await refuses(new Blob([file.subarray(0, end)]));
      end += piece.byteLength;
    }
    expect(end).toBe(file.byteLength);
    const random = seededRandom(7);
    for (let i = 0; i < 100; i++) await refuses(new Blob([file.subarray(0, random.below(file.byteLength))]));
    await refuses(new Blob([file, file]), 'something follows its end');
  });

  test('is refused whatever bit of it is another one', async () => {
    const file = await bytesOf(await sampleFile());
    const places = new Set<number>(Array.from({ length: 300 }, (_, i) => i));
    let at = 0;
    for (const piece of framesOf(file)) {
      for (let i = 0; i < 12; i++) places.add(at + i);
      at += piece.byteLength;
      for (let i = 1; i < 4; i++) places.add(at - i);
    }
    const random = seededRandom(8);
    for (let i = 0; i < 200; i++) places.add(random.below(file.byteLength));
    for (const place of places) {
      const flipped = file.slice();
      flipped[place] = (flipped[place] ?? 0) ^ (1 << random.below(8));
      await refuses(new Blob([flipped]));
    }
  });

  test('is refused when records are missing, twice there, or in another order', async () => {
    const frames = framesOf(await bytesOf(await sampleFile()));
    for (let i = 0; i < frames.length; i++) {
      await refuses(new Blob(frames.filter((_, at) => at !== i)));
      await refuses(new Blob(frames.flatMap((piece, at) => (at === i ? [piece, piece] : [piece]))));
    }
    const [head, first, second, ...rest] = frames;
    if (head === undefined || first === undefined || second === undefined) throw new Error('the sample is too small');
    await refuses(new Blob([first, head, second, ...rest]));
    const chunks = rest.slice(-4, -1);
    await refuses(
      new Blob([head, first, second, ...rest.slice(0, -4), ...chunks.reverse(), ...rest.slice(-1)]),
      'comes after',
    );
  });

  test('D11 is refused when newer code wrote it, and it is said what to do', async () => {
    const [head = new Uint8Array(), ...rest] = framesOf(await bytesOf(await sampleFile()));
    const fields: unknown[] = openRecord('the head', head.subarray(4), (reader) => {
      const all: unknown[] = [reader.text((text): text is string => text !== ''), reader.integer()];
      while (reader.remaining > 1) all.push(reader.text((text): text is string => text !== ''));
      return [...all, reader.integerOrNull()];
    });
    await refuses(
      new Blob([frame(seal(fields.with(1, 3))), ...rest]),
      'it has layout 3, this code reads up to 2: take the newer code',
    );
    const newer = head.slice();
    newer[8] = 9;
    new DataView(newer.buffer).setUint32(4, crc32c(newer.subarray(8)), true);
    const reason = `has format version 9, this code reads up to ${formatVersion}: load the newer code`;
    await refuses(new Blob([newer, ...rest]), reason);
  });

  test('is refused when its records say what they cannot', async () => {
    const frames = framesOf(await bytesOf(await sampleFile()));
    const nothing = new Uint8Array();
    for (const piece of [
      ['starts', [1], nothing],
      ['hardStates', [], nothing],
      ['chunks', [1], nothing],
      ['chunks', [1, -1], nothing],
      ['groups', [], nothing],
      ['toString', [], nothing],
      ['starts', [], 'text'],
      ['starts'],
    ]) {
      await refuses(new Blob([frames[0] ?? '', frame(seal(piece)), frame(seal(['end', [1], nothing]))]));
    }
  });
});

describe('a store that is restored', () => {
  test('D9 is that of a new member of this host: what was agreed on, without vote, and without what was not', async () => {
    const file = await sampleFile();
    for (const database of [await freshTab(), await freshProcess(), new MemoryDatabase(identity)]) {
      const restored = await restore(database, file, 'member');
      expect(restored).toEqual({ ...record(group), member: restored.member });
      expect(hostOf(restored.member)).toBe(database.host);
      expect(restored.member).not.toBe(record(group).member);
      expect(await database.groups()).toEqual([restored]);
      const store = await storeOf(database);
      expect(store.state).toEqual({
        start: { ...start, index: 6, term: 1 },
        snapshot,
        hardState: { term: 1, vote: null, commit: 9 },
        entries: range(7, 9, 1),
      });
      if (store.state !== null) checkState(store.state);
      expect(crc32c(await store.read(snapshot, 0, data.byteLength))).toBe(snapshot.checksum);
      // It is an ordinary store from now on.
      await store.write({ hardState: { term: 4, vote: null, commit: 9 }, entries: range(10, 10, 4) });
      expect((await store.reopen())?.entries).toHaveLength(4);
      expect(await codeOf(restore(database, file, 'member'))).toBe('INVALID_ARGUMENT');
      expect((await store.reopen())?.entries).toHaveLength(4);
      await database.close();
    }
  });

  test('D9 never is the member that the file is of, also where its key and its place are free again', async () => {
    const database = await freshTab();
    const mine = { ...record(group), member: `${database.host}.IIIIIIIIIII` as NodeId };
    await database.addGroup(mine);
    const store = await storeOf(database);
    await store.write({ ...founding, hardState: { term: 1, vote: mine.member, commit: 0 } });
    const file = await fileOf(database);
    await store.write({ hardState: { term: 7, vote: mine.member, commit: 0 } });
    await database.removeGroup(group);
    const restored = await restore(database, file, 'member');
    expect(hostOf(restored.member)).toBe(database.host);
    expect(restored.member).not.toBe(mine.member);
    expect((await storeOf(database)).state?.hardState).toEqual({ term: 0, vote: null, commit: 0 });
  });

  test('becomes a group of its own: of one member, with another secret, and with what was agreed on', async () => {
    const source = await freshTab();
    await source.addGroup(record(group));
    const change = foundingConfiguration(['a', 'b', 'd'] as NodeId[]);
    const configuration = { index: 3, term: 2, kind: 'configuration' as const, data: encodeConfiguration(change) };
    const store = await storeOf(source);
    await store.write({
      ...founding,
      hardState: { term: 5, vote: 'b' as NodeId, commit: 4 },
      entries: [...range(1, 2, 1), configuration, ...range(4, 6, 2)],
    });
    const database = await freshTab();
    const file = await fileOf(source);
    const restored = await restore(database, file, 'group');
    expect(restored).toMatchObject({ machine: 'counter', founders: null, signaling: record(group).signaling });
    expect(restored.group).not.toBe(group);
    expect(restored.access).not.toBe(record(group).access);
    const { state } = await storeOf(database, restored.group);
    const alone = foundingConfiguration([restored.member]);
    expect(state).toEqual({
      start: { ...start, configuration: alone },
      snapshot: null,
      hardState: { term: 2, vote: null, commit: 4 },
      entries: [...range(1, 2, 1), entry(3, 2, 0), ...range(4, 4, 2)],
    });
    // Once more is one group more.
    expect((await restore(database, file, 'group')).group).not.toBe(restored.group);
    expect(await database.groups()).toHaveLength(2);
  });

  test('becomes a group of its own with its snapshot', async () => {
    const database = await freshTab();
    const { group: id, member } = await restore(database, await sampleFile(), 'group');
    const store = await storeOf(database, id);
    const configuration = foundingConfiguration([member]);
    expect(store.state).toMatchObject({ start: { index: 6, configuration }, snapshot: { ...snapshot, configuration } });
    if (store.state !== null) checkState(store.state);
    expect(crc32c(await store.read(snapshot, 0, data.byteLength))).toBe(snapshot.checksum);
  });

  test('is never in memory as a whole, nor is its file', async () => {
    const source = await freshProcess();
    await source.addGroup(record(group));
    const store = await storeOf(source);
    const large = new Uint8Array(3_000_000).fill(7);
    const big = { ...start, index: 2, term: 1, id: 'big', bytes: large.byteLength, checksum: crc32c(large) };
    const written = { term: 1, vote: null, commit: 2 };
    await store.write({ ...founding, hardState: written, entries: range(1, 3, 1) });
    await store.stage({ snapshot: big, offset: 0, data: large });
    await store.write({ snapshot: big });
    const file = await fileOf(source);
    let longest = 0;
    class WatchedFile extends Blob {
      override slice(from = 0, to: number = this.size): Blob {
        longest = Math.max(longest, to - from);
        return super.slice(from, to);
      }
    }
    const database = new MemoryDatabase(identity);
    await restore(database, new WatchedFile([file]), 'member');
    expect(longest).toBeLessThan(100_000);
    expect(crc32c(await (await storeOf(database)).read(big, 0, large.byteLength))).toBe(big.checksum);
    await source.close();
  });

  test('must have been founded, and must hold commands', async () => {
    const empty = await freshTab();
    await empty.addGroup(record(group));
    const witness = await freshTab();
    await witness.addGroup(record(group));
    const store = await storeOf(witness);
    const without = { ...entry(2, 1), data: new Uint8Array() };
    await store.write({
      ...founding,
      hardState: { term: 1, vote: null, commit: 2 },
      entries: [entry(1, 1, 0), without],
    });
    const database = await freshTab();
    for (const [source, why] of [
      [empty, 'it holds nothing'],
      [witness, 'of a witness'],
    ] as const) {
      const error = await restore(database, await fileOf(source), 'group').catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(String(error)).toContain(why);
    }
    expect(await isUntouched(database)).toBe(true);
  });

  test.each(['stage', 'write', 'addGroup'] as const)(
    'that finds no room at its %s leaves nothing behind, and can be restored later',
    async (where) => {
      const file = await sampleFile();
      const memory = new MemoryDatabase(identity);
      const full = new RaftError('QUOTA_EXCEEDED', 'there is no room');
      const crowded: Database = {
        host: memory.host,
        keys: memory.keys,
        groups: () => memory.groups(),
        addGroup: (added) => (where === 'addGroup' ? Promise.reject(full) : memory.addGroup(added)),
        updateGroup: (...changed) => memory.updateGroup(...changed),
        removeGroup: (id) => memory.removeGroup(id),
        close: () => memory.close(),
        storage(id) {
          const storage = memory.storage(id);
          const refuse = (done: (error: RaftError) => void): void => {
            queueMicrotask(() => {
              done(full);
            });
          };
          return {
            durability: storage.durability,
            outbox: storage.outbox,
            load: (done) => storage.load(done),
            write: (batch, done) => (where === 'write' ? refuse(done) : storage.write(batch, done)),
            stage: (part, done) => (where === 'stage' ? refuse(done) : storage.stage(part, done)),
            keep: (change, done) => storage.keep(change, done),
            readSnapshot: (...read) => storage.readSnapshot(...read),
            close: () => storage.close(),
          };
        },
      };
      expect(await codeOf(restore(crowded, file, 'member'))).toBe('QUOTA_EXCEEDED');
      expect(await isUntouched(memory)).toBe(true);
      expect((await restore(memory, file, 'member')).group).toBe(group);
      expect((await storeOf(memory)).state?.entries).toEqual(range(7, 9, 1));
    },
  );

  test('has none of what its member kept in the outbox: that one may still send it', async () => {
    const file = await sampleFile();
    expect((await inspectStoreFile(file)).outbox).toBe(1);
    const database = await freshTab();
    await restore(database, file, 'member');
    expect((await storeOf(database)).storage.outbox).toEqual({ placement: null, commands: [] });
  });

  test('takes the place of what an attempt left behind that was cut off', async () => {
    const file = await sampleFile();
    const database = await freshTab();
    const cutOff = await storeOf(database);
    await cutOff.write({ ...founding, entries: range(1, 3, 9) });
    await restore(database, file, 'member');
    expect((await storeOf(database)).state?.entries).toEqual(range(7, 9, 1));
    expect(await codeOf(cutOff.write({ entries: range(4, 4, 9) }))).toBe('STORAGE_LOST');
  });
});
