/** How one configuration follows from another: M3, M4, M6, M7, M10, M16, M18, M19; after etcd-io/raft `confchange/testdata`. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canLead,
  configurationFault,
  foundingConfiguration,
  isJoint,
  isMember,
  isVoter,
  memberKind,
  type MembershipChange,
  type MembershipStep,
  membersOf,
} from '../../src/core/configuration.ts';
import { exclusionOf, maxBanned, maxRemoved } from '../../src/core/exclusions.ts';
import { decodeConfiguration, encodeConfiguration } from '../../src/core/membership-change.ts';
import { changed, leftJoint } from '../../src/core/next-configuration.ts';
import { emptyState, Raft } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Configuration, NodeId, PersistentState } from '../../src/core/types.ts';
import { bytes, node, shape, steps, text } from './cluster.ts';

/** Written as `a b c`, then the steps that lead on to learners and witnesses. */
function founded(voters: string, story = ''): Configuration {
  let configuration = foundingConfiguration(voters.split(' ').map(node));
  for (const step of steps(story)) configuration = demandChange(configuration, simple([step]));
  return configuration;
}

const simple = (list: readonly MembershipStep[]): MembershipChange => ({ kind: 'simple', steps: list });
const joint = (list: readonly MembershipStep[], autoLeave = false): MembershipChange => ({
  kind: 'enter-joint',
  steps: list,
  autoLeave,
});

function demandChange(configuration: Configuration, change: MembershipChange, version = 1): Configuration {
  const next = changed(configuration, change, version);
  if (typeof next === 'string') throw new Error(`refused: ${next}`);
  return next;
}

const outcome = (result: ReturnType<typeof changed>): string => (typeof result === 'string' ? result : shape(result));

describe('a simple change', () => {
  test.each([
    ['a b c', '', 'voter d', 'a b c d'],
    ['a b c', '', 'remove c', 'a b'],
    ['a b c', '', 'learner d', 'a b c | d'],
    ['a b c', '', 'learner d, learner e', 'a b c | d e'],
    ['a b c', 'learner d', 'voter d', 'a b c d'],
    ['a b c', 'learner d', 'remove d', 'a b c'],
    ['a b c', '', 'learner c', 'a b | c'],
    ['a b c', 'learner d', 'voter e, remove d', 'a b c e'],
    ['a b c', '', 'voter d, remove d', 'a b c'],
    ['a b c', '', 'voter b', 'a b c'],
    ['a b c', '', 'remove x', 'a b c'],
    ['a b c', '', '', 'a b c'],
    ['a b c', 'learner d', 'learner d', 'a b c | d'],
    ['a b', '', 'witness w', 'a b w * w'],
    ['a b', 'witness w', 'witness w', 'a b w * w'],
    ['a b', 'witness w', 'remove w', 'a b'],
    ['a b', 'witness w', 'remove w, witness w', 'a b w * w'],
    // M3
    ['a b c', '', 'voter d, voter e', 'needs-joint'],
    ['a b c', '', 'voter d, remove a', 'needs-joint'],
    ['a b c', 'learner d', 'voter d, learner a', 'needs-joint'],
    ['a b', '', 'voter c, witness w', 'needs-joint'],
    // M7
    ['a', '', 'remove a', 'no-voter-left'],
    ['a', '', 'learner a', 'no-voter-left'],
    ['a', 'witness w', 'remove a', 'no-voter-left'],
    // M16
    ['a b', 'witness w', 'voter w', 'witness-is-witness'],
    ['a b', 'witness w', 'learner w', 'witness-is-witness'],
    ['a b', '', 'witness b', 'witness-is-witness'],
    ['a b', 'learner c', 'witness c', 'witness-is-witness'],
    ['a b', '', 'voter c, witness c', 'witness-is-witness'],
    ['a b', '', 'learner c, witness c', 'witness-is-witness'],
    ['a b', '', 'witness w, voter w', 'witness-is-witness'],
    ['a b', 'witness w', 'remove w, voter w', 'witness-is-witness'],
    ['a b', 'witness w', 'remove w, learner w', 'witness-is-witness'],
    ['a b', '', 'remove b, witness b', 'witness-is-witness'],
    ['a b', 'learner c', 'remove c, witness c', 'witness-is-witness'],
  ])('M3 M7 M16 of %s (%s) by %s gives: %s', (voters, before, change, after) => {
    expect(outcome(changed(founded(voters, before), simple(steps(change)), 9))).toBe(after);
  });
});

