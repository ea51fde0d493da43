/** Changes of membership that any member asks for: done once, or not at all, whatever is lost on the way (M9, C1). */
import { describe, expect, test } from 'vitest';
import { decodeConfiguration } from '../../src/core/membership-change.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Configuration, Index, NodeId } from '../../src/core/types.ts';
import type { CancelChange, ChangeOutcome } from '../../src/group/changes.ts';
import { defaultMemberOptions, type MemberOptions } from '../../src/group/member-options.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import type { Demand, MemberMessage } from '../../src/transport/messages.ts';
import { World } from './world.ts';

const list = defineMachine({
  name: 'list',
  initial: [] as string[],
  apply: (state, command: string) => ({ state: [...state, command], result: state.length + 1 }),
});

interface Change {
  outcome: ChangeOutcome | null;
  readonly cancel: CancelChange;
}

class Group extends World<string[], string, number> {
  /** A leader that has committed something of its term, and everybody knows. */
  static led(options: Partial<MemberOptions> = {}, names = ['a', 'b', 'c']): { group: Group; leader: string } {
    const group = new Group(list, names, options);
    const leader = group.elect();
    group.clock.until(() => names.every((name) => group.member(name).status().applied > 0), 'a first entry');
    return { group, leader };
  }

  change(name: string, demand: Demand, ifVersion: Index | null = null): Change {
    const change: Change = {
      outcome: null,
      cancel: this.member(name).change(demand, ifVersion, (outcome) => {
        if (change.outcome !== null) throw new Error('a change ended twice');
        change.outcome = outcome;
      }),
    };
    return change;
  }

  ends(change: Change): ChangeOutcome {
    this.clock.until(() => change.outcome !== null, 'the change to end');
    if (change.outcome === null) throw new Error('it has not ended');
    return change.outcome;
  }

  done(...changes: Change[]): void {
    for (const change of changes) expect(this.ends(change)).toEqual({ kind: 'done' });
  }

  /** Every configuration that the log of a member holds, as far as it is committed. */
  configurations(name: string): Configuration[] {
    const { entries, hardState } = this.seat(name).disk.state ?? { entries: [], hardState: { commit: 0 } };
    return entries.flatMap(({ index, kind, data }) => {
      const configuration =
        kind === 'configuration' && index <= hardState.commit ? decodeConfiguration(data, index) : null;
      return configuration === null ? [] : [configuration];
    });
  }

  settle(): void {
    this.clock.pass(3000);
  }
}

const ban = (prefix: string): Demand => ({ kind: 'ban', prefix });
const id = (name: string) => name as NodeId;

/** Loses the first message of a kind. */
function loseFirst(group: Group, kind: MemberMessage['kind']): void {
  let isLost = false;
  group.loses = (message) => {
    if (isLost || message.kind !== kind) return false;
    isLost = true;
    return true;
  };
}

