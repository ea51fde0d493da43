/** Members that come and go in a founded group, in virtual time: what applications and newcomers see of M10 to M19. */
import { describe, expect, test } from 'vitest';
import type { Host } from '../../src/host/host.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import type { HostId, NodeId } from '../../src/ids.ts';
import { hostOf } from '../../src/ids.ts';
import { broker, type List, list, Tabs } from './tabs.ts';

const running = (group: List) => group.status().phase === 'running';
const kindOf = (group: List, { memberId }: List) => group.members.list.find(({ id }) => id === memberId)?.kind;
const stoppedBy = (group: List) => group.status().stopped?.code;

/** A founded group, and tabs that come to it later. */
class Group extends Tabs {
  hosts: Host[] = [];
  groups: List[] = [];

  static async of(count: number): Promise<Group> {
    const group = new Group();
    Object.assign(group, await group.found(count));
    await group.until(() => group.groups.every((one) => (one.status().member?.applied ?? 0) > 0), 'a first entry');
    return group;
  }

  get invite(): string {
    return this.groups[0]?.invite ?? '';
  }

  /** Another tab with an invite, by default the full one. */
  async join(number: number, invite: string = this.invite): Promise<List> {
    const host = (this.hosts[number] = this.open(number));
    const joined = await this.opened(host.join(list, decodeInvite(invite)));
    this.groups[number] = joined;
    return joined;
  }

  /** A learner that the whole group knows. */
  async learner(number: number, invite: string = this.invite): Promise<List> {
    const joined = await this.join(number, invite);
    await this.until(() => this.groups.every((group) => kindOf(group, joined) !== undefined), 'the newcomer to be in');
    return joined;
  }

  /** The tab is reloaded. */
  async reload(number: number): Promise<List> {
    this.hosts[number]?.close();
    const [record] = (await this.databases[number]?.groups()) ?? [];
    if (record === undefined) throw new Error('the group is not stored');
    this.hosts[number] = this.open(number);
    const again = await this.opened(this.hosts[number].open(list, record));
    this.groups[number] = again;
    return again;
  }

  get leader(): List {
    const leader = this.groups.find((group) => group.status().member?.role === 'leader');
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  }

  /** Somebody among these, by default of all, who does not lead. */
  follower(...without: readonly List[]): List {
    const { leader } = this;
    const follower = this.groups.find((group) => group !== leader && !without.includes(group));
    if (follower === undefined) throw new Error('nobody follows');
    return follower;
  }

  /** The host that a group is open on. */
  hostOf(group: List): Host {
    const host = this.hosts[this.groups.indexOf(group)];
    if (host === undefined) throw new Error('no host has it');
    return host;
  }

  async ends(group: List, code: string): Promise<void> {
    await this.until(() => group.status().phase === 'stopped', 'the end');
    expect(stoppedBy(group)).toBe(code);
  }

  error(promise: Promise<unknown>): Promise<unknown> {
    return this.outcome(
      promise.then(
        () => 'done',
        (error: unknown) => error,
      ),
    );
  }
}