describe('a joint change', () => {
  test.each([
    ['a b c', '', 'voter d, voter e', 'a b c d e + a b c', 'a b c d e'],
    ['a b c', '', 'remove b, remove c', 'a + a b c', 'a'],
    ['a b c', '', 'voter d, voter e, voter f, remove a, remove b, remove c', 'd e f + a b c', 'd e f'],
    ['a', '', 'voter b, remove a', 'b + a', 'b'],
    ['a b c', '', '', 'a b c + a b c', 'a b c'],
    // M6
    ['a b c', '', 'learner c', 'a b + a b c > c', 'a b | c'],
    ['a b c', '', 'learner c, voter c', 'a b c + a b c', 'a b c'],
    ['a b c', '', 'learner c, remove c', 'a b + a b c', 'a b'],
    ['a b c', '', 'remove c, learner c', 'a b + a b c > c', 'a b | c'],
    ['a b c', 'learner d', 'learner a, voter d', 'b c d + a b c > a', 'b c d | a'],
    ['a b c', '', 'learner d', 'a b c + a b c | d', 'a b c | d'],
    // M16
    ['a b', '', 'voter c, witness w', 'a b c w + a b * w', 'a b c w * w'],
    ['a b', 'witness w', 'remove w, voter c', 'a b c + a b w * w', 'a b c'],
    ['a b', 'witness w', 'remove w, witness w', 'a b w + a b w * w', 'a b w * w'],
  ])('M6 M16 of %s (%s) by %s goes by way of %s to %s', (voters, before, change, between, after) => {
    const entered = demandChange(founded(voters, before), joint(steps(change)));
    expect(shape(entered)).toBe(between);
    expect(shape(demandChange(entered, { kind: 'leave-joint' }))).toBe(after);
  });

  test.each([
    ['a b', '', 'remove a, remove b', 'no-voter-left'],
    ['a b', 'witness w', 'remove a, remove b', 'no-voter-left'],
    ['a b', 'witness w', 'voter w', 'witness-is-witness'],
    ['a b', 'witness w', 'remove w, voter w', 'witness-is-witness'],
    ['a b', 'witness w', 'remove w, learner w', 'witness-is-witness'],
    ['a b', '', 'learner b, witness b', 'witness-is-witness'],
    ['a b', '', 'remove b, witness b', 'witness-is-witness'],
  ])('M7 M16 of %s (%s) by %s is refused: %s', (voters, before, change, reason) => {
    expect(changed(founded(voters, before), joint(steps(change)), 9)).toBe(reason);
  });

  test('M1 is followed by nothing but the leaving of it, which comes once', () => {
    const entered = demandChange(founded('a b c'), joint(steps('voter d, remove a'), true), 5);
    expect(shape(entered)).toBe('b c d + a b c (auto)');
    expect(changed(entered, simple(steps('learner e')), 6)).toBe('joint');
    expect(changed(entered, joint(steps('learner e')), 6)).toBe('joint');
    const left = demandChange(entered, { kind: 'leave-joint' }, 6);
    expect([shape(left), left.version]).toEqual(['b c d', 6]);
    expect(changed(left, { kind: 'leave-joint' }, 7)).toBe('not-joint');
  });

  test('M6 lets whoever is demoted vote, and lead, until it is left', () => {
    const entered = demandChange(founded('a b c'), joint(steps('learner c, remove b')));
    for (const id of ['a', 'b', 'c'].map(node))
      expect([isVoter(entered, id), canLead(entered, id)]).toEqual([true, true]);
    const left = leftJoint(entered, 2);
    expect([isVoter(left, node('c')), canLead(left, node('c')), isMember(left, node('c'))]).toEqual([
      false,
      false,
      true,
    ]);
    expect(isMember(left, node('b'))).toBe(false);
  });
});

test('M15 a group is founded with each member once, in ascending order, at version 0', () => {
  expect(foundingConfiguration(['c', 'a', 'c', 'b'].map(node))).toEqual({
    version: 0,
    voters: ['a', 'b', 'c'],
    outgoing: [],
    learners: [],
    learnersNext: [],
    witnesses: [],
    autoLeave: false,
    readers: [],
    removed: [],
    banned: [],
  });
});

