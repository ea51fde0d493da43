/**
 * One run, from one seed: a group is founded, clients use it, things go wrong, everything is healed, and at the end every
 * checker has had its say. Two runs of one seed are the same to the last event.
 */
import type { TraceListener } from '../core/trace.ts';
import { Faults, type FaultCounts } from './faults.ts';
import { SimGroup } from './group-of-processes.ts';
import type { Operation } from './history.ts';
import { keyValueModel, type KeyValueInput, type KeyValueOutput } from './key-value-model.ts';
import { checkLinearizable } from './linearizability.ts';
import { checkAgreement, checkLeader, checkMended, checkTerms, highestTerm } from './liveness.ts';
import type { Mutant } from './mutant.ts';
import { Operator } from './operator.ts';
import type { Plan } from './plan.ts';
import { type RegisterCommand, registers, type Registers } from './registers.ts';
import { type Violation, ViolationError } from './violation.ts';
import { Workload } from './workload.ts';

export interface RunOptions {
  readonly mutant?: Mutant | null;
  /** Hears everything that the members tell, decisions included. */
  readonly listener?: TraceListener;
  /** After so many events the healing begins, even if the plan goes on; none by default. */
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
  readonly history: readonly Operation<KeyValueInput, KeyValueOutput>[];
}

type Group = SimGroup<Registers, RegisterCommand, KeyValueOutput>;

const digest = (state: Registers): string => state.digest;

export function runPlan(plan: Plan, { mutant = null, listener, minSteps = 0 }: RunOptions = {}): RunReport {
  let workload: Workload | null = null;
  const group: Group = new SimGroup({
    ...plan,
    machine: registers,
    digest,
    describe: ({ id }: RegisterCommand) => String(id),
    newEffect: (effect) => workload?.effect(effect),
    mutant,
    ...(listener && { listener }),
  });
  const anyGroup = group as unknown as SimGroup<unknown, unknown, unknown>;
  const operator = new Operator(anyGroup, { forgetsIncarnation: mutant?.forgetsIncarnation === true });
  const faults = new Faults(anyGroup, operator);
  let violation: Violation | null = null;
  try {
    workload = new Workload(group, plan);
    faults.schedule(plan.faults);
    group.pass(plan.chaosMs);
    while (group.steps < minSteps) group.pass(1_000);
    depose(group);
    heal(group, workload, operator, faults, plan);
  } catch (error) {
    if (!(error instanceof ViolationError)) throw error;
    violation = error.violation;
  }
  return report(plan, group, operator, faults, workload, violation);
}

/** A run in which nobody had to take over proves little: then the leader dies once more. */
function depose(group: Group): void {
  if (group.watcher.invariants.leaderChanges > 1) return;
  group.leader?.crash({ reached: (pending) => pending, isAnnounced: false });
}

function heal(group: Group, workload: Workload, operator: Operator, faults: Faults, plan: Plan): void {
  const healed = { group: group as unknown as SimGroup<unknown, unknown, unknown>, operator, plan };
  operator.heal();
  faults.heal();
  const termAtHealing = highestTerm(healed.group);
  checkLeader(healed);
  checkMended(healed);
  checkLeader(healed);
  const { preVote = true, checkQuorum = true } = plan.options.raft ?? {};
  if (preVote && checkQuorum) checkTerms(healed, termAtHealing);
  checkCommits(group, workload);
  workload.stop();
  // L3: whatever was begun comes to an end.
  if (!group.until(() => workload.openOperations === 0, plan.patienceMs + 4 * group.electionMs)) {
    group.accuse('L3', `${workload.openOperations} operations never end`);
  }
  checkAgreement(healed, digest as (state: never) => string);
  checkHistory(group, workload);
}

/** L4: operations are acknowledged again. L7: and cost no more messages than they should. */
function checkCommits(group: Group, workload: Workload): void {
  const before = workload.acknowledged;
  const wanted = 10;
  if (!group.until(() => workload.acknowledged >= before + wanted, 40 * group.electionMs)) {
    group.accuse('L4', `${workload.acknowledged - before} of ${wanted} operations are acknowledged after the healing`);
  }
}

function checkHistory(group: Group, { history }: Workload): void {
  const verdict = checkLinearizable(keyValueModel, history);
  if (verdict.verdict === 'violated') {
    const { operation, partition } = verdict;
    group.accuse('S16', `${partition} is not linearizable: ${JSON.stringify(operation)} cannot be explained`);
  }
}

function report(
  { seed }: Plan,
  group: Group,
  operator: Operator,
  faults: Faults,
  workload: Workload | null,
  violation: Violation | null,
): RunReport {
  const { watcher, processes } = group;
  const { leaderChanges, committed: commits } = watcher.invariants;
  const acknowledged = workload?.acknowledged ?? 0;
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
    snapshots: watcher.count('SnapshotTaken'),
    installs: watcher.count('SnapshotInstalled'),
    messages: group.network.sent,
    operations: workload?.history.length ?? 0,
    acknowledged,
    violation,
    isVacuous: violation === null && (acknowledged === 0 || leaderChanges < 2),
    history: workload?.history ?? [],
  };
}
