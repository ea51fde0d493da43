/** `npm run fuzz:broker`: attacks a broker for a while. */
import { print, progress } from '../bench/report.ts';
import { commandLine, flag, seed as seedOption, wholeNumber } from './command-line.ts';
import { fuzzBroker } from './fuzz/broker.ts';

const help = `Usage: npm run fuzz:broker -- [--seconds N] [--seed S] [--json]

Starts a broker in a process of its own and attacks it from another: random and mutated messages and frames, oversized,
truncated, deeply nested, of wrong types, floods, slow readers, half-open sockets, requests that are none. Honest peers
beside the attack send numbered messages and measure how long they take.

  --seconds N  how long (default 30)
  --seed S     of the attack (default: drawn, and printed)
  --json       one JSON object a line

Ends with status 1 when the broker ends, when its memory leaves its bound or grows, when something is left behind, or when
a message of the honest peers is lost, changed or out of order, or one of them is turned away.`;

const { seconds, seed, json } = commandLine(help, { seconds: wholeNumber(30), seed: seedOption(), json: flag });

console.error(`seed ${seed}`);
const { figures, faults } = await fuzzBroker({ seconds, seed, progress });
progress('');
for (const figure of figures) print(figure, json);
for (const fault of faults) console.error(fault);
process.exit(faults.length === 0 ? 0 : 1);
