/** One seed, once more: its hash, its events, what its clients saw, and if it fails a short story of how. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { progress } from '../../bench/report.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import { historyLines } from '../../src/simulation/history.ts';
import type { Plan } from '../../src/simulation/plan.ts';
import { type RunOptions, runPlan } from '../../src/simulation/run.ts';
import { shrinkPlan } from '../../src/simulation/shrink.ts';
import { Story } from '../../src/simulation/story.ts';
import { traceLine } from '../../src/simulation/trace-lines.ts';
import { minSteps, mutantOf, planOf, resultOf } from './jobs.ts';

export interface ReplayOptions {
  readonly seed: number;
  readonly members: number | null;
  readonly mutant: string | null;
  readonly shrink: boolean;
  readonly trace: string | null;
  readonly history: string | null;
  readonly asJson: boolean;
}

/** Gives whether nothing was wrong. */
export function replay({ seed, members, mutant: name, shrink, trace, history, asJson }: ReplayOptions): boolean {
  const mutant = name === null ? null : mutantOf(name);
  const plan = planOf(seed, members);
  const options: RunOptions = { mutant, minSteps };
  const file = trace === null ? null : new TraceFile(trace);
  const start = performance.now();
  const report = runPlan(plan, file === null ? options : { ...options, listener: file.listener });
  const wallMs = performance.now() - start;
  file?.close();
  if (history !== null)
    writeFileSync(
      history,
      historyLines(report.history)
        .map((line) => `${line}\n`)
        .join(''),
    );
  const { violation } = report;
  const told = violation === null ? null : tell(plan, options, shrink);

  if (asJson) {
    const figure = { name: 'simulate.seed', value: violation === null ? 0 : 1, unit: 'violations', n: 1 };
    console.log(
      JSON.stringify({ ...figure, mutant: name, ...resultOf(report, members), ...told, plan: told?.plan ?? plan }),
    );
  } else {
    const { hash, steps, simulatedMs, leaderChanges, commits, operations, acknowledged } = report;
    console.log(`seed ${seed}: hash ${hash}`);
    console.log(`${steps} events, ${(simulatedMs / 1000).toFixed(1)} s simulated in ${(wallMs / 1000).toFixed(1)} s`);
    console.log(`${leaderChanges} leaders, ${commits} commits, ${operations} operations, ${acknowledged} acknowledged`);
    const { options: given, network, disk, members: count, clients, keys } = plan;
    console.log(JSON.stringify({ members: count, clients, keys, options: given, network, disk }));
    if (report.isVacuous) console.log('VACUOUS: nothing happened that could have gone wrong');
    if (told !== null) console.log(`\n${told.story.join('\n')}`);
    if (told !== null && shrink) {
      const { faults, members: left, clients: users, options: kept } = told.plan;
      console.log(
        `\nafter ${told.runs} runs: ${faults.length} faults, ${left} members, ${users} clients, ${JSON.stringify(kept)}`,
      );
    }
  }
  return violation === null && !report.isVacuous;
}

interface Told {
  readonly story: readonly string[];
  /** The plan that the story is about. */
  readonly plan: Plan;
  readonly runs: number;
}

function tell(plan: Plan, options: RunOptions, shrink: boolean): Told {
  const violates = (candidate: Plan, given: RunOptions) => runPlan(candidate, given).violation;
  // A short story has fewer events than an examination; unless the violation comes after the end of the plan.
  const short: RunOptions = { ...options, minSteps: 0 };
  const shrunk = shrink ? (shrinkWith(short) ?? shrinkWith(options)) : null;
  const given = shrunk?.options ?? options;
  const story = new Story();
  const smallest = shrunk?.plan ?? plan;
  const violation = violates(smallest, { ...given, listener: story.listener, narrator: story.narrator });
  return { story: story.tell(violation), plan: smallest, runs: shrunk?.runs ?? 0 };

  function shrinkWith(
    chosen: RunOptions,
  ): { readonly plan: Plan; readonly runs: number; readonly options: RunOptions } | null {
    const result = shrinkPlan(plan, (candidate) => violates(candidate, chosen), {
      progress: ({ faults }, runs) => {
        progress(`${runs} runs, ${faults.length} faults left`);
      },
    });
    progress('');
    return result === null ? null : { plan: result.plan, runs: result.runs, options: chosen };
  }
}

/** Every event but the decisions, which follow from the others. */
class TraceFile {
  readonly #file: number;
  #sequence = 0;
  #lines: string[] = [];

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  readonly listener = (event: TraceEvent, at: number): void => {
    if (event.name === 'Decision') return;
    this.#lines.push(traceLine(event, ++this.#sequence, at));
    if (this.#lines.length >= 1_000) this.#flush();
  };

  #flush(): void {
    writeSync(this.#file, this.#lines.map((line) => `${line}\n`).join(''));
    this.#lines = [];
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }
}
