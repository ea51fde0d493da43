/** Runs into every limit of a broker, many times over, and tells what it answers, how soon, and how its honest peers fare. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientOptions, WebSocket } from 'ws';
import type { ErrorCode, ServerMessage } from '../../signaling-server/index.ts';
import { forEachAtOnce, LoadClient, openPairs, pass } from './clients.ts';
import { BrokerProcess } from './process.ts';

export interface LimitReport {
  readonly code: ErrorCode;
  /** Milliseconds until the offender was told, of each that was. */
  readonly toldAfter: readonly number[];
  /** Milliseconds that the messages of honest peers took meanwhile. */
  readonly honest: readonly number[];
  readonly faults: readonly string[];
}

const token = 'bench';
const settings = {
  maxConnections: 300,
  maxConnectionsPerAddress: 200,
  maxTopicsPerPeer: 4,
  maxPeersPerTopic: 4,
  maxMessageBytes: 16_384,
  // Long enough that nobody runs into them who wants to run into another one, on a machine that has other work.
  handshakeMs: 5000,
  idleMs: 10_000,
  maxMessagesPerSecond: 500,
};
const offenders = 50;

export async function runIntoLimits(progress: (text: string) => void): Promise<LimitReport[]> {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-limits-'));
  const tokenFile = join(directory, 'tokens');
  writeFileSync(tokenFile, token);
  const limits = Object.entries(settings).flatMap(([name, value]) => [
    `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
  const origins = ['--allowed-origins', 'https://example.org'];
  const broker = await BrokerProcess.start(['--token-file', tokenFile, ...origins, ...limits]);
  try {
    const reports: LimitReport[] = [];
    for (const { code, act } of offences(broker.url)) {
      progress(`limit: ${code}`);
      reports.push(await measure(broker, code, act));
    }
    return reports;
  } finally {
    await broker.stop();
    rmSync(directory, { recursive: true });
  }
}

async function measure(broker: BrokerProcess, code: ErrorCode, act: Offence['act']): Promise<LimitReport> {
  const pairs = await openPairs(broker.url, 3, 1000, authorized);
  pairs.start(300);
  const toldAfter: number[] = [];
  const faults: string[] = [];
  await act((told, ms) => {
    if (told === code) toldAfter.push(ms);
    else faults.push(`${code} was expected, and ${told} was said`);
  });
  await pairs.stop();
  faults.push(...pairs.faults);
  if (toldAfter.length === 0) faults.push(`nobody was told ${code}`);
  if (broker.ended !== null) faults.push(`the broker has ended: ${broker.ended}`);
  const honest = pairs.takeLatencies();
  pairs.close();
  // What was opened is to be gone before the next: the broker counts.
  while (broker.ended === null && (await broker.metrics()).connections > 0) await pass(50);
  return { code, toldAfter, honest, faults };
}

type Told = (code: string, ms: number) => void;

interface Offence {
  readonly code: ErrorCode;
  readonly act: (told: Told) => Promise<void>;
}

const authorized: ClientOptions = { headers: { authorization: `Bearer ${token}` } };

function offences(url: string): Offence[] {
  const knocking = (code: ErrorCode, count: number, options: ClientOptions): Offence => ({
    code,
    act: (told) => forEachAtOnce(count, 10, () => knock(url, options, told)),
  });
  /** Each offender connects, does its deed and waits for the answer. */
  const misbehaving = (code: ErrorCode, deed: (client: LoadClient) => void | Promise<void>, atOnce = 10): Offence => ({
    code,
    act: (told) =>
      forEachAtOnce(offenders, atOnce, async () => {
        const client = await LoadClient.open(url, authorized);
        await offend(client, code, () => deed(client), told);
        client.socket.terminate();
      }),
  });
  return [
    {
      code: 'broker-full',
      act: async (told) => {
        const neighbour = { ...authorized, localAddress: '127.0.0.2' };
        const filling: LoadClient[] = [];
        const topic = (i: number): string => `filling ${Math.floor(i / settings.maxPeersPerTopic)}`;
        const fill = async (count: number, options: ClientOptions): Promise<void> => {
          await forEachAtOnce(count, 20, async () => {
            const client = await LoadClient.open(url, options);
            await client.join(topic(filling.push(client) - 1));
          });
        };
        await fill(settings.maxConnectionsPerAddress - 50, authorized);
        await fill(settings.maxConnections - 6 - filling.length, neighbour);
        await forEachAtOnce(offenders, 10, () => knock(url, authorized, told));
        for (const { socket } of filling) socket.terminate();
      },
    },
    {
      code: 'address-full',
      act: async (told) => {
        const neighbour = { ...authorized, localAddress: '127.0.0.3' };
        const filling: LoadClient[] = [];
        await forEachAtOnce(settings.maxConnectionsPerAddress, 20, async () => {
          const client = await LoadClient.open(url, neighbour);
          await client.join(`filling ${Math.floor((filling.push(client) - 1) / settings.maxPeersPerTopic)}`);
        });
        await forEachAtOnce(offenders, 10, () => knock(url, neighbour, told));
        for (const { socket } of filling) socket.terminate();
      },
    },
    knocking('origin-refused', offenders, { ...authorized, origin: 'https://evil.example' }),
    knocking('unauthorized', offenders, {}),
    misbehaving('handshake-timeout', () => undefined, offenders),
    misbehaving(
      'idle',
      async (client) => {
        await client.join(client.name);
      },
      offenders,
    ),
    misbehaving('too-many-topics', (client) => {
      for (let i = 0; i <= settings.maxTopicsPerPeer; i++) client.send({ type: 'join', topic: `${client.name} ${i}` });
    }),
    {
      code: 'topic-full',
      act: async (told) => {
        const full: LoadClient[] = [];
        for (let i = 0; i < settings.maxPeersPerTopic; i++) full.push(await LoadClient.open(url, authorized));
        for (const client of full) await client.join('full');
        await misbehaving('topic-full', (client) => client.send({ type: 'join', topic: 'full' })).act(told);
        for (const { socket } of full) socket.terminate();
      },
    },
    misbehaving('too-large', (client) => {
      client.send({ type: 'relay', topic: 't', to: 't', data: 'x'.repeat(settings.maxMessageBytes) });
    }),
    misbehaving('malformed', (client) => {
      client.socket.send('{"type":"dance"}');
    }),
    misbehaving('rate-limited', (client) => {
      const topic = client.name;
      for (let i = 0; i < 5 * settings.maxMessagesPerSecond; i++) client.send({ type: 'join', topic });
    }),
    misbehaving('too-many-faults', async (client) => {
      for (let i = 0; i < 5; i++) {
        const answered = client.next('error').catch(() => undefined);
        client.socket.send('nonsense');
        if (i < 4) await answered;
      }
    }),
    { code: 'slow-reader', act: (told) => forEachAtOnce(5, 1, () => readSlowly(url, told)) },
  ];
}

/** Connects, and tells what the answer is. */
async function knock(url: string, options: ClientOptions, told: Told): Promise<void> {
  const startedAt = performance.now();
  const socket = new WebSocket(url, options);
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as ServerMessage;
      told(message.type === 'error' ? message.code : message.type, performance.now() - startedAt);
      socket.terminate();
    });
    socket.once('close', () => resolve());
  });
}

/** Does something, and tells when the answer came that is expected, or what came instead of it until the connection ended. */
async function offend(
  client: LoadClient,
  code: ErrorCode,
  deed: () => void | Promise<void>,
  told: Told,
): Promise<void> {
  await deed();
  const startedAt = performance.now();
  const answer = await new Promise<string>((resolve) => {
    const others: string[] = [];
    client.received = (message) => {
      if (message.type !== 'error') return;
      if (message.code === code) resolve(code);
      else others.push(message.code);
    };
    client.socket.once('close', (status) => resolve(`${others.join()}, and closed with ${status}`));
  });
  told(answer, performance.now() - startedAt);
}

/** One sends, the other does not read, until the broker has had enough of it. */
async function readSlowly(url: string, told: Told): Promise<void> {
  const [sender, slow] = [await LoadClient.open(url, authorized), await LoadClient.open(url, authorized)];
  const topic = slow.name;
  await sender.join(topic);
  await slow.join(topic);
  slow.socket.pause();
  const startedAt = performance.now();
  const state = { isThere: true };
  sender.received = (message) => (state.isThere &&= message.type !== 'peer-left');
  while (state.isThere && sender.closed === null) {
    sender.send({ type: 'relay', topic, to: slow.name, data: 'x'.repeat(16_000) });
    await pass(3);
  }
  const after = performance.now() - startedAt;
  slow.socket.resume();
  while (slow.closed === null) await pass(5);
  told(/slow-reader/.exec(slow.closed)?.[0] ?? slow.closed, after);
  sender.socket.terminate();
}
