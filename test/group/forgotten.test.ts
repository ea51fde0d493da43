/** C1 C3: what becomes of the commands of a member whose session the group has forgotten. */
import { describe, expect, test } from 'vitest';
import { RaftError } from '../../src/errors.ts';
import type { SessionId } from '../../src/machine/envelope.ts';
import type { ProposalOutcome } from '../../src/group/pending.ts';
import { defaultProposalLimits } from '../../src/group/proposal-limits.ts';
import { Proposals } from '../../src/group/proposals.ts';
import { defineMachine } from '../../src/machine/reducer.ts';
import type { SessionMemory } from '../../src/machine/replicated.ts';
import { defaultSessionLimits } from '../../src/machine/sessions.ts';
import { World } from './world.ts';

const list = defineMachine({
  name: 'list',
  initial: [] as string[],
  apply: (state, add: string) => ({ state: add === 'filler' ? state : [...state, add], result: state.length + 1 }),
});

const memory = (part: Partial<SessionMemory<number>>): SessionMemory<number> => ({
  lastOf: () => 0,
  outcomeOf: () => null,
  isForgotten: () => false,
  ...part,
});

/** Two commands that are on their way under the session `s7`, and one that is not. */
function threeProposals(): { proposals: Proposals<number>; outcomes: ProposalOutcome<number>[] } {
  let sessions = 6;
  const proposals = new Proposals<number>(() => `s${++sessions}` as SessionId, defaultProposalLimits);
  const outcomes: ProposalOutcome<number>[] = [];
  const settle = (outcome: ProposalOutcome<number>): void => {
    outcomes.push(outcome);
  };
  for (const byte of [1, 2]) proposals.add(Uint8Array.of(byte), 0, settle);
  proposals.openSession(0);
  const shipment = proposals.next(1000);
  if (shipment === null) throw new Error('there is nothing to send');
  proposals.shipped(shipment);
  proposals.add(Uint8Array.of(3), 0, settle);
  return { proposals, outcomes };
}

const shipped = (proposals: Proposals<number>): unknown => {
  const { session, sequence, commands } = proposals.next(1000) ?? {};
  return [session, sequence, commands?.map(([byte]) => byte)];
};

describe('a session that was forgotten', () => {
  test('while its member saw every entry: its commands were not done, and go out under a new one', () => {
    const { proposals, outcomes } = threeProposals();
    const session = 's7' as SessionId;
    proposals.observe({ kind: 'effect', session, sequence: 1, verdict: { kind: 'forgotten' }, command: null }, 9);
    expect([outcomes, proposals.wantsSession]).toEqual([[], true]);
    expect(proposals.next(1000)).toBeNull();
    expect(proposals.list.map(({ call, sequence }) => [...call, sequence])).toEqual([
      [1, null],
      [2, null],
      [3, null],
    ]);
    proposals.openSession(9);
    expect(proposals.session).toBe('s8');
    expect(shipped(proposals)).toEqual(['s8', 1, [1, 2, 3]]);
    // What is still in the log under the old one means nothing any more.
    proposals.observe({ kind: 'effect', session, sequence: 2, verdict: { kind: 'forgotten' }, command: null }, 10);
    expect(proposals.wantsSession).toBe(false);
  });

  test('while its member saw every entry: its commands can be taken back until they go out again', () => {
    const { proposals, outcomes } = threeProposals();
    const [first] = proposals.list;
    const error = new RaftError('TIMEOUT', 'nobody waits any more');
    expect([first?.sequence, first?.withdraw(error)]).toEqual([1, false]);
    proposals.observe(
      { kind: 'effect', session: 's7' as SessionId, sequence: 1, verdict: { kind: 'forgotten' }, command: null },
      9,
    );
    expect([first?.sequence, first?.withdraw(error)]).toEqual([null, true]);
    expect(outcomes).toEqual([{ kind: 'failed', error }]);
    proposals.openSession(9);
    expect(shipped(proposals)).toEqual(['s8', 1, [2, 3]]);
  });

  test('while its member was away: whether what it had sent was done is unknown, and it is not sent again', () => {
    const { proposals, outcomes } = threeProposals();
    proposals.recover(memory({ isForgotten: (session) => session === 's7' }));
    const unknown = { kind: 'failed', error: { code: 'SESSION_FORGOTTEN', outcome: 'unknown' } };
    expect(outcomes).toMatchObject([unknown, unknown]);
    proposals.openSession(9);
    expect(shipped(proposals)).toEqual(['s8', 1, [3]]);
  });

  test('is another matter than one that has not begun: its commands are sent again', () => {
    const { proposals, outcomes } = threeProposals();
    proposals.recover(memory({}));
    proposals.rewind();
    expect(outcomes).toEqual([]);
    expect(shipped(proposals)).toEqual(['s7', 1, [1, 2, 3]]);
  });
});

test('a command that took effect, and whose session was forgotten before its proposer heard of it, is not done again', () => {
  const group = new World(list, ['a', 'b', 'c'], {
    snapshots: { entries: 2000, bytes: 1e9 },
    raft: { electionTicks: 20, trailingEntries: 3 },
  });
  const leader = group.elect();
  const [away = ''] = group.followers();
  group.clock.until(() => group.member(away).status().applied > 0, 'a follower that is up to date');
  const proposal = group.propose(away, 'once');
  group.clock.settle();
  group.isolate(away);
  group.clock.until(() => group.member(leader).state.length === 1, 'its effect');

  const { silentEntries, silentMs } = defaultSessionLimits;
  group.clock.wallOffset += silentMs + 1000;
  for (let done = 0; done <= silentEntries + 3000; done += 1000) {
    const fillers = Array.from({ length: 1000 }, () => group.propose(leader, 'filler'));
    group.clock.until(() => fillers.every(({ outcome }) => outcome?.kind === 'applied'), 'the log to grow');
  }
  group.clock.until(
    () => (group.seat(leader).disk.state?.start.index ?? 0) > silentEntries + 10,
    'a log that begins later',
  );
  expect(proposal.outcome).toBeNull();
  const late = group.propose(away, 'late');
  group.heal();
  group.clock.until(() => proposal.outcome !== null && late.outcome !== null, 'outcomes');
  expect(proposal.outcome).toMatchObject({ error: { code: 'SESSION_FORGOTTEN', outcome: 'unknown' } });
  group.clock.pass(5000);
  for (const { member } of group.seats.values())
    expect(member.state.filter((item) => item === 'once')).toEqual(['once']);
});
