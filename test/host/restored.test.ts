/** Members that are made from the file of a store, beside the member that the file is of. */
import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { decodeInvite } from '../../src/identity/invite.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { list, type List, Tabs } from './tabs.ts';

describe('a store that is restored from a file', () => {
  /** A group of three, of which the third one's store can be exported; its file, and what has happened since. */
  const exported = async () => {
    const tabs = new Tabs();
    const database = await IndexedDbDatabase.open(`restored-${++restoredFrom}`);
    tabs.databases[2] = database;
    const { hosts, groups } = await tabs.found(3);
    const [first, second, third] = groups as [List, List, List];
    for (const command of ['x', 'y', 'z']) await tabs.outcome(first.propose(command));
    await tabs.until(() => third.state.length === 3, 'the state of the third');
    // The commit index is stored when there is a moment of rest.
    const { commit = 0 } = third.status().member ?? {};
    tabs.clock.pass(1000);
    while (((await database.inspect())[0]?.hardState?.commit ?? 0) < commit);
    const pieces: BlobPart[] = [];
    await tabs.outcome(
      (async () => {
        for await (const piece of database.export(third.id)) pieces.push(piece as Uint8Array<ArrayBuffer>);
      })(),
    );
    await tabs.outcome(second.propose('later'));
    return { tabs, hosts, groups: [first, second, third] as const, file: new Blob(pieces) };
  };
  let restoredFrom = 0;

  test('D9 M10 becomes a learner of the group, with what it holds, and counts for nothing beside the member that it is of', async () => {
    const { tabs, hosts, groups, file } = await exported();
    const [first, , third] = groups;
    const host = tabs.open(3);
    const record = await tabs.outcome(host.restore(file, 'member'));
    const copy = await tabs.outcome(host.open(list, record));
    expect(copy.state).toEqual(['x', 'y', 'z']);
    expect(copy.status().phase).toBe('joining');
    expect(copy.memberId).not.toBe(third.memberId);
    expect(await tabs.outcome(first.propose('beside it'))).toBe(5);
    await tabs.until(() => copy.state.length === 5, 'the copy to follow');
    expect(await tabs.outcome(copy.propose('by the copy'))).toBe(6);
    expect(copy.members.list.find(({ id }) => id === copy.memberId)?.kind).toBe('learner');
    await tabs.until(() => third.state.length === 6, 'the third to follow');

    // With two voters gone there is no majority: the one that is left and its copy are not two.
    for (const gone of hosts.slice(0, 2)) gone.close();
    const { term } = third.status().member ?? {};
    const waiting = third.propose('alone', { timeoutMs: 20_000 });
    await expect(tabs.outcome(waiting)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(third.status().member).toMatchObject({ term });
    expect([third, copy].map((group) => group.status().member?.role)).not.toContain('leader');
    expect(copy.status().member).toMatchObject({ role: 'follower', leader: null });
    expect(copy.state).toHaveLength(6);
  });

  test('that the group does not take keeps what it holds', async () => {
    const { tabs, groups, file } = await exported();
    const [first, , third] = groups;
    const host = tabs.open(3);
    await tabs.outcome(first.members.remove(third.memberId, { ban: true }));
    await tabs.outcome(first.members.unban(third.memberId));
    const record = await tabs.outcome(host.restore(file, 'member'));
    await tabs.outcome(first.members.remove(record.member, { ban: true }));
    const copy = await tabs.outcome(host.open(list, record));
    await tabs.until(() => copy.status().phase === 'stopped', 'the refusal');
    expect(copy.status().stopped).toMatchObject({ code: 'BANNED' });
    expect(copy.state).toEqual(['x', 'y', 'z']);
    expect(await host.groups()).toHaveLength(1);
  });

  test('is a group of its own at once, and the one of before goes on without it', async () => {
    const { tabs, groups, file } = await exported();
    const host = tabs.open(3);
    const record = await tabs.outcome(host.restore(file, 'group'));
    const own = await tabs.outcome(host.open(list, record));
    expect(await tabs.outcome(own.propose('in the new one'))).toBe(4);
    expect(own.state).toEqual(['x', 'y', 'z', 'in the new one']);
    expect(decodeInvite(own.invite).group).not.toBe(groups[0].id);
    expect(await tabs.outcome(groups[0].propose('in the old one'))).toBe(5);
    expect(own.state).toHaveLength(4);
  });

  test('is not made where there is a member of the group, also when both are asked for at once', async () => {
    const { tabs, hosts, groups, file } = await exported();
    const [first] = hosts;
    await expect(first?.restore(file, 'member')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await tabs.outcome(groups[0].propose('goes on'))).toBe(5);
    const host = tabs.open(3);
    const made = await Promise.allSettled([host.restore(file, 'member'), host.restore(file, 'member')]);
    expect(made.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await host.groups()).toHaveLength(1);
  });
});
