import type { Entry, HardState, Index, LogStart } from '../core/types.ts';
import type { Batch } from './storage.ts';

/** Several batches as one that has the effect of all in their order. */
export function mergeBatches(batches: readonly Batch[]): Batch {
  let start: LogStart | null = null;
  let hardState: HardState | null = null;
  let truncateFrom: Index | null = null;
  let entries: Entry[] = [];
  for (const batch of batches) {
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
  return { start, hardState, truncateFrom, entries };
}
