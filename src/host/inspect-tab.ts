/**
 * Looking into everything that an origin's tabs store, whoever has it open, and into files of stores: nothing is taken over,
 * and nothing is changed. And asking the browser to keep it.
 */
import type { GroupId } from '../ids.ts';
import { IndexedDbDatabase } from '../storage/indexeddb.ts';
import { inspectStore, type StoreReport } from '../storage/inspection.ts';
import { askToPersist, type Persistence } from '../storage/browser-quota.ts';
import { StoreFile } from '../storage/store-file.ts';
import { throwIfAborted, unlessAborted } from './abort.ts';
import type { CallOptions } from './calls.ts';
import { isSlotDatabase } from './slots.ts';

export interface StoredReport extends StoreReport {
  /** The name of the IndexedDB database. */
  readonly database: string;
}

type Options = Pick<CallOptions, 'signal'>;

async function databaseNames(): Promise<string[]> {
  const databases = await indexedDB.databases();
  return databases.flatMap(({ name = '' }) => (isSlotDatabase(name) ? [name] : [])).sort();
}

/**
 * What the stores of all tabs of this site hold, and whether their records check out. Every snapshot is read.
 * @throws RaftError STORAGE_FAILED, STORAGE_CORRUPT, ABORTED
 */
export async function inspectStorage({ signal }: Options = {}): Promise<readonly StoredReport[]> {
  throwIfAborted(signal);
  return unlessAborted(signal, inspectAll(signal));
}

async function inspectAll(signal: AbortSignal | undefined): Promise<readonly StoredReport[]> {
  const reports: StoredReport[] = [];
  for (const name of await databaseNames()) {
    throwIfAborted(signal);
    const database = await IndexedDbDatabase.open(name);
    try {
      for (const report of await database.inspect()) reports.push({ ...report, database: name });
    } finally {
      await database.close();
    }
  }
  return reports;
}

/**
 * What a file of a store holds, and whether its records check out.
 * @throws RaftError INVALID_ARGUMENT for what is no such file, or a damaged one; ABORTED
 */
export async function inspectStoreFile(file: Blob, { signal }: Options = {}): Promise<StoreReport> {
  throwIfAborted(signal);
  const inspect = async (): Promise<StoreReport> => {
    const opened = await StoreFile.open(file);
    return inspectStore(opened.record, opened);
  };
  return unlessAborted(signal, inspect());
}

/**
 * A store as a file, for a backup or a bug report, whoever has it open. The file has the secret of the group in it: whoever
 * gets it can enter the group, and read everything that it has agreed on.
 * @param database as `inspectStorage` names it
 * @throws RaftError NO_SUCH_GROUP, STORAGE_FAILED, STORAGE_CORRUPT, ABORTED
 */
export async function exportStore(database: string, group: GroupId, { signal }: Options = {}): Promise<Blob> {
  throwIfAborted(signal);
  return unlessAborted(signal, exportAll(database, group, signal));
}

async function exportAll(database: string, group: GroupId, signal: AbortSignal | undefined): Promise<Blob> {
  const opened = await IndexedDbDatabase.open(database);
  try {
    const pieces: BlobPart[] = [];
    // As blobs, which the browser may keep on its disk.
    for await (const piece of opened.export(group)) {
      throwIfAborted(signal);
      pieces.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
    }
    return new Blob(pieces, { type: 'application/octet-stream' });
  } finally {
    await opened.close();
  }
}

/**
 * Asks the browser to keep this site's storage when space is short. It may ask its user, so call it when the user has just
 * done something that is worth keeping, and not at the start of every page.
 * @throws RaftError ABORTED: `unknown`, because the browser goes on asking
 */
export async function persistStorage({ signal }: Options = {}): Promise<Persistence> {
  throwIfAborted(signal);
  return unlessAborted(signal, askToPersist(), 'unknown');
}
