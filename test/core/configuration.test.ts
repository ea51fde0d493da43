/** How one configuration follows from another: M3, M4, M6, M7, M16; after etcd-io/raft `confchange/testdata`. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canLead,
  changed,
  configurationFault,
  foundingConfiguration,
  isJoint,
  isMember,
  isVoter,
  leftJoint,
  type MembershipChange,
  type MembershipStep,
  membersOf,
} from '../../src/core/configuration.ts';
import { decodeConfiguration, encodeConfiguration } from '../../src/core/membership-change.ts';
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
  });
});

test.each<[string, Partial<Record<keyof Configuration, readonly string[]>>]>([
  ['its ids are not distinct and in ascending order', { voters: ['b', 'a'] }],
  ['somebody is a voter and a learner', { learners: ['a'] }],
  ['somebody is to become a learner who is not leaving the voters', { outgoing: ['a'], learnersNext: ['a'] }],
  ['a witness does not vote', { witnesses: ['w'] }],
])('D10 no replica starts from a configuration where %s', (fault, lists) => {
  const founding = emptyState(['a', 'b'].map(node));
  const configuration = { ...founding.start.configuration, ...(lists as object) };
  const begin = (persistent: PersistentState): Raft => new Raft({ id: node('a'), persistent, random: seededRandom(1) });
  expect(() => begin({ ...founding, start: { ...founding.start, configuration } })).toThrow(
    `D10: stored configuration: ${fault}`,
  );
});

const names = ['a', 'b', 'c', 'd', 'e'].map(node);
const someStep: fc.Arbitrary<MembershipStep> = fc.record({
  kind: fc.constantFrom<MembershipStep['kind'][]>('add-voter', 'add-voter', 'add-learner', 'add-witness', 'remove'),
  id: fc.constantFrom(...names),
});
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
          const { voters, outgoing, learners, learnersNext, witnesses, autoLeave } = configuration;
          expect(learners.filter((id) => isVoter(configuration, id))).toEqual([]);
          expect(learnersNext.filter((id) => voters.includes(id) || !outgoing.includes(id))).toEqual([]);
          expect(witnesses.filter((id) => !isVoter(configuration, id))).toEqual([]);
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
        expect(leftJoint(entered, 100)).toEqual(oneByOne);
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

  test('can be read by people', () => {
    expect(text(encodeConfiguration(founded('a b')))).toContain('"voters":["a","b"]');
  });
});
