/**
 * S19: what a configuration shuts out stays out. From each configuration to the next, whoever left is remembered and does not
 * come back, whoever is banned is not in it, and no reader votes.
 */
import { isMember, isVoter, membersOf } from '../core/configuration.ts';
import { exclusionOf, isBanned, maxRemoved } from '../core/exclusions.ts';
import type { Configuration, NodeId } from '../core/types.ts';

/**
 * What is wrong with a configuration, or null.
 * @param before the one that was in force before
 * @param everMembers everybody who was in any configuration up to that one
 */
export function exclusionFault(
  before: Configuration,
  next: Configuration,
  everMembers: ReadonlySet<NodeId>,
): string | null {
  const { voters, learners, learnersNext, removed } = next;
  for (const id of membersOf(next)) {
    if (everMembers.has(id) && !isMember(before, id)) return `${id} was removed, and is in ${next.version}`;
  }
  for (const id of [...voters, ...learners, ...learnersNext]) {
    if (isBanned(next, id)) return `${id} is banned, and in ${next.version}`;
  }
  for (const id of before.readers) {
    if (isVoter(next, id)) return `${id} may only read, and votes in ${next.version}`;
  }
  const forgotten = [...everMembers].filter((id) => !isMember(next, id) && exclusionOf(next, id) === null);
  if (forgotten.length > 0 && removed.length < maxRemoved) return `${forgotten.join()} left, and may come back`;
  return null;
}
