/** Rooms in virtual time: from a name to a group, whoever comes and goes meanwhile. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Host } from '../../src/host/host.ts';
import type { RoomRequest, RoomWaiting } from '../../src/host/room.ts';
import { fullAccess } from '../../src/identity/access.ts';
import type { RoomKey } from '../../src/identity/room.ts';
import type { GroupId } from '../../src/ids.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { broker, list, type List, Tabs } from './tabs.ts';

const key: RoomKey = { id: 'RRRRRRRRRRRRRRRRRRRRRQ' as GroupId, access: fullAccess(new Uint8Array(32).fill(5)) };
const elsewhere = 'ws://another-broker.example';

/** Goes into the room; what becomes of it is kept, so that nothing is unheard when a tab is closed. */
function enter(host: Host, more: Partial<RoomRequest> = {}, of: RoomKey = key): Promise<List> {
  const entering = host.openRoom(list, of, { signaling: broker, founders: 3, wanted: null, ...more });
  entering.catch(() => undefined);
  return entering;
}

/** Tabs that have founded a group in the room. */
async function found(tabs: Tabs, numbers: readonly number[], more: Partial<RoomRequest> = {}) {
  const hosts = numbers.map((number) => tabs.open(number));
  const founders = numbers.length;
  const groups = await tabs.outcome(Promise.all(hosts.map((host) => enter(host, { founders, ...more }))));
  await tabs.until(() => groups.every((group) => (group.status().member?.leader ?? null) !== null), 'a leader');
  return { hosts, groups };
}

const stored = async (tabs: Tabs, number: number) => (await tabs.databases[number]?.groups()) ?? [];

async function onlyGroup(tabs: Tabs, number: number): Promise<GroupId> {
  const [record, ...others] = await stored(tabs, number);
  if (record === undefined || others.length > 0) throw new Error(`${others.length + 1} groups, or none, are stored`);
  return record.group;
}

