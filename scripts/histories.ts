/** `npm run histories`: clients of a group in real tabs, under faults; the history goes through the linearizability checker. */
import { writeFileSync } from 'node:fs';
import { print } from '../bench/report.ts';
import { commandLine, flag, seed as seedOption, text, wholeNumber } from './command-line.ts';
import { examineTabs } from './histories/examine.ts';

const help = `Usage: npm run histories -- [--seconds N] [--tabs N] [--clients N] [--seed N] [--outbox] [--out FILE] [--json]

A group in real tabs of one Chromium whose profile lies on disk. Clients write, append, compare-and-set and read, with
time-outs, aborts and patience, through whichever tab is there, while renderers crash and tabs are reloaded, closed, opened
again, or stand still. Fails when what the clients were told has no order that explains it, each command once.

  --seconds N  how long things happen (default 60)
  --tabs N     from 3 to 5 (default 5)
  --clients N  that ask at the same time (default 8)
  --seed N     of what is asked and what happens (default: drawn, and printed)
  --outbox     tabs keep what is proposed in them, and go on with it when they are opened again
  --out FILE   writes the history as JSON lines: client, id, operation, key, value, result, invoked, returned; null where
               nothing is known
  --json       one line of JSON for each figure, and nothing else on standard output`;

const { seconds, tabs, clients, seed, outbox, out, json } = commandLine(help, {
  seconds: wholeNumber(60),
  tabs: wholeNumber(5, 3, 5),
  clients: wholeNumber(8, 1, 100),
  seed: seedOption(),
  outbox: flag,
  out: text(null),
  json: flag,
});

console.error(`seed ${seed}`);
const { verdict, lines, troubles, ...counts } = await examineTabs({
  seed,
  tabs,
  clients,
  milliseconds: 1000 * seconds,
  outbox,
});
if (out !== null) writeFileSync(out, lines.map((line) => `${line}\n`).join(''));
for (const [name, value] of Object.entries({ ...counts, ...troubles })) {
  print({ name: `histories.${name}`, value, unit: 'count', n: 1 }, json);
}
if (verdict !== null) {
  console.error(`not linearizable: ${verdict}`);
  process.exitCode = 1;
}