describe('a change', () => {
  test('is asked of the leader by whoever wants it, and is in force there when it is done', () => {
    const { group } = Group.led();
    for (const name of ['a', 'b', 'c']) {
      group.done(group.change(name, ban(`${name}x`)));
      expect(group.member(name).configuration.banned).toContain(`${name}x`);
    }
    group.settle();
    expect(group.configurations('a').map(({ banned }) => banned)).toEqual([['ax'], ['ax', 'bx'], ['ax', 'bx', 'cx']]);
  });

  test.each(['ChangeRequest', 'ChangeRefused'] as const)('M9 is done once when its first %s is lost', (kind) => {
    const { group, leader } = Group.led();
    const [follower = ''] = group.followers();
    loseFirst(group, kind);
    const changes = [group.change(leader, ban('x')), group.change(follower, ban('y'))];
    group.done(...changes);
    group.settle();
    expect(group.configurations(leader).map(({ banned }) => banned)).toEqual([['x'], ['x', 'y']]);
  });

  test('M9 that the leader took and did not live to commit is done by the next one', () => {
    const { group, leader } = Group.led();
    const [follower = ''] = group.followers();
    group.loses = ({ kind, from }) => kind === 'AppendEntries' && from === leader;
    const change = group.change(follower, ban('x'));
    const took = () =>
      group
        .member(leader)
        .logTail(10)
        .some(({ committed }) => !committed);
    group.clock.until(took, 'the leader to take it');
    group.close(leader);
    group.loses = () => false;
    group.done(change);
    group.settle();
    expect(group.configurations(follower).map(({ banned }) => banned)).toEqual([['x']]);
  });

  test('M9 that is committed, and whose author does not know it, is not done again by the next leader', () => {
    const { group, leader } = Group.led();
    const [author = '', other = ''] = group.followers();
    const change = group.change(author, ban('x'));
    group.loses = ({ kind, to }) => to === author && (kind === 'AppendEntries' || kind === 'Heartbeat');
    group.clock.until(() => group.member(other).configuration.banned.length > 0, 'the others to have it');
    group.close(leader);
    group.loses = () => false;
    group.done(change);
    group.done(group.change(author, { kind: 'unban', prefix: 'x' }));
    group.settle();
    expect(group.configurations(other).map(({ banned }) => banned)).toEqual([['x'], []]);
  });

  test('M9 that is committed and undone, and whose author goes on asking, is not done again', () => {
    const { group, leader } = Group.led();
    const [author = ''] = group.followers();
    const change = group.change(author, ban('x'));
    group.loses = ({ kind, to }) => to === author && kind === 'AppendEntries';
    group.clock.until(() => group.member(leader).configuration.banned.length > 0, 'the change');
    group.done(group.change(leader, { kind: 'unban', prefix: 'x' }));
    group.clock.pass(5000);
    expect(group.sent.filter(({ kind }) => kind === 'ChangeRequest').length).toBeGreaterThan(2);
    expect(change.outcome).toBeNull();
    group.loses = () => false;
    group.done(change);
    group.settle();
    expect(group.configurations(leader).map(({ banned }) => banned)).toEqual([['x'], []]);
  });

  test('M9 by two authors that undo each other comes to one order, and each is done once', () => {
    const { group } = Group.led();
    const changes = ['a', 'b', 'c'].flatMap((name) => [
      group.change(name, ban('x')),
      group.change(name, { kind: 'unban', prefix: 'x' }),
    ]);
    group.done(...changes);
    group.settle();
    expect(group.configurations('a').length).toBeLessThanOrEqual(changes.length);
  });

  test('M9 for a version that is not in force any more changes nothing', () => {
    const { group, leader } = Group.led();
    const [follower = ''] = group.followers();
    const { version } = group.member(leader).configuration;
    // The follower has not heard of the first change when it asks for the second.
    const first = group.change(leader, ban('x'), version);
    const second = group.change(follower, ban('y'), version);
    group.done(first);
    expect(group.ends(second)).toMatchObject({ error: { code: 'MEMBERS_CHANGED', outcome: 'not-done' } });
    expect(() => group.change(leader, ban('z'), version)).toThrow('others than those');
    expect(group.member(leader).configuration.banned).toEqual(['x']);
  });

  test('C1 for a version that never comes is certainly not done when it is given up', () => {
    const { group } = Group.led();
    const change = group.change('b', ban('x'), 1000);
    group.clock.pass(5000);
    change.cancel('TIMEOUT', 'no answer');
    expect(change.outcome).toMatchObject({ error: { code: 'MEMBERS_CHANGED', outcome: 'not-done' } });
    change.cancel('TIMEOUT', 'no answer');
  });

  test('C1 that was sent and not answered may still come about when it is given up', () => {
    const { group } = Group.led();
    const [follower = ''] = group.followers();
    group.loses = ({ kind }) => kind === 'ChangeRequest';
    const change = group.change(follower, ban('x'));
    group.clock.pass(5000);
    change.cancel('TIMEOUT', 'no answer');
    expect(change.outcome).toMatchObject({ error: { code: 'TIMEOUT', outcome: 'unknown' } });
  });

  test('C1 that was never sent is certainly not done when it is given up, or when the member ends', () => {
    const { group } = Group.led();
    const [follower = ''] = group.followers();
    group.refuses = ({ kind }) => kind === 'ChangeRequest';
    const [one, other] = [group.change(follower, ban('x')), group.change(follower, ban('y'))];
    group.clock.pass(5000);
    one.cancel('TIMEOUT', 'no answer');
    expect(one.outcome).toMatchObject({ error: { code: 'TIMEOUT', outcome: 'not-done' } });
    group.close(follower);
    expect(other.outcome).toMatchObject({ error: { code: 'CLOSED', outcome: 'not-done' } });
    expect(() => group.change(follower, ban('z'))).toThrow('closed');
  });

  test('C5 is refused when too many wait', () => {
    const { group } = Group.led();
    const [follower = ''] = group.followers();
    group.refuses = ({ kind }) => kind === 'ChangeRequest';
    for (let i = 0; i < 100; i++) group.change(follower, ban(`x${i}`));
    expect(() => group.change(follower, ban('one more'))).toThrow('100 changes wait already');
  });

  test('of a joint configuration is done when that is left', () => {
    const { group, leader } = Group.led({}, ['x1', 'x2', 'a', 'b', 'c']);
    const author = ['a', 'b', 'c'].find((name) => name !== leader) ?? '';
    group.done(group.change(author, ban('x')));
    expect(group.member(author).configuration).toMatchObject({ outgoing: [], voters: ['a', 'b', 'c'] });
    group.settle();
    expect(group.configurations(author).map(({ outgoing }) => outgoing.length)).toEqual([5, 0]);
  });
});