describe('a newcomer to a founded group', () => {
  test('becomes a learner, gets the log, reads, and proposes', async () => {
    const tabs = await Group.of(3);
    await tabs.outcome(tabs.leader.propose('before'));
    const fourth = await tabs.learner(3);
    expect(kindOf(fourth, fourth)).toBe('learner');
    await tabs.until(() => fourth.state.length === 1, 'the log');
    expect(fourth.status()).toMatchObject({ phase: 'running', missing: null });
    expect(await tabs.outcome(fourth.propose('mine'))).toBe(2);
    await tabs.until(() => tabs.groups.every(({ state }) => state.length === 2), 'all to follow');
    const kinds = fourth.status().member?.members.map(({ kind }) => kind);
    expect(kinds?.sort()).toEqual(['learner', 'voter', 'voter', 'voter']);
  });

  test('comes in also by a snapshot, when the log does not begin at its beginning any more', async () => {
    const tabs = await Group.of(1);
    const [first] = tabs.groups as [List];
    // So much that snapshots are taken, and the beginning of the log is gone.
    const command = 'x'.repeat(400_000);
    for (let i = 0; i < 14; i++) await tabs.outcome(first.propose(command));
    const second = await tabs.learner(1);
    await tabs.until(() => second.state.length === 14, 'the state');
    expect(second.log(100).length).toBeLessThan(14);
    expect(await tabs.outcome(second.propose('mine'))).toBe(15);
    const again = await tabs.reload(1);
    await tabs.until(() => again.state.length === 15, 'the state after a reload');
    expect(kindOf(again, again)).toBe('learner');
  });

  test('is let in by the next leader, if the one that it asked goes before it could', async () => {
    const tabs = await Group.of(3);
    const { leader } = tabs;
    const fourth = await tabs.join(3);
    tabs.hostOf(leader).close();
    await tabs.until(() => running(fourth), 'the newcomer to be in');
    expect(await tabs.outcome(fourth.propose('x'))).toBe(1);
  });

  test('that is closed while it waits asks again when it is back, as the same member', async () => {
    const tabs = await Group.of(3);
    for (const i of [1, 2]) tabs.hosts[i]?.close();
    const fourth = await tabs.join(3);
    await tabs.until(() => fourth.status().phase === 'joining', 'the newcomer to wait');
    const { memberId } = fourth;
    const again = await tabs.reload(3);
    await tabs.until(() => again.status().phase === 'joining', 'the newcomer to wait again');
    expect(again.memberId).toBe(memberId);
    await tabs.reload(1);
    await tabs.until(() => running(again), 'the newcomer to be in');
    expect(await tabs.outcome(again.propose('x'))).toBe(1);
  });

  test('waits with its first command until it is in, as long as that takes', async () => {
    const tabs = await Group.of(3);
    for (const i of [1, 2]) tabs.hosts[i]?.close();
    const fourth = await tabs.join(3);
    const early = fourth.propose('early');
    await tabs.until(() => fourth.status().phase === 'joining', 'the newcomer to wait');
    tabs.clock.pass(60_000);
    expect(fourth.status().phase).toBe('joining');
    await tabs.reload(1);
    expect(await tabs.outcome(early)).toBe(1);
  });

  test('many at once come in together', async () => {
    const tabs = await Group.of(3);
    const before = tabs.leader.members.version;
    const numbers = [3, 4, 5, 6, 7, 8];
    await Promise.all(numbers.map((number) => tabs.join(number)));
    await tabs.until(() => tabs.groups.every(running), 'all to be in');
    await tabs.until(() => tabs.groups.every(({ members }) => members.list.length === 9), 'all to know');
    expect(tabs.leader.members.version - before).toBeLessThan(numbers.length + 1);
  });

  test('is refused when there are as many learners as the group takes, forgets it, and may come when there is room', async () => {
    const tabs = await Group.of(1);
    await Promise.all(Array.from({ length: 32 }, (_, i) => tabs.join(i + 1)));
    await tabs.until(() => tabs.leader.members.list.length === 33, 'all to be in');
    const late = await tabs.join(33);
    await tabs.ends(late, 'GROUP_FULL');
    await expect(late.propose('x')).rejects.toMatchObject({ code: 'GROUP_FULL', outcome: 'not-done' });
    expect(await tabs.hosts[33]?.groups()).toEqual([]);
    tabs.groups.pop();
    await tabs.outcome(tabs.leader.members.remove(tabs.follower().memberId));
    tabs.hosts[33]?.close();
    const again = await tabs.join(33);
    await tabs.until(() => running(again), 'the newcomer to be in');
  });

  test('M15 that is a founding member and missed it all starts like the others, or from nothing', async () => {
    const tabs = new Group();
    const [a, b] = [tabs.open(0), tabs.open(1)];
    const first = await a.create(list, broker, 2);
    const second = await b.join(list, decodeInvite(first.invite));
    await tabs.until(() => running(first), 'the founding at the founder');
    b.close();
    if (second.status().member !== null) return;
    const again = await tabs.open(1).join(list, decodeInvite(first.invite));
    await tabs.until(() => running(again), 'the other to be founded');
    expect(again.members.list.map(({ kind }) => kind)).toEqual(['voter', 'voter']);
  });
});

