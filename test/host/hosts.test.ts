/** Hosts in virtual time, over links within the process: how groups are founded, joined, opened and closed. */
import { describe, expect, test } from 'vitest';
import type { Host } from '../../src/host/host.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { broker, intruder, list, type List, Tabs } from './tabs.ts';

const running = (group: List) => group.status().phase === 'running';

describe('founding', () => {
  test('happens when as many are there as were asked for, with the same members for all', async () => {
    const tabs = new Tabs();
    const [a, b, c] = [tabs.open(0), tabs.open(1), tabs.open(2)];
    const first = await a.create(list, broker, 3);
    expect(first.status()).toMatchObject({ phase: 'founding', missing: 2, member: null });
    const second = await b.join(list, decodeInvite(first.invite));
    await tabs.until(() => first.status().missing === 1, 'the second to be seen');
    expect(second.status()).toMatchObject({ phase: 'founding', missing: null });

    const third = await c.join(list, decodeInvite(first.invite));
    const groups = [first, second, third];
    await tabs.until(() => groups.every(running), 'the founding');
    const lists = groups.map((group) => group.status().member?.members.map(({ id }) => id));
    expect(lists[0]).toHaveLength(3);
    expect(lists[1]).toEqual(lists[0]);
    expect(lists[2]).toEqual(lists[0]);
    await tabs.until(() => first.status().member?.role === 'leader', 'the founder to lead');
  });

  test('of a group of one needs nobody else', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(1);
    expect(await tabs.outcome(groups[0]?.propose('x') ?? Promise.reject(new Error()))).toBe(1);
  });

  test('waits for one who left before it happened', async () => {
    const tabs = new Tabs();
    const [a, b, c] = [tabs.open(0), tabs.open(1), tabs.open(2)];
    const first = await a.create(list, broker, 3);
    const second = await b.join(list, decodeInvite(first.invite));
    await tabs.until(() => first.status().missing === 1, 'the second to be seen');
    second.close();
    b.close();
    await tabs.until(() => first.status().missing === 2, 'the second to be gone');
    const third = await c.join(list, decodeInvite(first.invite));
    await tabs.until(() => first.status().missing === 1, 'the third to be seen');
    const again = await tabs.open(1).join(list, decodeInvite(first.invite));
    await tabs.until(() => [first, third, again].every(running), 'the founding');
  });

  test('refuses another machine, whoever has it: the founding goes on without it', async () => {
    const tabs = new Tabs();
    const first = await tabs.open(0).create(list, broker, 2);
    const other = { ...list, name: 'another list' };
    const early = tabs.open(3);
    const wrong = await early.join(other, decodeInvite(first.invite));
    await tabs.until(() => wrong.status().phase === 'stopped', 'the refusal by the founder');
    expect(wrong.status().stopped).toMatchObject({ code: 'WRONG_MACHINE' });
    expect(await early.groups()).toEqual([]);
    const second = await tabs.open(1).join(list, decodeInvite(first.invite));
    await tabs.until(() => [first, second].every(running), 'the founding');
    const third = await tabs.open(2).join(other, decodeInvite(first.invite));
    await tabs.until(() => third.status().phase === 'stopped', 'the refusal');
    expect(third.status().stopped).toMatchObject({ code: 'WRONG_MACHINE' });
    tabs.clock.pass(5000);
    expect(first.members.list.map(({ id }) => id)).not.toContain(third.memberId);
  });

  test('tells a member that was closed in the middle of it when it is back', async () => {
    const tabs = new Tabs();
    const [a, b, c] = [tabs.open(0), tabs.open(1), tabs.open(2)];
    const first = await a.create(list, broker, 3);
    const second = await b.join(list, decodeInvite(first.invite));
    const third = await c.join(list, decodeInvite(first.invite));
    await tabs.until(() => first.status().phase === 'running', 'the founding at the founder');
    if (third.status().phase === 'founding') expect(third.status().member).toBeNull();
    c.close();
    const back = await tabs.open(2).join(list, decodeInvite(first.invite));
    await tabs.until(() => [first, second, back].every(running), 'all to be founded');
    expect(back.memberId).toBe(third.memberId);
    expect(await tabs.outcome(back.propose('x'))).toBe(1);
  });
});

