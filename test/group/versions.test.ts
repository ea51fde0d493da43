/** A group that moves to a newer version of its machine, and the members whose code is older. */
import { describe, expect, test } from 'vitest';
import type { ProposalOutcome } from '../../src/group/pending.ts';
import type { MachineDefinition } from '../../src/machine/machine.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import { World } from './world.ts';

const initial: readonly string[] = [];
const add = (state: readonly string[], command: string): { state: readonly string[]; result: number } => ({
  state: [...state, command],
  result: state.length + 1,
});

const older = defineMachine({ name: 'list', initial, apply: add });
const newer = defineMachine({
  name: 'list',
  version: 2,
  initial,
  apply: (state, command: string) => add(state, command.toUpperCase()),
  migrate: (state) => state as readonly string[],
  previous: older,
});

type Code = MachineDefinition<readonly string[], string, number>;
type Group = World<readonly string[], string, number>;

/** A group of the old version, some of whose members run newer code. */
function groupWith(updated: readonly string[], options = {}): Group {
  const group: Group = new World<readonly string[], string, number>(older, ['a', 'b', 'c'], options);
  group.elect();
  done(group, 'a', 'old');
  group.clock.until(() => ['a', 'b', 'c'].every((name) => group.member(name).state.length === 1), 'all to know of it');
  for (const name of updated) reopenWith(group, name, newer);
  group.elect();
  return group;
}

function reopenWith(group: Group, name: string, code: Code): void {
  group.close(name);
  group.code.set(name, code);
  group.reopen(name);
}

function done(group: Group, name: string, command: string): void {
  const proposal = group.propose(name, command);
  group.clock.until(() => proposal.outcome !== null, 'the outcome');
  expect(proposal.outcome).toMatchObject({ kind: 'applied' });
}

function move(group: Group, name: string): void {
  let outcome: ProposalOutcome<number> | null = null;
  group.member(name).proposeUpgrade((settled) => (outcome = settled));
  group.clock.until(() => outcome !== null, 'the move');
  expect(outcome).toMatchObject({ kind: 'applied' });
}

const outgrown = (group: Group, name: string): string | null => group.member(name).status().outgrown?.code ?? null;

function untilOutgrown(group: Group, name: string): void {
  group.clock.until(() => outgrown(group, name) !== null, 'the end of applying');
  expect(outgrown(group, name)).toBe('UPGRADE_REQUIRED');
}

