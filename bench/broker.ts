/**
 * `npm run load:broker`: what a broker of one core needs for each connection, how fast it relays among thousands, and what
 * it says at each of its limits. The broker is a process of its own; the clients are all in this one, and share the machine
 * with it.
 */
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import { hasRedis } from '../test/signaling-server/redis.ts';
import { forEachAtOnce, LoadClient } from './broker/clients.ts';
import { type Couple, Relaying, Throughput } from './broker/relaying.ts';
import { runIntoLimits } from './broker/limits.ts';
import { BrokerProcess, Brokers, checkOpenFiles, restingMetrics } from './broker/process.ts';
import { print, progress, quantile } from './report.ts';

const help = `Usage: npm run load:broker -- [--connections N] [--topics N] [--members N] [--rate N] [--seconds N] [--redis] [--no-limits] [--json]

Starts a broker in a process of its own, on one core where taskset is there, and measures:

  broker.connect.rate       connections a second while --connections idle ones come, 64 at a time, each in a topic of its own
  broker.idle.memory        bytes of the broker's memory for each of them
  broker.member.memory      the same for the members of --topics topics of --members each, which come on top
  broker.relay.p50, .p99    from the sender to the receiver of 1 KiB, in all these topics, --rate a second for --seconds
  broker.relay.cpu          of one core, meanwhile
  broker.relay.throughput   messages a second with 256 under way all the time
                            (floor: a bare relay without topics or limits, beside it and in turns with it, with two
                            members a topic)
  broker.memory             bytes in all, at the end
  broker.limit.CODE         milliseconds until whoever runs into the limit is told so, median, for every limit
  broker.limit.CODE.honest.p99   how long messages of honest peers take meanwhile

  --connections N  idle ones (default 5000)
  --topics N       default 500
  --members N      of each topic (default 10)
  --rate N         default 2000
  --seconds N      default 10
  --redis          two brokers that share their topics through a redis-server, started for it; the members of a topic are
                   at one and the other by turns, and each message goes from one to the other. Memory and processor are
                   those of both, each on the same core
  --no-limits      leave out what happens at the limits
  --json           one JSON object a line

Ends with status 1 when a message is lost, changed or out of order, when an honest peer is turned away, or when a limit does
not hold.`;

const { connections, topics, members, rate, seconds, json, ...values } = commandLine(help, {
  connections: wholeNumber(5000),
  topics: wholeNumber(500),
  members: wholeNumber(10, 2),
  rate: wholeNumber(2000),
  seconds: wholeNumber(10),
  redis: flag,
  'no-limits': flag,
  json: flag,
});
const underWay = 256;
const atOnce = 64;
/** Broker and floor take so many turns, so that both meet the same machine. */
const turns = 4;

const faults: string[] = [];
const report = (name: string, value: number, unit: string, n: number, floor?: number): void => {
  print({ name: `broker.${name}`, value, unit, n, ...(floor === undefined ? {} : { floor }) }, json);
};

const topicOf = (i: number): string => `topic ${i % topics}`;
/** Two members of each topic, as often as there are two. */
function couples(clients: readonly LoadClient[]): Couple[] {
  const found: Couple[] = [];
  for (let i = 0; i + topics < clients.length; i += 2 * topics) {
    for (let j = i; j < i + topics; j++) {
      const [one, other] = [clients[j], clients[j + topics]];
      if (one !== undefined && other !== undefined) found.push({ topic: topicOf(j), one, other });
    }
  }
  return found;
}

async function openAll(urlOf: (i: number) => string, n: number, nameOf: (i: number) => string): Promise<LoadClient[]> {
  const clients: LoadClient[] = [];
  // Those of one topic come in their order, whoever is faster.
  await forEachAtOnce(n, Math.min(atOnce, topics), async (i) => {
    const client = await LoadClient.open(urlOf(i));
    await client.join(nameOf(i));
    clients[i] = client;
    if (i % 100 === 0) progress(`connecting: ${i} of ${n}`);
  });
  return clients;
}

