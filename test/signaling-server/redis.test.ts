/** Several brokers that share their topics through a real Redis: the same to their clients as one broker, and no worse. */
import { createClient } from '@redis/client';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Directory, type DirectoryPeer, LocalDirectory } from '../../signaling-server/directory.ts';
import type {
  FoundingWish,
  ServerMessage,
  SignalingServer,
  SignalingServerOptions,
} from '../../signaling-server/index.ts';
import { systemClock } from '../../signaling-server/clock.ts';
import { Log } from '../../signaling-server/log.ts';
import type { ProtocolError } from '../../signaling-server/protocol.ts';
import { openRedisDirectory } from '../../signaling-server/redis-directory.ts';
import { Client, openClients, startBroker } from './client.ts';
import { Command } from './command.ts';
import { hasRedis, RedisServer } from './redis.ts';

if (!hasRedis)
  process.stderr.write('skipped: brokers that share topics, for want of redis-server (apt-get install redis-server)\n');

let redis: RedisServer;
let prefix = '';
let tests = 0;

async function startBrokers(count: number, options: Partial<SignalingServerOptions> = {}, ttlMs = 15_000) {
  const starting = Array.from({ length: count }, () =>
    startBroker({ redis: { url: redis.url, prefix, ttlMs }, ...options }),
  );
  return Promise.all(starting);
}

/** Clients of several brokers in turn. */
async function clientsOf(servers: readonly SignalingServer[], count: number): Promise<Client[]> {
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) clients.push(...(await openClients(at(servers, i), 1)));
  return clients;
}

