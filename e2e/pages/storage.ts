/** The IndexedDB store in a bare page, within reach of tests. */
import { crc32c } from '../../src/encoding/crc32c.ts';
import type { Entry, NodeId, Snapshot } from '../../src/core/types.ts';
import { RaftError } from '../../src/errors.ts';
import { fullAccess } from '../../src/identity/access.ts';
import type { GroupId } from '../../src/ids.ts';
import { persistStorage } from '../../src/index.ts';
import { estimateStorage, type Persistence, type StorageUse } from '../../src/storage/browser-quota.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { codeOf, founding, range, start, Store } from '../../src/testing/acceptance.ts';
import { storageAcceptance } from '../../src/testing/storage-acceptance.ts';
import { runCases } from './cases.ts';

const groups = ['GGGGGGGGGGGGGGGGGGGGGG', 'OOOOOOOOOOOOOOOOOOOOOO'] as [GroupId, GroupId];
const mebibyte = 1024 * 1024;

async function accept(): Promise<string[]> {
  let places = 0;
  const cases = storageAcceptance(async () => {
    const name = `acceptance-${++places}`;
    const opened: IndexedDbDatabase[] = [];
    const open = async (): Promise<IndexedDbDatabase> => {
      const database = await IndexedDbDatabase.open(name);
      opened.push(database);
      return database;
    };
    const database = await open();
    for (const group of groups) {
      const member = `${database.host}.IIIIIIIIIII` as NodeId;
      const access = fullAccess();
      const signaling = 'ws://127.0.0.1:1';
      await database.addGroup({ group, member, signaling, access, machine: 'list', founders: null });
    }
    return {
      open: async () => (await open()).storage(groups[0]),
      openOther: async () => (await open()).storage(groups[1]),
      dispose: async () => {
        await Promise.all(opened.map((one) => one.close()));
      },
    };
  });
  return runCases(cases);
}

/** A mebibyte of a large snapshot, the same for every number. */
function mebibyteOf(number: number): Uint8Array {
  const words = new Uint32Array(mebibyte / 4);
  let word = (number * 2_654_435_761) >>> 0;
  for (let i = 0; i < words.length; i++) {
    word = (word * 1_664_525 + 1_013_904_223) >>> 0;
    words[i] = word;
  }
  return new Uint8Array(words.buffer);
}

function largeSnapshot(mebibytes: number): Snapshot {
  let checksum = 0;
  for (let i = 0; i < mebibytes; i++) checksum = crc32c(mebibyteOf(i), checksum);
  return { ...start, index: 1, term: 1, id: 'large', bytes: mebibytes * mebibyte, checksum };
}

export interface StoragePage {
  /** One line for each case of the acceptance suite. */
  accept(): Promise<string[]>;
  /**
   * Opens a store, and founds it if it is new; gives the level of durability once something was written, or the code of the
   * error.
   */
  open(durability?: 'strict' | 'relaxed'): Promise<string>;
  /** Begins a snapshot of so many mebibytes. */
  beginSnapshot(mebibytes: number): void;
  /** Stages one of them. */
  stageMebibyte(number: number): Promise<void>;
  /** Makes it the newest. */
  finishSnapshot(): Promise<void>;
  /** Reads one back; whether it is what was staged. */
  isMebibyteRight(number: number): Promise<boolean>;
  /** Appends an entry of so many bytes; the code of the error, if it fails. */
  append(bytes: number, resumes?: boolean): Promise<string | null>;
  /** Drops the log up to an index. */
  compact(index: number): Promise<string | null>;
  /** Asks for another version of the database, as newer code does; gives the event that ends it. */
  upgrade(version: number): Promise<string>;
  /** Deletes the database; gives the event that ends it. */
  remove(): Promise<string>;
  /** Appends an entry; the code of the error and its message. */
  tryToAppend(): Promise<[code: string, message: string]>;
  /** The number of entries that are stored. */
  reload(): Promise<number | null | string>;
  /** The key of the host, signed with and verified after it came from the database; and whether it can be extracted. */
  tryKey(): Promise<{ host: string; isSigning: boolean; isExtractable: boolean }>;
  estimate(): Promise<StorageUse | null>;
  persist(): Promise<Persistence>;
}

let store: Store | null = null;
let snapshot: Snapshot | null = null;
let last = 0;

function opened(): Store {
  if (store === null) throw new Error('no store is open');
  return store;
}

function begun(): Snapshot {
  if (snapshot === null) throw new Error('no snapshot was begun');
  return snapshot;
}

/** Which event comes first, of those that say how a request goes. */
function eventOf(request: IDBOpenDBRequest): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['success', 'error', 'blocked']) {
      request.addEventListener(name, () => {
        resolve(name);
      });
    }
  });
}

const page: StoragePage = {
  accept,
  async open(durability) {
    const database = await IndexedDbDatabase.open('pages', durability === undefined ? {} : { durability });
    store = await Store.open(() => Promise.resolve(database.storage(groups[0])));
    if (store.state === null) await store.write({ ...founding, entries: range(1, 1, 1) });
    last = store.state?.entries.at(-1)?.index ?? 1;
    await store.write({ hardState: { term: 1, vote: null, commit: 1 } });
    return store.storage.durability;
  },
  beginSnapshot(mebibytes) {
    snapshot = largeSnapshot(mebibytes);
  },
  stageMebibyte: (number) => opened().stage({ snapshot: begun(), offset: number * mebibyte, data: mebibyteOf(number) }),
  finishSnapshot: () => opened().write({ snapshot: begun() }),
  async isMebibyteRight(number) {
    const bytes = await opened().read(begun(), number * mebibyte, mebibyte);
    return crc32c(bytes) === crc32c(mebibyteOf(number));
  },
  async append(bytes, resumes = false) {
    // Bytes that the browser cannot compress.
    const data = mebibyteOf(last).subarray(0, bytes);
    const appended: Entry = { index: last + 1, term: 1, kind: 'command', data };
    const code = await codeOf(opened().write({ entries: [appended], resumes }));
    if (code === null) last++;
    return code;
  },
  upgrade: (version) => eventOf(indexedDB.open('pages', version)),
  remove: () => eventOf(indexedDB.deleteDatabase('pages')),
  async tryToAppend() {
    const error = await opened()
      .write({ entries: range(last + 1, last + 1, 1) })
      .catch((reason: unknown) => reason);
    return error instanceof RaftError ? [error.code, error.message] : ['', String(error)];
  },
  compact: (index) => codeOf(opened().write({ start: { ...start, index, term: 1 } })),
  async reload() {
    try {
      return (await opened().reopen())?.entries.length ?? null;
    } catch (error) {
      return error instanceof RaftError ? error.code : String(error);
    }
  },
  async tryKey() {
    const { host, keys } = await IndexedDbDatabase.open('pages');
    const message = Uint8Array.of(1, 2, 3);
    const signature = await crypto.subtle.sign('Ed25519', keys.privateKey, message);
    const isSigning = await crypto.subtle.verify('Ed25519', keys.publicKey, signature, message);
    return { host, isSigning, isExtractable: keys.privateKey.extractable };
  },
  estimate: estimateStorage,
  persist: () => persistStorage(),
};

Object.assign(globalThis, { storagePage: page });