describe('S5 a change whose author learns from a snapshot that the members have changed', () => {
  const options = {
    raft: { ...defaultMemberOptions.raft, trailingEntries: 2 },
    snapshots: { entries: 10, bytes: 1e9 },
  };

  /** The author asks, is cut off, and comes back when its place in the log is gone. */
  function missed(
    meanwhile: (group: Group, leader: string) => void,
    isTaken: boolean,
  ): { group: Group; change: Change } {
    const { group, leader } = Group.led(options);
    const [author = '', other = ''] = group.followers();
    group.loses = ({ kind, to }) =>
      (kind === 'ChangeRequest' && !isTaken) || (to === author && kind === 'AppendEntries');
    const change = group.change(author, ban('x'));
    group.clock.pass(20);
    group.isolate(author);
    if (isTaken) group.clock.until(() => group.member(other).configuration.banned.length > 0, 'the change');
    meanwhile(group, leader);
    for (let i = 0; i < 40; i++) group.propose(leader, String(i));
    group.clock.until(() => group.member(other).state.length === 40, 'the others to go on');
    group.settle();
    group.loses = () => false;
    group.heal();
    group.clock.until(() => group.member(author).state.length === 40, 'the author to catch up');
    return { group, change };
  }

  test('and are what it wanted: it is done', () => {
    const { group, change } = missed(() => undefined, true);
    group.done(change);
  });

  test('C1 and are not what it wanted: nobody knows', () => {
    const { group, change } = missed((all, leader) => {
      all.done(all.change(leader, { kind: 'unban', prefix: 'x' }));
    }, true);
    expect(group.ends(change)).toMatchObject({ error: { code: 'MEMBERS_CHANGED', outcome: 'unknown' } });
  });

  test('C1 and are not what it wanted, though nobody took its request: it cannot know that', () => {
    const { group, change } = missed((all, leader) => {
      all.done(all.change(leader, ban('y')));
    }, false);
    expect(group.ends(change)).toMatchObject({ error: { code: 'MEMBERS_CHANGED', outcome: 'unknown' } });
    group.done(group.change('a', ban('x')));
  });
});

describe('leadership', () => {
  test('T1 is handed to whom anybody names, who then leads', () => {
    const { group, leader } = Group.led();
    const [author = '', target = ''] = group.followers();
    group.done(group.change(author, { kind: 'transfer', id: id(target) }));
    expect(group.member(author).status().leader).toBe(target);
    group.done(group.change(leader, { kind: 'transfer', id: id(target) }));
  });

  test('T1 is asked for again while the one named is behind, and not for ever', () => {
    const { group, leader } = Group.led();
    const [target = ''] = group.followers();
    group.isolate(target);
    group.propose(leader, 'x');
    const change = group.change(leader, { kind: 'transfer', id: id(target) });
    group.clock.pass(4000);
    expect(change.outcome).toBeNull();
    group.heal();
    group.done(change);
    expect(group.leader).toBe(target);
  });
});