async function inTurns(ms: number, what: string, ...measured: { turn(ms: number): Promise<void> }[]): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    progress(`${what}: turn ${turn + 1} of ${turns}`);
    for (const one of measured) await one.turn(ms / turns);
  }
}

async function measureLoad(brokers: Brokers, relay: BrokerProcess): Promise<void> {
  const floorClients = await openAll(() => relay.url, 2 * topics, topicOf);
  const empty = await restingMetrics(brokers);
  const startedAt = performance.now();
  await openAll(
    (i) => brokers.url(i),
    connections,
    (i) => `idle ${i}`,
  );
  report('connect.rate', connections / ((performance.now() - startedAt) / 1000), 'connections/s', connections);
  progress('waiting for the memory to come to rest');
  const idle = await restingMetrics(brokers);
  report('idle.memory', (idle.residentBytes - empty.residentBytes) / connections, 'bytes', connections);

  // The members of a topic are at one broker and the other by turns.
  const clients = await openAll((i) => brokers.url(Math.floor(i / topics)), topics * members, topicOf);
  progress('waiting for the memory to come to rest');
  const full = await restingMetrics(brokers);
  report('member.memory', (full.residentBytes - idle.residentBytes) / clients.length, 'bytes', clients.length);
  if (full.connections !== connections + clients.length) {
    faults.push(`${full.connections} connections are open instead of ${connections + clients.length}`);
  }

  const [relaying, floor] = [clients, floorClients].map((all) => new Relaying(couples(all), rate)) as [
    Relaying,
    Relaying,
  ];
  const before = await brokers.metrics();
  await inTurns(1000 * seconds, `relaying ${rate} a second`, relaying, floor);
  const after = await brokers.metrics();
  for (const share of [0.5, 0.99]) {
    const floorOf = quantile(floor.latencies, share);
    report(`relay.p${100 * share}`, quantile(relaying.latencies, share), 'ms', relaying.latencies.length, floorOf);
  }
  const cpu = (after.cpuSeconds - before.cpuSeconds) / (relaying.latencies.length / rate);
  report('relay.cpu', cpu, 'of a core', relaying.latencies.length);
  const [throughput, most] = [clients, floorClients].map(
    (all) => new Throughput(couples(all).slice(0, topics), underWay),
  ) as [Throughput, Throughput];
  await inTurns(1000 * Math.min(seconds, 5), 'relaying as fast as it goes', throughput, most);
  report('relay.throughput', throughput.rate, 'messages/s', throughput.arrived, most.rate);
  faults.push(...[relaying, floor, throughput, most].flatMap((measured) => measured.faults));
  const end = await brokers.metrics();
  report('memory', end.residentBytes, 'bytes', end.connections);
}

async function underLoad(): Promise<void> {
  checkOpenFiles(connections + topics * (members + 2) + 200);
  const most = String(connections + topics * members + 10);
  const limits = ['--max-connections', most, '--max-connections-per-address', most];
  const brokers = await Brokers.start([...limits, '--max-messages-per-second', '100000'], values.redis);
  if (!brokers.arePinned) console.error('taskset is not there: the broker is not held to one core');
  const relay = await BrokerProcess.startBare();
  try {
    await measureLoad(brokers, relay);
  } finally {
    await relay.stop();
    await brokers.stop();
  }
}

if (values.redis && !hasRedis) {
  console.error('redis-server is not installed: apt-get install redis-server');
  process.exit(2);
}
await underLoad();
if (!values['no-limits']) {
  for (const { code, toldAfter, honest, faults: wrong } of await runIntoLimits(progress)) {
    report(`limit.${code}`, quantile(toldAfter, 0.5), 'ms', toldAfter.length);
    report(`limit.${code}.honest.p99`, quantile(honest, 0.99), 'ms', honest.length);
    faults.push(...wrong.map((fault) => `${code}: ${fault}`));
  }
}
progress('');
for (const fault of new Set(faults)) console.error(fault);
process.exit(faults.length === 0 ? 0 : 1);
