/** What follows from a machine for whoever calls its group: these fail to compile when inference gets worse. */
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { createGroup, defineMachine, definePresence, type Group, joinGroup, openGroup } from '../../src/index.ts';
import type { CommittedCommand, PendingCommand, Proposed, ReadableStore, ReadResult } from '../../src/index.ts';

interface Seats {
  readonly taken: Readonly<Record<string, string>>;
}
type Command = { op: 'take'; seat: string } | { op: 'free'; seat: string };

const empty: Seats = { taken: {} };
const machine = defineMachine({
  name: 'seats',
  initial: empty,
  command: z.discriminatedUnion('op', [
    z.object({ op: z.literal('take'), seat: z.string() }),
    z.object({ op: z.literal('free'), seat: z.string() }),
  ]),
  apply: (state, command) => ({ state, result: command.op === 'take' ? 'yours' : null }),
});
const presence = definePresence({ schema: z.object({ name: z.string() }) });
type Result = string | null;
type Opened = Group<Seats, Command, Result, { name: string }>;

/** What nobody calls is compiled all the same. */
function typed(check: (group: Opened) => void): void {
  expectTypeOf(check).toBeFunction();
}

describe('the types of a group', () => {
  test('are those of its machine, however it was opened', () => {
    const ways = () => [
      createGroup({ machine, presence }),
      joinGroup({ machine, presence, invite: '' }),
      openGroup({ machine, presence }),
    ];
    expectTypeOf(ways).returns.items.resolves.toEqualTypeOf<Group<Seats, Command, Result, { name: string }>>();
  });

  test('of what is proposed, and what comes of it', () => {
    typed((group) => {
      expectTypeOf<Opened['propose']>().parameter(0).toEqualTypeOf<Command>();
      expectTypeOf<Opened['propose']>().returns.toEqualTypeOf<Proposed<Result>>();
      expectTypeOf<Opened['propose']>().returns.resolves.toEqualTypeOf<Result>();
      expectTypeOf(group.propose({ op: 'free', seat: 'a' }).settled).resolves.toEqualTypeOf<Result>();
      // @ts-expect-error a command that the schema does not know
      void group.propose({ op: 'sell', seat: 'a' });
      expectTypeOf(group.pending).toEqualTypeOf<readonly PendingCommand<Command, Result>[]>();
      expectTypeOf(group.restored).items.toHaveProperty('settled').resolves.toEqualTypeOf<Result>();
    });
  });

  test('of a move to another version', () => {
    typed((group) => {
      expectTypeOf<Opened['upgrade']>().returns.toEqualTypeOf<Proposed<void>>();
      expectTypeOf(group.upgrade().settled).toEqualTypeOf<Promise<void>>();
      // @ts-expect-error it does not expire
      void group.upgrade({ expiresInMs: 1 });
    });
  });

  test('of what is read, and selected', () => {
    typed((group) => {
      expectTypeOf(group.state).toEqualTypeOf<Seats>();
      expectTypeOf(group.optimistic).toEqualTypeOf<Seats>();
      expectTypeOf(group.read()).resolves.toEqualTypeOf<ReadResult<Seats>>();
      expectTypeOf(group.read(undefined, { consistency: 'local' })).resolves.toEqualTypeOf<ReadResult<Seats>>();
      expectTypeOf(group.read(({ taken }) => Object.keys(taken))).resolves.toEqualTypeOf<ReadResult<string[]>>();
      expectTypeOf(group.select(({ taken }) => Object.keys(taken)[0])).toEqualTypeOf<
        ReadableStore<string | undefined>
      >();
      expectTypeOf<Opened['subscribe']>().parameter(0).parameter(0).toEqualTypeOf<Seats>();
    });
  });

  test('of what was committed, and of events', () => {
    typed((group) => {
      expectTypeOf(group.commands()).toEqualTypeOf<AsyncIterableIterator<CommittedCommand<Command, Result>>>();
      const each = (one: CommittedCommand<Command, Result>): void => {
        if (one.kind === 'applied') expectTypeOf(one.result).toEqualTypeOf<Result>();
        else expectTypeOf(one.command).toEqualTypeOf<Command | null>();
      };
      expectTypeOf(each).toBeFunction();
      group.on('state', (state) => {
        expectTypeOf(state).toEqualTypeOf<Seats>();
      });
      group.on('pending', (pending) => {
        expectTypeOf(pending).items.toHaveProperty('command').toEqualTypeOf<Command>();
      });
    });
  });
});
