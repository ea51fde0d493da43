import type { Entry, HardState, Index, LogStart, Snapshot } from '../core/types.ts';
import type { Batch } from './storage.ts';

/** What several batches do together. */
export interface MergedBatch {
  /** In the order in which they become the newest. */
  readonly snapshots: readonly Snapshot[];
  readonly start: LogStart | null;
  readonly hardState: HardState | null;
  readonly truncateFrom: Index | null;
  readonly entries: readonly Entry[];
}

/** Several batches as one that has the effect of all in their order. */
export function mergeBatches(batches: readonly Batch[]): MergedBatch {
  const snapshots: Snapshot[] = [];
  let start: LogStart | null = null;
  let hardState: HardState | null = null;
  let truncateFrom: Index | null = null;
  let entries: Entry[] = [];
  for (const batch of batches) {
    if (batch.snapshot) snapshots.push(batch.snapshot);
    if (batch.start) {
      const { index } = (start = batch.start);
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
