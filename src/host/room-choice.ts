/**
 * Which group a host that is in a room and has no member of the room's group goes for. The rules, in their order:
 *
 * 1. A group that has its members is the room's group. If there are two, somebody has to say which.
 * 2. Of those that are still gathering members, the one with the smallest id: all who see them go for the same.
 * 3. Where there is none, whoever has the founder's token begins one, and everybody else waits.
 *
 * A group counts as gathering for as long as the host that gathers is there. So one whose founder went away before it was
 * founded is given up, and the token, which goes to another host then, leads to the next.
 */
import type { GroupId } from '../ids.ts';
import type { RoomOffer } from '../transport/transport.ts';

export interface RoomView {
  /** What we go for at present: whether it is we who gather its members, and whether it is known to have them. */
  readonly current: { readonly group: GroupId; readonly isOurs: boolean; readonly isFounded: boolean } | null;
  /** What the others in the room offer. */
  readonly offers: readonly RoomOffer[];
  readonly hasToken: boolean;
  /** The only group to go for; null for whichever the room is for. */
  readonly wanted: GroupId | null;
}

export type Choice =
  /** With what we have, or with nothing. */
  | { readonly kind: 'stay' }
  | { readonly kind: 'join'; readonly offer: RoomOffer }
  | { readonly kind: 'found' }
  /** Several groups have been founded. */
  | { readonly kind: 'conflict'; readonly groups: readonly GroupId[] };

const stay: Choice = { kind: 'stay' };

export function chooseGroup({ current, offers, hasToken, wanted }: RoomView): Choice {
  const goFor = (offer: RoomOffer): Choice => (offer.group === current?.group ? stay : { kind: 'join', offer });
  const eligible = offers.filter(({ group }) => wanted === null || group === wanted);

  const founded = eligible.filter(({ isFounded }) => isFounded);
  const known = new Set(founded.map(({ group }) => group));
  if (current?.isFounded === true) known.add(current.group);
  if (known.size > 1) return { kind: 'conflict', groups: [...known].sort() };
  const [sole] = founded;
  if (sole !== undefined) return goFor(sole);
  // Its members are away: they will be back.
  if (current?.isFounded === true) return stay;

  const [smallest] = eligible.toSorted((one, other) => (one.group < other.group ? -1 : 1));
  const ours = current?.isOurs === true ? current.group : null;
  if (ours !== null && (smallest === undefined || ours <= smallest.group)) return stay;
  if (smallest !== undefined) return goFor(smallest);
  return hasToken && wanted === null ? { kind: 'found' } : stay;
}