describe('a member that may only read', () => {
  test.each([
    ['a b c', '', 'reader r', 'a b c | r ~ r'],
    ['a b c', 'learner d', 'reader r', 'a b c | d r ~ r'],
    ['a b c', 'reader r', 'reader r', 'a b c | r ~ r'],
    ['a b c', 'reader r', 'remove r', 'a b c'],
    ['a b c', 'reader r', 'learner r', 'a b c | r'],
    ['a b c', 'learner r', 'reader r', 'a b c | r ~ r'],
    ['a b c', 'reader r', 'learner r, voter r', 'reader-is-reader'],
    ['a b c', 'reader r', 'remove r, voter r', 'reader-is-reader'],
    ['a b c', 'reader r', 'voter r', 'reader-is-reader'],
    ['a b c', '', 'reader r, voter r', 'reader-is-reader'],
    ['a b c', 'reader r', 'witness r', 'witness-is-witness'],
    ['a b c', '', 'reader c', 'reader-is-reader'],
    ['a b c', '', 'remove c, reader c', 'reader-is-reader'],
    ['a b', 'witness w', 'reader w', 'witness-is-witness'],
  ])('M18 in %s with "%s": "%s" makes %s', (voters, story, change, expected) => {
    expect(outcome(changed(founded(voters, story), simple(steps(change)), 1))).toBe(expected);
  });

  test('M18 is a reader through a joint change, and no voter that is leaving becomes one', () => {
    const entered = demandChange(founded('a b c', 'reader r'), joint(steps('voter d, learner c')));
    expect(shape(entered)).toBe('a b d + a b c | r ~ r > c');
    expect(shape(leftJoint(entered, 2))).toBe('a b d | c r ~ r');
    expect(outcome(changed(founded('a b c'), joint(steps('voter d, remove c, reader c')), 1))).toBe('reader-is-reader');
  });

  test('M18 is told from a learner, a voter and a witness', () => {
    const configuration = founded('a b', 'witness w, learner l, reader r');
    const kinds = ['a', 'w', 'l', 'r', 'x'].map((name) => memberKind(configuration, node(name)));
    expect(kinds).toEqual(['voter', 'witness', 'learner', 'reader', null]);
  });
});

