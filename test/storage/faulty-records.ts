/** Records whose next commit fails, as a disk or a browser lets it fail. */
import { RaftError } from '../../src/errors.ts';
import type { Change, GroupRecords, StoredRecords } from '../../src/storage/group-records.ts';
import type { Durability } from '../../src/storage/storage.ts';
import type { StorageFault } from '../../src/testing/storage-acceptance.ts';

/** What goes wrong next; shared by all records of a place, and forgotten once it has happened. */
export class Faults {
  next: StorageFault | null = null;

  take(): StorageFault | null {
    const fault = this.next;
    this.next = null;
    return fault;
  }
}

export class FaultyRecords implements GroupRecords {
  readonly #records: GroupRecords;
  readonly #faults: Faults;

  constructor(records: GroupRecords, faults: Faults) {
    this.#records = records;
    this.#faults = faults;
  }

  get durability(): Durability {
    return this.#records.durability;
  }

  claim(): Promise<StoredRecords> {
    return this.#records.claim();
  }

  async commit(changes: readonly Change[]): Promise<void> {
    switch (this.#faults.take()) {
      case 'no-room':
        throw new RaftError('QUOTA_EXCEEDED', 'there is no room');
      case 'failed-before':
        throw new Error('the disk failed before it wrote');
      case 'failed-after':
        await this.#records.commit(changes);
        throw new Error('the disk failed after it wrote');
      case null:
        return this.#records.commit(changes);
    }
  }

  chunks(slot: number, from: number, to: number): ReturnType<GroupRecords['chunks']> {
    return this.#records.chunks(slot, from, to);
  }
}
