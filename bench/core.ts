/**
 * `npm run bench:core`: how fast the core is by itself, beside the best other one in this language, and whether its memory
 * stays flat. Voters in one process, in memory; a command counts when every voter has applied it. After each measurement
 * it is checked that every voter has applied exactly what was proposed, in that order.
 */
import { commandLine, flag, text, usageError, wholeNumber } from '../scripts/command-line.ts';
import { type Contender, type Group, Tally } from './contender.ts';
import { ourCore, OurGroup } from './our-core.ts';
import { peerCore } from './peer-core.ts';
import { print, progress, quantile } from './report.ts';

const help = `Usage: npm run bench:core -- [--rounds N] [--ms N] [--only TEXT] [--alone] [--json]

Measures the core with 3, 5 and 7 voters in one process, whose writes complete at once and whose messages are delivered
directly, in commands per second that every voter has applied:

  core.single.3        one command, then whatever it takes until all have applied it
  core.burst64.3       sixty-four calls with one command each, then the same
  core.batch64.3       one call with sixty-four commands, then the same
  core.burst64.3.128   with commands of 128 bytes; of 16 without a number
  peer.core.burst64.3  the same of @coaty/consensus.raft; it stands as the floor beside each figure of ours

and the memory in use after so many commands in bursts, with compaction every 40,000 commands:

  core.memory.1m, core.memory.2m, core.memory.10m

  --rounds N    measurements for each figure, of which the median is reported (default 5); one more to warm up
  --ms N        milliseconds for each measurement (default 300)
  --only TEXT   only figures with this in their names
  --alone       without the peer
  --json        one line of JSON for each figure, and nothing else on standard output

It fails if a voter has not applied what was proposed, or if memory grows by more than 20 MiB between the second million of
commands and the tenth.`;

const {
  rounds,
  ms: milliseconds,
  only,
  alone,
  json,
} = commandLine(help, {
  rounds: wholeNumber(5),
  ms: wholeNumber(300),
  only: text(''),
  alone: flag,
  json: flag,
});

/** How the commands of one round are proposed. */
interface Shape {
  readonly name: string;
  readonly size: number;
  readonly propose: <Command>(group: Group<Command>, batch: readonly Command[]) => void;
}

function proposeEach<Command>(group: Group<Command>, batch: readonly Command[]): void {
  for (const command of batch) group.propose(command);
}

const shapes: readonly Shape[] = [
  { name: 'single', size: 1, propose: proposeEach },
  { name: 'burst64', size: 64, propose: proposeEach },
  {
    name: 'batch64',
    size: 64,
    propose: (group, batch) => {
      group.proposeAll(batch);
    },
  },
];

/** As many as are told apart. They are made beforehand, and proposed again and again: making them is not the core's work. */
const distinctCommands = 4096;

/** Then a new group is founded: a log that is never compacted measures the allocator of the machine. */
const lapsPerGroup = 16;

/** Commands per second that every voter applied. */
function measure<Command>(
  contender: Contender<Command>,
  { size, propose }: Shape,
  voters: number,
  bytes: number,
): number {
  const batches = Array.from({ length: distinctCommands / size }, (_, batch) =>
    Array.from({ length: size }, (_, i) => contender.command(batch * size + i, bytes)),
  );
  const lap = batches.flat();
  globalThis.gc?.();
  let elapsed = 0;
  let applied = 0;
  while (elapsed < milliseconds) {
    const group = contender.found(voters);
    const start = performance.now();
    let time = 0;
    let laps = 0;
    while (laps < lapsPerGroup && elapsed + time < milliseconds) {
      for (const batch of batches) {
        propose(group, batch);
        group.settle();
      }
      laps++;
      time = performance.now() - start;
    }
    check(group, contender, lap, laps);
    elapsed += time;
    applied += laps * distinctCommands;
  }
  return (applied * 1000) / elapsed;
}

function check<Command>(
  group: Group<Command>,
  contender: Contender<Command>,
  lap: readonly Command[],
  laps: number,
): void {
  const expected = new Tally();
  const keys = lap.map((command) => contender.keyOf(command));
  for (let i = 0; i < laps; i++) for (const key of keys) expected.add(key);
  for (const [voter, { count, hash }] of group.tallies.entries()) {
    if (count === expected.count && hash === expected.hash) continue;
    const order = count === expected.count ? ' in another order' : '';
    throw new Error(`voter ${voter + 1} applied ${count} commands${order}, of ${expected.count} that were proposed`);
  }
}

