/**
 * Majorities (paper, sections 5.2 and 5.4). Pure functions over a list of voters and what is known of each; nothing is
 * kept between calls, because a quorum computed from yesterday's numbers has committed entries without a majority
 * before (R9).
 */
import type { Index, NodeId } from './types.ts';

/** The smallest number of `count` voters that is more than half of them. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** The highest index that a majority of the voters has reached. `reached` is asked once for each voter. */
export function majorityIndex(voters: readonly NodeId[], reached: (voter: NodeId) => Index): Index {
  const indexes = voters.map(reached).sort((a, b) => b - a);
  return indexes[majority(voters.length) - 1] ?? 0;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** Lost means that the missing votes could not make a majority any more. */
export function voteResult(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  const needed = majority(voters.length);
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}

/** Whether the voters for which `holds` is true are a majority. */
export function isMajority(voters: readonly NodeId[], holds: (voter: NodeId) => boolean): boolean {
  let count = 0;
  for (const voter of voters) if (holds(voter)) count++;
  return count >= majority(voters.length);
}