describe.skipIf(!hasRedis)('brokers that share topics', { timeout: 30_000 }, () => {
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  beforeEach(() => {
    prefix = `test-${++tests}:`;
  });
  afterAll(() => redis.stop());

  test('introduce their peers to each other, and relay between them', async () => {
    const [a, b, c] = (await clientsOf(await startBrokers(3), 3)) as [Client, Client, Client];
    expect(await a.join('t')).toEqual([]);
    expect(await b.join('t')).toEqual([a.name]);
    expect((await a.next('peer-joined')).peer).toBe(b.name);
    expect(await c.join('t')).toEqual([a.name, b.name]);
    const data = 'an offer, "quoted" \u2028 \u{1f6f3}';
    c.send({ type: 'relay', topic: 't', to: a.name, data });
    await a.next('peer-joined');
    expect(await a.next('relay')).toEqual({ type: 'relay', topic: 't', from: c.name, data });
    await b.next('peer-joined');
    c.socket.terminate();
    expect((await b.next('peer-left')).peer).toBe(c.name);
    a.send({ type: 'leave', topic: 't' });
    expect((await b.until('peer-left')).peer).toBe(a.name);
    b.send({ type: 'relay', topic: 't', to: a.name, data });
    expect(await b.next('error')).toMatchObject({ code: 'no-such-peer' });
  });

  test('give the token to one of all who ask at once, and hand it on', async () => {
    const clients = await clientsOf(await startBrokers(3), 9);
    const foundings = await Promise.all(clients.map((client) => client.joinWith('t', 'ask')));
    const [first] = foundings;
    expect(first).toMatchObject({ state: 'held' });
    for (const founding of foundings) expect(founding).toEqual(first);
    const holder = clients.find(({ name }) => first?.state === 'held' && name === first.by);
    holder?.socket.terminate();
    const others = clients.filter((client) => client !== holder);
    const next = await Promise.all(others.map(async (client) => (await client.until('founding')).founding));
    expect(next[0]).toMatchObject({ state: 'held' });
    for (const founding of next) expect(founding).toEqual(next[0]);
    others[0]?.send({ type: 'founded', topic: 't' });
    for (const client of others) expect((await client.until('founding')).founding).toEqual({ state: 'founded' });
    for (const client of others) client.send({ type: 'leave', topic: 't' });
    for (const client of others) await client.settled();
    const [late] = (await clientsOf(await startBrokers(1), 1)) as [Client];
    expect(await late.joinWith('t', 'ask')).toEqual({ state: 'held', by: late.name });
  });

  test('count the members of a topic together', async () => {
    const [a, b, c] = (await clientsOf(await startBrokers(3, { maxPeersPerTopic: 2 }), 3)) as [Client, Client, Client];
    await a.join('t');
    await b.join('t');
    c.send({ type: 'join', topic: 't' });
    expect(await c.next('error')).toMatchObject({ code: 'topic-full', topic: 't' });
    a.socket.close();
    await b.until('peer-left');
    expect(await c.join('t')).toEqual([b.name]);
  });

  test('let go of the peers of a broker that was killed, and hand on its token', async () => {
    const redisArguments = ['--redis', redis.url, '--redis-prefix', prefix, '--redis-ttl-ms', '600'];
    const command = new Command(['--port', '0', ...redisArguments]);
    const lost = await Client.open(await command.url);
    const [stays] = (await clientsOf(await startBrokers(1, {}, 600), 1)) as [Client];
    expect(await lost.joinWith('t', 'ask')).toMatchObject({ state: 'held' });
    expect(await stays.joinWith('t', 'ask')).toEqual({ state: 'held', by: lost.name });
    command.kill('SIGKILL');
    expect((await stays.until('peer-left')).peer).toBe(lost.name);
    expect((await stays.until('founding')).founding).toEqual({ state: 'held', by: stays.name });
  });

  test('do not find those of a killed broker in a topic where nobody else is', async () => {
    const command = new Command([
      '--port',
      '0',
      '--redis',
      redis.url,
      '--redis-prefix',
      prefix,
      '--redis-ttl-ms',
      '300',
    ]);
    const lost = await Client.open(await command.url);
    await lost.joinWith('t', 'ask');
    const servers = await startBrokers(1, { maxMessagesPerSecond: 1_000_000 }, 300);
    const [late] = (await clientsOf(servers, 1)) as [Client];
    command.kill('SIGKILL');
    await command.ended;
    while ((await late.join('t')).length > 0) {
      late.send({ type: 'leave', topic: 't' });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await late.joinWith('t', 'ask')).toEqual({ state: 'held', by: late.name });
  });

  test('find the peers of a broker again that was frozen for so long that it counted as dead', async () => {
    const command = new Command([
      '--port',
      '0',
      '--redis',
      redis.url,
      '--redis-prefix',
      prefix,
      '--redis-ttl-ms',
      '600',
    ]);
    const frozen = await Client.open(await command.url);
    const [stays] = (await clientsOf(await startBrokers(1, {}, 600), 1)) as [Client];
    await frozen.join('t');
    expect(await stays.join('t')).toEqual([frozen.name]);
    command.kill('SIGSTOP');
    expect((await stays.until('peer-left')).peer).toBe(frozen.name);
    command.kill('SIGCONT');
    expect((await stays.until('peer-joined')).peer).toBe(frozen.name);
    stays.send({ type: 'relay', topic: 't', to: frozen.name, data: 'awake?' });
    expect((await frozen.until('relay')).data).toBe('awake?');
  });

  test('go on for peers of one broker while Redis is away, refuse what they cannot do, and make up for it', async () => {
    const own = await RedisServer.start();
    const options = { redis: { url: own.url, prefix, ttlMs: 600 } };
    const [one, other] = [await startBroker(options), await startBroker(options)];
    const [a, b, c] = [...(await openClients(one, 3))] as [Client, Client, Client];
    const [far, leaves] = (await openClients(other, 2)) as [Client, Client];
    expect(await a.joinWith('t', 'ask')).toEqual({ state: 'held', by: a.name });
    expect(await b.joinWith('t', 'ask')).toEqual({ state: 'held', by: a.name });
    for (const client of [far, leaves]) await client.joinWith('t', 'ask');
    await own.stop();
    const health = async (server: SignalingServer) =>
      (await fetch(`${server.url.replace('ws', 'http')}/healthz`)).status;
    while ((await health(one)) !== 503 || (await health(other)) !== 503);
    a.send({ type: 'relay', topic: 't', to: b.name, data: 'still here' });
    expect((await b.until('relay')).data).toBe('still here');
    a.send({ type: 'relay', topic: 't', to: far.name, data: 'x' });
    expect(await a.until('error')).toMatchObject({ code: 'unavailable' });
    c.send({ type: 'join', topic: 't' });
    expect(await c.next('error')).toMatchObject({ code: 'unavailable', topic: 't' });
    leaves.socket.terminate();
    await leaves.closed;
    await own.restart();
    while ((await health(one)) !== 200 || (await health(other)) !== 200);
    // Redis had forgotten everything. Who held the token holds it, and who has left is gone.
    c.send({ type: 'join', topic: 't', founding: 'ask' });
    const joined = await c.until('joined');
    expect([...joined.peers].sort()).toEqual([a.name, b.name, far.name].sort());
    expect(joined.founding).toEqual({ state: 'held', by: a.name });
    expect((await far.until('peer-left')).peer).toBe(leaves.name);
    far.send({ type: 'relay', topic: 't', to: a.name, data: 'back' });
    expect((await a.until('relay')).data).toBe('back');
    await Promise.all([one.close(), other.close()]);
    await own.stop();
  });

  test('leave nothing behind in Redis, and never say there what a topic is called', async () => {
    const servers = await startBrokers(2);
    const clients = await clientsOf(servers, 4);
    const reader = createClient({ url: redis.url });
    await reader.connect();
    const keys = async () => (await reader.keys('*')).filter((key) => key.startsWith(prefix));
    for (const client of clients) await client.joinWith('a topic of ours', 'ask');
    expect((await keys()).filter((key) => key.includes('topic:'))).toHaveLength(1);
    for (const key of await keys()) {
      expect(key).not.toContain('of ours');
      expect(await reader.pTTL(key)).toBeGreaterThan(0);
    }
    await Promise.all(servers.map((server) => server.close()));
    expect(await keys()).toEqual([]);
    await reader.close();
  });

  test('look to their clients like one broker, whatever these do', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        prefix = `test-${++tests}:`;
        const log = new Log(null, systemClock);
        const opening = [0, 1, 2].map(() => openRedisDirectory({ url: redis.url, prefix }, maxPeers, systemClock, log));
        const shared = await Promise.all(opening);
        const alone = new LocalDirectory(maxPeers);
        const here = new World(() => alone);
        const there = new World((peer) => at(shared, peer));
        for (const one of steps) {
          here.act(one);
          there.act(one);
          await there.settle(one.peer, shared);
          expect(there.heard).toEqual(here.heard);
        }
        await Promise.all(shared.map((directory) => directory.close()));
      }),
      { numRuns: 60 },
    );
  });
});

