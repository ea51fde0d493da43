/**
 * `npm run bench:simulate`: how much simulated time goes by in a second, with every invariant checked. The load is stated and
 * printed: without one, any figure could be had.
 */
import { availableParallelism } from 'node:os';
import { commandLine, flag, maxSeed, wholeNumber } from '../scripts/command-line.ts';
import type { Job } from '../scripts/simulate/jobs.ts';
import { performAll } from '../scripts/simulate/pool.ts';
import { print, progress } from './report.ts';

const help = `Usage: npm run bench:simulate -- [--runs N] [--from SEED] [--json]

Simulated seconds in a second, with everything going wrong and every invariant checked (docs/simulation.md):

  simulate.speed.5             five members with the options of a real group, ten operations a second; over all cores
  simulate.speed.5.worker      the same in one worker
  simulate.speed.5.processor   the same in a second of processor time, whatever else the computer does meanwhile
  simulate.load.5              how many operations there were in a simulated second
  simulate.speed.5.saturated   fifty clients that ask as soon as they are answered; over all cores
  simulate.load.5.saturated    how many operations there were in a simulated second
  simulate.speed.drawn         the runs of npm run simulate: three to seven members, everything drawn; over all cores
  simulate.events.drawn        events in a second of them

  --runs N      runs for each figure, after those in which the code is compiled (default 150; 10 of the saturated load)
  --from SEED   the first of their seeds (default 1)
  --json        one line of JSON for each figure, and nothing else on standard output

It fails when an invariant is broken.`;

const given = commandLine(help, { runs: wholeNumber(150), from: wholeNumber(1, 0, maxSeed), json: flag });

/** In each worker, before it counts. */
const warmUpRuns = 20;

interface Measured {
  readonly runs: number;
  readonly simulatedMs: number;
  readonly wallMs: number;
  readonly processorMs: number;
  readonly operations: number;
  readonly events: number;
}

async function measure(name: string, runs: number, workers: number, jobOf: (seed: number) => Job): Promise<Measured> {
  const warmUps = warmUpRuns * workers;
  const jobs = Array.from({ length: warmUps + runs }, (_, i) => jobOf(given.from + i));
  const sums = { simulatedMs: 0, operations: 0, events: 0 };
  let done = 0;
  let start = performance.now();
  let used = process.cpuUsage();
  await performAll(
    jobs,
    (result) => {
      if (result.kind !== 'run') return true;
      const { seed, violation } = result;
      if (violation !== null)
        throw new Error(`${violation.invariant} is broken with seed ${seed}: ${violation.message}`);
      done++;
      progress(`${name}: ${done} of ${jobs.length} runs`);
      if (done <= warmUps) {
        start = performance.now();
        used = process.cpuUsage();
      } else {
        sums.simulatedMs += result.simulatedMs;
        sums.operations += result.operations;
        sums.events += result.steps;
      }
      return true;
    },
    workers,
  );
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(used);
  return { ...sums, runs, wallMs, processorMs: (user + system) / 1000 };
}

const cores = availableParallelism();
const unit = 'simulated s / s';

function printSpeed(name: string, { runs: n, simulatedMs, wallMs }: Measured): void {
  print({ name: `simulate.speed.${name}`, value: simulatedMs / wallMs, unit, n }, given.json);
}

function printLoad(name: string, { runs: n, operations, simulatedMs }: Measured): void {
  const value = operations / (simulatedMs / 1000);
  print({ name: `simulate.load.${name}`, value, unit: 'operations / simulated s', n }, given.json);
}

const steady = (seed: number): Job => ({ kind: 'load', load: 'steady', seed });

const onAll = await measure('five members', given.runs, cores, steady);
printSpeed('5', onAll);
const onOne = await measure('five members, one worker', given.runs, 1, steady);
printSpeed('5.worker', onOne);
const { simulatedMs, processorMs } = onOne;
const value = simulatedMs / processorMs;
print({ name: 'simulate.speed.5.processor', value, unit: 'simulated s / processor s', n: onOne.runs }, given.json);
printLoad('5', onAll);

const saturatedRuns = Math.max(1, Math.round(given.runs / 15));
const saturated = await measure('saturated', saturatedRuns, cores, (seed) => ({
  kind: 'load',
  load: 'saturated',
  seed,
}));
printSpeed('5.saturated', saturated);
printLoad('5.saturated', saturated);

const drawn = await measure('drawn', given.runs, cores, (seed) => ({ kind: 'run', seed, members: null }));
printSpeed('drawn', drawn);
const perSecond = drawn.events / (drawn.wallMs / 1000);
print({ name: 'simulate.events.drawn', value: perSecond, unit: 'events / s', n: drawn.runs }, given.json);