describe('newcomers', () => {
  test('that ask whoever does not lead, or are in already, change nothing', () => {
    const { group, leader } = Group.led();
    const [follower = ''] = group.followers();
    group.join('d');
    expect(group.member(follower).admit(id('d'), 'learner')).toBe(true);
    expect(group.member(leader).admit(id(follower), 'reader')).toBe(true);
    group.settle();
    expect(group.configurations(leader)).toEqual([]);
  });

  test('come in together, as what they may be, while another change is on its way', () => {
    const { group, leader } = Group.led();
    for (const name of ['d', 'e', 'f']) group.join(name);
    const change = group.change(leader, ban('x'));
    group.clock.settle();
    for (const name of ['d', 'e']) group.member(leader).admit(id(name), 'learner');
    group.member(leader).admit(id('f'), 'reader');
    group.done(change);
    group.clock.until(() => group.member('f').configuration.learners.length === 3, 'all to be in');
    group.settle();
    expect(group.configurations(leader)).toHaveLength(2);
    expect(group.member('d').configuration).toMatchObject({ learners: ['d', 'e', 'f'], readers: ['f'] });
    group.propose('e', 'x');
    group.clock.until(() => group.member('f').state.length === 1, 'the reader to follow');
  });

  test('M10 M19 that are shut out are not added, and keep nobody else waiting', () => {
    const { group, leader } = Group.led();
    for (const name of ['d', 'x1', 'e']) group.join(name);
    group.member(leader).admit(id('d'), 'learner');
    group.clock.until(() => group.member('d').configuration.learners.length === 1, 'the first to be in');
    group.done(group.change(leader, { kind: 'remove', id: id('d') }), group.change(leader, ban('x')));
    for (const name of ['d', 'x1', 'e']) expect(group.member(leader).admit(id(name), 'learner')).toBe(true);
    group.clock.until(() => group.member(leader).configuration.learners.length > 0, 'the last to be in');
    expect(group.member(leader).configuration.learners).toEqual(['e']);
    group.settle();
    expect(group.member('d').exclusion).toBe('removed');
    expect(group.member(leader).exclusion).toBeNull();
  });

  test('beyond the bound are told that the group is full, and those who wait count', () => {
    const { group, leader } = Group.led({ maxLearners: 2 });
    expect(group.member(leader).admit(id('d'), 'learner')).toBe(true);
    expect(group.member(leader).admit(id('e'), 'reader')).toBe(true);
    expect(group.member(leader).admit(id('f'), 'learner')).toBe(false);
    expect(group.member(leader).admit(id('d'), 'learner')).toBe(true);
    group.clock.until(() => group.member(leader).configuration.learners.length === 2, 'two to be in');
    expect(group.member(leader).admit(id('f'), 'learner')).toBe(false);
    expect(group.member(leader).admit(id('e'), 'learner')).toBe(true);
    group.clock.until(() => group.member(leader).configuration.readers.length === 0, 'the reader to be more');
  });

  test('are forgotten by a leader that leads no more', () => {
    const { group, leader } = Group.led();
    group.join('d');
    for (const name of group.followers()) group.isolate(name);
    group.member(leader).admit(id('d'), 'learner');
    group.clock.until(() => group.member(leader).status().role !== 'leader', 'the leader to step down');
    group.heal();
    group.clock.until(() => group.leader !== null, 'a leader');
    group.settle();
    // What it had appended may be committed by the next leader; it is not appended twice.
    expect(group.configurations(group.leader ?? '').length).toBeLessThanOrEqual(1);
  });
});

/**
 * Everybody asks for bans of his own, somebody lifts them, messages are lost, and leaders go: each ban comes into the log as
 * its outcome says, and if it were done twice it would be seen there.
 */
function randomChanges(seed: number): { done: number; failed: number } {
  const random = seededRandom(seed);
  const { group } = Group.led();
  const names = ['a', 'b', 'c'];
  const changes = new Map<string, Change>();
  group.networkDelay = () => 1 + random.below(30);
  group.loses = ({ kind }) => random.below(100) < (kind.startsWith('Change') ? 30 : 3);
  for (let i = 0; i < 40; i++) {
    const name = names[random.below(3)] ?? 'a';
    if (group.member(name).stopped === null) {
      const change = group.change(name, ban(`x${i}-`));
      changes.set(`x${i}-`, change);
      const patience = 50 + random.below(1500);
      group.clock.after(patience, () => {
        change.cancel('TIMEOUT', 'no patience');
      });
    }
    group.clock.pass(random.below(300));
    for (const prefix of group.leader === null ? [] : group.member(group.leader).configuration.banned) {
      if (group.member(name).stopped === null) group.change(name, { kind: 'unban', prefix });
    }
    if (random.below(8) === 0 && group.leader !== null) {
      const gone = group.leader;
      group.close(gone);
      group.clock.pass(random.below(1500));
      group.reopen(gone);
    }
  }
  group.loses = () => false;
  group.clock.until(() => [...changes.values()].every(({ outcome }) => outcome !== null), 'all to end');
  const leader = group.elect();
  group.done(group.change(leader, ban('last')));
  group.settle();
  const configurations = group.configurations(leader);
  const result = { done: 0, failed: 0 };
  for (const [prefix, { outcome }] of changes) {
    const times = configurations.filter(
      ({ banned }, i) => banned.includes(prefix) && configurations[i - 1]?.banned.includes(prefix) !== true,
    ).length;
    const isDone = outcome?.kind === 'done';
    result[isDone ? 'done' : 'failed']++;
    if (isDone) expect(times, prefix).toBe(1);
    else if (outcome?.kind === 'failed' && outcome.error.outcome === 'not-done') expect(times, prefix).toBe(0);
    else expect(times, prefix).toBeLessThanOrEqual(1);
  }
  return result;
}

test('C1 M9 on random schedules a change is in the log as its outcome says', () => {
  const total = { done: 0, failed: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const { done, failed } = randomChanges(seed);
    total.done += done;
    total.failed += failed;
  }
  expect(total.done).toBeGreaterThan(150);
  expect(total.failed).toBeGreaterThan(20);
});