describe('whoever is shut out', () => {
  test('M10 by its removal is remembered, in the order of removals', () => {
    const configuration = founded('a b c d', 'learner l, remove d, remove l, remove b');
    expect(configuration.removed).toEqual(['d', 'l', 'b']);
    expect(['d', 'a', 'x'].map((name) => exclusionOf(configuration, node(name)))).toEqual(['removed', null, null]);
  });

  test('M10 by a joint change is out when that is left, not before: its vote is still needed', () => {
    const entered = demandChange(founded('a b c', 'learner l'), joint(steps('voter d, remove c, remove l')));
    expect(entered.removed).toEqual(['l']);
    expect(exclusionOf(entered, node('c'))).toBeNull();
    const left = leftJoint(entered, 2);
    expect(left.removed).toEqual(['l', 'c']);
    expect(exclusionOf(left, node('c'))).toBe('removed');
  });

  test('M10 who comes and goes in one change was never a member, and who goes and comes has stayed one', () => {
    const configuration = founded('a b c');
    expect(demandChange(configuration, simple(steps('voter d, remove d'))).removed).toEqual([]);
    expect(demandChange(configuration, simple(steps('remove c, voter c'))).removed).toEqual([]);
  });

  test('M10 so many removals are remembered, and then the oldest is forgotten', () => {
    let configuration = founded('a');
    for (let i = 0; i <= maxRemoved; i++) {
      for (const story of [`learner n${i}`, `remove n${i}`]) {
        configuration = demandChange(configuration, simple(steps(story)));
      }
    }
    expect(configuration.removed).toHaveLength(maxRemoved);
    expect(configuration.removed[0]).toBe('n1');
    expect(configuration.removed.at(-1)).toBe(`n${maxRemoved}`);
  });

  test('M19 by a ban goes, under all its ids, and nobody else', () => {
    const configuration = founded('a b x-1', 'learner x-2, reader x-3, learner xa');
    const banned = demandChange(configuration, simple(steps('ban x-')));
    expect(shape(banned)).toBe('a b | xa');
    expect(banned.removed).toEqual(['x-1', 'x-2', 'x-3']);
    const verdicts = ['x-1', 'x-4', 'xa', 'y'].map((name) => exclusionOf(banned, node(name)));
    expect(verdicts).toEqual(['banned', 'banned', null, null]);

    const lifted = demandChange(banned, simple(steps('unban x-, unban y-')));
    expect(lifted.banned).toEqual([]);
    expect(['x-1', 'x-4'].map((name) => exclusionOf(lifted, node(name)))).toEqual(['removed', null]);
  });

  test('M19 by a ban of several voters goes by way of a joint configuration, and is a voter until that is left', () => {
    const configuration = founded('a b c x-1 x-2');
    expect(outcome(changed(configuration, simple(steps('ban x-')), 1))).toBe('needs-joint');
    const entered = demandChange(configuration, joint(steps('ban x-'), true));
    expect(shape(entered)).toBe('a b c + a b c x-1 x-2 (auto)');
    expect(['x-1', 'x-3'].map((name) => exclusionOf(entered, node(name)))).toEqual([null, 'banned']);
    const left = leftJoint(entered, 2);
    expect(['x-1', 'x-3'].map((name) => exclusionOf(left, node(name)))).toEqual(['banned', 'banned']);
  });

  test('M19 by a ban leaves nobody behind who was to be a learner', () => {
    const entered = demandChange(founded('a b x-1'), joint(steps('learner x-1, ban x-')));
    expect(shape(entered)).toBe('a b + a b x-1');
  });

  test('M7 M19 a ban of everybody who can lead is refused, and so is one more than there is room for', () => {
    expect(outcome(changed(founded('a1 a2', 'learner b'), joint(steps('ban a')), 1))).toBe('no-voter-left');
    const full = Array.from({ length: maxBanned }, (_, i) => `ban x${i}-`).join(', ');
    const configuration = demandChange(founded('a'), simple(steps(full)));
    expect(configuration.banned).toHaveLength(maxBanned);
    expect(outcome(changed(configuration, simple(steps('ban y')), 1))).toBe('too-many-banned');
    expect(outcome(changed(configuration, simple(steps('ban x7-')), 1))).toBe('a');
    expect(outcome(changed(configuration, simple(steps('unban x7-, ban y')), 1))).toBe('a');
  });
});

test.each<[string, Partial<Record<keyof Configuration, readonly string[]>>]>([
  ['its ids are not distinct and in ascending order', { voters: ['b', 'a'] }],
  ['somebody is a voter and a learner', { learners: ['a'] }],
  ['somebody is to become a learner who is not leaving the voters', { outgoing: ['a'], learnersNext: ['a'] }],
  ['a witness does not vote', { witnesses: ['w'] }],
  ['somebody who may only read is no learner', { readers: ['r'] }],
  ['somebody was removed twice', { removed: ['x', 'y', 'x'] }],
  ['its ids are not distinct and in ascending order', { banned: ['y', 'x'] }],
])('D10 no replica starts from a configuration where %s', (fault, lists) => {
  const founding = emptyState(['a', 'b'].map(node));
  const configuration = { ...founding.start.configuration, ...(lists as object) };
  const begin = (persistent: PersistentState): Raft => new Raft({ id: node('a'), persistent, random: seededRandom(1) });
  expect(() => begin({ ...founding, start: { ...founding.start, configuration } })).toThrow(
    `D10: stored configuration: ${fault}`,
  );
});

const names = ['a', 'b', 'c', 'd', 'e'].map(node);
const someStep: fc.Arbitrary<MembershipStep> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom('add-voter', 'add-voter', 'add-learner', 'add-reader', 'add-witness', 'remove'),
      id: fc.constantFrom(...names),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('ban', 'unban'), prefix: fc.constantFrom<string[]>(...names) }),
  },
);
const someSteps = fc.array(someStep, { minLength: 1, maxLength: 4 });
const someChange: fc.Arbitrary<MembershipChange> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('simple'), steps: someSteps }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('enter-joint'), steps: someSteps, autoLeave: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave-joint') }) },
);
const someChanges = fc.array(someChange, { maxLength: 20 });

