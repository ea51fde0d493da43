/**
 * Attacks a broker, and looks at it meanwhile: it is not to end, its memory is to stay within a bound and not to grow, and
 * honest peers beside the attack are to have every message, in order and unchanged.
 */
import { spawn } from 'node:child_process';
import { type HonestPairs, openPairs, pass } from '../../bench/broker/clients.ts';
import { type BrokerMetrics, BrokerProcess, checkOpenFiles, restingMetrics } from '../../bench/broker/process.ts';
import { quantile } from '../../bench/report.ts';

export interface BrokerFuzzOptions {
  readonly seconds: number;
  /** The hostile clients do the same for the same seed, as far as the network lets them. */
  readonly seed: number;
  readonly progress: (text: string) => void;
}

export interface BrokerFuzzReport {
  readonly figures: readonly {
    readonly name: string;
    readonly value: number;
    readonly unit: string;
    readonly n: number;
  }[];
  /** What went wrong; none if the broker stood it. */
  readonly faults: readonly string[];
}

interface Deeds {
  readonly sessions: number;
  readonly frames: number;
  readonly bytes: number;
  readonly refusedConnections: number;
}

const pairCount = 5;
const messagesPerSecond = 200;
/** Above what the broker has when only the honest are there. */
const allowedGrowthBytes = 400 * 1024 * 1024;
/** What the last third of the attack may have above the second: whoever leaks has more. */
const allowedDrift = 1.25;
const driftSlackBytes = 24 * 1024 * 1024;

/** @throws Error when the attack cannot be made */
export async function fuzzBroker({ seconds, seed, progress }: BrokerFuzzOptions): Promise<BrokerFuzzReport> {
  checkOpenFiles(4000);
  const faults: string[] = [];
  // Its defaults, but that what only sits there goes sooner, so that more of it can come.
  const broker = await BrokerProcess.start(['--handshake-ms', '2000', '--ping-ms', '1000', '--idle-ms', '60000']);
  try {
    const pairs = await openPairs(broker.url, pairCount, 500);
    const quiet = await measureQuiet(pairs);
    const before = await restingMetrics(broker);
    const samples: BrokerMetrics[] = [];
    pairs.start(messagesPerSecond);
    const attack = attackWith(broker.url, seed, seconds);
    const state = { isOver: false };
    void attack.finally(() => (state.isOver = true)).catch(() => undefined);
    while (!state.isOver && broker.ended === null) {
      await pass(500);
      samples.push(await broker.metrics().catch(() => before));
      progress(
        `fuzzing the broker: ${Math.round(samples.length / 2)} of ${seconds} s, ${pairs.received} honest messages`,
      );
    }
    const done = await attack;
    await pairs.stop();
    faults.push(...new Set(pairs.faults));
    const latencies = pairs.takeLatencies();
    if (broker.ended !== null) faults.push(`the broker has ended: ${broker.ended}`);
    else faults.push(...(await checkRest(broker)));
    const peak = Math.max(...samples.map(({ residentBytes }) => residentBytes));
    faults.push(...checkMemory(samples, before.residentBytes, peak));
    const after = broker.ended === null ? await restingMetrics(broker) : before;
    pairs.close();
    const figure = (name: string, value: number, unit: string, n: number) => ({
      name: `fuzz.broker.${name}`,
      value,
      unit,
      n,
    });
    return {
      faults,
      figures: [
        figure('sessions', done.sessions, 'sessions', done.sessions),
        figure('frames', done.frames, 'frames', done.frames),
        figure('bytes', done.bytes, 'bytes', done.frames),
        figure(
          'connections.peak',
          Math.max(...samples.map(({ connections }) => connections)),
          'connections',
          samples.length,
        ),
        figure('memory.before', before.residentBytes, 'bytes', 1),
        figure('memory.peak', peak, 'bytes', samples.length),
        figure('memory.after', after.residentBytes, 'bytes', 1),
        figure('honest.lost', pairs.sent - pairs.received, 'messages', pairs.sent),
        figure('honest.quiet.p50', quantile(quiet, 0.5), 'ms', quiet.length),
        figure('honest.quiet.p99', quantile(quiet, 0.99), 'ms', quiet.length),
        figure('honest.relay.p50', quantile(latencies, 0.5), 'ms', latencies.length),
        figure('honest.relay.p99', quantile(latencies, 0.99), 'ms', latencies.length),
      ],
    };
  } finally {
    await broker.stop();
  }
}

async function measureQuiet(pairs: HonestPairs): Promise<number[]> {
  pairs.start(messagesPerSecond);
  await pass(2000);
  await pairs.stop();
  return pairs.takeLatencies();
}

/** Resolves when the hostile clients are through. */
function attackWith(url: string, seed: number, seconds: number): Promise<Deeds> {
  const args = ['--import', 'tsx', 'scripts/fuzz/broker-attackers.ts', url, String(seed), String(seconds)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  return new Promise((resolve, reject) => {
    child.once('close', (status) => {
      if (status === 0) resolve(JSON.parse(output) as Deeds);
      else reject(new Error(`the hostile clients ended with status ${status ?? 'none'}`));
    });
  });
}

/** Once the attack is over, only the honest are there, and nothing waits for anybody. */
async function checkRest(broker: BrokerProcess): Promise<string[]> {
  let last = await broker.metrics();
  for (let i = 0; i < 40; i++) {
    if (last.connections === 2 * pairCount && last.bufferedBytes === 0) return [];
    await pass(250);
    last = await broker.metrics();
  }
  return [
    `${last.connections} connections and ${last.bufferedBytes} bytes are left behind, instead of ${2 * pairCount} and none`,
  ];
}

function checkMemory(samples: readonly BrokerMetrics[], before: number, peak: number): string[] {
  const faults: string[] = [];
  const mebi = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  if (peak > before + allowedGrowthBytes)
    faults.push(`the broker had ${mebi(peak)} under attack, and ${mebi(before)} before`);
  const third = Math.floor(samples.length / 3);
  const highest = (from: number, to: number): number =>
    Math.max(...samples.slice(from, to).map(({ residentBytes }) => residentBytes));
  // Short runs say nothing of a trend.
  if (third < 20) return faults;
  const [middle, end] = [highest(third, 2 * third), highest(2 * third, samples.length)];
  if (end > allowedDrift * middle + driftSlackBytes)
    faults.push(`the broker grows: ${mebi(middle)}, then ${mebi(end)}`);
  return faults;
}
