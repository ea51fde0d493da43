/**
 * The journal of a store, and its fence. Every commit adds one record under the next number: the hard state, the change of
 * the log if it is small, and a sum that vouches for all other records. So a flush is one record, whatever it carries. Now
 * and then a checkpoint moves the entries into packed records of their own, and removes the journal up to there.
 *
 * Whoever takes the store over adds a claim under the number that comes next: the owner of before, when it wakes up, finds
 * its number taken, and its commit fails as a whole. Nothing has to be read first. Claims stay, because a page may sleep
 * for long.
 */
import { type Entry, entryBytes, type HardState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { LogChange } from './batch.ts';
import type { Change } from './group-records.ts';
import { decodeJournal, encodeJournal, isClaim, recordBytes } from './records.ts';

/** What the journal holds at the most: it is read as a whole at the start, and once more by the next checkpoint. */
const maxRecords = 64;
const maxBytes = 1024 * 1024;

/** How many times a store may be taken over before the owner of the first time could write again, if it still slept. */
const claimsKept = 256;

export interface LoadedJournal {
  readonly hardState: HardState;
  /** Null in a record of version 1, which vouched for nothing. */
  readonly sum: number | null;
  /** To be made to the entries that were checkpointed, in this order. */
  readonly changes: readonly LogChange[];
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
}

export class Journal {
  #next = 1;
  /** Ascending. */
  #claims: number[] = [];
  /** No record but claims lies before this number. */
  #oldest = 1;
  #pending: LogChange[] = [];
  #bytes = 0;

  /** What a checkpoint has to move: every change since the last one. */
  get pending(): readonly LogChange[] {
    return this.#pending;
  }

  /**
   * Takes the records as they are stored.
   * @param claimed the number of our own claim
   * @returns null where there are only claims
   * @throws RaftError STORAGE_CORRUPT
   */
  load(records: readonly (readonly [number: number, record: unknown])[], claimed: number): LoadedJournal | null {
    this.#next = claimed + 1;
    this.#oldest = claimed;
    let newest: ReturnType<typeof decodeJournal> | null = null;
    let last = claimed;
    for (const [number, record] of records) {
      // Claims of before the last checkpoint stand alone; from there on every number is taken.
      if (newest !== null && number !== last + 1) {
        const message = `the hard state after ${last} is missing; join the group as a new member`;
        throw new RaftError('STORAGE_CORRUPT', message);
      }
      last = number;
      if (isClaim(record)) {
        this.#claims.push(number);
        continue;
      }
      if (newest === null) this.#oldest = number;
      newest = decodeJournal(record);
      this.#remember(newest.change);
    }
    this.#claims.push(claimed);
    return newest === null ? null : { hardState: newest.hardState, sum: newest.sum, changes: this.#pending };
  }

  #remember({ truncateFrom, entries }: LogChange): void {
    if (truncateFrom === null && entries.length === 0) return;
    this.#pending.push({ truncateFrom, entries });
    this.#bytes += bytesOf(entries);
  }

  /** Whether a change is small enough for the journal, and the journal for the change. */
  hasRoomFor({ entries }: LogChange): boolean {
    const bytes = bytesOf(entries);
    return bytes <= recordBytes && this.#bytes + bytes <= maxBytes && this.#next - this.#oldest < maxRecords;
  }

  /** What adds a change of the log, or of nothing; call `added` when it is durable. */
  add(hardState: HardState, sum: number, change: LogChange): Change[] {
    return [{ table: 'hardStates', key: [this.#next], bytes: encodeJournal(hardState, sum, change) }];
  }

  added(change: LogChange): void {
    this.#next++;
    this.#remember(change);
  }

  /** What adds a record that needs none of those before it, and removes them; call `checkpointed` when it is durable. */
  checkpoint(hardState: HardState, sum: number): Change[] {
    const changes = this.add(hardState, sum, { truncateFrom: null, entries: [] });
    let from = this.#oldest;
    for (const kept of [...this.#claims.slice(-claimsKept), this.#next]) {
      if (kept > from) changes.push({ table: 'hardStates', from, to: kept });
      from = Math.max(from, kept + 1);
    }
    return changes;
  }

  checkpointed(): void {
    this.#oldest = this.#next++;
    this.#claims = this.#claims.slice(-claimsKept);
    this.#pending = [];
    this.#bytes = 0;
  }
}
