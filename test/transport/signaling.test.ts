/** The client of the broker, against the real broker. */
import { afterEach, expect, test } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import type { FoundingWish } from '../../signaling-server/protocol.ts';
import { createSignalingServer, type SignalingServer } from '../../signaling-server/index.ts';
import { plainTimers } from '../../src/transport/timers.ts';
import type { MeetingListener } from '../../src/transport/meeting-place.ts';
import { SignalingClient } from '../../src/transport/signaling.ts';
import { ManualTimers } from './peers.ts';

const pauses = { firstMs: 5, longestMs: 20, rejoinMs: 20, welcomeMs: 10_000 };
const open = (url: string) => new NodeWebSocket(url) as unknown as WebSocket;

/** Writes down what it is told, and lets tests wait for it. */
class Witness implements MeetingListener {
  readonly founding?: () => FoundingWish;
  readonly seen: string[] = [];
  readonly peers = new Set<string>();
  #told: () => void = () => undefined;

  constructor(wish?: () => FoundingWish) {
    if (wish !== undefined) this.founding = wish;
  }

  tokenChanged(isOurs: boolean): void {
    this.#tell(`token ${isOurs}`);
  }

  #tell(text: string): void {
    this.seen.push(text);
    this.#told();
  }

  joined(peers: readonly string[]): void {
    for (const peer of peers) this.peers.add(peer);
    this.#tell(`joined ${peers.length}`);
  }

  peerJoined(peer: string): void {
    this.peers.add(peer);
    this.#tell('peer joined');
  }

  peerLeft(peer: string): void {
    this.peers.delete(peer);
    this.#tell('peer left');
  }

  relayed(_from: string, data: string): void {
    this.#tell(`relayed ${data}`);
  }

  stateChanged(state: string): void {
    this.#tell(state);
  }

  async until(text: string): Promise<void> {
    while (!this.seen.includes(text)) await new Promise<void>((resolve) => (this.#told = resolve));
  }
}

const closing: { close: () => unknown }[] = [];

async function start(options: Parameters<typeof createSignalingServer>[0] = {}): Promise<SignalingServer> {
  const server = await createSignalingServer({ port: 0, ...options });
  closing.push(server);
  return server;
}

function connect(url: string): SignalingClient {
  const client = new SignalingClient(url, open, { ...plainTimers, random: () => 0.5 }, pauses);
  closing.push(client);
  return client;
}

afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

test('peers of a topic see each other, and talk', async () => {
  const { url } = await start();
  const [one, other] = [connect(url), connect(url)];
  const [here, there] = [new Witness(), new Witness()];
  one.join('t', here);
  await here.until('joined 0');
  other.join('t', there);
  await there.until('joined 1');
  await here.until('peer joined');
  other.relay('t', [...there.peers][0] ?? '', 'hello');
  await here.until('relayed hello');
  other.leave('t');
  await here.until('peer left');
  expect(here.seen.slice(0, 3)).toEqual(['connecting', 'connected', 'joined 0']);
});

test('a broker that goes and comes back is found again, and its topics are joined again', async () => {
  const server = await start();
  const port = Number(new URL(server.url).port);
  const witness = new Witness();
  connect(server.url).join('t', witness);
  await witness.until('joined 0');
  witness.seen.length = 0;
  await server.close();
  await witness.until('connecting');
  await start({ port });
  await witness.until('joined 0');
});

test('the founder’s token goes to who asks, to the next when that one has gone, and to nobody once it is founded', async () => {
  const { url } = await start();
  const [one, other, third] = [connect(url), connect(url), connect(url)];
  const [here, there, late] = [new Witness(() => 'ask'), new Witness(() => 'ask'), new Witness(() => 'ask')];
  one.join('t', here);
  await here.until('token true');
  other.join('t', there);
  await there.until('joined 1');
  one.leave('t');
  await there.until('token true');
  other.founded('t');
  await there.until('token false');
  third.join('t', late);
  await late.until('joined 1');
  expect(late.seen).not.toContain('token true');
});

test('the founder’s token is lost with the connection, and asked for again as things stand then', async () => {
  const server = await start();
  const port = Number(new URL(server.url).port);
  let isFounded = false;
  const [founder, bystander] = [new Witness(() => (isFounded ? 'done' : 'ask')), new Witness(() => 'ask')];
  connect(server.url).join('t', founder);
  await founder.until('token true');
  isFounded = true;
  await server.close();
  await founder.until('token false');
  founder.seen.length = 0;
  await start({ port });
  await founder.until('joined 0');
  connect(`ws://127.0.0.1:${port}`).join('t', bystander);
  await bystander.until('joined 1');
  await founder.until('peer joined');
  expect([...founder.seen, ...bystander.seen]).not.toContain('token true');
});

test('a topic that is full is tried again until there is room', async () => {
  const { url } = await start({ maxPeersPerTopic: 1 });
  const [first, second] = [connect(url), connect(url)];
  const [here, there] = [new Witness(), new Witness()];
  first.join('t', here);
  await here.until('joined 0');
  second.join('t', there);
  await there.until('connecting');
  expect(there.seen).not.toContain('connected');
  first.leave('t');
  await there.until('joined 0');
  expect(there.seen.at(-2)).toBe('connected');
});

test('an address that the page may not connect to is no end of the world', () => {
  const refusing = (): WebSocket => {
    throw new DOMException('insecure', 'SecurityError');
  };
  const witness = new Witness();
  const client = new SignalingClient('ws://x', refusing, { ...plainTimers, random: () => 0.5 }, pauses);
  client.join('t', witness);
  client.close();
  expect(witness.seen).toEqual(['connecting']);
});

test('an address where nobody speaks, or nobody is even there to refuse, is tried again and again', () => {
  const timers = new ManualTimers();
  const made: { onmessage: unknown; onclose: unknown; isClosed: boolean; close(): void }[] = [];
  const mute = (): WebSocket => {
    const socket = { onmessage: null, onclose: null, onerror: null, isClosed: false, close: () => undefined };
    made.push(Object.assign(socket, { close: () => (socket.isClosed = true) }));
    return socket as unknown as WebSocket;
  };
  const witness = new Witness();
  const client = new SignalingClient('ws://x', mute, timers, pauses);
  client.join('t', witness);
  timers.pass(9999);
  expect(made.map(({ isClosed }) => isClosed)).toEqual([false]);
  timers.pass(100);
  // The first is let go of, and may do what it likes.
  expect(made).toMatchObject([{ onmessage: null, onclose: null, isClosed: true }, { isClosed: false }]);
  timers.pass(10_100);
  expect(made.map(({ isClosed }) => isClosed)).toEqual([true, true, false]);
  client.close();
  timers.pass(60_000);
  expect(made).toHaveLength(3);
  expect(witness.seen).toEqual(['connecting']);
});

test('a broker that talks nonsense is not believed', async () => {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ port: 0 });
  closing.push({ close: () => server.close() });
  const texts = [
    'x',
    '[]',
    'null',
    '{"type":"joined","topic":"t"}',
    '{"type":"joined","topic":"t","peers":[1]}',
    '{"type":"joined","topic":"t","peers":[]}',
    '{"type":"joined","topic":"t","peers":[],"founding":{"state":"held"}}',
    '{"type":"founding","topic":"t","founding":null}',
  ];
  server.on('connection', (socket) => {
    socket.send('{"type":"welcome","protocol":1,"peer":"p"}');
    for (const text of texts) socket.send(text);
    socket.send(Buffer.from([1, 2]));
    socket.send('{"type":"relay","topic":"t","from":"p","data":"sense"}');
  });
  const witness = new Witness();
  const address = server.address();
  connect(`ws://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`).join('t', witness);
  await witness.until('relayed sense');
  expect(witness.seen).toEqual(['connecting', 'relayed sense']);
});
