/** Runs a ready-made machine beside a plain model of it, and through snapshots now and then. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Entry, NodeId } from '../../../src/core/types.ts';
import { checkMachine } from '../../../src/machine/check-machine.ts';
import type { SessionId } from '../../../src/machine/envelope.ts';
import type { MachineDefinition } from '../../../src/machine/machine.ts';
import { ReplicatedMachine } from '../../../src/machine/replicated.ts';
import { commandEntry } from '../log.ts';

/** What the model is told of a command, beside the command. */
export interface Moment {
  readonly index: number;
  readonly time: number;
  readonly proposer: NodeId;
}

/** A second way to do the same: in place, and as simply as can be. */
export interface Model<State, Command, Result> {
  /** Throws where the machine rejects. */
  apply(command: Command, moment: Moment): Result;
  /** Throws when the machine's state says something else. */
  check(state: State): void;
}

interface Step<Command> {
  readonly command: Command;
  readonly proposer: NodeId;
  readonly later: number;
  readonly isRestored: boolean;
}

const proposers = ['alice', 'bob', 'carol'] as NodeId[];

export function agreesWithModel<State, Command, Result>(
  machine: MachineDefinition<State, Command, Result>,
  command: fc.Arbitrary<Command>,
  newModel: () => Model<State, Command, Result>,
  runs = 100,
): void {
  const step: fc.Arbitrary<Step<Command>> = fc.record({
    command,
    proposer: fc.constantFrom(...proposers),
    later: fc.integer({ min: 0, max: 40 }),
    isRestored: fc.boolean(),
  });
  const property = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    follow(machine, newModel(), steps);
  });
  fc.assert(property, { numRuns: runs });
  for (const commands of fc.sample(fc.array(command, { minLength: 1, maxLength: 40 }), 5)) {
    expect(checkMachine(machine, commands).divergences).toEqual([]);
  }
}

/** Does the steps beside the model, through a snapshot where a step says so. */
export function follow<State, Command, Result>(
  machine: MachineDefinition<State, Command, Result>,
  model: Model<State, Command, Result>,
  steps: readonly Step<Command>[],
): void {
  let replica = new ReplicatedMachine(machine);
  let time = 0;
  steps.forEach(({ command, proposer, later, isRestored }, i) => {
    time += later;
    const index = i + 1;
    if (isRestored) {
      const restored = new ReplicatedMachine(machine);
      restored.restore([...replica.snapshot()]);
      replica = restored;
    }
    const session = `run ${index}` as SessionId;
    const entry: Entry = commandEntry(machine, command, { index, sequence: 1, session, proposer, time });
    const effect = replica.apply(entry);
    expect(effect).toMatchObject({
      verdict: expected(() => model.apply(command, { index, time, proposer })) as object,
    });
    model.check(replica.state);
  });
}

function expected(action: () => unknown): unknown {
  try {
    return { kind: 'applied', result: action() };
  } catch {
    return { kind: 'rejected' };
  }
}
