/** A member at work, in virtual time: the real driver and core, over a network and disks that misbehave on purpose. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { RaftError } from '../../src/errors.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import type { MemberMessage } from '../../src/transport/messages.ts';
import { type Proposal, World } from './world.ts';

type Command = { add: string } | { fail: true };

const list = defineMachine({
  name: 'list',
  initial: [] as string[],
  apply(state, command: Command) {
    if ('fail' in command) throw new Error('as asked');
    return { state: [...state, command.add], result: state.length + 1 };
  },
});

const world = (...args: [names?: string[], options?: ConstructorParameters<typeof World>[2]]) =>
  new World(list, ...args);

const ended = (proposals: readonly Proposal<number>[]) => () => proposals.every(({ outcome }) => outcome !== null);

const states = ({ seats }: World<string[], Command, number>) => [...seats.values()].map(({ member }) => member.state);

describe('a proposal', () => {
  test('from any member takes effect on all in one order, and its proposer gets the result', () => {
    const group = world();
    group.elect();
    const proposals = ['a', 'b', 'c', 'a', 'b', 'c'].map((name, i) => group.propose(name, { add: `${name}${i}` }));
    group.clock.until(ended(proposals), 'outcomes');
    group.clock.pass(200);

    const [one, two, three] = states(group);
    expect(one).toHaveLength(6);
    expect(two).toEqual(one);
    expect(three).toEqual(one);
    for (const { outcome } of proposals) expect(outcome).toMatchObject({ kind: 'applied' });
    const results = proposals.map(({ outcome }) => (outcome?.kind === 'applied' ? outcome.result : 0));
    expect(results.sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('made before there is a leader waits for one', () => {
    const group = world();
    const proposal = group.propose('b', { add: 'early' });
    group.clock.until(ended([proposal]), 'an outcome');
    expect(proposal.outcome).toMatchObject({ kind: 'applied', result: 1 });
  });

  test('keeps its place among those of its member', () => {
    const group = world();
    group.elect();
    const [follower = ''] = group.followers();
    const proposals = Array.from({ length: 50 }, (_, i) => group.propose(follower, { add: String(i) }));
    group.clock.until(ended(proposals), 'outcomes');
    expect(group.member(follower).state).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });

  test('that the machine rejects changes nothing and says why', () => {
    const group = world();
    group.elect();
    const [bad, good] = [group.propose('a', { fail: true }), group.propose('a', { add: 'x' })];
    group.clock.until(ended([bad, good]), 'outcomes');
    expect(bad.outcome).toMatchObject({ kind: 'failed', error: { code: 'REJECTED', outcome: 'not-done' } });
    expect(String(bad.outcome?.kind === 'failed' && bad.outcome.error)).toContain('as asked');
    expect(good.outcome).toMatchObject({ kind: 'applied', result: 1 });
  });

  test('that is no plain data is refused at once', () => {
    const group = world();
    const command = { add: 1n } as unknown as Command;
    expect(() => group.propose('a', command)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('C5 is refused at once when too much waits already, or when it is too large', () => {
    const limits = { maxPending: 2, maxPendingBytes: 1000, maxCommandBytes: 500 };
    const group = world(['a', 'b', 'c'], { proposals: limits });
    expect(() => group.propose('a', { add: 'x'.repeat(500) })).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
    const waiting = [group.propose('a', { add: 'x' }), group.propose('a', { add: 'y' })];
    expect(() => group.propose('a', { add: 'z' })).toThrow(expect.objectContaining({ code: 'BUSY' }));
    group.clock.until(ended(waiting), 'outcomes');
    expect(() => group.propose('a', { add: 'z' })).not.toThrow();
  });
});

describe('exactly once', () => {
  test('a proposal that outlives its leader takes effect once, under the next', () => {
    const group = world();
    const leader = group.elect();
    const [follower = ''] = group.followers();
    const proposals = Array.from({ length: 20 }, (_, i) => group.propose(follower, { add: String(i) }));
    group.clock.pass(6);
    group.close(leader);
    group.clock.until(ended(proposals), 'outcomes');
    expect(group.member(follower).state).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
  });

  test('survives lost, repeated and reordered messages, refusals, slow disks and leader changes', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const group = world();
      const random = seededRandom(seed);
      group.networkDelay = () => 1 + random.below(60);
      group.diskDelay = () => random.below(30);
      group.loses = () => random.below(10) === 0;
      group.refuses = () => random.below(15) === 0;
      const proposals: Proposal<number>[] = [];
      for (let i = 0; i < 60; i++) {
        const name = ['a', 'b', 'c'][random.below(3)] ?? 'a';
        proposals.push(group.propose(name, { add: `${name}:${i}` }));
        group.clock.pass(random.below(150));
        if (random.below(12) === 0) {
          group.heal();
          group.isolate(group.leader ?? name);
        }
      }
      group.heal();
      group.loses = () => false;
      group.refuses = () => false;
      group.clock.until(ended(proposals), `outcomes of seed ${seed}`);
      group.clock.pass(3000);

      const [one = [], two, three] = states(group);
      expect(one).toHaveLength(60);
      expect(new Set(one).size).toBe(60);
      expect(two).toEqual(one);
      expect(three).toEqual(one);
      for (const name of ['a', 'b', 'c']) {
        const own = one.filter((item) => item.startsWith(`${name}:`)).map((item) => Number(item.slice(2)));
        expect(own).toEqual(own.toSorted((x, y) => x - y));
      }
    }
  });

  test('commands that an earlier leader took do not hold up those that come after them', () => {
    const group = world();
    const leader = group.elect();
    group.clock.pass(500);
    const [proposer = '', successor = ''] = group.followers();
    // The commands reach the log of the successor, and nobody learns that they did.
    group.loses = ({ kind, to }) => kind === 'AppendEntriesResponse' || (kind === 'AppendEntries' && to === proposer);
    const large = 'x'.repeat(50_000);
    const first = [1, 2, 3, 4, 5].map((i) => group.propose(proposer, { add: `${i}${large}` }));
    group.clock.until(() => group.member(successor).status().lastIndex === 6, 'the successor to have them');
    expect(group.member(leader).status().commit).toBe(1);
    group.loses = () => false;
    // When they are sent again, no more than two get through.
    let sent = 0;
    group.refuses = ({ kind }) => kind === 'Propose' && ++sent > 2;
    group.close(leader);
    group.clock.until(ended(first), 'the outcomes of the first');
    group.refuses = () => false;

    const next = group.propose(proposer, { add: 'next' });
    group.clock.until(ended([next]), 'the outcome of the next');
    expect(group.member(proposer).state).toHaveLength(6);
  });

  test('what was committed is applied again after a restart, and nothing twice', () => {
    const group = world();
    group.elect();
    const proposals = ['x', 'y', 'z'].map((add) => group.propose('a', { add }));
    group.clock.until(ended(proposals), 'outcomes');
    group.clock.pass(500);

    for (const name of ['a', 'b', 'c']) {
      group.close(name);
      group.reopen(name);
    }
    const after = group.propose('b', { add: 'after' });
    group.clock.until(ended([after]), 'an outcome');
    group.clock.pass(500);
    for (const state of states(group)) expect(state).toEqual(['x', 'y', 'z', 'after']);
  });
});

describe('C1 an outcome is one of three', () => {
  test('certainly not: withdrawn before it was sent', () => {
    const group = world();
    const proposal = group.propose('a', { add: 'x' });
    expect(proposal.withdraw()).toBe(true);
    expect(proposal.outcome).toMatchObject({ kind: 'failed', error: { code: 'TIMEOUT', outcome: 'not-done' } });
    const next = group.propose('a', { add: 'y' });
    group.clock.until(ended([next]), 'an outcome');
    expect(group.member('a').state).toEqual(['y']);
  });

  test('certainly not: the leader could not be reached, and nothing was sent', () => {
    const group = world();
    group.elect();
    const [follower = ''] = group.followers();
    group.refuses = (message) => message.kind === 'Propose';
    const proposal = group.propose(follower, { add: 'x' });
    group.clock.pass(500);
    expect(proposal.sequence).toBe(null);
    expect(proposal.withdraw()).toBe(true);
    expect(proposal.outcome).toMatchObject({ kind: 'failed', error: { code: 'TIMEOUT', outcome: 'not-done' } });
  });

  test('unknown: what was sent cannot be taken back; it keeps its place, and is told when it is known', () => {
    const group = world();
    group.elect();
    const [follower = ''] = group.followers();
    group.clock.until(() => group.member(follower).status().applied > 0, 'a follower that is up to date');
    const proposal = group.propose(follower, { add: 'x' });
    group.clock.settle();
    expect(proposal.sequence).toBe(1);
    expect(proposal.withdraw()).toBe(false);
    expect(proposal.outcome).toBe(null);

    const next = group.propose(follower, { add: 'y' });
    group.clock.until(ended([next]), 'an outcome');
    expect(group.member(follower).state).toEqual(['x', 'y']);
    expect(proposal.outcome).toMatchObject({ kind: 'applied', result: 1 });
    expect(proposal.withdraw()).toBe(false);
  });

  test('C2 closing ends everything: unknown what was sent, certainly not what was not', () => {
    const group = world();
    group.elect();
    const [follower = ''] = group.followers();
    group.isolate(group.leader ?? '');
    const unsent = group.propose(follower, { add: 'x' });
    group.heal();
    group.clock.pass(100);
    group.isolate(follower);
    const sent = group.propose(group.leader ?? '', { add: 'y' });
    group.clock.settle();
    group.member(group.leader ?? '').close();
    expect(sent.outcome).toMatchObject({ kind: 'failed', error: { code: 'CLOSED', outcome: 'unknown' } });
    expect(unsent.outcome).toMatchObject({ kind: 'applied' });

    const late = group.propose(follower, { add: 'z' });
    group.member(follower).close();
    expect(late.outcome).toMatchObject({ kind: 'failed', error: { code: 'CLOSED', outcome: 'not-done' } });
    expect(() => group.propose(follower, { add: 'z' })).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});

describe('a group', () => {
  test('whose leader closes its tab has another within a few round trips, not an election timeout', () => {
    const group = world();
    const leader = group.elect();
    group.clock.pass(1000);
    const before = group.clock.now();
    group.close(leader);
    group.clock.until(() => group.leader !== null, 'a new leader');
    expect(group.clock.now() - before).toBeLessThan(200);
  });

  test('whose members all come back has a leader as soon as they are linked, not after an election timeout', () => {
    const group = world();
    group.elect();
    for (const name of ['a', 'b', 'c']) group.close(name);
    group.clock.pass(5000);
    const before = group.clock.now();
    for (const name of ['a', 'b', 'c']) group.reopen(name);
    group.clock.until(() => group.leader !== null, 'a leader');
    expect(group.clock.now() - before).toBeLessThan(400);
  });

  test('whose leader freezes has another after an election timeout, and the old one follows when it is back', () => {
    const group = world();
    const leader = group.elect();
    group.isolate(leader);
    group.clock.until(() => group.leader !== leader, 'a new leader');
    group.heal();
    group.clock.pass(3000);
    expect(group.member(leader).status()).toMatchObject({ role: 'follower', leader: group.leader });
  });

  test('goes on when a storage fails; only that member stops, and says why (D8)', () => {
    const group = world();
    const leader = group.elect();
    group.seat(leader).storage.failure = new RaftError('STORAGE_FAILED', 'the disk is full');
    const lost = group.propose(leader, { add: 'x' });
    group.clock.until(ended([lost]), 'an outcome');
    expect(lost.outcome).toMatchObject({ kind: 'failed', error: { code: 'STORAGE_FAILED', outcome: 'unknown' } });
    expect(group.member(leader).status().stopped).toMatchObject({ code: 'STORAGE_FAILED' });

    const [survivor = ''] = group.followers().filter((name) => name !== leader);
    const next = group.propose(survivor, { add: 'y' });
    group.clock.until(ended([next]), 'an outcome');
    expect(next.outcome).toMatchObject({ kind: 'applied' });
  });

  test('tells each member how the others are doing', () => {
    const group = world();
    const leader = group.elect();
    const proposal = group.propose('a', { add: 'x' });
    group.clock.until(ended([proposal]), 'an outcome');
    group.clock.pass(500);
    for (const name of ['a', 'b', 'c']) {
      const { members } = group.member(name).status();
      expect(members.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
      for (const { id, report } of members) {
        expect(report).toMatchObject({ role: id === leader ? 'leader' : 'follower', applied: 2, lastIndex: 2 });
      }
    }
  });

  test('at rest says nothing but heartbeats, and tells its listeners nothing', () => {
    const group = world();
    group.elect();
    group.clock.pass(2000);
    group.sent.length = 0;
    const before = [...group.seats.values()].map(({ statusChanges }) => statusChanges);
    group.clock.pass(1000);
    expect(new Set(group.sent.map(({ kind }) => kind))).toEqual(new Set(['Heartbeat', 'HeartbeatResponse']));
    expect(group.sent.length).toBeLessThanOrEqual(44);
    expect([...group.seats.values()].map(({ statusChanges }) => statusChanges)).toEqual(before);
  });

  test('shows the end of its log as a person would read it', () => {
    const group = world();
    const leader = group.elect();
    const proposals = [group.propose(leader, { add: 'x' }), group.propose(leader, { add: 'y' })];
    group.clock.until(ended(proposals), 'outcomes');
    const term = group.member(leader).status().term;
    expect(group.member(leader).logTail(10)).toEqual([
      { index: 1, term, committed: true, command: null },
      { index: 2, term, committed: true, command: { add: 'x' } },
      { index: 3, term, committed: true, command: { add: 'y' } },
    ]);
    expect(group.member(leader).logTail(1)).toMatchObject([{ index: 3 }]);
  });
});

test('a command that is larger than any member would propose is not taken, and does no harm', () => {
  const group = world();
  const leader = group.elect();
  const [follower = ''] = group.followers();
  const commands = [new Uint8Array(3_000_000)];
  const forged = { kind: 'Propose', session: 'forged', sequence: 1, commands } as const;
  group.member(leader).receive({ ...forged, from: follower, to: leader } as never);
  const proposal = group.propose(follower, { add: 'x' });
  group.clock.until(ended([proposal]), 'an outcome');
  expect(proposal.outcome).toMatchObject({ kind: 'applied', result: 1 });
});

test('replication repeats nothing when the transport takes little at a time', () => {
  const group = world();
  const leader = group.elect();
  let budget = 0;
  let bytes = 0;
  const sizeOf = (message: MemberMessage): number =>
    message.kind === 'AppendEntries' ? message.entries.reduce((sum, entry) => sum + entry.data.byteLength, 0) : 0;
  group.refuses = (message) => message.to === 'c' && sizeOf(message) > 0 && budget <= 0;
  group.loses = (message) => {
    if (message.to === 'c') bytes += sizeOf(message);
    if (message.to === 'c') budget -= sizeOf(message);
    return false;
  };
  group.clock.every(10, () => (budget = Math.min(budget + 20_000, 100_000)));
  const proposals = Array.from({ length: 300 }, (_, i) => group.propose(leader, { add: `${i}:${'x'.repeat(10_000)}` }));
  group.clock.until(ended(proposals), 'outcomes');
  group.clock.until(() => group.member('c').state.length === 300, 'c to catch up');
  expect(bytes).toBeLessThan(1.2 * 300 * 10_000);
});

test('a message for somebody else, or from ourselves, has no effect', () => {
  const group = world();
  group.elect();
  const before = group.member('b').status();
  const heartbeat = { kind: 'Heartbeat', round: 1, term: 99, commit: 0 } as const;
  group.member('b').receive({ ...heartbeat, from: 'a' as never, to: 'zombie' as never });
  group.member('b').receive({ ...heartbeat, from: 'b' as never, to: 'b' as never });
  group.clock.settle();
  expect(group.member('b').status()).toEqual(before);
});
