/**
 * `npm run load:broker`: what a broker of one core needs for each connection, how fast it relays among thousands, and what
 * it says at each of its limits. The broker is a process of its own; the clients are all in this one, and share the machine
 * with it.
 */
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import { forEachAtOnce, HonestPairs, LoadClient, pass } from './broker/clients.ts';
import { runIntoLimits } from './broker/limits.ts';
import { BrokerProcess, checkOpenFiles } from './broker/process.ts';
import { print, progress, quantile } from './report.ts';

const help = `Usage: npm run load:broker -- [--connections N] [--topics N] [--members N] [--rate N] [--seconds N] [--no-limits] [--json]

Starts a broker in a process of its own, on one core where taskset is there, and measures:

  broker.connect.rate       connections a second while --connections idle ones come, 64 at a time, each in a topic of its own
  broker.idle.memory        bytes of the broker's memory for each of them
  broker.member.memory      the same for the members of --topics topics of --members each, which come on top
  broker.relay.p50, .p99    from the sender to the receiver of 1 KiB, in all these topics, --rate a second for --seconds
  broker.relay.cpu          of one core, meanwhile
  broker.relay.throughput   messages a second with 256 under way all the time
                            (floor: a bare relay without topics or limits, in the same run, with two members a topic)
  broker.limit.CODE         milliseconds until whoever runs into the limit is told so, median, for every limit
  broker.limit.CODE.honest.p99   how long messages of honest peers take meanwhile

  --connections N  idle ones (default 5000)
  --topics N       default 500
  --members N      of each topic (default 10)
  --rate N         default 2000
  --seconds N      default 10
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
  'no-limits': flag,
  json: flag,
});
const messageBytes = 1024;
const underWay = 256;
const atOnce = 64;

const faults: string[] = [];
const report = (name: string, value: number, unit: string, n: number, floor?: number): void => {
  print({ name: `broker.${name}`, value, unit, n, ...(floor === undefined ? {} : { floor }) }, json);
};

const topicOf = (i: number): string => `topic ${i % topics}`;

async function openAll(broker: BrokerProcess, n: number, nameOf: (i: number) => string): Promise<LoadClient[]> {
  const clients: LoadClient[] = [];
  // Those of one topic come in their order, whoever is faster.
  await forEachAtOnce(n, Math.min(atOnce, topics), async (i) => {
    const client = await LoadClient.open(broker.url);
    await client.join(nameOf(i));
    clients[i] = client;
    if (i % 100 === 0) progress(`connecting: ${i} of ${n}`);
  });
  return clients;
}

/** What comes through in all topics, two members of each at a time, at an even pace. */
async function measureRelay(clients: readonly LoadClient[]): Promise<number[]> {
  const pairs = new HonestPairs(messageBytes);
  for (let i = 0; i + topics < clients.length; i += 2 * topics) {
    for (let j = i; j < i + topics; j++) {
      const [from, to] = [clients[j], clients[j + topics]];
      if (from !== undefined && to !== undefined) pairs.add(from, to, topicOf(j));
    }
  }
  progress(`relaying ${rate} a second for ${seconds} s`);
  pairs.start(rate);
  await pass(1000 * seconds);
  await pairs.stop();
  faults.push(...pairs.faults);
  return pairs.takeLatencies();
}

/** Keeps so many messages under way, and counts those that arrive in a second. */
async function measureThroughput(
  clients: readonly LoadClient[],
): Promise<{ readonly arrived: number; readonly rate: number }> {
  let arrived = 0;
  let isOver = false;
  const data = 'x'.repeat(messageBytes);
  const lanes = Math.min(underWay, topics);
  progress('relaying as fast as it goes');
  for (let i = 0; i < lanes; i++) {
    // Two members of one topic send it to and fro.
    const [one, other] = [clients[i], clients[i + topics]];
    if (one === undefined || other === undefined) continue;
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      from.received = (message) => {
        if (message.type === 'error') faults.push(`throughput: ${message.code}`);
        if (message.type !== 'relay' || isOver) return;
        arrived++;
        from.send({ type: 'relay', topic: topicOf(i), to: to.name, data });
      };
    }
    for (let j = 0; j < underWay / lanes; j++) one.send({ type: 'relay', topic: topicOf(i), to: other.name, data });
  }
  const startedAt = performance.now();
  await pass(1000 * Math.min(seconds, 5));
  isOver = true;
  return { arrived, rate: arrived / ((performance.now() - startedAt) / 1000) };
}

async function measureFloor(): Promise<{ readonly latencies: number[]; readonly rate: number }> {
  const relay = await BrokerProcess.startBare();
  try {
    const clients = await openAll(relay, 2 * topics, topicOf);
    return { latencies: await measureRelay(clients), rate: (await measureThroughput(clients)).rate };
  } finally {
    await relay.stop();
  }
}

async function measureLoad(): Promise<void> {
  checkOpenFiles(connections + topics * members + 200);
  const floor = await measureFloor();
  const most = String(connections + topics * members + 10);
  const limits = [
    '--max-connections',
    most,
    '--max-connections-per-address',
    most,
    '--max-messages-per-second',
    '100000',
  ];
  const broker = await BrokerProcess.start(limits);
  if (!broker.isPinned) console.error('taskset is not there: the broker is not held to one core');
  try {
    const empty = await broker.restingMetrics();
    const startedAt = performance.now();
    await openAll(broker, connections, (i) => `idle ${i}`);
    report('connect.rate', connections / ((performance.now() - startedAt) / 1000), 'connections/s', connections);
    progress('waiting for the memory to come to rest');
    const idle = await broker.restingMetrics();
    report('idle.memory', (idle.residentBytes - empty.residentBytes) / connections, 'bytes', connections);

    const clients = await openAll(broker, topics * members, topicOf);
    progress('waiting for the memory to come to rest');
    const full = await broker.restingMetrics();
    report('member.memory', (full.residentBytes - idle.residentBytes) / clients.length, 'bytes', clients.length);
    if (full.connections !== connections + clients.length) {
      faults.push(`${full.connections} connections are open instead of ${connections + clients.length}`);
    }

    const before = await broker.metrics();
    const relayingSince = performance.now();
    const latencies = await measureRelay(clients);
    const after = await broker.metrics();
    for (const share of [0.5, 0.99]) {
      const floorOf = quantile(floor.latencies, share);
      report(`relay.p${100 * share}`, quantile(latencies, share), 'ms', latencies.length, floorOf);
    }
    const took = (performance.now() - relayingSince) / 1000;
    report('relay.cpu', (after.cpuSeconds - before.cpuSeconds) / took, 'of a core', latencies.length);
    const throughput = await measureThroughput(clients);
    report('relay.throughput', throughput.rate, 'messages/s', throughput.arrived, floor.rate);
    const end = await broker.metrics();
    report('memory', end.residentBytes, 'bytes', end.connections);
  } finally {
    await broker.stop();
  }
}

await measureLoad();
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