describe('a learner', () => {
  test('is promoted from any tab, votes, and is demoted again', async () => {
    const tabs = await Group.of(3);
    const fourth = await tabs.learner(3);
    for (const asking of tabs.groups) {
      await tabs.outcome(asking.members.promote(fourth.memberId));
      expect(kindOf(asking, fourth)).toBe('voter');
      await tabs.outcome(asking.members.demote(fourth.memberId));
      expect(kindOf(asking, fourth)).toBe('learner');
    }
    await tabs.outcome(fourth.members.promote(fourth.memberId));
    // Three of four are a majority; without the vote of the new one they are not.
    tabs.hostOf(tabs.follower(fourth)).close();
    expect(await tabs.outcome(fourth.propose('x'))).toBe(1);
    tabs.hosts[3]?.close();
    expect(await tabs.error(tabs.leader.propose('y', { timeoutMs: 3000 }))).toMatchObject({ code: 'TIMEOUT' });
  });

  test('leads when leadership is handed to it, once it votes', async () => {
    const tabs = await Group.of(3);
    const fourth = await tabs.learner(3);
    const { leader } = tabs;
    expect(await tabs.error(leader.members.transferLeadership(fourth.memberId))).toMatchObject({
      code: 'CANNOT_LEAD',
      outcome: 'not-done',
    });
    await tabs.outcome(leader.members.promote(fourth.memberId));
    const other = tabs.follower(fourth);
    await tabs.outcome(other.members.transferLeadership(fourth.memberId));
    expect(other.status().member?.leader).toBe(fourth.memberId);
    // Whoever leads already is handed nothing.
    await tabs.outcome(other.members.transferLeadership(fourth.memberId));
  });
});

describe('a holder of a read-only invite', () => {
  const withReader = async (): Promise<{ tabs: Group; reader: List }> => {
    const tabs = await Group.of(3);
    const reader = await tabs.learner(3, tabs.groups[0]?.readOnlyInvite ?? '');
    return { tabs, reader };
  };

  test('M18 becomes a learner for reading: it follows, and that is all', async () => {
    const { tabs, reader } = await withReader();
    await tabs.outcome(tabs.leader.propose('x'));
    await tabs.until(() => reader.state.length === 1, 'the reader to follow');
    expect(kindOf(tabs.leader, reader)).toBe('reader');
    const refused = { code: 'READ_ONLY', outcome: 'not-done' };
    await expect(reader.propose('y')).rejects.toMatchObject(refused);
    await expect(reader.members.promote(reader.memberId)).rejects.toMatchObject(refused);
    await expect(reader.members.remove(tabs.leader.memberId)).rejects.toMatchObject(refused);
    for (const asking of tabs.groups.slice(0, 3)) {
      expect(await tabs.error(asking.members.promote(reader.memberId))).toMatchObject(refused);
    }
    tabs.clock.pass(10_000);
    expect(running(reader)).toBe(true);
    expect(kindOf(tabs.leader, reader)).toBe('reader');
  });

  test('M18 that is given a full invite later becomes an ordinary learner, by the word of the leader that saw it', async () => {
    const { tabs, reader } = await withReader();
    const { memberId } = reader;
    tabs.hosts[3]?.close();
    const again = await tabs.join(3);
    expect(again.memberId).toBe(memberId);
    await tabs.until(() => kindOf(tabs.leader, again) === 'learner', 'the reader to be more than that');
    await tabs.outcome(again.members.promote(memberId));
    expect(await tabs.outcome(again.propose('x'))).toBe(1);
  });

  test('M18 cannot be promoted by way of a demotion', async () => {
    const { tabs, reader } = await withReader();
    await tabs.outcome(tabs.leader.members.demote(reader.memberId));
    expect(kindOf(tabs.leader, reader)).toBe('reader');
  });
});

