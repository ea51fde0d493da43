/**
 * `npm run simulate`: groups in virtual time, from seeds, with everything going wrong and every checker watching. Either
 * many seeds, over all cores; or one, again, with its story; or known bugs put back, to see that they are caught.
 */
import { parseArgs } from 'node:util';
import { examineMutants } from './simulate/examination.ts';
import { runMany } from './simulate/many.ts';
import { replay } from './simulate/replay.ts';

const help = `Usage: npm run simulate -- [--seeds N] [--from SEED] [--members N] [--out FILE] [--json]
       npm run simulate -- --seed SEED [--members N] [--mutant NAME] [--shrink] [--trace FILE] [--history FILE] [--json]
       npm run simulate -- --mutants | --mutant NAME [--from SEED] [--json]

Runs whole groups from seeds, each of at least 5,000 events, and checks them (docs/simulation.md). Fails when an invariant
is broken, when a run has nothing to show, or when a kind of fault never fired in many seeds.

  --seeds N       how many seeds, over all cores (default 100); every seed that ever failed is run first
  --from SEED     the first of them (default: drawn, and printed)
  --members N     how many found a group (default: drawn from the seed)

  --seed SEED     one run; prints its hash, which is the same every time and everywhere
  --shrink        makes a run that fails short, and tells its story
  --trace FILE    writes every event of the run, as JSON lines
  --history FILE  writes what the clients asked and were told, as JSON lines

  --mutant NAME   puts a known bug back: in the run of --seed, or to see how many seeds it takes to catch it
  --mutants       the same for every bug that is known, from three places; fails when one survives 200 seeds

  --out FILE      writes the JSON object of many seeds to a file, beside what is printed
  --json          one JSON object for each answer, and nothing else on standard output`;

function wholeNumber(option: string, text: string | undefined, min: number, max: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`--${option} must be a whole number from ${min} to ${max}, not ${text}`);
}

const maxSeed = 2 ** 32 - 1;

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      members: { type: 'string' },
      seed: { type: 'string' },
      shrink: { type: 'boolean', default: false },
      trace: { type: 'string' },
      history: { type: 'string' },
      mutant: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return true;
  }
  const { json: asJson, shrink, trace = null, history = null, mutant = null } = values;
  const seed = wholeNumber('seed', values.seed, 0, maxSeed);
  const from = wholeNumber('from', values.from, 0, maxSeed);
  const members = wholeNumber('members', values.members, 1, 9);
  const seeds = wholeNumber('seeds', values.seeds, 1, 10_000_000) ?? 100;
  if (seed !== null) return replay({ seed, members, mutant, shrink, trace, history, asJson });
  if (shrink || trace !== null || history !== null) throw new RangeError('--shrink, --trace and --history need --seed');
  if (values.mutants || mutant !== null) return examineMutants({ name: mutant, from, asJson });
  return runMany({ seeds, from, members, asJson, out: values.out ?? null });
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  const isUsage = error instanceof RangeError || (error instanceof TypeError && 'code' in error);
  console.error(isUsage ? error.message : error);
  process.exitCode = 2;
}