test('whoever is founded tells the others, also when the founder is gone', async () => {
  const tabs = new Tabs();
  const [a, b, c] = [tabs.open(0), tabs.open(1), tabs.open(2)];
  const first = await a.create(list, broker, 3);
  const second = await b.join(list, decodeInvite(first.invite));
  const third = await c.join(list, decodeInvite(first.invite));
  await tabs.until(() => second.status().phase === 'running' || third.status().phase === 'running', 'a founding');
  a.close();
  await tabs.until(() => [second, third].every(running), 'the other founding');
  expect(await tabs.outcome(third.propose('x'))).toBe(1);
});

describe('a group', () => {
  test('shares its state, tells of each change, and keeps the same object until then', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(3);
    const [a, b] = groups as [List, List, List];
    const seen: string[][] = [];
    const unsubscribe = b.on('state', (state) => seen.push(state));
    let calls = 0;
    a.subscribe(() => calls++);
    expect(a.state).toBe(a.state);
    expect(await tabs.outcome(a.propose('x'))).toBe(1);
    expect(await tabs.outcome(b.propose('y'))).toBe(2);
    await tabs.until(() => groups.every(({ state }) => state.length === 2), 'all to agree');
    expect(seen.at(-1)).toEqual(['x', 'y']);
    expect(calls).toBe(3);

    unsubscribe();
    const before = seen.length;
    await tabs.outcome(a.propose('z'));
    await tabs.until(() => b.state.length === 3, 'b to follow');
    expect(seen).toHaveLength(before);
  });

  test('takes commands before it is founded, and keeps their order', async () => {
    const tabs = new Tabs();
    const first = await tabs.open(0).create(list, broker, 2);
    const early = [first.propose('x'), first.propose('y')];
    const second = await tabs.open(1).join(list, decodeInvite(first.invite));
    expect(await tabs.outcome(Promise.all(early))).toEqual([1, 2]);
    await tabs.until(() => second.state.length === 2, 'the second to follow');
    expect(second.state).toEqual(['x', 'y']);
  });

  test('takes commands before it is founded as they are then, and checks and bounds them like all others', async () => {
    const tabs = new Tabs();
    const list2 = defineMachine({
      name: 'list',
      initial: [] as readonly string[],
      apply: (state, { add }: { add: string }) => ({ state: [...state, add], result: 0 }),
    });
    const group = await tabs.open(0).create(list2, broker, 2);
    const command = { add: 'as it was' };
    const early = group.propose(command);
    command.add = 'as it is now';
    await expect(group.propose({ add: 1n } as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(group.propose({ add: 'x'.repeat(2_000_000) })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    tabs.clock.pass(60_000);
    const other = await tabs.open(1).join(list2, decodeInvite(group.invite));
    await tabs.outcome(early);
    await tabs.until(() => other.state.length === 1, 'the other to follow');
    expect(other.state).toEqual(['as it was']);
  });

  test('answers reads before it is founded: local ones at once, and others once it is', async () => {
    const tabs = new Tabs();
    const group = await tabs.open(0).create(list, broker, 2);
    expect(await group.read(undefined, { consistency: 'local' })).toEqual({ value: [], index: 0 });
    const reads = Promise.all([group.read((state) => state.length), group.barrier(), group.waitFor(1)]);
    const write = group.propose('x');
    expect(group.pending).toMatchObject([{ command: 'x', phase: 'waiting' }]);
    tabs.clock.pass(60_000);
    await tabs.open(1).join(list, decodeInvite(group.invite));
    const [{ index }, barrier, waited] = await tabs.outcome(reads);
    expect(Math.min(index, barrier, waited)).toBeGreaterThan(0);
    expect(await tabs.outcome(write)).toBe(1);
  });

  test('that is opened alone has the state that it had', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(3);
    const [a, b] = groups as [List, List, List];
    await tabs.outcome(a.propose('hello'));
    await tabs.until(() => b.state.length === 1, 'the other to follow');
    tabs.clock.pass(1000);
    await new Promise(setImmediate);
    tabs.clock.pass(1000);
    for (const host of hosts) host.close();
    const [record] = (await tabs.databases[1]?.groups()) ?? [];
    if (record === undefined) throw new Error('the group is not stored');
    const alone = await tabs.outcome(tabs.open(1).open(list, record));
    expect(alone.state).toEqual(['hello']);
  });

  test('whose broker has moved is found at the new one, and says so to others', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(1);
    const [[group], [host]] = [groups as [List], hosts as [Host]];
    group.close();
    const moved = { ...decodeInvite(group.invite), signaling: 'ws://elsewhere.example' };
    const again = await tabs.outcome(host.join(list, moved));
    expect(decodeInvite(again.invite)).toEqual(moved);
    again.close();
    expect(await tabs.databases[0]?.groups()).toMatchObject([{ signaling: 'ws://elsewhere.example' }]);
  });

  test('whose storage makes no sense is not opened', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(1);
    const [group] = groups as [List];
    group.close();
    const [database] = tabs.databases;
    const storage = database?.storage(group.id);
    const hardState = { term: 0, vote: null, commit: 99 };
    await new Promise((done) => storage?.load(done));
    await new Promise((done) => storage?.write({ hardState, truncateFrom: null, entries: [] }, done));
    await expect(hosts[0]?.join(list, decodeInvite(group.invite))).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
    expect(hosts[0]?.openGroups).toBe(0);
  });

  test('that has stopped says so also to whoever asks late', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(1);
    const [group] = groups as [List];
    const reasons: string[] = [];
    group.on('stopped', ({ code }) => reasons.push(code));
    group.close();
    tabs.clock.pass(10);
    group.on('stopped', ({ code }) => reasons.push(`late ${code}`));
    tabs.clock.pass(10);
    expect(reasons).toEqual(['CLOSED', 'late CLOSED']);
  });

  test('D8 whose member stops by itself is not open any more: others notice at once, and it can be opened again', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(3);
    const [, host] = hosts;
    const [first, broken] = groups as [List, List, List];
    const reasons: string[] = [];
    broken.on('stopped', ({ code }) => reasons.push(code));
    // Somebody else takes its store.
    const thief = tabs.databases[1]?.storage(broken.id);
    await tabs.outcome(new Promise((done) => thief?.load(done)));
    expect(await tabs.outcome(first.propose('x'))).toBe(1);
    await tabs.until(() => reasons.length > 0, 'the end of its member');
    expect(reasons).toEqual(['STORAGE_LOST']);
    expect(broken.status()).toMatchObject({ phase: 'stopped', stopped: { code: 'STORAGE_LOST' } });
    expect(host?.openGroups).toBe(0);
    const connected = () => first.status().member?.members.find(({ id }) => id === broken.memberId)?.connected;
    await tabs.until(() => connected() === false, 'its absence to be noticed');
    const [record] = (await host?.groups()) ?? [];
    if (host === undefined || record === undefined) throw new Error('the group is gone');
    const again = await tabs.outcome(host.open(list, record));
    await tabs.until(() => again.state.length === 1, 'its state');
    expect(await tabs.outcome(again.propose('y'))).toBe(2);
  });

  test('that is never founded ends its commands when their time is over: certainly not done', async () => {
    const tabs = new Tabs();
    const group = await tabs.open(0).create(list, broker, 2);
    const timed = group.propose('x', { timeoutMs: 1000 });
    await expect(tabs.outcome(timed)).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'not-done' });
    const controller = new AbortController();
    const aborted = group.propose('x', { signal: controller.signal });
    controller.abort();
    await expect(tabs.outcome(aborted)).rejects.toMatchObject({ code: 'ABORTED', outcome: 'not-done' });
    await expect(group.propose('x', { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(group.propose('x', { timeoutMs: NaN })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('without a majority ends its commands when their time is over: outcome unknown', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(3);
    const [a] = groups as [List, List, List];
    await tabs.until(() => (a.status().member?.applied ?? 0) > 0, 'the group to be at work');
    hosts[1]?.close();
    hosts[2]?.close();
    await expect(tabs.outcome(a.propose('x', { timeoutMs: 200 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
    });
  });

  test('goes on when a tab is closed, and the tab that comes back has its member and its log', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(3);
    const [a, b, c] = groups as [List, List, List];
    await tabs.outcome(b.propose('x'));
    hosts[0]?.close();
    expect(a.status().stopped).toMatchObject({ code: 'CLOSED' });
    expect(await tabs.outcome(c.propose('y'))).toBe(2);

    const [record] = (await tabs.databases[0]?.groups()) ?? [];
    if (record === undefined) throw new Error('the group is not stored');
    const again = await tabs.outcome(tabs.open(0).open(list, record));
    expect(again.memberId).toBe(a.memberId);
    expect(again.log(10).map(({ command }) => command)).toContain('x');
    await tabs.until(() => again.state.length === 2, 'the old member to catch up');
    expect(await tabs.outcome(again.propose('z'))).toBe(3);
  });

  test('is opened once in a tab, under its own machine', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(1);
    const [[group], [host]] = [groups as [List], hosts as [Host]];
    await expect(host.join(list, decodeInvite(group.invite))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    group.close();
    const other = { ...list, name: 'other' };
    await expect(host.join(other, decodeInvite(group.invite))).rejects.toMatchObject({ code: 'WRONG_MACHINE' });
    const again = await tabs.outcome(host.join(list, decodeInvite(group.invite)));
    expect(again.memberId).toBe(group.memberId);
  });

  test('has nothing to do with another group of the same hosts', async () => {
    const tabs = new Tabs();
    const [a, b] = [tabs.open(0), tabs.open(1)];
    const make = async (): Promise<[List, List]> => {
      const first = await a.create(list, broker, 2);
      return [first, await b.join(list, decodeInvite(first.invite))];
    };
    const [one, other] = [await make(), await make()];
    await tabs.until(() => [...one, ...other].every(running), 'both foundings');
    await tabs.outcome(Promise.all([one[0].propose('one'), other[1].propose('other')]));
    await tabs.until(() => one[1].state.length === 1 && other[0].state.length === 1, 'all to follow');
    expect(one[1].state).toEqual(['one']);
    expect(other[0].state).toEqual(['other']);
    one[0].close();
    expect(await tabs.outcome(other[0].propose('more'))).toBe(2);
  });
});

describe('a listener that throws', () => {
  test('keeps neither the others nor the member from their work', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(1);
    const [group] = groups as [List];
    const errors = tabs.catchErrors();
    let calls = 0;
    group.on('state', () => {
      throw new Error('not ours');
    });
    group.on('state', () => calls++);
    await tabs.outcome(group.propose('x'));
    await tabs.until(() => errors.length > 0, 'the error');
    expect(calls).toBe(1);
    expect(errors).toMatchObject([{ message: 'not ours' }]);
  });
});

describe('N1 whoever is linked', () => {
  /** Somebody who has the invite, and no good intentions. */
  test('and sends what nobody understands is disconnected, and the group goes on', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(1);
    const [group] = groups as [List];
    const { state } = await intruder(tabs, group.invite);
    for (let i = 0; i < 20; i++) state.link?.send(new Uint8Array([1, 2, 3, i]), 'control');
    await tabs.until(() => state.isClosed, 'the door');
    expect(await tabs.outcome(group.propose('x'))).toBe(1);
  });

  test('and speaks for others is not believed', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(2);
    const [a, b] = groups as [List, List];
    const { state } = await intruder(tabs, a.invite);
    const { encodeFrame } = await import('../../src/transport/codec.ts');
    const term = 1_000_000;
    const forged = encodeFrame(a.id, {
      kind: 'Heartbeat',
      from: b.memberId,
      to: a.memberId,
      term,
      commit: 0,
      round: 1,
    });
    for (let i = 0; i < 10; i++) state.link?.send(forged, 'control');
    await tabs.until(() => state.isClosed, 'the door');
    expect(a.status().member?.term).toBeLessThan(term);
  });

  test('with an invite to read only is put out as soon as it proposes or votes, and may say what learners say', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(1);
    const [a] = groups as [List];
    const { encodeFrame } = await import('../../src/transport/codec.ts');
    const { state, member, received } = await intruder(tabs, a.readOnlyInvite);
    const to = a.memberId;
    state.link?.send(encodeFrame(a.id, { kind: 'HeartbeatResponse', from: member, to, term: 1, round: 0 }), 'control');
    state.link?.send(encodeFrame(a.id, { kind: 'Join', member, machine: list.name }), 'control');
    await tabs.until(() => received.length > 0, 'the list of members');
    expect(state.refusals).toEqual([]);
    const commands = [Uint8Array.of(1)];
    const session = 'AAAAAAAAAAAAAAAAAAAAAA' as never;
    state.link?.send(
      encodeFrame(a.id, { kind: 'Propose', from: member, to, session, sequence: 1, known: 0, commands }),
      'bulk',
    );
    await tabs.until(() => state.refusals.length > 0, 'the refusal');
    expect(state.refusals).toEqual(['read-only']);
    expect(state.isClosed).toBe(true);
    expect(a.state).toEqual([]);
  });
});
