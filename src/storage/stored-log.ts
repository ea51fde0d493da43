/**
 * The log as records. Entries lie in packed records under the index of their first one. A record takes the place of
 * whatever earlier records hold from that index on, so that cutting the log removes the records that begin behind the cut
 * and rewrites none; nor does a compaction, which leaves the record with the first entry that stays.
 */
import type { Entry, Index, LogStart } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { MergedBatch } from './batch.ts';
import type { Change } from './group-records.ts';
import { addChecksums, checksumOf, decodeEntries, encodeEnd, encodeEntries } from './records.ts';

/** Changes to make, and what to call once they are durable. */
export interface Plan {
  readonly changes: readonly Change[];
  /** The sum of the checksums of all records when they are. */
  readonly sum: number;
  readonly done: () => void;
}

export class StoredLog {
  /** The first indexes of the records that are there, ascending. */
  #firsts: Index[] = [];
  /** Their checksums. */
  #checksums: number[] = [];
  #sum = 0;

  get sum(): number {
    return this.#sum;
  }

  /**
   * Takes the records as they are stored.
   * @returns the entries behind the start of the log
   * @throws RaftError STORAGE_CORRUPT
   */
  load(start: LogStart, records: readonly (readonly [firstIndex: Index, record: unknown])[]): Entry[] {
    this.#firsts = records.map(([firstIndex]) => firstIndex);
    let entries: Entry[] = [];
    for (const [firstIndex, record] of records) {
      const next = (entries.at(-1)?.index ?? start.index) + 1;
      if (firstIndex > next && firstIndex > start.index + 1) {
        const message = `entries before ${firstIndex} are missing; join the group as a new member`;
        throw new RaftError('STORAGE_CORRUPT', message);
      }
      const before = entries[0]?.index ?? firstIndex;
      // A record may begin before the log does, or lie there wholly.
      if (firstIndex > next) entries = [];
      else entries.length = Math.min(entries.length, Math.max(0, firstIndex - before));
      for (const entry of decodeEntries(firstIndex, record)) entries.push(entry);
    }
    // Only what was decoded is known to be a record.
    this.#checksums = records.map(([, record]) => (record instanceof Uint8Array ? checksumOf(record) : 0));
    this.#sum = this.#checksums.reduce(addChecksums, 0);
    return entries.filter(({ index }) => index > start.index);
  }

  plan({ start, truncateFrom, entries }: MergedBatch): Plan {
    const changes: Change[] = [];
    const [firsts, checksums] = [this.#firsts, this.#checksums];
    let [gone, kept] = [0, firsts.length];
    if (start !== null) {
      while (gone + 1 < kept && (firsts[gone + 1] ?? Number.POSITIVE_INFINITY) <= start.index + 1) gone++;
      if (gone > 0) changes.push({ table: 'entries', from: 0, to: firsts[gone] ?? 0 });
    }
    if (truncateFrom !== null) {
      while (kept > gone && (firsts[kept - 1] ?? -1) >= truncateFrom) kept--;
      changes.push({ table: 'entries', from: truncateFrom, to: Number.POSITIVE_INFINITY });
    }
    const records = encodeEntries(entries);
    // A cut with nothing behind it is marked by an empty record, which takes the place of what lay there.
    if (truncateFrom !== null && records.length === 0) records.push(encodeEnd(truncateFrom));
    // The record that marks the end of the log is overwritten by what follows it.
    if (kept > gone && records[0]?.firstIndex === firsts[kept - 1]) kept--;
    const removed = [...checksums.slice(0, gone), ...checksums.slice(kept)];
    let sum = removed.reduce((left, checksum) => addChecksums(left, -checksum), this.#sum);
    for (const { firstIndex, bytes } of records) {
      changes.push({ table: 'entries', key: [firstIndex], bytes });
      sum = addChecksums(sum, checksumOf(bytes));
    }
    return {
      changes,
      sum,
      done: () => {
        for (const list of [firsts, checksums]) {
          list.length = kept;
          list.splice(0, gone);
        }
        for (const { firstIndex, bytes } of records) {
          firsts.push(firstIndex);
          checksums.push(checksumOf(bytes));
        }
        this.#sum = sum;
      },
    };
  }
}
