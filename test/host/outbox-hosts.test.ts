/** The outbox of a whole tab: from before the founding, when two have the same store, and when the group shuts it out. */
import { describe, expect, test } from 'vitest';
import type { Host } from '../../src/host/host.ts';
import { type OutboxOption, outboxLimits } from '../../src/host/outbox-option.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import { broker, list, type List, Tabs } from './tabs.ts';

const outbox = true;

const propose = (group: List, command: string): Promise<number> => {
  const proposed = group.propose(command, { timeoutMs: Infinity });
  proposed.catch(() => undefined);
  return proposed.settled;
};

const commands = (group: List): string[] => group.pending.map(({ command }) => command);

/** Opens the group of an invite in a tab that has a member of it, or is to have one. */
const join = (host: Host, invite: string): Promise<List> => host.join(list, decodeInvite(invite), { outbox });

describe('an outbox', () => {
  test('keeps what is proposed before the founding, and it is done after it', async () => {
    const tabs = new Tabs();
    const founder = tabs.open(0);
    const created = await founder.create(list, broker, 2, { outbox });
    for (const word of ['x', 'y']) void propose(created, word);
    await tabs.until(() => created.pending.every(({ isKept }) => isKept), 'it to be kept');
    founder.close();
    expect(created.pending).toEqual([]);

    const again = await tabs.outcome(join(tabs.open(0), created.invite));
    expect(commands(again)).toEqual(['x', 'y']);
    expect(again.optimistic).toEqual(['x', 'y']);
    const z = propose(again, 'z');
    const other = await tabs.outcome(join(tabs.open(1), created.invite));
    expect(await tabs.outcome(z)).toBe(3);
    await tabs.until(() => other.state.length === 3, 'the other to follow');
    expect(other.state).toEqual(['x', 'y', 'z']);
    expect(await Promise.all(again.restored.map(({ settled }) => settled))).toEqual([1, 2]);
  });

  test('expires what is proposed before the founding', async () => {
    const tabs = new Tabs();
    const group = await tabs.open(0).create(list, broker, 2, { outbox });
    const proposed = group.propose('x', { expiresInMs: 500 });
    await expect(tabs.outcome(proposed)).rejects.toMatchObject({ code: 'EXPIRED', outcome: 'not-done' });
    expect(group.pending).toEqual([]);
  });

  test('belongs to whoever opened the store last: the other one neither keeps nor sends', async () => {
    const tabs = new Tabs();
    const asleep = tabs.open(0);
    const created = await asleep.create(list, broker, 2, { outbox });
    void propose(created, 'x');
    await tabs.until(() => created.pending.every(({ isKept }) => isKept), 'it to be kept');
    const awake = await tabs.outcome(join(tabs.open(0), created.invite));
    const late = propose(created, 'late');
    await expect(tabs.outcome(late)).rejects.toMatchObject({ code: 'STORAGE_LOST', outcome: 'unknown' });
    expect(created.status().stopped).toMatchObject({ code: 'STORAGE_LOST' });
    asleep.close();
    const other = await tabs.outcome(join(tabs.open(1), created.invite));
    await tabs.until(() => awake.pending.length === 0, 'its effect');
    await tabs.until(() => other.state.length > 0, 'the other to follow');
    tabs.clock.pass(5000);
    expect(other.state).toEqual(['x']);
  });

  test('of a member that was removed meanwhile is done with: what was not sent is certainly not done', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(3);
    const [first, , third] = groups as [List, List, List];
    const { memberId, invite } = third;
    hosts[2]?.close();
    // Alone, with what it holds.
    const lonely = new Tabs();
    const [, , database] = tabs.databases;
    if (database !== undefined) lonely.databases[2] = database;
    const offline = lonely.open(2);
    const alone = await lonely.outcome(join(offline, invite));
    void propose(alone, 'x');
    await lonely.until(() => alone.pending[0]?.isKept === true, 'it to be kept');
    offline.close();

    await tabs.outcome(first.members.remove(memberId));
    const again = await tabs.outcome(join(tabs.open(2), invite));
    const [restored] = again.restored;
    expect(restored).toMatchObject({ command: 'x', isKept: true });
    await tabs.until(() => again.status().stopped !== null, 'its end');
    expect(again.status().stopped).toMatchObject({ code: 'REMOVED' });
    await expect(restored?.settled).rejects.toMatchObject({ code: 'REMOVED', outcome: 'not-done' });
    tabs.clock.pass(5000);
    expect(first.state).toEqual([]);
  });

  test('is forgotten with its member', async () => {
    const tabs = new Tabs();
    const host = tabs.open(0);
    const created = await host.create(list, broker, 2, { outbox });
    void propose(created, 'x');
    await tabs.until(() => created.pending[0]?.isKept === true, 'it to be kept');
    created.close();
    await host.forget(created.id);
    const again = await tabs.outcome(join(host, created.invite));
    expect(again.restored).toEqual([]);
  });

  test('has the bounds that were asked for', async () => {
    const tabs = new Tabs();
    const group = await tabs.open(0).create(list, broker, 2, { outbox: { maxCommands: 2, maxBytes: 1000 } });
    void propose(group, 'x'.repeat(900));
    await expect(tabs.outcome(propose(group, 'y'.repeat(900)))).rejects.toMatchObject({ code: 'BUSY' });
    void propose(group, 'y');
    await expect(tabs.outcome(propose(group, 'z'))).rejects.toMatchObject({ code: 'BUSY', outcome: 'not-done' });
    expect(commands(group)).toHaveLength(2);
  });
});

test.each([0, 'yes', null, { maxCommands: 0 }, { maxBytes: 1.5 }, { maxBytes: Infinity }])(
  'an outbox of %j is refused',
  (option) => {
    expect(() => outboxLimits(option as OutboxOption)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  },
);
