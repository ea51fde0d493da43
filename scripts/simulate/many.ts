/** Many seeds: first those that ever failed, then fresh ones. */
import { readFileSync, writeFileSync } from 'node:fs';
import { progress } from '../../bench/report.ts';
import { drawSeed } from '../command-line.ts';
import type { Job, RunJob } from './jobs.ts';
import { performAll } from './pool.ts';
import { Totals } from './totals.ts';

export interface ManyOptions {
  readonly seeds: number;
  readonly from: number | null;
  readonly members: number | null;
  readonly asJson: boolean;
  /** A file for the JSON object, beside what is printed. */
  readonly out: string | null;
}

/** A seed that failed once, and what it found. */
interface Remembered {
  readonly seed: number;
  readonly members: number | null;
}

function corpus(): RunJob[] {
  const file = new URL('../../test/simulation/corpus.json', import.meta.url);
  const remembered = JSON.parse(readFileSync(file, 'utf8')) as readonly Remembered[];
  return remembered.map(({ seed, members }) => ({ kind: 'run', seed, members }));
}

/** Gives whether nothing was wrong. */
export async function runMany({ seeds, from, members, asJson, out }: ManyOptions): Promise<boolean> {
  const first = from ?? drawSeed();
  const remembered = corpus();
  const fresh = Array.from({ length: seeds }, (_, i): RunJob => ({
    kind: 'run',
    seed: (first + i) % 2 ** 32,
    members,
  }));
  const jobs: readonly Job[] = [...remembered, ...fresh];
  if (!asJson) console.log(`seeds ${first} to ${first + seeds - 1}, after ${remembered.length} that failed once`);
  const totals = new Totals();
  await performAll(jobs, (result) => {
    if (result.kind === 'run') totals.add(result);
    progress(totals.progress(jobs.length));
    return true;
  });
  progress('');
  const failures = totals.violations.length + totals.vacuous.length + totals.unfired.length;
  const figure = { name: 'simulate', value: failures, unit: 'failures', n: jobs.length };
  const text = JSON.stringify({ ...figure, from: first, members, corpus: remembered.length, ...totals.toJSON() });
  if (out !== null) writeFileSync(out, `${text}\n`);
  if (asJson) {
    console.log(text);
  } else {
    totals.print();
  }
  return totals.isClean;
}
