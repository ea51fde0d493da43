/** Known bugs, put back one at a time: every one has to be caught, or else a checker is blind. */
import { progress } from '../../bench/report.ts';
import { mutants } from '../../src/simulation/mutants/all.ts';
import { mutantOf, type MutantJob, type MutantResult } from './jobs.ts';
import { drawSeed } from '../command-line.ts';
import { performAll } from './pool.ts';

export interface ExaminationOptions {
  /** All of them when null. */
  readonly name: string | null;
  readonly from: number | null;
  readonly asJson: boolean;
}

/** A mutant that lives longer has survived. */
const maxSeeds = 200;
/** Disjoint ranges of seeds, of which the median is told. */
const places = 3;

/** Gives whether all were caught, from every place. */
export async function examineMutants({ name, from, asJson }: ExaminationOptions): Promise<boolean> {
  const names = name === null ? mutants.map((mutant) => mutant.name) : [mutantOf(name).name];
  const first = from ?? drawSeed();
  const starts = Array.from({ length: name === null ? places : 1 }, (_, i) => (first + i * maxSeeds) % 2 ** 32);
  const jobs = names.flatMap((one) =>
    starts.map((start): MutantJob => ({ kind: 'mutant', name: one, from: start, maxSeeds })),
  );
  if (!asJson) console.log(`${names.length} mutants, ${maxSeeds} seeds at most, from ${starts.join(', ')}\n`);
  const results: MutantResult[] = [];
  await performAll(jobs, (result) => {
    if (result.kind !== 'mutant') return true;
    results.push(result);
    progress(`${results.length} of ${jobs.length} hunts, last ${result.name}: ${result.seeds ?? 'survived'}`);
    return true;
  });
  progress('');

  const width = Math.max(...names.map((one) => one.length));
  for (const one of names) {
    const hunts = results
      .filter((result) => result.name === one)
      .sort((a, b) => starts.indexOf(a.from) - starts.indexOf(b.from));
    const seeds = hunts.map((hunt) => hunt.seeds);
    const median = medianOf(seeds);
    const invariants = [...new Set(hunts.map(({ invariant }) => invariant))].filter((invariant) => invariant !== null);
    if (asJson) {
      const figure = { name: `simulate.mutant.${one}`, value: median, unit: 'seeds', n: hunts.length };
      console.log(
        JSON.stringify({ ...figure, from: starts, seeds, invariants, messages: hunts.map((hunt) => hunt.message) }),
      );
    } else {
      const each = seeds.map((count) => String(count ?? '-').padStart(4)).join('');
      const { bug } = mutantOf(one);
      console.log(
        `${one.padEnd(width)} ${each}  median ${String(median ?? '-').padStart(4)}  ${invariants.join(' ').padEnd(12)} ${bug}`,
      );
    }
  }
  const survivors = results.filter(({ seeds }) => seeds === null);
  if (!asJson) {
    const list = [...new Set(survivors.map((survivor) => `${survivor.name} from ${survivor.from}`))].join(', ');
    console.log(survivors.length === 0 ? '\nall are caught' : `\nSURVIVED: ${list}`);
  }
  return survivors.length === 0;
}

/** Null when half of them survived. */
function medianOf(seeds: readonly (number | null)[]): number | null {
  const sorted = seeds.map((count) => count ?? Infinity).sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1] ?? Infinity;
  return Number.isFinite(middle) ? middle : null;
}
