/**
 * The log as records. Entries lie in packed records under the index of their first one. A record takes the place of
 * whatever earlier records hold from that index on, so that cutting the log removes the records that begin behind the cut
 * and rewrites none; nor does a compaction, which leaves the record with the first entry that stays.
 */
import type { Entry, Index, LogStart } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { MergedBatch } from './batch.ts';
import type { Change } from './group-records.ts';
import { decodeEntries, encodeEnd, encodeEntries } from './records.ts';

/** Changes to make, and what to call once they are durable. */
export interface Plan {
  readonly changes: readonly Change[];
  readonly done: () => void;
}

export class StoredLog {
  /** The first indexes of the records that are there, ascending. */
  #firsts: Index[] = [];

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
    return entries.filter(({ index }) => index > start.index);
  }

  plan({ start, truncateFrom, entries }: MergedBatch): Plan {
    const changes: Change[] = [];
    const firsts = this.#firsts;
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
    for (const { firstIndex, bytes } of records) changes.push({ table: 'entries', key: [firstIndex], bytes });
    return {
      changes,
      done: () => {
        firsts.length = kept;
        firsts.splice(0, gone);
        for (const { firstIndex } of records) if (firstIndex !== firsts.at(-1)) firsts.push(firstIndex);
      },
    };
  }
}
