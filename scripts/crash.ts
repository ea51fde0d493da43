/** `npm run crash`: pulls the plug under real parts, again and again, and compares what is there with what was promised. */
import { print, progress } from '../bench/report.ts';
import { seededRandom } from '../src/core/random.ts';
import { commandLine, flag, oneOf, seed as seedOption, wholeNumber } from './command-line.ts';
import { BrowserVictim } from './crash/browser.ts';
import { NodeVictim } from './crash/node.ts';

const help = `Usage: npm run crash -- [--rounds N] [--seed N] [--only renderer|browser|node] [--json]

Kills, N times each, under a flood of writes:

  renderer   the renderer of one of three tabs that are a group (a crash, as the browser knows it)
  browser    the whole Chromium with the three tabs, by SIGKILL, its profile on disk
  node       a process with a LevelDB store, by SIGKILL

After each everything is opened again. Every acknowledged command must be on every member, at the place that it was
acknowledged with; no member may have voted for two in one term, or gone back to an earlier one; no term may have two leaders.
The LevelDB store must hold exactly what its acknowledged batches, and a prefix of those on their way, leave behind.

Killed processes lose nothing that the operating system holds: a power cut is not tried here.

  --rounds N   how often each (default 50)
  --seed N     of the moments and victims (default: drawn, and printed)
  --only WHAT  one of the three
  --json       one line of JSON for each figure, and nothing else on standard output`;

const scenarios = ['renderer', 'browser', 'node'] as const;

const { rounds, seed, only, json } = commandLine(help, {
  rounds: wholeNumber(50),
  seed: seedOption(),
  only: oneOf(scenarios),
  json: flag,
});

console.error(`seed ${seed}`);

function report(name: string, value: number, unit: string): void {
  print({ name: `crash.${name}`, value, unit, n: rounds }, json);
}

async function repeat(name: string, kill: () => Promise<void>): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    progress(`${name}: ${round} of ${rounds}`);
    await kill().catch((cause: unknown) => {
      throw new Error(`${name}, round ${round}, seed ${seed}: ${String(cause)}`, { cause });
    });
  }
  progress('');
}

async function killTabs(name: 'renderer' | 'browser'): Promise<void> {
  const victim = await BrowserVictim.open(seededRandom(seed, name.length));
  try {
    await repeat(name, () => (name === 'renderer' ? victim.killRenderer() : victim.killBrowser()));
    report(`${name}.rounds`, rounds, 'kills');
    report(`${name}.acknowledged`, victim.ledger.acknowledgements, 'commands');
    report(`${name}.votes`, victim.ledger.votes, 'votes');
  } finally {
    await victim.close();
  }
}

async function killNode(): Promise<void> {
  const victim = new NodeVictim(seed, seededRandom(seed));
  try {
    await repeat('node', () => victim.kill());
    report('node.rounds', rounds, 'kills');
    report('node.acknowledged', victim.acknowledgements, 'batches');
  } finally {
    victim.close();
  }
}

for (const name of scenarios) {
  if (only !== null && only !== name) continue;
  if (name === 'node') await killNode();
  else await killTabs(name);
}
