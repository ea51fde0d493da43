/**
 * Who may not be in the group any more: members of before, whose ids are never used again (M10), and whoever was banned,
 * under whatever id he comes (M19). A configuration carries both, so that they are committed as it is, and reach whoever
 * takes a snapshot over. Both are bounded, because a configuration travels whole:
 *
 * - Removals beyond the bound make the group forget the oldest. Nothing is lost by that: who was removed has a log, and
 *   only those that have none ask to be added.
 * - A ban beyond the bound is refused, until another one is lifted: nobody comes back because somebody else was banned.
 */
import { isMember, membersOf } from './configuration.ts';
import type { Configuration, NodeId } from './types.ts';

/** How many removals a configuration remembers. */
export const maxRemoved = 128;

/** How many bans a configuration holds. */
export const maxBanned = 128;

export type Exclusion = 'removed' | 'banned';

export function isBanned({ banned }: Pick<Configuration, 'banned'>, id: NodeId): boolean {
  return banned.some((prefix) => id.startsWith(prefix));
}

/**
 * Why an id is not to be in the group; null for one that is in it, or may come. Whoever leaves with the outgoing half of a
 * joint configuration is in it until that is left: its vote may be needed (M6).
 */
export function exclusionOf(configuration: Configuration, id: NodeId): Exclusion | null {
  if (isMember(configuration, id)) return null;
  if (isBanned(configuration, id)) return 'banned';
  return configuration.removed.includes(id) ? 'removed' : null;
}

/** The next configuration, with those who are in it no more among the removed, and nobody among them who is. */
export function withLeavers(before: Configuration, next: Configuration): Configuration {
  const known = before.removed.filter((id) => !isMember(next, id));
  const leavers = membersOf(before).filter((id) => !isMember(next, id));
  return { ...next, removed: [...known, ...leavers].slice(-maxRemoved) };
}
