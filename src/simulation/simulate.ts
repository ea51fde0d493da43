/**
 * A simulated group for people who write machines: their machine, replicated by real members, with faults drawn from a
 * seed and every checker of this library watching.
 */
import type { Random } from '../core/random.ts';
import { RaftError } from '../errors.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import { canonicalText } from './canonical-text.ts';
import type { FaultKind } from './fault-kinds.ts';
import { type Numbered, NumberedMachine } from './numbered-machine.ts';
import { drawPlan, type Plan } from './plan.ts';
import { type RunOptions, type RunReport, runScenario, type Scenario } from './run.ts';
import { shrinkPlan } from './shrink.ts';
import { Story } from './story.ts';
import type { Script } from './workload.ts';

export interface SimulatedClients<Command> {
  /** How many there are, from 1 to 100; two to six by default, drawn from the seed. */
  readonly count?: number;
  /** Makes what one of them proposes next. Random choices come from the argument, or else no run can be repeated. */
  readonly command: (random: Random) => Command;
}

export interface SimulateOptions<State, Command, Result> {
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly clients: SimulatedClients<Command>;
  /** A whole number in [0, 2^32): equal seeds and equal options give equal runs. */
  readonly seed: number;
  /** Who founds the group, from 1 to 9; three, five or seven by default, drawn from the seed. */
  readonly members?: number;
  /** What may go wrong. Everything by default, of which each seed draws a part; nothing for an empty list. */
  readonly faults?: readonly FaultKind[];
  /** Milliseconds of virtual time in which things go wrong; 20,000 to 60,000 by default. */
  readonly chaosMs?: number;
  /** Says what is wrong with a state, or null. Asked after every command. */
  readonly invariant?: (state: State) => string | null;
  /** A state as text that is equal only for equal states; by default all of it. Called after every command: say less where states are large. */
  readonly digest?: (state: State) => string;
  /** Makes a violation's story as short as it gets, at the price of some hundred runs; false by default. */
  readonly shrink?: boolean;
}

export interface SimulationReport extends RunReport {
  /** What happened, up to the violation, in fifty lines at most; empty when nothing is violated. */
  readonly story: readonly string[];
}

/**
 * Runs one seed. What is violated is in the report; nothing is thrown for it.
 *
 * @throws RaftError `INVALID_ARGUMENT` for options out of range
 */
export function simulate<State, Command, Result>(options: SimulateOptions<State, Command, Result>): SimulationReport {
  checkOptions(options);
  const { seed, members, faults, chaosMs, clients } = options;
  const drawn = drawPlan(seed, { members, faults, chaosMs, clients: clients.count });
  const run = (plan: Plan, observers: RunOptions = {}): RunReport => runScenario(plan, scenarioOf(options), observers);

  const report = run(drawn);
  if (report.violation === null) return { ...report, story: [] };
  const shrunk = options.shrink === true ? shrinkPlan(drawn, (plan) => run(plan).violation) : null;
  const story = new Story();
  const { violation } = run(shrunk?.plan ?? drawn, story);
  return { ...report, story: story.tell(violation) };
}

function scenarioOf<State, Command, Result>({
  machine,
  clients,
  invariant,
  digest = canonicalText,
}: SimulateOptions<State, Command, Result>): Scenario<State, Numbered<Command>, Result> {
  const script: Script<State, Numbered<Command>, Result> = {
    next: (random, id) => {
      const [done, seen, unknown] = [nothing, nothing, nothing];
      if (random.below(3) === 0) return { kind: 'read', seen, unknown };
      return { kind: 'write', command: { id, command: clients.command(random) }, done, unknown };
    },
  };
  return {
    machine: new NumberedMachine(machine),
    digest,
    describe: ({ id, command }) => `${id} ${canonicalText(command)}`,
    script,
    ...(invariant && { invariant }),
  };
}

function nothing(): void {
  // What the answers are does not matter: the effects are checked.
}

function checkOptions<State, Command, Result>(options: SimulateOptions<State, Command, Result>): void {
  const { seed, members, chaosMs, clients } = options;
  const isWithin = (value: number | undefined, min: number, max: number): boolean =>
    value === undefined || (Number.isSafeInteger(value) && value >= min && value <= max);
  const ranges: readonly (readonly [string, number | undefined, number, number])[] = [
    ['seed', seed, 0, 2 ** 32 - 1],
    ['members', members, 1, 9],
    ['chaosMs', chaosMs, 1, 24 * 3_600_000],
    ['clients.count', clients.count, 1, 100],
  ];
  for (const [name, value, min, max] of ranges) {
    if (isWithin(value, min, max)) continue;
    throw new RaftError('INVALID_ARGUMENT', `${name} is a whole number from ${min} to ${max}, not ${value}.`);
  }
}
