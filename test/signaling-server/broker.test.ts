/** The broker over real sockets: who hears of whom, and what happens to those who do not keep to the rules. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  type ClientMessage,
  createSignalingServer,
  type ServerMessage,
  type SignalingServer,
  type SignalingServerOptions,
} from '../../signaling-server/index.ts';

type MessageOf<Type extends ServerMessage['type']> = Extract<ServerMessage, { readonly type: Type }>;

/** A client that remembers what it was told, until somebody asks for it. */
class Client {
  readonly socket: WebSocket;
  readonly #inbox: ServerMessage[] = [];
  readonly #closed: Promise<{ code: number; reason: string }>;
  #arrived: () => void = () => undefined;
  name = '';

  private constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on('message', (data: Buffer) => {
      this.#inbox.push(JSON.parse(data.toString()) as ServerMessage);
      this.#arrived();
    });
    this.#closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  static async open(url: string): Promise<Client> {
    const client = new Client(url);
    await once(client.socket, 'open');
    client.name = (await client.next('welcome')).peer;
    return client;
  }

  send(message: ClientMessage): void {
    this.sendRaw(JSON.stringify(message));
  }

  sendRaw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** The next message, which must be of this type. */
  async next<Type extends ServerMessage['type']>(type: Type): Promise<MessageOf<Type>> {
    while (this.#inbox.length === 0) await new Promise<void>((resolve) => (this.#arrived = resolve));
    const message = this.#inbox.shift();
    expect(message).toMatchObject({ type });
    return message as MessageOf<Type>;
  }

  async join(topic: string): Promise<readonly string[]> {
    this.send({ type: 'join', topic });
    return (await this.next('joined')).peers;
  }

  get closed(): Promise<{ code: number; reason: string }> {
    return this.#closed;
  }
}

let server: SignalingServer | null = null;

async function start(options: Partial<SignalingServerOptions> = {}): Promise<(count: number) => Promise<Client[]>> {
  const started = await createSignalingServer({ port: 0, ...options });
  server = started;
  return (count) => Promise.all(Array.from({ length: count }, () => Client.open(started.url)));
}

afterEach(async () => {
  await server?.close();
  server = null;
});

describe('peers of a topic', () => {
  test('hear of each other as they come and go', async () => {
    const open = await start();
    const [a, b, c] = (await open(3)) as [Client, Client, Client];
    expect(await a.join('t')).toEqual([]);
    expect(await b.join('t')).toEqual([a.name]);
    expect(await a.next('peer-joined')).toEqual({ type: 'peer-joined', topic: 't', peer: b.name });
    expect(await c.join('t')).toEqual([a.name, b.name]);

    b.send({ type: 'leave', topic: 't' });
    expect(await c.next('peer-left')).toEqual({ type: 'peer-left', topic: 't', peer: b.name });
    a.socket.terminate();
    expect(await c.next('peer-left')).toEqual({ type: 'peer-left', topic: 't', peer: a.name });
  });

  test('relay to each other, and the sender is who the broker says', async () => {
    const open = await start();
    const [a, b] = (await open(2)) as [Client, Client];
    await a.join('t');
    await b.join('t');
    b.send({ type: 'relay', topic: 't', to: a.name, data: 'an offer, "quoted"' });
    await a.next('peer-joined');
    expect(await a.next('relay')).toEqual({ type: 'relay', topic: 't', from: b.name, data: 'an offer, "quoted"' });
  });

  test('do not hear of other topics', async () => {
    const open = await start();
    const [a, b] = (await open(2)) as [Client, Client];
    await a.join('t');
    expect(await b.join('other')).toEqual([]);
    b.send({ type: 'relay', topic: 't', to: a.name, data: 'x' });
    expect((await b.next('error')).code).toBe('not-in-topic');
    b.send({ type: 'relay', topic: 'other', to: a.name, data: 'x' });
    expect((await b.next('error')).code).toBe('no-such-peer');
    expect(await b.join('t')).toEqual([a.name]);
    expect((await a.next('peer-joined')).peer).toBe(b.name);
  });

  test('may join twice, which changes nothing and is announced once', async () => {
    const open = await start();
    const [a, b] = (await open(2)) as [Client, Client];
    await a.join('t');
    await b.join('t');
    expect(await b.join('t')).toEqual([a.name]);
    b.send({ type: 'relay', topic: 't', to: a.name, data: 'x' });
    await a.next('peer-joined');
    await a.next('relay');
  });
});