/** By turns. */
function at<T>(list: readonly T[], index: number): T {
  const one = list[index % list.length];
  if (one === undefined) throw new Error('nothing to choose from');
  return one;
}

const maxPeers = 3;
const peerCount = 5;

interface Step {
  readonly peer: number;
  readonly topic: string;
  readonly act: 'join' | 'ask' | 'done' | 'leave' | 'founded' | 'relay';
  readonly to: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  peer: fc.nat(peerCount - 1),
  topic: fc.constantFrom('t', 'u'),
  act: fc.constantFrom('join', 'ask', 'ask', 'done', 'leave', 'leave', 'founded', 'relay'),
  to: fc.nat(peerCount - 1),
});

/** Peers of directories that write down what they hear, under names of their own. */
class World {
  readonly heard: string[][] = [];
  readonly #directoryOf: (peer: number) => Directory;
  readonly #peers: RecordingPeer[] = [];

  constructor(directoryOf: (peer: number) => Directory) {
    this.#directoryOf = directoryOf;
    for (let i = 0; i < peerCount; i++) {
      const peer = new RecordingPeer(`peer ${i}`);
      this.#peers.push(peer);
      this.heard.push(peer.heard);
    }
  }

  act({ peer: index, topic, act, to }: Step): void {
    const peer = at(this.#peers, index);
    const directory = this.#directoryOf(index);
    const isIn = peer.topics.has(topic);
    const wishes: Partial<Record<Step['act'], FoundingWish>> = { ask: 'ask', done: 'done' };
    if (act === 'leave') {
      if (peer.topics.delete(topic)) directory.exit(peer, topic);
    } else if (act === 'founded') {
      if (isIn) directory.found(topic);
    } else if (act === 'relay') {
      try {
        if (isIn) directory.relay(peer, topic, `peer ${to}`, `from ${index}`);
      } catch (error) {
        peer.undelivered(error as ProtocolError);
      }
    } else {
      peer.topics.add(topic);
      directory.enter(peer, topic, wishes[act]);
    }
  }

  /** Waits until everybody has heard what follows from a step: first its own instance, then the others. */
  async settle(actor: number, directories: readonly Directory[]): Promise<void> {
    const own = this.#directoryOf(actor);
    for (const directory of [own, ...directories.filter((other) => other !== own)]) {
      const probe = new RecordingPeer('probe');
      await probe.passThrough(directory, `probe of ${directories.indexOf(directory)}`);
    }
  }
}

class RecordingPeer implements DirectoryPeer {
  readonly name: string;
  readonly heard: string[] = [];
  readonly topics = new Set<string>();
  #arrived: () => void = () => undefined;

  constructor(name: string) {
    this.name = name;
  }

  deliver(topic: string, message: ServerMessage): void {
    if (this.topics.has(topic)) this.heard.push(JSON.stringify(message));
    this.#arrived();
  }

  refused(topic: string, { code }: ProtocolError): void {
    this.topics.delete(topic);
    this.heard.push(`${topic}: ${code}`);
  }

  undelivered({ code }: ProtocolError): void {
    this.heard.push(code);
  }

  /** Comes and goes, after everything that was under way there. */
  async passThrough(directory: Directory, topic: string): Promise<void> {
    this.topics.add(topic);
    const arrived = new Promise<void>((resolve) => (this.#arrived = resolve));
    directory.enter(this, topic, undefined);
    await arrived;
    directory.exit(this, topic);
  }
}
