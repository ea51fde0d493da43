/** Which group a host in a room goes for. */
import { describe, expect, test } from 'vitest';
import { chooseGroup, type Choice, type RoomView } from '../../src/host/room-choice.ts';
import type { Access } from '../../src/identity/access.ts';
import type { GroupId } from '../../src/ids.ts';
import type { RoomOffer } from '../../src/transport/transport.ts';

const [a, b, c] = ['A', 'B', 'C'].map((letter) => letter.repeat(22)) as [GroupId, GroupId, GroupId];
const access = `f${'S'.repeat(43)}` as Access;

const founded = (group: GroupId): RoomOffer => ({ group, access, signaling: null, isFounded: true });
const gathering = (group: GroupId): RoomOffer => ({ ...founded(group), isFounded: false });

const nothing: RoomView = { current: null, offers: [], hasToken: false, wanted: null };
const ours = (group: GroupId): RoomView['current'] => ({ group, isOurs: true, isFounded: false });
const theirs = (group: GroupId): RoomView['current'] => ({ group, isOurs: false, isFounded: false });
const away = (group: GroupId): RoomView['current'] => ({ group, isOurs: false, isFounded: true });

const stay: Choice = { kind: 'stay' };
const found: Choice = { kind: 'found' };
const join = (offer: RoomOffer): Choice => ({ kind: 'join', offer });
const conflict = (...groups: GroupId[]): Choice => ({ kind: 'conflict', groups });

const cases: Readonly<Record<string, readonly (readonly [string, Partial<RoomView>, Choice])[]>> = {
  'where nobody offers anything': [
    ['who has nothing waits', {}, stay],
    ['who has the token founds', { hasToken: true }, found],
    ['who gathers goes on, with or without the token', { current: ours(b) }, stay],
    ['who gathers does not found twice', { current: ours(b), hasToken: true }, stay],
    ['who waits for a founder that is gone waits', { current: theirs(b) }, stay],
    [
      'who waits for a founder that is gone founds another group once it has the token',
      { current: theirs(b), hasToken: true },
      found,
    ],
    [
      'who knows that its group is founded waits for the members, token or not',
      { current: away(b), hasToken: true },
      stay,
    ],
    ['who wants a certain group founds none', { wanted: a, hasToken: true }, stay],
  ],
  'where a group gathers its members': [
    ['who has nothing joins it', { offers: [gathering(b)] }, join(gathering(b))],
    ['who has the token joins it all the same', { offers: [gathering(b)], hasToken: true }, join(gathering(b))],
    ['who waits for it stays', { current: theirs(b), offers: [gathering(b)] }, stay],
    [
      'who waits for another, whose founder is gone, joins it',
      { current: theirs(a), offers: [gathering(b)] },
      join(gathering(b)),
    ],
    ['who gathers for a larger one gives that up', { current: ours(b), offers: [gathering(a)] }, join(gathering(a))],
    ['who gathers for a smaller one goes on', { current: ours(a), offers: [gathering(b)] }, stay],
    ['of several it is the smallest', { offers: [gathering(c), gathering(a), gathering(b)] }, join(gathering(a))],
  ],
  'where a group is founded': [
    ['who has nothing joins it', { offers: [founded(b)] }, join(founded(b))],
    ['whatever gathers beside it', { offers: [gathering(a), founded(b)] }, join(founded(b))],
    ['who gathers gives that up', { current: ours(a), offers: [founded(b)] }, join(founded(b))],
    [
      'who waits for another gives that up',
      { current: theirs(a), offers: [gathering(a), founded(b)] },
      join(founded(b)),
    ],
    ['who waits for it stays', { current: theirs(b), offers: [founded(b)] }, stay],
  ],
  'where two are founded': [
    ['who has nothing has to be told which', { offers: [founded(b), founded(a)] }, conflict(a, b)],
    ['also who waits for one of them', { current: theirs(b), offers: [founded(a), founded(b)] }, conflict(a, b)],
    ['also when the members of one are away', { current: away(b), offers: [founded(a)] }, conflict(a, b)],
    ['who wants one of them joins it', { offers: [founded(a), founded(b)], wanted: b }, join(founded(b))],
  ],
};

for (const [where, rows] of Object.entries(cases)) {
  describe(where, () => {
    test.each(rows)('%s', (_, view, choice) => {
      expect(chooseGroup({ ...nothing, ...view })).toEqual(choice);
    });
  });
}

test('hosts that see each other go for the same group, whatever they begin with', () => {
  const all = [a, b, c];
  const views = all.map((group) => ({
    ...nothing,
    current: ours(group),
    offers: all.filter((other) => other !== group).map(gathering),
  }));
  const goals = views.map((view) => {
    const choice = chooseGroup(view);
    return choice.kind === 'join' ? choice.offer.group : view.current?.group;
  });
  expect(new Set(goals)).toEqual(new Set([a]));
});
