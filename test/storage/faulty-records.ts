/** Records whose next commit fails, as a disk or a browser lets it fail, and whose completions come late. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Random } from '../../src/core/random.ts';
import { RaftError } from '../../src/errors.ts';
import type { Change, ClaimedRecords, GroupRecords, StoredRecords } from '../../src/storage/group-records.ts';
import type { Durability } from '../../src/storage/storage.ts';
import type { StorageFault } from '../../src/testing/storage-acceptance.ts';

/** What goes wrong next; shared by all records of a place, and forgotten once it has happened. */
export class Faults {
  next: StorageFault | null = null;
  readonly #random: Random | null;

  /** @param random lets completions come late, so that reads and commits do not complete in the order of their issue */
  constructor(random: Random | null = null) {
    this.#random = random;
  }

  /** Gives a result, sooner or later. */
  async late<Result>(result: Promise<Result>): Promise<Result> {
    const settled = await result;
    for (let turns = this.#random?.below(6) ?? 0; turns > 0; turns--) await turn();
    return settled;
  }

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

  claim(claim: Uint8Array): Promise<ClaimedRecords> {
    return this.#faults.late(this.#records.claim(claim));
  }

  read(): Promise<StoredRecords> {
    return this.#faults.late(this.#records.read());
  }

  async commit(changes: readonly Change[]): Promise<void> {
    switch (this.#faults.take()) {
      case 'no-room':
        await this.#faults.late(Promise.resolve());
        throw new RaftError('QUOTA_EXCEEDED', 'there is no room');
      case 'failed-before':
        throw new Error('the disk failed before it wrote');
      case 'failed-after':
        await this.#records.commit(changes);
        throw new Error('the disk failed after it wrote');
      case null:
        return this.#faults.late(this.#records.commit(changes));
    }
  }

  chunks(slot: number, from: number, to: number): ReturnType<GroupRecords['chunks']> {
    return this.#faults.late(this.#records.chunks(slot, from, to));
  }
}
