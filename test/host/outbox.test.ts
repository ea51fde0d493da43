/** Commands that survive the tab that proposed them: each takes effect once, in order, wherever the tab was cut off. */
import { describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import { defaultMemberOptions } from '../../src/group/member-options.ts';
import type { Group } from '../../src/host/group.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { defaultSessionLimits } from '../../src/machine/sessions.ts';
import { Groups, hasEnded, turns } from './groups.ts';

type Words = readonly string[];

const list = defineMachine({
  name: 'list',
  initial: [] as Words,
  apply(state, add: string) {
    if (add === 'bad') throw new Error('as asked');
    return { state: add === 'filler' ? state : [...state, add], result: state.length + 1 };
  },
});

type Tab = Group<Words, string, number>;

const groups = (names = ['a', 'b', 'c'], options = {}): Groups<Words, string, number> =>
  new Groups(list, names, options, true);

/** Proposes, however long it takes, and gives the promise of the outcome. */
function propose(tab: Tab, command: string, expiresInMs?: number): Promise<number> {
  const proposed = tab.propose(command, { timeoutMs: Infinity, ...(expiresInMs !== undefined && { expiresInMs }) });
  proposed.catch(() => undefined);
  return proposed.settled;
}

const commands = (tab: Tab): string[] => tab.pending.map(({ command }) => command);

const kept = (tab: Tab): boolean => tab.pending.every(({ isKept }) => isKept);

/** A tab that cannot reach anybody, in a group that has a leader. */
async function offline(options = {}): Promise<{ world: Groups<Words, string, number>; name: string; tab: Tab }> {
  const world = groups(['a', 'b', 'c'], options);
  const [name = ''] = world.elect().followers;
  world.world.isolate(name);
  const tab = world.group(name);
  await world.until(() => tab.status().member?.leader === null, 'no leader');
  return { world, name, tab };
}

/** What becomes of the first command that an earlier run has left. */
function firstOf({ restored: [first] }: Tab): Promise<number> {
  if (first === undefined) throw new Error('nothing is there');
  return first.settled;
}

/** The tab is loaded again: what was on its way to the disk is lost. */
function reload(world: Groups<Words, string, number>, name: string): Tab {
  world.world.close(name);
  return world.reopen(name);
}

describe('what is proposed offline', () => {
  test('is there after a reload, in order, is shown at once, and takes effect once when the tab is back', async () => {
    const { world, name, tab } = await offline();
    for (const word of ['x', 'y', 'z']) void propose(tab, word);
    expect(tab.pending.map(({ isKept }) => isKept)).toEqual([false, false, false]);
    await world.until(() => kept(tab), 'it to be kept');
    const again = reload(world, name);
    expect(again.pending).toMatchObject([
      { command: 'x', phase: 'waiting', isKept: true },
      { command: 'y', phase: 'waiting', isKept: true },
      { command: 'z', phase: 'waiting', isKept: true },
    ]);
    expect(again.restored).toEqual(again.pending);
    await world.until(() => again.optimistic.length === 3, 'its own state');
    const later = propose(again, 'later');
    expect(again.optimistic).toEqual(['x', 'y', 'z', 'later']);
    expect(again.state).toEqual([]);

    world.world.heal();
    expect(await world.value(later)).toBe(4);
    expect(await Promise.all(again.restored.map(({ settled }) => settled))).toEqual([1, 2, 3]);
    expect(again.pending).toEqual([]);
    await world.until(() => ['a', 'b', 'c'].every((each) => world.group(each).state.length === 4), 'all to have it');
    world.world.clock.pass(5000);
    for (const each of ['a', 'b', 'c']) expect(world.group(each).state).toEqual(['x', 'y', 'z', 'later']);
    // Nothing is left for a third run.
    expect(reload(world, name).restored).toEqual([]);
  });

  test('survives several reloads, and more is added in between', async () => {
    const { world, name } = await offline();
    for (const word of ['p', 'q', 'r']) {
      const tab = world.group(name);
      void propose(tab, word);
      await world.until(() => kept(tab), 'it to be kept');
      reload(world, name);
    }
    expect(commands(world.group(name))).toEqual(['p', 'q', 'r']);
    world.world.heal();
    await world.until(() => world.group(name).state.length === 3, 'its effect');
    expect(world.group(name).state).toEqual(['p', 'q', 'r']);
  });

  test('ends for its call when that has no more patience, and waits on', async () => {
    const { world, tab } = await offline();
    const call = tab.propose('x', { timeoutMs: 1000 });
    const error = await world.error(call);
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    expect(String(error)).toContain('is in the outbox, and will be sent');
    expect(commands(tab)).toEqual(['x']);
    world.world.heal();
    expect(await world.value(call.settled)).toBe(1);
  });

  test('is unknown to whoever closes the group, and goes on when it is opened again', async () => {
    const { world, name, tab } = await offline();
    const settled = propose(tab, 'x');
    await world.until(() => kept(tab), 'it to be kept');
    tab.close();
    const error = await world.error(settled);
    expect(error).toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
    expect(String(error)).toContain('goes on when this tab opens the group again');
    world.world.heal();
    const again = world.reopen(name);
    expect(await world.value(firstOf(again))).toBe(1);
  });

  test('is refused by name beyond the bounds, and beyond the room on disk, and nothing else is lost', async () => {
    const proposals = { ...defaultMemberOptions.proposals, maxPending: 3 };
    const { world, name, tab } = await offline({ proposals });
    void propose(tab, 'x');
    await world.until(() => kept(tab), 'it to be kept');
    world.world.seat(name).storage.refusesChanges = new RaftError('QUOTA_EXCEEDED', 'there is no room');
    const [y, z] = [propose(tab, 'y'), propose(tab, 'z')];
    expect(await world.error(propose(tab, 'more'))).toMatchObject({ code: 'BUSY', outcome: 'not-done' });
    expect(await world.error(y)).toMatchObject({ code: 'QUOTA_EXCEEDED', outcome: 'not-done' });
    expect(await world.error(z)).toMatchObject({ code: 'QUOTA_EXCEEDED', outcome: 'not-done' });
    expect([tab.status().stopped, commands(tab)]).toEqual([null, ['x']]);
    // Without room for its place in the session nothing is sent either; with room it goes on by itself.
    world.world.heal();
    world.world.clock.pass(5000);
    expect(tab.pending).toMatchObject([{ phase: 'waiting' }]);
    world.world.seat(name).storage.refusesChanges = null;
    await world.until(() => tab.state.length === 1, 'its effect');
    expect(await world.value(propose(tab, 'after'))).toBe(2);
  });
});

describe('a tab that is cut off', () => {
  /** What a follower proposes reaches the leader, and it hears nothing of what comes of it. */
  async function unanswered() {
    const world = groups();
    const { followers } = world.elect();
    const [name = '', other = ''] = followers;
    const lost = ({ kind, to }: { kind: string; to: string }) => to === name && kind === 'AppendEntries';
    world.world.loses = lost;
    void propose(world.group(name), 'x');
    await world.until(() => world.group(other).state.length === 1, 'the effect elsewhere');
    expect(world.group(name).pending).toMatchObject([{ phase: 'sent' }]);
    return { world, name };
  }

  test('after its command had got its place, and before it was sent: it is sent after the reload', async () => {
    const world = groups();
    const [name = ''] = world.elect().followers;
    world.world.refuses = ({ kind }) => kind === 'Propose';
    void propose(world.group(name), 'x');
    await world.until(() => world.group(name).pending[0]?.phase === 'sent', 'its place');
    world.world.clock.pass(500);
    world.world.refuses = () => false;
    const again = reload(world, name);
    expect(again.pending).toMatchObject([{ command: 'x', phase: 'sent' }]);
    expect(await world.value(firstOf(again))).toBe(1);
  });

  test('between the sending and the answer: its command is known to the group, and it gets its one result', async () => {
    const { world, name } = await unanswered();
    world.world.loses = () => false;
    const again = reload(world, name);
    expect(again.pending).toMatchObject([{ command: 'x', phase: 'sent' }]);
    expect(await world.value(firstOf(again))).toBe(1);
    expect(await world.value(propose(again, 'y'))).toBe(2);
    world.world.clock.pass(5000);
    for (const each of ['a', 'b', 'c']) expect(world.group(each).state).toEqual(['x', 'y']);
  });

  test('when the outcome was known, and the outbox had not forgotten the command: nothing is done again', async () => {
    const raft = { electionTicks: 20, trailingEntries: 3 };
    const world = groups(['a', 'b', 'c'], { snapshots: { entries: 10, bytes: 1e9 }, raft });
    const [name = ''] = world.elect().followers;
    const tab = world.group(name);
    expect(await world.value(propose(tab, 'before'))).toBe(1);
    const once = propose(tab, 'once');
    await world.until(() => tab.pending[0]?.phase === 'sent' && tab.pending[0].isKept, 'its place');
    world.world.seat(name).storage.refusesChanges = new RaftError('QUOTA_EXCEEDED', 'there is no room');
    expect(await world.value(once)).toBe(2);
    world.world.clock.pass(1000);
    // What came of it is in no log any more.
    const [other = ''] = world.world.followers().filter((each) => each !== name);
    for (let i = 0; i < 30; i++) await world.value(propose(world.group(other), 'filler'));
    await world.until(() => (world.world.seat(name).disk.state?.start.index ?? 0) > 10, 'a log that begins later');
    const again = reload(world, name);
    expect(again.restored).toMatchObject([{ command: 'once', phase: 'sent' }]);
    expect(await world.value(firstOf(again))).toBe(2);
    await world.until(() => world.group(name).pending.length === 0, 'nothing to be pending');
    expect(again.state).toEqual(['before', 'once']);
    expect(await world.value(propose(again, 'after'))).toBe(3);
  });

  test('when a later command was sent before the outbox had forgotten an earlier one: the group still knows its outcome', async () => {
    const raft = { electionTicks: 20, trailingEntries: 3 };
    const world = groups(['a', 'b', 'c'], { snapshots: { entries: 10, bytes: 1e9 }, raft });
    const { followers } = world.elect();
    const [name = '', other = ''] = followers;
    const tab = world.group(name);
    const isPlaced = (): boolean => tab.pending.every(({ phase, isKept }) => phase === 'sent' && isKept);
    const lost = ({ kind, to }: { kind: string; to: string }) => to === name && kind === 'AppendEntries';
    world.world.loses = lost;
    const first = propose(tab, 'first');
    await world.until(() => world.group(other).state.length === 1, 'the effect elsewhere');
    world.world.refuses = ({ kind }) => kind === 'Propose';
    void propose(tab, 'second');
    await world.until(isPlaced, 'its place');
    world.world.clock.pass(500);
    world.world.seat(name).storage.refusesChanges = new RaftError('QUOTA_EXCEEDED', 'there is no room');
    world.world.loses = () => false;
    expect(await world.value(first)).toBe(1);
    world.world.refuses = () => false;
    await world.until(() => tab.state.length === 2, 'the effect of the second');
    // What came of them is in no log any more.
    for (let i = 0; i < 30; i++) await world.value(propose(world.group(other), 'filler'));
    await world.until(() => (world.world.seat(name).disk.state?.start.index ?? 0) > 10, 'a log that begins later');
    const again = reload(world, name);
    expect(commands(again)).toEqual(['first', 'second']);
    await world.until(() => again.pending.length === 0, 'both outcomes');
    expect(await Promise.all(again.restored.map(({ settled }) => settled))).toEqual([1, 2]);
    expect(again.state).toEqual(['first', 'second']);
  });

  test('is told of a rejection that came before anybody looked', async () => {
    const { world, name, tab } = await offline();
    void propose(tab, 'bad');
    await world.until(() => kept(tab), 'it to be kept');
    world.world.heal();
    const again = reload(world, name);
    const [restored] = again.restored;
    await world.until(() => again.pending.length === 0, 'the outcome');
    await expect(restored?.settled).rejects.toMatchObject({ code: 'REJECTED', outcome: 'not-done' });
  });

  test('at any moment: everything that was kept takes effect, once and in order', async () => {
    for (let moment = 0; moment <= 60; moment++) {
      const world = groups();
      const { followers } = world.elect();
      const [name = ''] = followers;
      world.world.networkDelay = () => 4;
      // Slow, so that a crash hits every step of the way.
      world.world.diskDelay = () => 3;
      const told = new Map<string, string>();
      const words = ['1', '2', '3', '4', '5', '6'];
      for (const word of words) {
        propose(world.group(name), word).then(
          () => told.set(word, 'done'),
          (error: unknown) => told.set(word, error instanceof RaftError ? error.outcome : 'broken'),
        );
        if (word === '3') world.world.clock.pass(7);
      }
      world.world.clock.pass(moment);
      const safe = world.group(name).pending.filter(({ isKept }) => isKept);
      await turns();
      const done = [...told].filter(([, outcome]) => outcome === 'done').map(([word]) => word);
      const again = reload(world, name);
      void propose(again, 'last');
      await world.until(() => again.pending.length === 0, `all outcomes after a crash at ${moment} ms`);
      const { state } = again;
      expect([...state].sort(), `a crash at ${moment} ms`).toEqual([...new Set(state)].sort());
      expect([...state.slice(0, -1)].sort(), `a crash at ${moment} ms`).toEqual(state.slice(0, -1));
      expect(state.at(-1)).toBe('last');
      for (const word of [...done, ...safe.map(({ command }) => command)]) expect(state).toContain(word);
      for (const [word, outcome] of told) if (outcome === 'not-done') expect(state).not.toContain(word);
      world.world.clock.pass(3000);
      for (const each of ['a', 'b', 'c']) expect(world.group(each).state).toEqual(state);
    }
  });
});

describe('a command that is taken back', () => {
  test('is certainly not done when it is said so: not after a crash either', async () => {
    for (const crashAfterMs of [0, 1, 2, 3, 10]) {
      const { world, name, tab } = await offline();
      void propose(tab, 'before');
      const controller = new AbortController();
      const call = tab.propose('unwanted', { signal: controller.signal });
      void propose(tab, 'after');
      await world.until(() => kept(tab), 'it to be kept');
      controller.abort();
      expect(commands(tab)).toEqual(['before', 'after']);
      // The store still has it.
      expect(await hasEnded(call)).toBe(false);
      world.world.clock.pass(crashAfterMs);
      await turns();
      const outcome = (await hasEnded(call)) ? await world.error(call) : null;
      const again = reload(world, name);
      world.world.heal();
      await world.until(() => again.pending.length === 0, 'the outcomes');
      if (outcome === null) expect(again.state).toEqual(['before', 'unwanted', 'after']);
      else {
        expect(outcome).toMatchObject({ code: 'ABORTED', outcome: 'not-done' });
        expect(again.state).toEqual(['before', 'after']);
      }
      // Only the first moments are too early.
      expect(outcome !== null).toBe(crashAfterMs >= 2);
    }
  });

  test('before it was on its way to the store ends at once', async () => {
    const { tab } = await offline();
    const controller = new AbortController();
    const call = tab.propose('unwanted', { signal: controller.signal });
    controller.abort();
    expect(await hasEnded(call)).toBe(true);
    await expect(call).rejects.toMatchObject({ code: 'ABORTED', outcome: 'not-done' });
  });
});

describe('a command that expires', () => {
  test('before it was sent is certainly not done, and those around it are', async () => {
    const { world, name, tab } = await offline();
    void propose(tab, 'x');
    const short = propose(tab, 'short', 2000);
    void propose(tab, 'y', 1_000_000);
    expect(await world.error(short)).toMatchObject({ code: 'EXPIRED', outcome: 'not-done' });
    const again = reload(world, name);
    expect(commands(again)).toEqual(['x', 'y']);
    world.world.heal();
    await world.until(() => again.pending.length === 0, 'the outcomes');
    expect(again.state).toEqual(['x', 'y']);
  });

  test('while the tab is closed is not sent when it comes back', async () => {
    const { world, name, tab } = await offline();
    for (const word of ['x', 'short']) void propose(tab, word, word === 'short' ? 2000 : undefined);
    await world.until(() => kept(tab), 'it to be kept');
    world.world.close(name);
    world.world.heal();
    world.world.clock.pass(3000);
    const again = world.reopen(name);
    const [, short] = again.restored;
    await expect(world.value(short?.settled ?? Promise.resolve(0))).rejects.toMatchObject({
      code: 'EXPIRED',
      outcome: 'not-done',
    });
    await world.until(() => again.pending.length === 0, 'the outcomes');
    expect(again.state).toEqual(['x']);
  });

  test('after it was sent ends with what came of it, however late', async () => {
    const world = groups();
    const { leader, followers } = world.elect();
    for (const each of followers) world.world.isolate(each);
    const sent = propose(world.group(leader), 'sent', 100);
    await world.until(() => world.group(leader).pending[0]?.phase === 'sent', 'it to be sent');
    world.world.clock.pass(10_000);
    const again = reload(world, leader);
    expect(await world.error(sent)).toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
    expect(again.pending).toMatchObject([{ command: 'sent', phase: 'sent' }]);
    world.world.heal();
    expect(await world.value(firstOf(again))).toBe(1);
  });

  test('needs no outbox', async () => {
    const world = new Groups(list);
    const { followers } = world.elect();
    const [name = ''] = followers;
    world.world.isolate(name);
    const tab = world.group(name);
    await world.until(() => tab.status().member?.leader === null, 'no leader');
    expect(await world.error(propose(tab, 'x', 500))).toMatchObject({ code: 'EXPIRED', outcome: 'not-done' });
    expect(await world.error(propose(tab, 'x', -1))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('C3 a session that the group has forgotten while its tab was away', () => {
  /** The others go on until they have forgotten everybody who was silent. */
  async function forgetEverybody(world: Groups<Words, string, number>): Promise<void> {
    const { silentEntries, silentMs } = defaultSessionLimits;
    const { world: members } = world;
    members.clock.wallOffset += silentMs + 1000;
    await world.until(() => members.leader !== null, 'a leader');
    const leader = members.leader ?? '';
    for (let done = 0; done <= silentEntries + 2000; done += 2000) {
      const fillers = Array.from({ length: 2000 }, () => members.propose(leader, 'filler'));
      members.clock.until(() => fillers.every(({ outcome }) => outcome?.kind === 'applied'), 'the log to grow');
    }
    await world.until(() => (members.seat(leader).disk.state?.start.index ?? 0) > 10_000, 'a log that begins later');
  }

  const options = {
    snapshots: { entries: 4000, bytes: 1e9 },
    raft: { electionTicks: 20, trailingEntries: 3 },
  };

  test('what was not sent is sent under a new one; what may have been is unknown, and says so', async () => {
    for (const wasSent of [false, true]) {
      const world = groups(['a', 'b', 'c'], options);
      const { leader, followers } = world.elect();
      const [name = ''] = followers;
      expect(await world.value(propose(world.group(name), 'first'))).toBe(1);
      if (wasSent) {
        world.world.loses = ({ kind, to }) => to === name && kind === 'AppendEntries';
        void propose(world.group(name), 'x');
        await world.until(() => world.group(leader).state.length === 2, 'its effect');
        world.world.loses = () => false;
        world.world.close(name);
        world.world.isolate(name);
      } else {
        world.world.isolate(name);
        await world.until(() => world.group(name).status().member?.leader === null, 'no leader');
        void propose(world.group(name), 'x');
        await world.until(() => kept(world.group(name)), 'it to be kept');
        world.world.close(name);
      }
      await forgetEverybody(world);
      world.world.heal();
      const again = world.reopen(name);
      const [x] = again.restored;
      void propose(again, 'y');
      await world.until(() => again.pending.length === 0, 'the outcomes');
      const unknown = { code: 'SESSION_FORGOTTEN', outcome: 'unknown' };
      if (wasSent) await expect(x?.settled).rejects.toMatchObject(unknown);
      else expect(await x?.settled).toBe(2);
      await world.until(() => world.group(leader).state.length === 3, 'all of it');
      expect(world.group(leader).state).toEqual(['first', 'x', 'y']);
      world.world.clock.pass(1000);
      expect(reload(world, name).restored).toEqual([]);
    }
  }, 60_000);
});

describe('an outbox that nobody asks for any more', () => {
  test('is emptied first, in order; what is new is kept nowhere', async () => {
    const { world, name, tab } = await offline();
    for (const word of ['x', 'y']) void propose(tab, word);
    await world.until(() => kept(tab), 'it to be kept');
    world.world.keepsCommands = false;
    const again = reload(world, name);
    const unkept = propose(again, 'new');
    expect(again.pending.map(({ isKept }) => isKept)).toEqual([true, true, false]);
    const withdrawn = again.propose('unwanted', { timeoutMs: 100 });
    expect(await world.error(withdrawn)).toMatchObject({ code: 'TIMEOUT', outcome: 'not-done' });
    world.world.heal();
    expect(await world.value(unkept)).toBe(3);
    expect(again.state).toEqual(['x', 'y', 'new']);
    expect(await world.value(propose(again, 'newer'))).toBe(4);
    expect(reload(world, name).restored).toEqual([]);
  });

  test('and is taken up again later, with the session that it had', async () => {
    const world = groups();
    const [name = ''] = world.elect().followers;
    expect(await world.value(propose(world.group(name), 'kept'))).toBe(1);
    world.world.keepsCommands = false;
    expect(await world.value(propose(reload(world, name), 'not kept'))).toBe(2);
    world.world.keepsCommands = true;
    expect(await world.value(propose(reload(world, name), 'kept again'))).toBe(3);
    expect(world.group(name).state).toEqual(['kept', 'not kept', 'kept again']);
  });
});

test('a member that was removed sends nothing of what it keeps any more', async () => {
  const world = groups();
  const { leader, followers } = world.elect();
  const [name = ''] = followers;
  world.world.refuses = ({ kind, from }) => kind === 'Propose' && from === name;
  void propose(world.group(name), 'x');
  await world.until(() => world.group(name).pending[0]?.phase === 'sent', 'its place');
  let isDone = false;
  world.world.member(leader).change({ kind: 'remove', id: world.world.seat(name).id }, null, () => {
    isDone = true;
  });
  await world.until(() => isDone && world.world.member(name).exclusion === 'removed', 'its removal');
  world.world.refuses = () => false;
  const sentBefore = world.world.sent.length;
  world.world.clock.pass(10_000);
  const later = world.world.sent.slice(sentBefore).filter(({ from }) => from === name);
  expect(later.filter(({ kind }) => kind === 'Propose')).toEqual([]);
  expect(world.group(leader).state).toEqual([]);
});

describe('a group that moves to a newer version', () => {
  const newer = defineMachine({
    name: 'list',
    version: 2,
    previous: list,
    initial: [] as Words,
    apply: (state, add: string) => ({ state: [...state, `${add} 2`], result: state.length + 1 }),
  });

  test('does what older code has kept once newer code is loaded', async () => {
    const { world, name, tab } = await offline();
    const settled = propose(tab, 'x');
    await world.until(() => kept(tab), 'it to be kept');
    for (const each of ['a', 'b', 'c']) world.world.code.set(each, newer);
    const others = ['a', 'b', 'c'].filter((each) => each !== name);
    for (const each of others) reload(world, each);
    await world.until(() => others.some((each) => world.group(each).status().member?.role === 'leader'), 'a leader');
    let isMoved = false;
    world.world.member(others[0] ?? '').proposeUpgrade(() => {
      isMoved = true;
    });
    await world.until(() => isMoved, 'the new version');
    world.world.heal();
    await world.until(() => (tab.status().member?.outgrown ?? null) !== null, 'older code to be left behind');
    // It is not lost, and not sent by code that would never hear of it.
    world.world.clock.pass(3000);
    expect(commands(tab)).toEqual(['x']);
    expect(await hasEnded(settled)).toBe(false);
    const again = reload(world, name);
    expect(await world.value(firstOf(again))).toBe(1);
    expect(again.state).toEqual(['x 2']);
  });
});