/** Every configuration on the way, the refused changes left out. */
function history(changes: readonly MembershipChange[]): Configuration[] {
  const all = [foundingConfiguration(names.slice(0, 3))];
  for (const [i, change] of changes.entries()) {
    const next = changed(all.at(-1) ?? foundingConfiguration([]), change, i + 1);
    if (typeof next !== 'string') all.push(next);
  }
  return all;
}

function quorums({ voters, outgoing }: Configuration): NodeId[][] {
  const everybody = [...new Set([...voters, ...outgoing])];
  const subsets = everybody.reduce<NodeId[][]>((all, id) => [...all, ...all.map((set) => [...set, id])], [[]]);
  const isMajority = (half: readonly NodeId[], set: readonly NodeId[]): boolean =>
    half.length === 0 || 2 * half.filter((id) => set.includes(id)).length > half.length;
  return subsets.filter((set) => isMajority(voters, set) && isMajority(outgoing, set));
}

function allMeet(one: Configuration, other: Configuration): boolean {
  const others = quorums(other);
  return quorums(one).every((quorum) => others.every((set) => set.some((id) => quorum.includes(id))));
}

describe('whatever changes come', () => {
  test('M7 every configuration is well-formed, and somebody in it can lead', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        for (const configuration of history(changes)) {
          expect(configurationFault(configuration)).toBeNull();
          const { voters, outgoing, learners, learnersNext, witnesses, autoLeave, readers, removed } = configuration;
          expect(learners.filter((id) => isVoter(configuration, id))).toEqual([]);
          expect(learnersNext.filter((id) => voters.includes(id) || !outgoing.includes(id))).toEqual([]);
          expect(witnesses.filter((id) => !isVoter(configuration, id))).toEqual([]);
          expect(readers.filter((id) => !learners.includes(id))).toEqual([]);
          expect(removed.filter((id) => isMember(configuration, id))).toEqual([]);
          expect(voters.some((id) => canLead(configuration, id))).toBe(true);
          expect(isJoint(configuration) || (!autoLeave && learnersNext.length === 0)).toBe(true);
          expect(membersOf(configuration)).toEqual([...new Set([...voters, ...outgoing, ...learners])].sort());
        }
      }),
      { numRuns: 500 },
    );
  });

  test('M3 M4 any quorum before a change meets any quorum after it', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        const all = history(changes);
        for (const [i, after] of all.slice(1).entries()) {
          const before = all[i] ?? after;
          expect(allMeet(before, after), `${shape(before)} -> ${shape(after)}`).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('M16 nobody becomes a witness, or ceases to be one, without having been away', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        const all = history(changes);
        for (const [i, after] of all.slice(1).entries()) {
          const before = all[i] ?? after;
          const stayed = names.filter((id) => isMember(before, id) && isMember(after, id));
          for (const id of stayed) expect(after.witnesses.includes(id)).toBe(before.witnesses.includes(id));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('M18 no reader has a vote in the next configuration', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        const all = history(changes);
        for (const [i, after] of all.slice(1).entries()) {
          expect(all[i]?.readers.filter((id) => isVoter(after, id))).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('M10 whoever was a member is one, or among the removed', () => {
    fc.assert(
      fc.property(someChanges, (changes) => {
        const ever = new Set<NodeId>();
        for (const configuration of history(changes)) {
          for (const id of membersOf(configuration)) ever.add(id);
          expect([...ever].sort()).toEqual([...membersOf(configuration), ...configuration.removed].sort());
        }
      }),
      { numRuns: 500 },
    );
  });

  test('M3 a joint change, and the same steps one by one, end in the same configuration', () => {
    fc.assert(
      fc.property(someChanges, someSteps, (changes, list) => {
        const start = history(changes)
          .filter((configuration) => !isJoint(configuration))
          .at(-1);
        if (start === undefined) throw new Error('the founding configuration is not joint');
        const entered = changed(start, joint(list), 100);
        fc.pre(typeof entered !== 'string');
        let oneByOne = start;
        for (const step of list) {
          const next = changed(oneByOne, simple([step]), 100);
          fc.pre(typeof next !== 'string');
          oneByOne = next;
        }
        // One by one, removals have another order, and somebody may come and go that never comes in one change.
        const known = [...membersOf(start), ...start.removed];
        const inOrder = ({ removed, ...rest }: Configuration): Configuration => ({
          ...rest,
          removed: removed.filter((id) => known.includes(id)).sort(),
        });
        expect(inOrder(leftJoint(entered, 100))).toEqual(inOrder(oneByOne));
      }),
    );
  });
});

test('M4 there are changes after which quorums do not meet, or the check above is blind', () => {
  expect(allMeet(foundingConfiguration(names.slice(0, 3)), foundingConfiguration(names))).toBe(false);
});

describe('a configuration in an entry', () => {
  test('comes out as it went in, under the index of the entry, whatever the ids are', () => {
    const someId = fc
      .oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('', '"', '%41', '\u{1F600}', '\uD800'))
      .map(node);
    fc.assert(
      fc.property(someChanges, fc.uniqueArray(someId, { minLength: 1 }), fc.nat(), (changes, ids, version) => {
        for (const configuration of [...history(changes), foundingConfiguration(ids)]) {
          const data = encodeConfiguration(configuration);
          expect(decodeConfiguration(data, version)).toEqual({ ...configuration, version });
          expect(data.every((byte) => byte < 128)).toBe(true);
        }
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'voters'],
    ['an escape that is none', '"\\u00zz"'],
    ['null', 'null'],
    ['a number', '7'],
    ['a list', '[]'],
    ['an object without lists', '{}'],
    [
      'voters that are no list',
      '{"voters":"abc","outgoing":[],"learners":[],"learnersNext":[],"witnesses":[],"autoLeave":false}',
    ],
    [
      'an id that is no string',
      '{"voters":[1],"outgoing":[],"learners":[],"learnersNext":[],"witnesses":[],"autoLeave":false}',
    ],
    ['no word on leaving', '{"voters":["a"],"outgoing":[],"learners":[],"learnersNext":[],"witnesses":[]}'],
    [
      'a voter twice',
      '{"voters":["a","a"],"outgoing":[],"learners":[],"learnersNext":[],"witnesses":[],"autoLeave":false}',
    ],
    [
      'a learner that votes',
      '{"voters":["a"],"outgoing":[],"learners":["a"],"learnersNext":[],"witnesses":[],"autoLeave":false}',
    ],
    [
      'a learner to be that stays',
      '{"voters":["a"],"outgoing":["a"],"learners":[],"learnersNext":["a"],"witnesses":[],"autoLeave":false}',
    ],
    [
      'a learner to be that was no voter',
      '{"voters":["a"],"outgoing":["a"],"learners":[],"learnersNext":["b"],"witnesses":[],"autoLeave":false}',
    ],
    [
      'a witness without a vote',
      '{"voters":["a"],"outgoing":[],"learners":[],"learnersNext":[],"witnesses":["b"],"autoLeave":false}',
    ],
    [
      'a reader that is no learner',
      '{"voters":["a"],"outgoing":[],"learners":[],"learnersNext":[],"witnesses":[],"autoLeave":false,"readers":["b"]}',
    ],
    [
      'a ban that is no text',
      '{"voters":["a"],"outgoing":[],"learners":[],"learnersNext":[],"witnesses":[],"autoLeave":false,"banned":[1]}',
    ],
  ])('is not made of %s', (_, data) => {
    expect(decodeConfiguration(bytes(data), 1)).toBeNull();
  });

  test('is not made of random bytes, nor of one that was tampered with, without being well-formed', () => {
    const whole = encodeConfiguration(demandChange(founded('a b c', 'learner d'), joint(steps('voter d, remove a'))));
    const someDamage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(someDamage, { maxLength: 3 }), (noise, damage) => {
        expect(decodeConfiguration(noise, 1)).toBeNull();
        const damaged = Uint8Array.from(whole);
        for (const { at, byte } of damage) damaged[at] = byte;
        const decoded = decodeConfiguration(damaged, 1);
        if (decoded !== null) expect(configurationFault(decoded)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  test('of an earlier version shuts nobody out', () => {
    const data =
      '{"version":3,"voters":["a"],"outgoing":[],"learners":[],"learnersNext":[],"witnesses":[],"autoLeave":false}';
    expect(decodeConfiguration(bytes(data), 3)).toEqual({ ...founded('a'), version: 3 });
  });

  test('can be read by people', () => {
    expect(text(encodeConfiguration(founded('a b')))).toContain('"voters":["a","b"]');
  });
});
