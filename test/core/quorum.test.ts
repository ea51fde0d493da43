/** Majorities, in tables after etcd-io/raft `quorum/testdata` and against brute force: R9, M4. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Electorate, isQuorum, majority, quorumIndex, voteResult } from '../../src/core/quorum.ts';
import type { NodeId } from '../../src/core/types.ts';
import { node } from './cluster.ts';

const ids = (names: string): NodeId[] => names.split(' ').filter(Boolean).map(node);
const electorate = (voters: string, outgoing = ''): Electorate => ({ voters: ids(voters), outgoing: ids(outgoing) });

function subsets<Item>(items: readonly Item[]): Item[][] {
  return items.reduce<Item[][]>((all, item) => [...all, ...all.map((set) => [...set, item])], [[]]);
}

/** Every set of voters that is a majority of each half that has voters. */
function quorums({ voters, outgoing }: Electorate): NodeId[][] {
  const isMajority = (half: readonly NodeId[], set: readonly NodeId[]): boolean =>
    half.length === 0 || 2 * half.filter((id) => set.includes(id)).length > half.length;
  const everybody = [...new Set([...voters, ...outgoing])];
  return subsets(everybody).filter((set) => isMajority(voters, set) && isMajority(outgoing, set));
}

const names = ['a', 'b', 'c', 'd', 'e', 'f'].map(node);
const someElectorate: fc.Arbitrary<Electorate> = fc.record({
  voters: fc.subarray(names, { minLength: 1 }),
  outgoing: fc.subarray(names),
});

describe('R9 the index that a majority has reached', () => {
  test.each([
    // voters, what each has reached, the index
    ['a', '5', 5],
    ['a b', '5 0', 0],
    ['a b', '5 4', 4],
    ['a b c', '1 2 3', 2],
    ['a b c', '0 0 9', 0],
    ['a b c', '7 7 9', 7],
    ['a b c d', '1 2 3 4', 2],
    ['a b c d', '9 9 0 0', 0],
    ['a b c d e', '101 104 103 103 1', 103],
  ])('of %s at %s is %i', (voters, reached, index) => {
    const at = new Map(ids(voters).map((id, i) => [id, Number(reached.split(' ')[i])]));
    expect(quorumIndex(electorate(voters), (id) => at.get(id) ?? 0)).toBe(index);
  });

  test.each([
    ['a b c', 'c d e', { a: 9, b: 9, c: 9, d: 0, e: 0 }, 0],
    ['a b c', 'c d e', { a: 9, b: 9, c: 3, d: 4, e: 0 }, 3],
    ['a b c', 'a b', { a: 9, b: 2, c: 9 }, 2],
    ['a', 'b', { a: 7, b: 6 }, 6],
  ])('M4 of %s and %s needs both: at %o it is %i', (voters, outgoing, reached: Record<string, number>, index) => {
    expect(quorumIndex(electorate(voters, outgoing), (id) => reached[id] ?? 0)).toBe(index);
  });

  test('without voters in one half is that of the other, and without any is no bound at all', () => {
    expect(quorumIndex(electorate('a b c'), () => 3)).toBe(3);
    expect(quorumIndex(electorate('', 'a b c'), () => 3)).toBe(3);
    expect(quorumIndex(electorate(''), () => 3)).toBe(Number.POSITIVE_INFINITY);
  });

  test('is what brute force finds', () => {
    fc.assert(
      fc.property(someElectorate, fc.array(fc.nat(5), { minLength: 6, maxLength: 6 }), (group, indexes) => {
        const reached = (id: NodeId): number => indexes[names.indexOf(id)] ?? 0;
        const best = Math.max(...quorums(group).map((quorum) => Math.min(...quorum.map(reached))));
        expect(quorumIndex(group, reached)).toBe(best);
      }),
    );
  });

  test('is computed afresh: the same list, asked again with other numbers, gives another answer (openraft#1802)', () => {
    const group = electorate('c a b');
    expect(quorumIndex(group, () => 8)).toBe(8);
    expect(quorumIndex(group, (id) => (id === node('a') ? 8 : 1))).toBe(1);
    expect(group.voters).toEqual(ids('c a b'));
  });
});

describe('a vote', () => {
  test.each([
    // voters, outgoing, granted, refused, result
    ['a', '', '', '', 'pending'],
    ['a', '', 'a', '', 'won'],
    ['a', '', '', 'a', 'lost'],
    ['a b', '', 'a', '', 'pending'],
    ['a b', '', 'a', 'b', 'lost'],
    ['a b c', '', 'a b', '', 'won'],
    ['a b c', '', 'a', 'b', 'pending'],
    ['a b c', '', '', 'a b', 'lost'],
    ['a b c d', '', 'a b', '', 'pending'],
    ['a b c d', '', 'a', 'c d', 'lost'],
    ['a b c', '', 'a x y', '', 'pending'],
    ['a b c', 'c d e', 'a b', '', 'pending'],
    ['a b c', 'c d e', 'a b', 'd e', 'lost'],
    ['a b c', 'c d e', 'a c d', '', 'won'],
    ['a b c', 'c d e', 'd e', 'a b', 'lost'],
    ['a b c', 'a', 'b c', '', 'pending'],
    ['a b c', 'a', 'b c', 'a', 'lost'],
    ['', '', '', '', 'won'],
  ])('M4 of %s, and of %s, with yes from %s and no from %s is %s', (voters, outgoing, granted, refused, result) => {
    const votes = new Map([
      ...ids(granted).map((id) => [id, true] as const),
      ...ids(refused).map((id) => [id, false] as const),
    ]);
    expect(voteResult(electorate(voters, outgoing), votes)).toBe(result);
  });

  test('is won when a quorum granted it, lost when none can any more, and pending in between', () => {
    const answers = fc.array(fc.constantFrom(true, false, undefined), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(someElectorate, answers, (group, given) => {
        const votes: Map<NodeId, boolean> = new Map();
        names.forEach((id, i) => {
          const vote = given[i];
          if (vote !== undefined) votes.set(id, vote);
        });
        const all = quorums(group);
        const isWon = all.some((quorum) => quorum.every((id) => votes.get(id) === true));
        const isOpen = all.some((quorum) => quorum.every((id) => votes.get(id) !== false));
        expect(voteResult(group, votes)).toBe(isWon ? 'won' : isOpen ? 'pending' : 'lost');
      }),
    );
  });
});

test('a quorum is a majority of each half', () => {
  fc.assert(
    fc.property(someElectorate, fc.subarray(names), (group, there) => {
      const isOne = quorums(group).some((quorum) => quorum.every((id) => there.includes(id)));
      expect(isQuorum(group, (id) => there.includes(id))).toBe(isOne);
    }),
  );
});

test('any two quorums of one electorate meet', () => {
  fc.assert(
    fc.property(someElectorate, (group) => {
      const all = quorums(group);
      for (const one of all) for (const other of all) expect(one.some((id) => other.includes(id))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [6, 4],
  [7, 4],
])('a majority of %i is %i', (count, needed) => {
  expect(majority(count)).toBe(needed);
});
