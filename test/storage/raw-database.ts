/** A database of IndexedDB as the records that lie in it: to write down, and to put back. */
import { readFileSync } from 'node:fs';
import { type IDBPDatabase, openDB } from 'idb';

/** Bytes are written as `{ base64 }`. */
export interface RawDatabase {
  readonly version: number;
  readonly stores: Readonly<Record<string, readonly (readonly [key: IDBValidKey, value: unknown])[]>>;
}

function restored(value: unknown): unknown {
  const isBytes = typeof value === 'object' && value !== null && 'base64' in value;
  return isBytes ? new Uint8Array(Buffer.from(String(value.base64), 'base64')) : value;
}

/** Puts a database back, under a name that is not in use. */
export async function restore(name: string, { version, stores }: RawDatabase): Promise<void> {
  const database: IDBPDatabase = await openDB(name, version, {
    upgrade(created) {
      for (const store of Object.keys(stores)) created.createObjectStore(store);
    },
  });
  for (const [store, records] of Object.entries(stores)) {
    for (const [key, value] of records) await database.put(store, restored(value), key);
  }
  database.close();
}

function fixture(name: string): RawDatabase {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as RawDatabase;
}

/** As the code of version 1 wrote it. */
export const version1: RawDatabase = fixture('version-1');

/** As the code of version 2 wrote it, without the keys of its host, which nobody can write down. */
export const version2: RawDatabase = fixture('version-2');

/** As the code wrote it that had records of version 3, and no outbox. */
export const version3: RawDatabase = fixture('version-3');

/** The same store as LevelDB had it, in layout 1: keys, and values as base64. */
export const layout1 = JSON.parse(
  readFileSync(new URL('fixtures/layout-1.json', import.meta.url), 'utf8'),
) as readonly (readonly [key: string, value: string])[];
