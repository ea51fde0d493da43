/**
 * One run, from one seed: a group is founded, clients use it, things go wrong, everything is healed, and at the end every
 * checker has had its say. Two runs of one seed are the same to the last event.
 */
import type { TraceEvent } from '../core/trace.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import type { AnyGroup } from './fault-context.ts';
import { Faults, type FaultCounts } from './faults.ts';
import { SimGroup } from './group-of-processes.ts';
import { type Clients, heal } from './healing.ts';
import type { Operation } from './history.ts';
import { keyValueModel, type KeyValueInput, type KeyValueOutput } from './key-value-model.ts';
import { checkLinearizable } from './linearizability.ts';
import type { Mutant } from './mutants/mutant.ts';
import { Operator } from './operator.ts';
import type { Plan } from './plan.ts';
import { RegisterScript } from './register-script.ts';
import { type RegisterCommand, registers, type Registers } from './registers.ts';
import { type Violation, ViolationError } from './violation.ts';
import { type Script, Workload } from './workload.ts';

/** What is replicated in a run, and what its clients ask for. */
export interface Scenario<State, Command, Result> {
  readonly machine: MachineDefinition<State, Command, Result>;
  /** The state as text that is equal only for equal states. */
  readonly digest: (state: State) => string;
  /** The command as text, which begins with the id that the script was given for it. */
  readonly describe: (command: Command) => string;
  readonly script: Script<State, Command, Result>;
  /** Says what is wrong with a state, in the machine's own terms; null for nothing. */
  readonly invariant?: (state: State) => string | null;
  /** Has the last word on a run in which nothing was wrong: gives an invariant and a message, or null. */
  readonly verdict?: () => Pick<Violation, 'invariant' | 'message'> | null;
}

export interface RunOptions {
  readonly mutant?: Mutant | null;
  /** Hears everything that the members tell, decisions included, and when in milliseconds. */
  readonly listener?: (event: TraceEvent, at: number) => void;
  /** Hears, in words, of what happens to the group, and when in milliseconds. */
  readonly narrator?: (at: number, text: string) => void;
  /** Things go wrong at least until so many events have happened, also when the plan is over; 0 by default. */
  readonly minSteps?: number;
}

export interface RunReport {
  readonly seed: number;
  /** Of everything that happened. */
  readonly hash: string;
  /** Events. */
  readonly steps: number;
  readonly simulatedMs: number;
  readonly faults: FaultCounts;
  readonly leaderChanges: number;
  readonly commits: number;
  readonly crashes: number;
  readonly membershipChanges: number;
  readonly snapshots: number;
  readonly installs: number;
  readonly messages: number;
  readonly operations: number;
  readonly acknowledged: number;
  /** Null when every invariant held. */
  readonly violation: Violation | null;
  /** Nothing happened that could have gone wrong: no commit, or no leader but the first. */
  readonly isVacuous: boolean;
}

/** A run of the register machine, with what its clients saw. */
export interface RegisterReport extends RunReport {
  readonly history: readonly Operation<KeyValueInput, KeyValueOutput>[];
}

/** Runs a plan with the register machine. */
export function runPlan(plan: Plan, options: RunOptions = {}): RegisterReport {
  const script = new RegisterScript(plan.keys);
  const { history } = script;
  const describe = ({ id }: RegisterCommand): string => String(id);
  const verdict = (): ReturnType<typeof checkHistory> => checkHistory(history);
  const scenario = { machine: registers, digest: ({ digest }: Registers) => digest, describe, script, verdict };
  return { ...runScenario(plan, scenario, options), history };
}

/** S16, after a run. */
function checkHistory(history: RegisterReport['history']): Pick<Violation, 'invariant' | 'message'> | null {
  const verdict = checkLinearizable(keyValueModel, history);
  if (verdict.verdict === 'gave-up') {
    return { invariant: 'S16', message: `the history of ${verdict.partition} could not be judged` };
  }
  if (verdict.verdict !== 'violated') return null;
  const { operation, partition } = verdict;
  const message = `${partition} is not linearizable: ${JSON.stringify(operation)} cannot be explained`;
  return { invariant: 'S16', message };
}

/** Runs a plan with any machine and any clients. */
export function runScenario<State, Command, Result>(
  plan: Plan,
  scenario: Scenario<State, Command, Result>,
  { mutant = null, minSteps = 0, listener, narrator }: RunOptions = {},
): RunReport {
  let workload: Workload<State, Command, Result> | null = null;
  const { machine, digest, describe, script, invariant } = scenario;
  const group = new SimGroup<State, Command, Result>({
    ...plan,
    machine,
    digest,
    describe,
    newEffect: (effect) => workload?.effect(effect),
    mutant,
    ...(invariant && { invariant }),
    ...(listener && { listener: (event) => listener(event, group.queue.now) }),
    ...(narrator && { narrator }),
  });
  const anyGroup = group as unknown as AnyGroup;
  const operator = new Operator(anyGroup, {
    forgetsIncarnation: mutant?.forgetsIncarnation === true,
    learners: plan.learners,
  });
  const faults = new Faults(anyGroup, operator);
  let violation: Violation | null = null;
  try {
    workload = new Workload(group, plan, script);
    faults.schedule(plan.faults);
    group.pass(plan.chaosMs);
    while (group.steps < minSteps) group.pass(1_000);
    heal({ group: anyGroup, operator, plan }, workload, faults, digest);
    const wrong = scenario.verdict?.() ?? null;
    if (wrong !== null) group.accuse(wrong.invariant, wrong.message);
  } catch (error) {
    violation = violationOf(error, anyGroup);
  }
  return report(plan, anyGroup, operator, faults, workload, violation);
}

/** Nothing that happens in a group may throw; if it does all the same, that is a violation as well. */
function violationOf(error: unknown, { queue, steps }: AnyGroup): Violation {
  if (error instanceof ViolationError) return error.violation;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { invariant: 'thrown', message, at: queue.now, step: steps };
}

function report(
  { seed }: Plan,
  group: AnyGroup,
  operator: Operator,
  faults: Faults,
  clients: Clients | null,
  violation: Violation | null,
): RunReport {
  const { watcher, processes } = group;
  const { leaderChanges, committed: commits } = watcher.invariants;
  const acknowledged = clients?.acknowledged ?? 0;
  return {
    seed,
    hash: watcher.hash.digest,
    steps: group.steps,
    simulatedMs: group.queue.now,
    faults: faults.counts,
    leaderChanges,
    commits,
    crashes: processes.reduce((sum, { crashes }) => sum + crashes, 0),
    membershipChanges: operator.membershipChanges,
    snapshots: watcher.snapshots,
    installs: watcher.installs,
    messages: group.network.sent,
    operations: clients?.operations ?? 0,
    acknowledged,
    violation,
    isVacuous: violation === null && (acknowledged === 0 || leaderChanges < 2),
  };
}
