/** `npm run fuzz:broker`: attacks a broker for a while. */
import { parseArgs } from 'node:util';
import { print, progress } from '../bench/report.ts';
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

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (!Number.isSafeInteger(seconds) || seconds < 1 || !Number.isSafeInteger(seed) || seed < 0) {
  console.error('--seconds takes a whole number from 1, --seed one from 0');
  process.exit(2);
}

console.error(`seed ${seed}`);
const { figures, faults } = await fuzzBroker({ seconds, seed, progress });
progress('');
for (const figure of figures) print(figure, values.json);
for (const fault of faults) console.error(fault);
process.exit(faults.length === 0 ? 0 : 1);