describe('a member that is removed', () => {
  test('M12 is told, ends with REMOVED, also after a reload, and the group goes on without it', async () => {
    const tabs = await Group.of(3);
    const gone = tabs.follower();
    const number = tabs.groups.indexOf(gone);
    const others = tabs.groups.filter((group) => group !== gone);
    const events: string[] = [];
    gone.on('stopped', ({ code }) => events.push(code));
    await tabs.outcome(tabs.leader.propose('x'));
    await tabs.outcome(tabs.leader.members.remove(gone.memberId));
    await tabs.ends(gone, 'REMOVED');
    await tabs.until(() => events.length > 0, 'the event');
    expect(events).toEqual(['REMOVED']);
    expect(gone.state).toEqual(['x']);
    await expect(gone.propose('y')).rejects.toMatchObject({ code: 'REMOVED', outcome: 'not-done' });
    for (const other of others) {
      await tabs.until(() => kindOf(other, gone) === undefined, 'the others to know');
      expect(await tabs.outcome(other.propose('y'))).toBeGreaterThan(1);
    }
    const again = await tabs.reload(number);
    await tabs.ends(again, 'REMOVED');
    expect(again.state[0]).toBe('x');
  });

  test('M12 knows it without anybody, if it has heard of it in its log', async () => {
    const tabs = await Group.of(3);
    const gone = tabs.follower();
    const number = tabs.groups.indexOf(gone);
    await tabs.outcome(tabs.leader.members.remove(gone.memberId));
    await tabs.ends(gone, 'REMOVED');
    for (const host of tabs.hosts) host.close();
    const alone = await tabs.reload(number);
    await tabs.ends(alone, 'REMOVED');
  });

  test('M12 while it is away is told when it comes back', async () => {
    const tabs = await Group.of(3);
    const gone = tabs.follower();
    const number = tabs.groups.indexOf(gone);
    tabs.hosts[number]?.close();
    await tabs.outcome(tabs.leader.members.remove(gone.memberId));
    for (let i = 0; i < 2; i++) await tabs.ends(await tabs.reload(number), 'REMOVED');
    expect(await tabs.hosts[number]?.groups()).toHaveLength(1);
  });

  test('M11 while it leads hands over, and then it is told', async () => {
    const tabs = await Group.of(3);
    const { leader } = tabs;
    const rest = tabs.groups.filter((group) => group !== leader);
    const [asking] = rest as [List];
    await tabs.outcome(asking.members.remove(leader.memberId));
    await tabs.ends(leader, 'REMOVED');
    expect(await tabs.outcome(asking.propose('x'))).toBe(1);
    expect(rest.every(running)).toBe(true);
  });

  test('M11 may remove itself, and learns that it is done', async () => {
    const tabs = await Group.of(3);
    for (const itself of [tabs.leader, tabs.follower()]) {
      await tabs.outcome(itself.members.remove(itself.memberId));
      await tabs.ends(itself, 'REMOVED');
    }
  });

  test('M10 has its host come again as another member, once it has forgotten the old one', async () => {
    const tabs = await Group.of(3);
    const gone = tabs.follower();
    const host = tabs.hostOf(gone);
    await tabs.outcome(tabs.leader.members.remove(gone.memberId));
    await tabs.ends(gone, 'REMOVED');
    await host.forget(gone.id);
    const again = await tabs.outcome(host.join(list, decodeInvite(tabs.invite)));
    await tabs.until(() => running(again), 'the newcomer to be in');
    expect(again.memberId).not.toBe(gone.memberId);
    expect(hostOf(again.memberId)).toBe(host.id);
    expect(await tabs.outcome(again.propose('x'))).toBe(1);
  });

  test('is not forgotten while it is open, nor when there is none', async () => {
    const tabs = await Group.of(1);
    const [host] = tabs.hosts as [Host];
    const [group] = tabs.groups as [List];
    await expect(host.forget(group.id)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    group.close();
    await host.forget(group.id);
    expect(await host.groups()).toEqual([]);
    await expect(host.forget(group.id)).rejects.toMatchObject({ code: 'NO_SUCH_GROUP' });
  });
});

describe('a host that is banned', () => {
  test('M19 is told so, and stays out under whatever member it comes, until the ban is lifted', async () => {
    const tabs = await Group.of(3);
    const gone = tabs.follower();
    const number = tabs.groups.indexOf(gone);
    const host = tabs.hostOf(gone);
    await tabs.outcome(tabs.leader.members.remove(gone.memberId, { ban: true }));
    await tabs.ends(gone, 'BANNED');
    expect(tabs.leader.members.banned).toEqual([host.id]);
    await tabs.ends(await tabs.reload(number), 'BANNED');
    await tabs.hosts[number]?.forget(gone.id);
    for (let i = 0; i < 2; i++) {
      tabs.hosts[number]?.close();
      const again = await tabs.join(number);
      expect(again.memberId).not.toBe(gone.memberId);
      await tabs.ends(again, 'BANNED');
      // Whoever was never in keeps nothing: the next member is another one.
      expect(await tabs.hosts[number]?.groups()).toEqual([]);
    }
    await tabs.outcome(tabs.leader.members.unban(host.id));
    expect(tabs.leader.members.banned).toEqual([]);
    tabs.hosts[number]?.close();
    const welcome = await tabs.join(number);
    await tabs.until(() => running(welcome), 'the newcomer to be in');
  });

  test('M19 also before it ever came, by the name of a member that it once had', async () => {
    const tabs = await Group.of(2);
    const third = await tabs.learner(2);
    await tabs.outcome(tabs.leader.members.remove(third.memberId));
    await tabs.ends(third, 'REMOVED');
    await tabs.outcome(tabs.leader.members.remove(third.memberId, { ban: true }));
    await tabs.hosts[2]?.forget(third.id);
    await tabs.ends(await tabs.join(2), 'BANNED');
  });
});

describe('a change of membership', () => {
  const someId = `${'X'.repeat(22)}.${'Y'.repeat(11)}` as NodeId;

  test.each<[string, (group: List, tabs: Group) => Promise<void>, string]>([
    ['a member that is none', ({ members }) => members.promote(someId), 'NOT_A_MEMBER'],
    ['a member that is none', ({ members }) => members.demote(someId), 'NOT_A_MEMBER'],
    ['a member that is none', ({ members }) => members.remove(someId), 'NOT_A_MEMBER'],
    ['a member that is none', ({ members }) => members.transferLeadership(someId), 'CANNOT_LEAD'],
    ['what is no id', ({ members }) => members.remove('x' as NodeId), 'INVALID_ARGUMENT'],
    ['what is no host', ({ members }) => members.unban('x' as HostId), 'INVALID_ARGUMENT'],
    ['a version that is none', ({ members }) => members.remove(someId, { ifVersion: -1 }), 'INVALID_ARGUMENT'],
    ['no time at all', ({ members }) => members.remove(someId, { timeoutMs: -1 }), 'INVALID_ARGUMENT'],
    ['the last voter', ({ members, memberId }) => members.remove(memberId), 'LAST_VOTER'],
    ['the last voter', ({ members, memberId }) => members.demote(memberId), 'LAST_VOTER'],
    ['the last voter', ({ members, memberId }) => members.remove(memberId, { ban: true }), 'LAST_VOTER'],
  ])('of %s is refused', async (_, change, code) => {
    const tabs = await Group.of(1);
    const [group] = tabs.groups as [List];
    expect(await tabs.error(change(group, tabs))).toMatchObject({ code, outcome: 'not-done' });
    expect(await tabs.outcome(group.propose('x'))).toBe(1);
  });

  test('M9 is made to the version that its author has seen, or not at all', async () => {
    const tabs = await Group.of(3);
    const fourth = await tabs.learner(3);
    const [first, second] = tabs.groups as [List, List];
    const { version } = first.members;
    await tabs.outcome(second.members.promote(fourth.memberId, { ifVersion: version }));
    await tabs.until(() => first.members.version > version, 'the first to know');
    expect(await tabs.error(first.members.demote(fourth.memberId, { ifVersion: version }))).toMatchObject({
      code: 'MEMBERS_CHANGED',
      outcome: 'not-done',
    });
    expect(kindOf(first, fourth)).toBe('voter');
    await tabs.outcome(first.members.demote(fourth.memberId, { ifVersion: first.members.version }));
  });

  test('M1 by several at once ends well for all: one after the other', async () => {
    const tabs = await Group.of(3);
    const learners = [await tabs.learner(3), await tabs.learner(4)];
    await tabs.outcome(
      Promise.all(tabs.groups.flatMap(({ members }) => learners.map(({ memberId }) => members.promote(memberId)))),
    );
    for (const group of tabs.groups) {
      await tabs.until(() => group.members.list.every(({ kind }) => kind === 'voter'), 'five voters');
    }
  });

  test('of what is so already is done', async () => {
    const tabs = await Group.of(3);
    const [first, second] = tabs.groups as [List, List];
    await tabs.outcome(first.members.promote(second.memberId));
    await tabs.outcome(first.members.unban(hostOf(second.memberId)));
    const fourth = await tabs.learner(3);
    await tabs.outcome(first.members.demote(fourth.memberId));
    await tabs.outcome(first.members.remove(fourth.memberId));
    await tabs.outcome(second.members.remove(fourth.memberId));
    expect(kindOf(first, second)).toBe('voter');
  });

  test('waits for a learner to keep up, and says so when its time is over', async () => {
    const tabs = await Group.of(3);
    const fourth = await tabs.learner(3);
    tabs.hosts[3]?.close();
    await tabs.outcome(tabs.leader.propose('x'));
    tabs.clock.pass(5000);
    const promotion = tabs.leader.members.promote(fourth.memberId, { timeoutMs: 2000 });
    expect(await tabs.error(promotion)).toMatchObject({ code: 'NOT_CAUGHT_UP', outcome: 'not-done' });
    const patient = tabs.leader.members.promote(fourth.memberId, { timeoutMs: 60_000 });
    await tabs.reload(3);
    await tabs.outcome(patient);
    expect(kindOf(tabs.leader, fourth)).toBe('voter');
  });

  test('in a group without a majority is unknown when it was asked for, and is done when there is one', async () => {
    const tabs = await Group.of(3);
    const { leader } = tabs;
    const [one, other] = tabs.groups.filter((group) => group !== leader) as [List, List];
    const numbers = [one, other].map((group) => tabs.groups.indexOf(group));
    for (const number of numbers) tabs.hosts[number]?.close();
    const removal = leader.members.remove(other.memberId, { timeoutMs: 500 });
    expect(await tabs.error(removal)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    const again = leader.members.remove(other.memberId, { timeoutMs: 60_000 });
    await tabs.reload(numbers[0] ?? 0);
    await tabs.outcome(again);
    expect(kindOf(leader, other)).toBeUndefined();
  });

  test('that is given up was not asked for, or may still come about', async () => {
    const tabs = await Group.of(3);
    const controller = new AbortController();
    const { leader } = tabs;
    for (const [i, group] of tabs.groups.entries()) if (group !== leader) tabs.hosts[i]?.close();
    tabs.clock.pass(10_000);
    const asked = leader.members.unban(hostOf(leader.memberId), { signal: controller.signal });
    tabs.clock.pass(100);
    controller.abort();
    expect(await tabs.error(asked)).toMatchObject({ code: 'ABORTED', outcome: 'not-done' });
    await expect(leader.members.unban(hostOf(leader.memberId), { signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  test('before the founding is one of no group', async () => {
    const tabs = new Tabs();
    const first = await tabs.open(0).create(list, broker, 2);
    await expect(first.members.remove(first.memberId)).rejects.toMatchObject({ code: 'NOT_A_MEMBER' });
    expect([first.members.list, first.members.banned, first.members.version]).toEqual([[], [], 0]);
  });

  test('that waits when its tab is closed ends with it', async () => {
    const tabs = await Group.of(3);
    const { leader } = tabs;
    for (const [i, group] of tabs.groups.entries()) if (group !== leader) tabs.hosts[i]?.close();
    const removal = leader.members.demote(leader.memberId);
    tabs.clock.pass(100);
    leader.close();
    expect(await tabs.error(removal)).toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
  });
});
