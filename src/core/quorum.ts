/**
 * Majorities (paper, sections 5.2 and 5.4; dissertation, section 4.3). Pure functions over lists of voters and what is
 * known of each; nothing is kept between calls, because a quorum computed from yesterday's numbers has committed entries
 * without a majority before (R9). In a joint configuration both halves have to agree (M4); a half without voters has no
 * objection.
 */
import type { Index, NodeId } from './types.ts';

/** The voters of a configuration; `outgoing` is empty unless it is joint. */
export interface Electorate {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** The smallest number of `count` voters that is more than half of them. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** The highest index that a majority of each half has reached; Infinity if nobody votes. */
export function quorumIndex({ voters, outgoing }: Electorate, reached: (voter: NodeId) => Index): Index {
  const incoming = majorityIndex(voters, reached);
  return outgoing.length === 0 ? incoming : Math.min(incoming, majorityIndex(outgoing, reached));
}

function majorityIndex(voters: readonly NodeId[], reached: (voter: NodeId) => Index): Index {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  // Sorted as they come, the highest first: this is asked at every acknowledgement, and groups are small.
  const indexes: Index[] = [];
  for (const voter of voters) {
    const index = reached(voter);
    let place = indexes.length;
    for (; place > 0; place--) {
      const lower = indexes[place - 1] ?? 0;
      if (lower >= index) break;
      indexes[place] = lower;
    }
    indexes[place] = index;
  }
  return indexes[majority(voters.length) - 1] ?? 0;
}

/** Lost means that the missing votes could not make a majority any more, in one of the halves. */
export function voteResult({ voters, outgoing }: Electorate, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = majorityVote(voters, votes);
  if (outgoing.length === 0) return incoming;
  const leaving = majorityVote(outgoing, votes);
  if (incoming === 'lost' || leaving === 'lost') return 'lost';
  return incoming === 'won' && leaving === 'won' ? 'won' : 'pending';
}

function majorityVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.length === 0) return 'won';
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

/** Whether the voters for which `holds` is true are a majority of each half. */
export function isQuorum(electorate: Electorate, holds: (voter: NodeId) => boolean): boolean {
  return quorumIndex(electorate, (voter) => (holds(voter) ? 1 : 0)) >= 1;
}
