/** `group.upgrade`: a group moves to the version of newer code, in virtual time, as an application has it move. */
import { describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { Groups } from './groups.ts';

type Words = readonly string[];

const older = defineMachine({
  name: 'words',
  initial: [] as Words,
  apply: (state, word: string) => ({ state: [...state, word], result: state.length + 1 }),
});

/** Shouts, and proposes for no earlier version. */
const alone = defineMachine({
  name: 'words',
  version: 2,
  initial: [] as Words,
  apply: (state, word: string, { version }) => ({
    state: [...state, version < 2 ? word : word.toUpperCase()],
    result: state.length + 1,
  }),
});

/** Does what the older version did until the group moves, if its state can. */
const together = defineMachine({
  name: 'words',
  version: 2,
  initial: [] as Words,
  apply: (state, word: string) => ({ state: [...state, word.toUpperCase()], result: state.length + 1 }),
  migrate: (state) => {
    if ((state as Words).includes('stuck')) throw new Error('this cannot be migrated');
    return state as Words;
  },
  previous: older,
});

/** A group that runs the older version, in which everybody's code is newer, but that of those who are behind. */
async function updated({ behind = [] as readonly string[], keepsCommands = false, code = alone } = {}): Promise<
  Groups<Words, string, number>
> {
  const groups = new Groups<Words, string, number>(older, ['a', 'b', 'c'], {}, keepsCommands);
  await groups.value(groups.group('a').propose('old'));
  for (const name of ['a', 'b', 'c'].filter((one) => !behind.includes(one))) {
    groups.world.close(name);
    groups.world.code.set(name, code);
    groups.reopen(name);
  }
  groups.elect();
  await groups.until(() => ['a', 'b', 'c'].every((name) => groups.group(name).state.length === 1), 'all to be there');
  return groups;
}

describe('a group moves to the version of newer code', () => {
  test('from any member, and what could not be proposed before can be then', async () => {
    const groups = await updated();
    const [name = ''] = groups.world.followers();
    const group = groups.group(name);
    expect(await groups.error(group.propose('new'))).toMatchObject({
      code: 'VERSION_NOT_IN_FORCE',
      outcome: 'not-done',
    });
    const move = group.upgrade();
    await groups.value(move);
    await groups.value(move.settled);
    expect(await groups.value(group.propose('new'))).toBe(2);
    expect(group.state).toEqual(['old', 'NEW']);
  });

  test('and is there already when somebody else asks again', async () => {
    const groups = await updated();
    await groups.value(groups.group('a').upgrade());
    await groups.value(groups.group('b').upgrade());
    await groups.value(groups.group('c').propose('new'));
    await groups.until(() => groups.group('a').state.length === 2, 'a to follow');
    expect(groups.group('a').state).toEqual(['old', 'NEW']);
  });

  test('by what is no command: not in what is pending, in what is shown, nor in what was committed', async () => {
    const groups = await updated();
    const { leader } = groups.elect();
    const group = groups.group(leader);
    for (const name of groups.world.followers()) groups.world.isolate(name);
    const from = group.waitFor(0);
    const begin = (await groups.value(from)) + 1;
    const move = group.upgrade({ timeoutMs: Infinity });
    groups.world.clock.settle();
    expect(group.status().member?.pending).toBe(1);
    expect(group.pending).toEqual([]);
    expect(group.optimistic).toEqual(['old']);
    groups.world.heal();
    await groups.value(move);
    await groups.value(group.propose('new'));
    const first = await groups.value(group.commands({ from: begin }).next());
    expect(first.value).toMatchObject({ command: 'new', version: 2 });
  });

  test('unless it cannot be migrated: that is certainly not done, and the group goes on as it was', async () => {
    const groups = await updated({ code: together });
    await groups.value(groups.group('c').propose('stuck'));
    const error = await groups.error(groups.group('a').upgrade());
    expect(error).toMatchObject({ code: 'REJECTED', outcome: 'not-done' });
    expect(String(error)).toContain('this cannot be migrated');
    expect(await groups.value(groups.group('c').propose('still'))).toBe(3);
  });

  test('and whoever has older code is told to load the newer one', async () => {
    const groups = await updated({ behind: ['c'] });
    await groups.value(groups.group('a').upgrade());
    await groups.until(() => groups.group('c').status().member?.outgrown?.code === 'UPGRADE_REQUIRED', 'c to notice');
    const told = { code: 'UPGRADE_REQUIRED', outcome: 'not-done' };
    expect(await groups.error(groups.group('c').upgrade())).toMatchObject(told);
    expect(await groups.error(groups.group('c').propose('x'))).toMatchObject(told);
  });
});

describe('C1 a call of upgrade', () => {
  test('whose time is over before it was sent is certainly not done', async () => {
    const groups = await updated();
    const [name = ''] = groups.world.followers();
    groups.world.refuses = ({ kind }) => kind === 'Propose';
    const call = groups.group(name).upgrade({ timeoutMs: 1000 });
    expect(await groups.error(call)).toMatchObject({ code: 'TIMEOUT', outcome: 'not-done', settled: null });
    groups.world.refuses = () => false;
    groups.world.clock.pass(5000);
    expect(await groups.error(groups.group(name).propose('x'))).toMatchObject({ code: 'VERSION_NOT_IN_FORCE' });
  });

  test('that is given up after it was sent ends as unknown, and its decision when it is known', async () => {
    const groups = await updated();
    const { leader, followers } = groups.elect();
    for (const name of followers) groups.world.isolate(name);
    const controller = new AbortController();
    const call = groups.group(leader).upgrade({ signal: controller.signal });
    groups.world.clock.settle();
    controller.abort();
    const error = await groups.error(call);
    expect(error).toMatchObject({ code: 'ABORTED', outcome: 'unknown' });
    if (!(error instanceof RaftError)) throw new Error('no RaftError');
    groups.world.heal();
    expect(await groups.value(error.settled ?? Promise.reject(new Error('no handle')))).toBeUndefined();
    expect(await groups.value(groups.group(leader).propose('x'))).toBe(2);
  });

  test('with options that are none is refused', async () => {
    const groups = await updated();
    const call = groups.group('a').upgrade({ timeoutMs: Number.NaN });
    expect(await groups.error(call)).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-done' });
  });

  test('waits in the outbox for the tab to be back, in its place, and is not shown as a command', async () => {
    const groups = await updated({ keepsCommands: true });
    const [name = ''] = groups.world.followers();
    groups.world.isolate(name);
    const call = groups.group(name).upgrade({ timeoutMs: 500 });
    expect(await groups.error(call)).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    groups.world.close(name);
    const again = groups.reopen(name);
    expect(again.restored).toEqual([]);
    expect(again.pending).toEqual([]);
    groups.world.heal();
    await groups.until(() => again.status().member?.pending === 0, 'the outbox to be empty');
    expect(await groups.value(again.propose('new'))).toBe(2);
    expect(again.state).toEqual(['old', 'NEW']);
  });
});
