/** What somebody can do who has an invite to read only, and says what learners may say, but as he likes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from '../../src/core/types.ts';
import { encodeFrame } from '../../src/transport/codec.ts';
import { type Intruder, intruder, type List, list, Tabs } from './tabs.ts';

interface Scene {
  readonly tabs: Tabs;
  readonly groups: readonly List[];
  readonly reader: Intruder;
}

/** A group of three, and somebody who may read, and is linked to all of them. */
async function withReader(): Promise<Scene> {
  const tabs = new Tabs();
  const { groups } = await tabs.found(3);
  const [first] = groups as [List];
  const reader = await intruder(tabs, first.readOnlyInvite);
  await tabs.until(() => reader.links.length === groups.length, 'the links');
  const join = encodeFrame(first.id, { kind: 'Join', member: reader.member, machine: list.name });
  for (const link of reader.links) link.send(join, 'control');
  const isIn = ({ members }: List): boolean => members.list.some(({ id }) => id === reader.member);
  await tabs.until(() => groups.every(isIn), 'the reader to be in');
  return { tabs, groups, reader };
}

type Said<M extends Message = Message> = M extends Message ? Omit<M, 'from' | 'to'> : never;

/** Says something to every member. */
function say({ groups, reader: { member: from, links } }: Scene, said: Said): void {
  const group = groups[0]?.id;
  for (const link of links) {
    const to = group === undefined ? undefined : link.admissionTo(group)?.member;
    if (group === undefined || to === undefined) continue;
    const message: Message = { ...said, from, to };
    link.send(encodeFrame(group, message), 'control');
  }
}

const termsOf = ({ groups }: Scene): number[] => groups.map((group) => group.status().member?.term ?? 0);

/** Numbers near those that a small group has, and far from them. */
const number = fc.oneof(fc.nat(12), fc.maxSafeNat());

/** All that a learner says to Raft. */
const saying: fc.Arbitrary<Said> = fc.oneof(
  fc.record({
    kind: fc.constant('AppendEntriesResponse' as const),
    term: number,
    index: number,
    conflict: fc.option(fc.record({ index: number, term: number })),
  }),
  fc.record({ kind: fc.constant('HeartbeatResponse' as const), term: number, round: number }),
  fc.record({
    kind: fc.constant('InstallSnapshotResponse' as const),
    term: number,
    snapshotIndex: number,
    snapshotId: fc.string({ maxLength: 8 }),
    offset: number,
  }),
  fc.record({ kind: fc.constant('ReadIndex' as const), term: number, context: number }),
);

test('M18 a reader moves nobody to a later term, and stops nobody, whatever it says', async () => {
  const scene = await withReader();
  const { tabs, groups } = scene;
  const before = termsOf(scene);
  let proposed = 0;
  for (const batch of fc.sample(fc.array(saying, { minLength: 1, maxLength: 40 }), 50)) {
    for (const said of batch) say(scene, said);
    tabs.clock.pass(20);
    const group = groups[proposed % groups.length];
    expect(await tabs.outcome(group?.propose('x') ?? Promise.reject(new Error()))).toBe(++proposed);
  }
  expect(termsOf(scene)).toEqual(before);
  expect(scene.reader.state).toMatchObject({ refusals: [], isClosed: false });
  await tabs.until(() => groups.every(({ state }) => state.length === proposed), 'all to follow');
});
