/** What a replica may be started from (D10): a state that no run of the algorithm can have left behind is refused. */
import { configurationFault } from './configuration.ts';
import { InvariantViolation } from './errors.ts';
import type { Configuration, PersistentState } from './types.ts';

/** @throws InvariantViolation naming what is wrong */
export function checkState({ hardState, start, entries, snapshot = null }: PersistentState): void {
  let { index, term } = start;
  let snapshotTerm = snapshot?.index === start.index ? start.term : undefined;
  for (const entry of entries) {
    if (entry.index !== index + 1 || entry.term < term) {
      throw violation(`stored entry ${entry.index} of term ${entry.term} follows ${index} of ${term}`);
    }
    ({ index, term } = entry);
    if (index === snapshot?.index) snapshotTerm = term;
  }
  if (hardState.commit < start.index || hardState.commit > index) {
    throw violation(`stored commit index ${hardState.commit} is outside of ${start.index} to ${index}`);
  }
  if (hardState.term < term) throw violation(`stored term ${hardState.term} is below the term ${term} of the log`);
  checkConfiguration(start.configuration);
  if (snapshot === null) {
    if (start.index > 0)
      throw violation(`the log begins after ${start.index}, and there is no snapshot of what was before`);
    return;
  }
  if (snapshotTerm !== snapshot.term) {
    throw violation(
      `the log does not hold the last entry (${snapshot.index} of term ${snapshot.term}) of the snapshot`,
    );
  }
  if (snapshot.index > hardState.commit) {
    throw violation(`the snapshot of ${snapshot.index} is beyond the stored commit index ${hardState.commit}`);
  }
  checkConfiguration(snapshot.configuration);
}

function violation(message: string): InvariantViolation {
  return new InvariantViolation('D10', message);
}

function checkConfiguration(configuration: Configuration): void {
  const fault = configurationFault(configuration);
  if (fault !== null) throw violation(`stored configuration: ${fault}`);
}
