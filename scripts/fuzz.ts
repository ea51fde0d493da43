/** `npm run fuzz`: hostile bytes by the million, at everything that reads what strangers send. */
import { print, progress } from '../bench/report.ts';
import { seededRandom } from '../src/core/random.ts';
import { commandLine, flag, seed as seedOption, wholeNumber } from './command-line.ts';
import { fuzzBroker } from './fuzz/broker.ts';
import { fuzzTargets } from './fuzz/targets.ts';

const help = `Usage: npm run fuzz -- [--seconds N] [--seed S] [--json]

Sends mutated and random bytes to the decoders of frames, messages, introductions and invites, to sealed signaling, and
to a host in the middle of its handshake. It fails when a decoder throws anything but a refusal, when what was read
reads otherwise the second time, or when the enemy gets a key, a group or a frame accepted. Half of the time goes to the
broker, as with npm run fuzz:broker, which says what it must stand.

  --seconds N  how long (default 60)
  --seed S     a whole number, to repeat a run; drawn if it is left out, and printed
  --json       one line of JSON for each figure, and nothing else on standard output`;

const { seconds, seed, json } = commandLine(help, { seconds: wholeNumber(60), seed: seedOption(), json: flag });

/** Calls of each target in a turn, so that the fast ones do not wait for the slow ones. */
const turns: Readonly<Record<string, number>> = { 'sealed signaling': 1, 'the handshake': 10 };
const defaultTurns = 4;

const inputs = new Map<string, number>();
const accepted = new Map<string, number>();
const failed = (error: unknown): never => {
  progress('');
  console.error(error);
  console.error(`seed ${seed}`);
  process.exit(1);
};
process.on('unhandledRejection', failed);
process.on('uncaughtException', failed);

const brokerSeconds = Math.floor(seconds / 2);
const decoderSeconds = seconds - brokerSeconds;
const random = seededRandom(seed);
const targets = await fuzzTargets();
const start = performance.now();
const before = process.memoryUsage().heapUsed;
try {
  while (performance.now() - start < decoderSeconds * 1000) {
    for (const target of targets) {
      for (let turn = turns[target.name] ?? defaultTurns; turn > 0; turn--) {
        const taken = await target.attack(random);
        inputs.set(target.name, (inputs.get(target.name) ?? 0) + target.batch);
        accepted.set(target.name, (accepted.get(target.name) ?? 0) + taken);
      }
    }
    const total = [...inputs.values()].reduce((sum, count) => sum + count, 0);
    progress(`${total} inputs, ${Math.round(decoderSeconds - (performance.now() - start) / 1000)} s to go`);
  }
} catch (error) {
  failed(error);
}
progress('');
const total = [...inputs.values()].reduce((sum, count) => sum + count, 0);
const slug = (name: string): string => name.replaceAll(' ', '-');
for (const [name, count] of inputs) {
  print({ name: `fuzz.${slug(name)}.inputs`, value: count, unit: 'inputs', n: count }, json);
  print({ name: `fuzz.${slug(name)}.wellformed`, value: accepted.get(name) ?? 0, unit: 'inputs', n: count }, json);
}
print({ name: 'fuzz.inputs', value: total, unit: 'inputs', n: total }, json);
const heap = (process.memoryUsage().heapUsed - before) / 1_000_000;
print({ name: 'fuzz.heap.growth', value: heap, unit: 'MB', n: 1 }, json);
if (brokerSeconds > 0) {
  const { figures, faults } = await fuzzBroker({ seconds: brokerSeconds, seed, progress });
  progress('');
  for (const figure of figures) print(figure, json);
  if (faults.length > 0) failed(faults.join('\n'));
}
// Not rounded, as figures are: it is to be given back.
if (json) console.log(JSON.stringify({ name: 'fuzz.seed', value: seed, unit: 'seed', n: 1 }));
else console.log(`seed ${seed}`);
process.exit(0);
