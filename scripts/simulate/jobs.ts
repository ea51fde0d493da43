/** What the workers of the simulator do: run one seed, or hunt one mutant. Jobs and their results are plain data. */
import type { FaultKind } from '../../src/simulation/fault-kinds.ts';
import type { Mutant } from '../../src/simulation/mutants/mutant.ts';
import { mutants } from '../../src/simulation/mutants/all.ts';
import { drawPlan, type Plan } from '../../src/simulation/plan.ts';
import { type RegisterReport, runPlan } from '../../src/simulation/run.ts';
import { loadedPlan, type LoadName } from './loads.ts';

/** Fewer are no examination: a run goes on until it has as many. */
export const minSteps = 5_000;

export interface RunJob {
  readonly kind: 'run';
  readonly seed: number;
  /** Drawn from the seed when null. */
  readonly members: number | null;
}

export interface MutantJob {
  readonly kind: 'mutant';
  readonly name: string;
  readonly from: number;
  readonly maxSeeds: number;
}

/** A run under a load of a known size. */
export interface LoadJob {
  readonly kind: 'load';
  readonly load: LoadName;
  readonly seed: number;
}

export type Job = RunJob | LoadJob | MutantJob;

export interface RunResult extends Omit<RegisterReport, 'history' | 'faults'> {
  readonly kind: 'run';
  readonly members: number | null;
  /** How often each kind hit each role. */
  readonly faults: Readonly<Partial<Record<FaultKind, Readonly<Record<string, number>>>>>;
}

export interface MutantResult {
  readonly kind: 'mutant';
  readonly name: string;
  readonly from: number;
  /** How many seeds it took; null when it survived. */
  readonly seeds: number | null;
  readonly invariant: string | null;
  readonly message: string | null;
}

export type JobResult = RunResult | MutantResult;

export function perform(job: Job): JobResult {
  switch (job.kind) {
    case 'run':
      return runSeed(job);
    case 'load':
      return resultOf(runPlan(loadedPlan(job.load, job.seed)), null);
    case 'mutant':
      return huntMutant(job);
  }
}

function runSeed({ seed, members }: RunJob): RunResult {
  return resultOf(runPlan(planOf(seed, members), { minSteps }), members);
}

/** @param members drawn from the seed when null */
export function planOf(seed: number, members: number | null): Plan {
  return drawPlan(seed, members === null ? {} : { members });
}

export function resultOf({ history: _history, faults, ...report }: RegisterReport, members: number | null): RunResult {
  const counts = Object.fromEntries([...faults].map(([kind, roles]) => [kind, Object.fromEntries(roles)]));
  return { kind: 'run', ...report, members, faults: counts };
}

/** @throws RangeError for a mutant that is not known */
export function mutantOf(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant !== undefined) return mutant;
  throw new RangeError(`there is no mutant ${name}; known are ${mutants.map((one) => one.name).join(', ')}`);
}

function huntMutant({ name, from, maxSeeds }: MutantJob): MutantResult {
  const mutant = mutantOf(name);
  for (let i = 0; i < maxSeeds; i++) {
    const { violation } = runPlan(planOf(from + i, null), { mutant, minSteps });
    if (violation === null) continue;
    const { invariant, message } = violation;
    return { kind: 'mutant', name, from, seeds: i + 1, invariant, message };
  }
  return { kind: 'mutant', name, from, seeds: null, invariant: null, message: null };
}