describe('a member whose code is older than the version that its group moves to', () => {
  test('applies nothing from there on, and its state stays what it was', () => {
    const group = groupWith(['a', 'b']);
    move(group, 'a');
    done(group, 'b', 'new');
    untilOutgrown(group, 'c');
    expect(group.member('a').state).toEqual(['old', 'NEW']);
    expect(group.member('c').state).toEqual(['old']);
    expect(group.member('c').stopped).toBeNull();
  });

  test('still counts towards the quorum: the others lose nobody by moving', () => {
    const group = groupWith(['a', 'b']);
    move(group, 'a');
    untilOutgrown(group, 'c');
    group.isolate('b');
    group.clock.until(() => group.member('a').status().role === 'leader', 'a leader that can serve');
    done(group, 'a', 'without b');
    group.heal();
    group.clock.until(() => group.member('b').state.length === 2, 'b to catch up');
  });

  test('goes on from where it was when it is opened again with newer code', () => {
    const group = groupWith(['a', 'b']);
    move(group, 'a');
    for (let i = 0; i < 20; i++) done(group, 'a', `n${i}`);
    untilOutgrown(group, 'c');
    reopenWith(group, 'c', newer);
    group.clock.until(() => group.member('c').state.length === 21, 'the state');
    expect(group.member('c').state).toEqual(group.member('a').state);
    done(group, 'c', 'again here');
  });

  test('hands leadership over at once, and does not take it again', () => {
    const group = groupWith(['a', 'b']);
    group.member(group.elect()).transferLeadership(group.seat('c').id);
    group.clock.until(() => group.leader === 'c', 'c to lead');
    move(group, 'a');
    untilOutgrown(group, 'c');
    group.clock.until(() => group.leader !== 'c' && group.leader !== null, 'another leader');
    done(group, 'b', 'served');
    group.clock.pass(20_000);
    expect(group.leader).not.toBe('c');
  });

  test('ends what was asked of it, and refuses what is asked from then on', () => {
    const group = groupWith(['a', 'b']);
    group.isolate('c');
    group.clock.until(() => group.leader !== 'c' && group.leader !== null, 'a leader among the others');
    const sent = group.propose('c', 'from c');
    let read = '';
    group.member('c').read('linearizable', (outcome) => {
      read = outcome.kind === 'failed' ? outcome.error.code : outcome.kind;
    });
    move(group, 'a');
    group.heal();
    untilOutgrown(group, 'c');
    expect(sent.outcome?.kind === 'applied' || sent.outcome?.error.code === 'UPGRADE_REQUIRED').toBe(true);
    group.clock.until(() => read !== '', 'the end of the read');
    expect(() => group.propose('c', 'more')).toThrow(expect.objectContaining({ code: 'UPGRADE_REQUIRED' }));
    expect(() => group.member('c').read('linearizable', () => undefined)).toThrow(
      expect.objectContaining({ code: 'UPGRADE_REQUIRED' }),
    );
  });

  test('takes a snapshot of the newer version for newer code to read, and starts with it', () => {
    const group = groupWith(['a', 'b'], { snapshots: { entries: 10, bytes: 1e9 }, raft: { trailingEntries: 3 } });
    group.isolate('c');
    group.clock.until(() => group.leader !== 'c' && group.leader !== null, 'a leader among the others');
    move(group, 'a');
    for (let i = 0; i < 60; i++) done(group, 'a', `n${i}`);
    group.heal();
    untilOutgrown(group, 'c');
    group.clock.until(() => (group.seat('c').disk.state?.snapshot?.index ?? 0) > 0, 'the snapshot');
    expect(group.member('c').state).toEqual(['old']);
    group.close('c');
    group.reopen('c');
    untilOutgrown(group, 'c');
    reopenWith(group, 'c', newer);
    group.clock.until(() => group.member('c').state.length === 61, 'the state');
    expect(group.member('c').state).toEqual(group.member('a').state);
  });

  test('stops when it would have to keep more than it may for newer code', () => {
    const group = groupWith(['a', 'b'], { maxUnappliedBytes: 10_000 });
    move(group, 'a');
    untilOutgrown(group, 'c');
    for (let i = 0; i < 8; i++) done(group, 'a', String(i).padEnd(1000));
    expect(group.member('c').stopped).toBeNull();
    for (let i = 0; i < 4; i++) done(group, 'a', String(i).padEnd(1000));
    group.clock.until(() => group.member('c').stopped !== null, 'the end of the member');
    expect(group.member('c').stopped).toMatchObject({ code: 'UPGRADE_REQUIRED' });
  });

  test('takes no snapshot of a state that is not that of its log', () => {
    const group = groupWith(['a', 'b'], { snapshots: { entries: 10, bytes: 1e9 }, raft: { trailingEntries: 3 } });
    move(group, 'a');
    untilOutgrown(group, 'c');
    for (let i = 0; i < 40; i++) done(group, 'a', `n${i}`);
    group.member('c').takeSnapshot();
    group.clock.pass(1000);
    expect(group.seat('a').disk.state?.snapshot?.index ?? 0).toBeGreaterThan(0);
    expect(group.seat('c').disk.state?.snapshot ?? null).toBeNull();
  });
});

describe('a move to the version of the code', () => {
  test('that the group runs already changes nothing', () => {
    const group = groupWith(['a', 'b', 'c']);
    move(group, 'a');
    move(group, 'b');
    done(group, 'c', 'x');
    expect(group.member('a').state).toEqual(['old', 'X']);
  });
});