describe('those who know the name', () => {
  test('found one group together', async () => {
    const tabs = new Tabs();
    const { groups } = await found(tabs, [0, 1, 2]);
    expect(new Set(groups.map(({ id }) => id)).size).toBe(1);
    expect(await tabs.outcome(groups[1]?.propose('x') ?? Promise.reject(new Error()))).toBe(1);
    await tabs.until(() => groups.every(({ state }) => state.length === 1), 'all to agree');
    expect(groups.map((group) => group.status().conflicts)).toEqual([[], [], []]);
    for (const number of [0, 1, 2]) {
      expect(await stored(tabs, number)).toMatchObject([{ group: groups[0]?.id, room: key.id, signaling: broker }]);
    }
  });

  test('hear how it stands while they wait, and what their callbacks throw hurts nobody', async () => {
    const tabs = new Tabs();
    const errors = tabs.catchErrors();
    const seen: RoomWaiting[] = [];
    const waiting = (state: RoomWaiting): void => {
      seen.push(state);
      throw new Error('not ours');
    };
    const first = enter(tabs.open(0), { founders: 2, waiting });
    await tabs.until(() => seen.some(({ signaling }) => signaling === 'connected'), 'the broker');
    expect(seen.at(-1)).toEqual({ present: 1, founders: 2, signaling: 'connected' });
    const groups = [first, enter(tabs.open(1), { founders: 2 })];
    await tabs.outcome(Promise.all(groups));
    expect(seen.at(-1)?.present).toBe(2);
    expect(errors.length).toBe(seen.length);
  });

  test('of another room have nothing to do with it', async () => {
    const tabs = new Tabs();
    const other = { id: 'OOOOOOOOOOOOOOOOOOOOOQ' as GroupId, access: fullAccess(new Uint8Array(32).fill(6)) };
    const hosts = [0, 1, 2, 3].map((number) => tabs.open(number));
    const groups = await tabs.outcome(
      Promise.all(hosts.map((host, i) => enter(host, { founders: 2 }, i % 2 === 0 ? key : other))),
    );
    expect(groups[0]?.id).toBe(groups[2]?.id);
    expect(groups[1]?.id).toBe(groups[3]?.id);
    expect(groups[0]?.id).not.toBe(groups[1]?.id);
  });

  test('but replicate another machine, are told so', async () => {
    const tabs = new Tabs();
    await found(tabs, [0, 1]);
    const other = { ...list, name: 'another list' };
    const late = tabs.open(2).openRoom(other, key, { signaling: broker, founders: 2, wanted: null });
    await expect(tabs.outcome(late)).rejects.toMatchObject({ code: 'WRONG_MACHINE' });
  });

  test('are in the room once for each tab', async () => {
    const tabs = new Tabs();
    const host = tabs.open(0);
    const first = enter(host, { founders: 2 });
    await expect(tabs.outcome(enter(host))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await tabs.outcome(Promise.all([first, enter(tabs.open(1), { founders: 2 })]));
    await expect(tabs.outcome(enter(host))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('a founder that goes before there are enough', () => {
  test('is followed by another one, and nobody goes on waiting for it', async () => {
    const tabs = new Tabs();
    const [a, b] = [tabs.open(0), tabs.open(1)];
    const abandoned = enter(a);
    await tabs.until(() => a.openGroups === 1, 'the first to gather');
    const second = enter(b);
    await tabs.until(() => b.openGroups === 1, 'the second to wait for it');
    const before = await onlyGroup(tabs, 1);
    a.close();
    await expect(abandoned).rejects.toMatchObject({ code: 'CLOSED' });
    const groups = await tabs.outcome(Promise.all([second, enter(tabs.open(2)), enter(tabs.open(3))]));
    expect(new Set(groups.map(({ id }) => id)).size).toBe(1);
    expect(groups[0].id).not.toBe(before);
    expect(await onlyGroup(tabs, 1)).toBe(groups[0].id);
  });

  test('and comes back, takes part in what the other one founds', async () => {
    const tabs = new Tabs();
    const [a, b] = [tabs.open(0), tabs.open(1)];
    void enter(a);
    await tabs.until(() => a.openGroups === 1, 'the first to gather');
    const second = enter(b);
    await tabs.until(() => b.openGroups === 1, 'the second to wait for it');
    const before = await onlyGroup(tabs, 0);
    a.close();
    const first = enter(tabs.open(0));
    const groups = await tabs.outcome(Promise.all([first, second, enter(tabs.open(2))]));
    expect(new Set(groups.map(({ id }) => id)).size).toBe(1);
    expect(groups[0].id).not.toBe(before);
    expect(await onlyGroup(tabs, 0)).toBe(groups[0].id);
  });

  test('alone, begins anew', async () => {
    const tabs = new Tabs();
    const a = tabs.open(0);
    void enter(a);
    await tabs.until(() => a.openGroups === 1, 'it to gather');
    a.close();
    const again = tabs.open(0);
    void enter(again);
    await tabs.until(() => again.openGroups === 1, 'it to gather again');
    expect(await stored(tabs, 0)).toHaveLength(1);
  });
});

describe('a tab that has a member of the room’s group', () => {
  test('opens it with nobody there, and without a broker', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await found(tabs, [0, 1, 2]);
    await tabs.outcome(groups[0]?.propose('x') ?? Promise.reject(new Error()));
    await tabs.until(() => groups.every(({ state }) => state.length === 1), 'all to agree');
    tabs.clock.pass(2000);
    await new Promise(setImmediate);
    for (const host of hosts) host.close();
    const alone = await tabs.outcome(enter(tabs.open(1), { signaling: 'ws://nobody.example' }));
    expect(alone.memberId).toBe(groups[1]?.memberId);
    await tabs.until(() => alone.state.length === 1, 'the state');
  });

  test('goes on offering the group to those who come, until it is closed', async () => {
    const tabs = new Tabs();
    const { groups } = await found(tabs, [0, 1]);
    const late = tabs.open(2);
    const joined = await tabs.outcome(enter(late, { founders: 2 }));
    expect(joined.id).toBe(groups[0]?.id);
    expect(groups[0]?.members.list).toContainEqual({ id: joined.memberId, kind: 'learner' });
    for (const group of [...groups, joined]) group.close();
    tabs.clock.pass(10);
    const others = await tabs.outcome(Promise.all([3, 4].map((tab) => enter(tabs.open(tab), { founders: 2 }))));
    expect(others[0]?.id).toBe(others[1]?.id);
    expect(others[0]?.id).not.toBe(joined.id);
  });

  test('and its host have nothing left to do when it is closed', async () => {
    const tabs = new Tabs();
    let idle = 0;
    const host = tabs.open(0, { idle: () => idle++ });
    const [group] = await tabs.outcome(
      Promise.all([enter(host, { founders: 2 }), enter(tabs.open(1), { founders: 2 })]),
    );
    expect(idle).toBe(0);
    group.close();
    tabs.clock.pass(10);
    expect(idle).toBe(1);
    const again = await tabs.outcome(enter(host, { founders: 2 }));
    expect(again.memberId).toBe(group.memberId);
  });

  test('joined it by its invite at first, and has it in the room from then on', async () => {
    const tabs = new Tabs();
    const { groups } = await found(tabs, [0, 1]);
    const [group] = groups as [List];
    await tabs.databases[0]?.updateGroup(group.id, { room: 'XXXXXXXXXXXXXXXXXXXXXA' as GroupId });
    group.close();
    tabs.clock.pass(10);
    const again = await tabs.outcome(enter(tabs.open(0), { founders: 2 }));
    expect(again.memberId).toBe(group.memberId);
    expect(await stored(tabs, 0)).toMatchObject([{ group: group.id, room: key.id }]);
  });
});

describe('two groups under one name', () => {
  /** Each founded where the others were not seen, as when a broker was cut in two. */
  async function apart(tabs: Tabs) {
    const here = await found(tabs, [0, 1]);
    const there = await found(tabs, [2, 3], { signaling: elsewhere });
    const [one, other] = [here.groups[0], there.groups[0]] as [List, List];
    return { here, there, ids: [one.id, other.id].sort() };
  }

  test('are reported on both sides when their members meet, and never merged', async () => {
    const tabs = new Tabs();
    const { here, there, ids } = await apart(tabs);
    const [one, other] = [here.groups[0], there.groups[1]] as [List, List];
    await tabs.outcome(Promise.all([one.propose('one'), other.propose('other')]));
    const told: unknown[] = [];
    other.on('conflict', (error) => told.push(error));
    here.hosts[0]?.close();
    const moved = await tabs.outcome(enter(tabs.open(0), { signaling: elsewhere }));
    expect(moved.id).toBe(one.id);
    await tabs.until(
      () => [moved, ...there.groups].every((group) => group.status().conflicts.length > 0),
      'the reports',
    );
    expect(moved.status().conflicts).toEqual([other.id]);
    expect(other.status().conflicts).toEqual([one.id]);
    await tabs.until(() => told.length > 0, 'the event');
    expect(told).toMatchObject([{ code: 'ROOM_CONFLICT', cause: [other.id, one.id] }]);
    moved.on('conflict', (error) => told.push(error));
    await tabs.until(() => told.length > 1, 'the event for one who comes late');
    expect(told[1]).toMatchObject({ code: 'ROOM_CONFLICT', cause: [one.id, other.id] });
    expect((told[1] as Error).message).toContain(ids[0]);
    // Each goes on by itself.
    expect(await tabs.outcome(other.propose('more'))).toBe(2);
    expect(other.state).toEqual(['other', 'more']);
    const log = moved.log(20).map(({ command }) => command);
    expect([log.includes('one'), log.includes('other')]).toEqual([true, false]);
  });

  test('are for a newcomer to choose from, by their ids', async () => {
    const tabs = new Tabs();
    const { here, there, ids } = await apart(tabs);
    const [one] = there.groups as [List];
    here.hosts[0]?.close();
    await tabs.outcome(enter(tabs.open(0), { signaling: elsewhere }));
    const newcomer = enter(tabs.open(4), { signaling: elsewhere });
    await expect(tabs.outcome(newcomer)).rejects.toMatchObject({
      code: 'ROOM_CONFLICT',
      cause: ids,
      outcome: 'not-done',
    });
    const chosen = enter(tabs.open(5), { signaling: elsewhere, wanted: one.id });
    expect((await tabs.outcome(chosen)).id).toBe(one.id);
  });

  test('in one tab are opened by their ids alone', async () => {
    const tabs = new Tabs();
    const { groups } = await found(tabs, [0]);
    const host = tabs.open(0);
    groups[0]?.close();
    tabs.clock.pass(10);
    const other = await host.create(list, broker, 1);
    other.close();
    await tabs.databases[0]?.updateGroup(other.id, { room: key.id });
    await expect(tabs.outcome(enter(host))).rejects.toMatchObject({ code: 'ROOM_CONFLICT' });
    expect(host.openGroups).toBe(0);
    const chosen = await tabs.outcome(enter(host, { wanted: other.id }));
    expect(chosen.memberId).toBe(other.memberId);
  });
});

test('who would found a group alone waits for a moment whether somebody comes back who has one', async () => {
  const tabs = new Tabs();
  const host = tabs.open(0);
  const connectedAt: number[] = [];
  const waiting = ({ signaling }: RoomWaiting): void => {
    if (signaling === 'connected') connectedAt.push(tabs.clock.now());
  };
  await tabs.outcome(enter(host, { founders: 1, waiting }));
  expect(tabs.clock.now() - Math.min(...connectedAt)).toBeGreaterThanOrEqual(1000);
});

describe('waiting for a room’s group', () => {
  test('is given up when the caller says so', async () => {
    const tabs = new Tabs();
    const host = tabs.open(0);
    const controller = new AbortController();
    const entering = enter(host, { signal: controller.signal });
    await tabs.until(() => host.openGroups === 1, 'it to gather');
    controller.abort('enough');
    await expect(entering).rejects.toMatchObject({ code: 'ABORTED', outcome: 'unknown', cause: 'enough' });
    expect(host.openGroups).toBe(0);
    const outcome = { code: 'ABORTED', outcome: 'not-done' };
    await expect(enter(host, { signal: controller.signal })).rejects.toMatchObject(outcome);
    // The room itself is as it was.
    const groups = await tabs.outcome(
      Promise.all([enter(host, { founders: 2 }), enter(tabs.open(1), { founders: 2 })]),
    );
    expect(groups[0].id).toBe(groups[1].id);
  });

  test('ends with the tab', async () => {
    const tabs = new Tabs();
    const host = tabs.open(0);
    const entering = enter(host);
    await tabs.until(() => host.openGroups === 1, 'it to gather');
    host.close();
    await expect(entering).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(enter(host)).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

test('whoever is banned from the room’s group is not let into the room either, and told so', async () => {
  const tabs = new Tabs();
  const { groups } = await found(tabs, [0, 1]);
  const leader = groups.find((group) => group.status().member?.role === 'leader');
  const banned = await tabs.outcome(enter(tabs.open(2)));
  await tabs.outcome(leader?.members.remove(banned.memberId, { ban: true }) ?? Promise.reject(new Error()));
  await tabs.until(() => banned.status().phase === 'stopped', 'the ban to be known');
  expect(banned.status().stopped).toMatchObject({ code: 'BANNED' });
  // With its key, and nothing else of before.
  const { host, keys } = tabs.databases[2] ?? {};
  if (host === undefined || keys === undefined) throw new Error('no database');
  tabs.databases[2] = new MemoryDatabase({ host, keys });
  await expect(tabs.outcome(enter(tabs.open(2)))).rejects.toMatchObject({ code: 'BANNED', outcome: 'not-done' });
});

test('however tabs come and go before it, a room gets one group; or, when a founder was gone before it could tell, two that know of each other', async () => {
  const step = fc.record({ tab: fc.nat(4), pause: fc.constantFrom(0, 1, 2, 5, 20, 100) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
      const tabs = new Tabs();
      const hosts = new Map<number, Host>();
      const entered = new Map<number, List>();
      const open = (tab: number): void => {
        const host = tabs.open(tab);
        hosts.set(tab, host);
        enter(host, { founders: 2 }).then(
          (group) => entered.set(tab, group),
          // The tab was closed, or there are two groups.
          () => {
            if (hosts.get(tab) === host) hosts.delete(tab);
          },
        );
      };
      for (const { tab, pause } of steps) {
        const host = hosts.get(tab);
        if (host === undefined) open(tab);
        else if (!entered.has(tab)) host.close();
        tabs.clock.pass(pause);
        await new Promise(setImmediate);
      }
      const areIn = (): boolean => {
        if (entered.size >= 2) return true;
        // Whoever is one of its founders has to be there.
        for (const tab of [0, 1, 2, 3, 4]) if (!hosts.has(tab)) open(tab);
        return false;
      };
      await tabs.until(areIn, 'a group');
      const idsKnown = (group: List): Set<GroupId> => new Set([group.id, ...group.status().conflicts]);
      const agree = (): boolean => {
        const groups = [...entered.values()];
        const ids = new Set(groups.map(({ id }) => id));
        return groups.every((group) => idsKnown(group).size === ids.size);
      };
      await tabs.until(agree, 'everybody to know of every group');
      for (const host of hosts.values()) host.close();
    }),
    { numRuns: 60 },
  );
}, 60_000);
