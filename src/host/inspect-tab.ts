/**
 * Looking into everything that an origin's tabs store, whoever has it open, and into files of stores: nothing is taken over,
 * and nothing is changed.
 */
import type { GroupId } from '../ids.ts';
import { IndexedDbDatabase } from '../storage/indexeddb.ts';
import { inspectStore, type StoreReport } from '../storage/inspection.ts';
import { StoreFile } from '../storage/store-file.ts';
import { isSlotDatabase } from './slots.ts';

export interface StoredReport extends StoreReport {
  /** The name of the IndexedDB database. */
  readonly database: string;
}

async function databaseNames(): Promise<string[]> {
  const databases = await indexedDB.databases();
  return databases.flatMap(({ name = '' }) => (isSlotDatabase(name) ? [name] : [])).sort();
}

/**
 * What the stores of all tabs of this site hold, and whether their records check out. Every snapshot is read.
 * @throws RaftError STORAGE_FAILED, STORAGE_CORRUPT
 */
export async function inspectStorage(): Promise<readonly StoredReport[]> {
  const reports: StoredReport[] = [];
  for (const name of await databaseNames()) {
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
 * @throws RaftError INVALID_ARGUMENT for what is no such file, or a damaged one
 */
export async function inspectStoreFile(file: Blob): Promise<StoreReport> {
  const opened = await StoreFile.open(file);
  return inspectStore(opened.record, opened);
}

/**
 * A store as a file, for a backup or a bug report, whoever has it open. The file has the secret of the group in it: whoever
 * gets it can enter the group, and read everything that it has agreed on.
 * @param database as `inspectStorage` names it
 * @throws RaftError NO_SUCH_GROUP, STORAGE_FAILED, STORAGE_CORRUPT
 */
export async function exportStore(database: string, group: GroupId): Promise<Blob> {
  const opened = await IndexedDbDatabase.open(database);
  try {
    const pieces: BlobPart[] = [];
    // As blobs, which the browser may keep on its disk.
    for await (const piece of opened.export(group)) pieces.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
    return new Blob(pieces, { type: 'application/octet-stream' });
  } finally {
    await opened.close();
  }
}
