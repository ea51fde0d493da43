/** Whether every quorum of one configuration has a member in common with every quorum of another, by trying them all. */
import { type Electorate, isQuorum } from '../core/quorum.ts';
import type { NodeId } from '../core/types.ts';

export function quorumsMeet(one: Electorate, other: Electorate): boolean {
  const everybody = [...new Set([...one.voters, ...one.outgoing, ...other.voters, ...other.outgoing])].sort();
  // A quorum of one that misses a quorum of the other does so also with everybody else in the other's.
  for (let subset = 0; subset < 2 ** everybody.length; subset++) {
    const isIn = (id: NodeId): boolean => (subset & (1 << everybody.indexOf(id))) !== 0;
    if (isQuorum(one, isIn) && isQuorum(other, (id) => !isIn(id))) return false;
  }
  return true;
}
