import type { Entry, HardState, Index, LogStart, Snapshot } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Batch } from './storage.ts';

/** A change of the log that leaves its start where it is. */
export interface LogChange {
  readonly truncateFrom: Index | null;
  readonly entries: readonly Entry[];
}

/** What several batches do together. */
export interface MergedBatch extends LogChange {
  /** In the order in which they become the newest. */
  readonly snapshots: readonly Snapshot[];
  readonly start: LogStart | null;
  readonly hardState: HardState | null;
}

/** A log that would begin before where it begins: what lay there is gone. */
export function beginsEarlier(now: Index, wanted: Index): RaftError {
  return new RaftError('STORAGE_FAILED', `the log begins behind ${now}, and cannot begin behind ${wanted} any more`);
}

/**
 * Several batches as one that has the effect of all in their order.
 * @throws RaftError STORAGE_FAILED when they cannot follow each other
 */
export function mergeBatches(batches: readonly Batch[]): MergedBatch {
  const snapshots: Snapshot[] = [];
  let start: LogStart | null = null;
  let hardState: HardState | null = null;
  let truncateFrom: Index | null = null;
  let entries: Entry[] = [];
  for (const batch of batches) {
    if (batch.snapshot) snapshots.push(batch.snapshot);
    if (batch.start) {
      const { index } = batch.start;
      if (start !== null && index < start.index) throw beginsEarlier(start.index, index);
      start = batch.start;
      entries = entries.filter((entry) => entry.index > index);
    }
    hardState = batch.hardState ?? hardState;
    if (batch.truncateFrom !== null) {
      const cut = batch.truncateFrom;
      while ((entries.at(-1)?.index ?? -1) >= cut) entries.pop();
      if (entries.length === 0) truncateFrom = Math.min(cut, truncateFrom ?? cut);
    }
    for (const entry of batch.entries) entries.push(entry);
  }
  return { snapshots, start, hardState, truncateFrom, entries };
}