interface Line {
  readonly name: string;
  readonly measureOurs: () => number;
  readonly measurePeer: () => number;
  readonly ours: number[];
  readonly peer: number[];
}

const lines = [3, 5, 7].flatMap((voters) =>
  [16, 128].flatMap((bytes) =>
    shapes.map((shape): Line => {
      const name = `core.${shape.name}.${voters}${bytes === 16 ? '' : `.${bytes}`}`;
      return {
        name,
        measureOurs: () => measure(ourCore, shape, voters, bytes),
        measurePeer: () => measure(peerCore, shape, voters, bytes),
        ours: [],
        peer: [],
      };
    }),
  ),
);

// Ours and the peer's take turns, and every figure has its part in every round: whatever else the machine does meanwhile
// falls on all of them.
const chosen = lines.filter(({ name }) => name.includes(only));
const measuresMemory = ['core.memory.1m', 'core.memory.2m', 'core.memory.10m'].some((name) => name.includes(only));
if (chosen.length === 0 && !measuresMemory) usageError(`no figure has "${only}" in its name`);
for (let round = 0; round <= rounds; round++) {
  for (const { name, measureOurs, measurePeer, ours, peer } of chosen) {
    progress(round === 0 ? `warming up ${name}` : `round ${round} of ${rounds}: ${name}`);
    const figures = [measureOurs(), alone ? Number.NaN : measurePeer()] as const;
    if (round === 0) continue;
    ours.push(figures[0]);
    peer.push(figures[1]);
  }
}
progress('');
for (const { name, ours, peer } of chosen) {
  const value = quantile(ours, 0.5);
  const unit = 'commands/s';
  if (alone) {
    print({ name, value, unit, n: rounds }, json);
  } else {
    const floor = quantile(peer, 0.5);
    print({ name: `peer.${name}`, value: floor, unit, n: rounds }, json);
    print({ name, value, unit, n: rounds, floor }, json);
  }
}

const million = 1_000_000;
/** Divides a million, so that every sample is taken right after a compaction. */
const commandsPerCompaction = 40_000;
const allowedGrowthMiB = 20;

function memoryInUseMiB(): number {
  if (globalThis.gc === undefined) throw new Error('memory can be measured only with --expose-gc');
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

/** Memory after each million of commands. They are made afresh, so that whatever kept them would show. */
function measureMemory(): number[] {
  const group = new OurGroup(3);
  const samples: number[] = [];
  const expected = new Tally();
  for (let proposed = 0; proposed < 10 * million;) {
    for (let i = 0; i < 64; i++, proposed++) {
      const command = ourCore.command(proposed % distinctCommands, 16);
      expected.add(ourCore.keyOf(command));
      group.propose(command);
    }
    group.settle();
    if (proposed % commandsPerCompaction === 0) group.compact();
    if (proposed % million === 0) {
      samples.push(memoryInUseMiB());
      progress(`memory: ${samples.length} of 10 million commands`);
    }
  }
  progress('');
  for (const { count, hash } of group.tallies) {
    if (count !== expected.count || hash !== expected.hash)
      throw new Error('a voter has not applied what was proposed');
  }
  return samples;
}

if (measuresMemory) {
  const samples = measureMemory();
  const [afterOne = Number.NaN, afterTwo = Number.NaN] = samples;
  const afterAll = samples.at(-1) ?? Number.NaN;
  print({ name: 'core.memory.1m', value: afterOne, unit: 'MiB', n: 1 }, json);
  print({ name: 'core.memory.2m', value: afterTwo, unit: 'MiB', n: 1 }, json);
  print({ name: 'core.memory.10m', value: afterAll, unit: 'MiB', n: 1, floor: afterTwo }, json);
  const growth = Math.max(...samples.slice(1)) - afterTwo;
  if (growth > allowedGrowthMiB) {
    console.error(`memory grew by ${growth.toFixed(1)} MiB after the second million of commands`);
    process.exitCode = 1;
  }
}
