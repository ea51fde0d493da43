/**
 * `npm run simulate`: groups in virtual time, from seeds, with everything going wrong and every checker watching. Either
 * many seeds, over all cores; or one, again, with its story; or known bugs put back, to see that they are caught.
 */
import { mutants as knownMutants } from '../src/simulation/mutants/all.ts';
import { commandLine, flag, maxSeed, oneOf, text, usageError, wholeNumber } from './command-line.ts';
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

const given = commandLine(help, {
  seeds: wholeNumber(100, 1, 10_000_000),
  from: wholeNumber(null, 0, maxSeed),
  members: wholeNumber(null, 1, 9),
  seed: wholeNumber(null, 0, maxSeed),
  shrink: flag,
  trace: text(null),
  history: text(null),
  mutant: oneOf(knownMutants.map(({ name }) => name)),
  mutants: flag,
  out: text(null),
  json: flag,
});

async function main(): Promise<boolean> {
  const { seeds, from, members, seed, shrink, trace, history, mutant, mutants, out, json: asJson } = given;
  if (seed !== null) return replay({ seed, members, mutant, shrink, trace, history, asJson });
  if (shrink || trace !== null || history !== null) usageError('--shrink, --trace and --history need --seed');
  if (mutants || mutant !== null) return examineMutants({ name: mutant, from, asJson });
  return runMany({ seeds, from, members, asJson, out });
}

process.exitCode = (await main()) ? 0 : 1;