describe('who does not keep to the protocol', () => {
  const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  test.each<[string, string | Uint8Array]>([
    ['no JSON', 'hello'],
    ['an empty message', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['deep nesting', nested],
    ['an unknown type', '{"type":"dance","topic":"t"}'],
    ['no topic', '{"type":"join"}'],
    ['an empty topic', '{"type":"join","topic":""}'],
    ['an endless topic', JSON.stringify({ type: 'join', topic: 'x'.repeat(129) })],
    ['a number for a topic', '{"type":"join","topic":1}'],
    ['no receiver', '{"type":"relay","topic":"t","data":"x"}'],
    ['an object for data', '{"type":"relay","topic":"t","to":"x","data":{}}'],
    ['bytes', new Uint8Array([1, 2, 3])],
  ])('is told so: %s', async (_, data) => {
    const open = await start();
    const [a, b] = (await open(2)) as [Client, Client];
    a.sendRaw(data);
    expect(await a.next('error')).toMatchObject({ code: 'malformed' });
    await a.join('t');
    expect(await b.join('t')).toEqual([a.name]);
  });

  test('is shown the door when it goes on', async () => {
    const open = await start({ maxFaults: 3 });
    const [a, honest] = (await open(2)) as [Client, Client];
    await honest.join('t');
    for (let i = 0; i < 10; i++) a.sendRaw('hello');
    expect(await a.closed).toMatchObject({ code: 1008 });
    expect(await honest.join('other')).toEqual([]);
    expect(server?.connections).toBe(1);
  });

  test('is told when a message is too large, and cut off when it is absurd', async () => {
    const open = await start({ maxMessageBytes: 1000 });
    const [a, b] = (await open(2)) as [Client, Client];
    a.send({ type: 'relay', topic: 't', to: 'x', data: 'x'.repeat(1000) });
    expect(await a.next('error')).toMatchObject({ code: 'too-large' });
    b.sendRaw('x'.repeat(10_000));
    expect(await b.closed).toMatchObject({ code: 1009 });
  });

  test('has messages dropped that come too fast, and is shown the door when it goes on', async () => {
    const open = await start({ maxMessagesPerSecond: 1, maxFaults: 3 });
    const [a] = (await open(1)) as [Client];
    for (let i = 0; i < 20; i++) a.send({ type: 'join', topic: 't' });
    for (let i = 0; i < 4; i++) await a.next('joined');
    expect(await a.next('error')).toMatchObject({ code: 'rate-limited' });
    expect(await a.closed).toMatchObject({ code: 1008, reason: expect.stringContaining('rate-limited') as string });
  });
});

describe('limits', () => {
  test('of peers in a topic', async () => {
    const open = await start({ maxPeersPerTopic: 2 });
    const [a, b, c] = (await open(3)) as [Client, Client, Client];
    await a.join('t');
    await b.join('t');
    c.send({ type: 'join', topic: 't' });
    expect(await c.next('error')).toMatchObject({ code: 'topic-full', topic: 't' });
    b.send({ type: 'leave', topic: 't' });
    await a.next('peer-joined');
    await a.next('peer-left');
    expect(await c.join('t')).toEqual([a.name]);
  });

  test('of topics for a connection', async () => {
    const open = await start({ maxTopicsPerPeer: 1 });
    const [a] = (await open(1)) as [Client];
    await a.join('t');
    a.send({ type: 'join', topic: 'u' });
    expect(await a.next('error')).toMatchObject({ code: 'too-many-topics' });
  });

  test('of connections, and whoever is turned away cannot hurt the broker by it', async () => {
    const open = await start({ maxConnections: 1 });
    await open(1);
    const { hostname, port } = new URL(server?.url ?? '');
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${upgrade}${key}\r\n`);
    await once(socket, 'data');
    socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await once(socket.resume(), 'close');
    expect(server?.connections).toBe(1);
  });

  test('of connections', async () => {
    const open = await start({ maxConnections: 1 });
    await open(1);
    const turnedAway = new WebSocket(server?.url ?? '');
    const [code] = (await once(turnedAway, 'close')) as [number];
    expect(code).toBe(1013);
  });
});

test('a client that answers no pings is gone after two', async () => {
  const open = await start({ pingMs: 20 });
  const [honest] = (await open(1)) as [Client];
  await honest.join('t');
  const deaf = new WebSocket(server?.url ?? '', { autoPong: false });
  deaf.on('open', () => {
    deaf.send('{"type":"join","topic":"t"}');
  });
  expect(await honest.next('peer-joined')).toBeDefined();
  expect(await honest.next('peer-left')).toBeDefined();
});

test('a client that reads too slowly is cut off, and holds up nobody', async () => {
  const open = await start({ maxBufferedBytes: 20_000, maxMessagesPerSecond: 10_000 });
  const [sender] = (await open(1)) as [Client];
  await sender.join('t');
  const slow = new WebSocket(server?.url ?? '');
  slow.on('open', () => {
    slow.send('{"type":"join","topic":"t"}');
    slow.pause();
  });
  const { peer } = await sender.next('peer-joined');
  const data = 'x'.repeat(60_000);
  const state = { isThere: true };
  void sender.next('peer-left').then(() => (state.isThere = false));
  while (state.isThere) {
    for (let i = 0; i < 20; i++) sender.send({ type: 'relay', topic: 't', to: peer, data });
    await new Promise((resolve) => setImmediate(resolve));
  }
  slow.terminate();
});

test('closing tells every client, and waits until they have gone', async () => {
  const open = await start();
  const clients = await open(5);
  const closed = server?.close();
  for (const client of clients) expect(await client.closed).toMatchObject({ code: 1001 });
  await closed;
  expect(server?.connections).toBe(0);
  server = null;
});

test('the port can be listened on once, and the second is told', async () => {
  await start();
  const port = Number(new URL(server?.url ?? '').port);
  await expect(createSignalingServer({ port })).rejects.toThrow('EADDRINUSE');
});

describe('the command', () => {
  const run = (...args: string[]) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'signaling-server/cli.ts', ...args]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
    return { child, output: () => output };
  };

  test('says where it listens, serves, and ends in order on SIGTERM', async () => {
    const { child, output } = run('--port', '0');
    while (!output().includes('listens on')) await once(child.stdout, 'data');
    const [url = ''] = /ws:\/\/[\d.:]+/.exec(output()) ?? [];
    const client = await Client.open(url);
    expect(await client.join('t')).toEqual([]);
    child.kill('SIGTERM');
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test.each([[['--port', 'http']], [['--port', '70000']], [['--prot', '1']], [['x']]])(
    'refuses %j with a sentence and status 2',
    async (args) => {
      const { child, output } = run(...args);
      expect(await once(child, 'exit')).toEqual([2, null]);
      expect(output()).toContain('flotilla-signaling:');
    },
  );

  test('explains itself', async () => {
    const { child, output } = run('--help');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(output()).toContain('Usage: flotilla-signaling');
  });
});

describe('a connection that never becomes a WebSocket', () => {
  const open = async (): Promise<Socket> => {
    await start();
    const { hostname, port } = new URL(server?.url ?? '');
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return socket;
  };

  test('is closed when it speaks garbage', async () => {
    const socket = await open();
    socket.resume().write('GARBAGE\r\n\r\n');
    await once(socket, 'close');
  });

  test('is told what this is when it speaks HTTP', async () => {
    const socket = await open();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const [reply] = (await once(socket, 'data')) as [Buffer];
    expect(reply.toString()).toContain('426 Upgrade Required');
  });

  test('does not hold up the end of the broker when it says nothing', async () => {
    const socket = await open();
    const closed = once(socket.resume(), 'close');
    await server?.close();
    await closed;
    server = null;
  });
});
