/** `npm run crash`: pulls the plug under real parts, again and again, and compares what is there with what was promised. */
import { print, progress } from '../bench/report.ts';
import { seededRandom } from '../src/core/random.ts';
import { commandLine, flag, oneOf, seed as seedOption, wholeNumber } from './command-line.ts';
import { BrowserVictim } from './crash/browser.ts';
import { Ledger } from './crash/ledger.ts';
import { MembersVictim } from './crash/members.ts';
import { StoreVictim } from './crash/store.ts';

const help = `Usage: npm run crash -- [--rounds N] [--seed N] [--only renderer|browser|node|store] [--json]

Kills, N times each, under a flood of writes:

  renderer   the renderer of one of three tabs that are a group (a crash, as the browser knows it)
  browser    the whole Chromium with the three tabs, by SIGKILL, its profile on disk
  node       one of three Node processes that are a group, over WebRTC and with LevelDB stores, or all three, by SIGKILL
  store      a process that writes batches into a LevelDB store, by SIGKILL

After each everything is opened again. Every acknowledged command must be on every member, at the place that it was
acknowledged with; no member may have voted for two in one term, or gone back to an earlier one; no term may have two leaders.
The store of batches must hold exactly what those that were acknowledged, and a prefix of those on their way, leave behind.

Killed processes lose nothing that the operating system holds: a power cut is not tried here.

  --rounds N   how often each (default 50)
  --seed N     of the moments and victims (default: drawn, and printed)
  --only WHAT  one of the four
  --json       one line of JSON for each figure, and nothing else on standard output`;

const scenarios = ['renderer', 'browser', 'node', 'store'] as const;

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

interface Victim {
  readonly ledger: Ledger;
  readonly kill: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Three members under load. */
async function killMembers(name: Exclude<(typeof scenarios)[number], 'store'>): Promise<void> {
  const victim = await openVictim(name);
  try {
    await repeat(name, victim.kill);
    report(`${name}.rounds`, rounds, 'kills');
    report(`${name}.acknowledged`, victim.ledger.acknowledgements, 'commands');
    report(`${name}.votes`, victim.ledger.votes, 'votes');
  } finally {
    await victim.close();
  }
}

async function openVictim(name: Exclude<(typeof scenarios)[number], 'store'>): Promise<Victim> {
  const random = seededRandom(seed, name.length);
  const ledger = new Ledger();
  if (name === 'node') {
    const members = await MembersVictim.open(random, ledger);
    return { ledger, kill: () => members.kill(), close: () => members.close() };
  }
  const tabs = await BrowserVictim.open(random, ledger);
  const kill = () => (name === 'renderer' ? tabs.killRenderer() : tabs.killBrowser());
  return { ledger, kill, close: () => tabs.close() };
}

async function killStore(): Promise<void> {
  const victim = new StoreVictim(seed, seededRandom(seed));
  try {
    await repeat('store', () => victim.kill());
    report('store.rounds', rounds, 'kills');
    report('store.acknowledged', victim.acknowledgements, 'batches');
  } finally {
    victim.close();
  }
}

for (const name of scenarios) {
  if (only !== null && only !== name) continue;
  if (name === 'store') await killStore();
  else await killMembers(name);
}
