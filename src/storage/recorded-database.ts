/** What databases have in common whose stores are made of records: the stores, and how they are looked into. */
import type { GroupId, HostId } from '../ids.ts';
import { RaftError } from '../errors.ts';
import type { Database, GroupChange, GroupRecord } from './database.ts';
import type { GroupRecords } from './group-records.ts';
import { inspectStore, type StoreReport } from './inspection.ts';
import { RecordedStorage } from './recorded-storage.ts';
import type { Storage } from './storage.ts';
import { exportStore } from './store-export.ts';

export abstract class RecordedDatabase implements Database {
  abstract readonly host: HostId;
  abstract readonly keys: CryptoKeyPair;
  abstract groups(): Promise<readonly GroupRecord[]>;
  abstract addGroup(record: GroupRecord): Promise<void>;
  abstract updateGroup(group: GroupId, change: GroupChange): Promise<void>;
  abstract removeGroup(group: GroupId): Promise<void>;
  abstract close(): Promise<void>;

  protected abstract records(group: GroupId): GroupRecords;

  storage(group: GroupId): Storage {
    return new RecordedStorage(this.records(group));
  }

  /** What every store holds, and whether it checks out. */
  async inspect(): Promise<StoreReport[]> {
    const reports: StoreReport[] = [];
    for (const record of await this.groups()) reports.push(await inspectStore(record, this.records(record.group)));
    return reports;
  }

  /**
   * A store as the pieces of a file.
   * @throws RaftError NO_SUCH_GROUP, STORAGE_FAILED, STORAGE_CORRUPT
   */
  async *export(group: GroupId): AsyncGenerator<Uint8Array> {
    const record = (await this.groups()).find((known) => known.group === group);
    if (record === undefined) throw new RaftError('NO_SUCH_GROUP', `this database has no group ${group}`);
    yield* exportStore(record, this.records(group));
  }
}
