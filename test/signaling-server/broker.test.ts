/** The broker over real sockets: who hears of whom, and what happens to those who do not keep to the rules. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  createSignalingServer,
  type SignalingServer,
  type SignalingServerOptions,
} from '../../signaling-server/index.ts';
import type { Client } from './client.ts';
import { openClients, startBroker } from './client.ts';

let server: SignalingServer;

async function start(options: Partial<SignalingServerOptions> = {}): Promise<(count: number) => Promise<Client[]>> {
  server = await startBroker(options);
  return (count) => openClients(server, count);
}

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
    expect(await a.closed).toMatchObject({ code: 1008, reason: expect.stringMatching(/^too-many-faults: /) as string });
    expect(await honest.join('other')).toEqual([]);
    expect(server.connections).toBe(1);
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

test('closing tells every client, and waits until they have gone', async () => {
  const open = await start();
  const clients = await open(5);
  const closed = server.close();
  for (const client of clients)
    expect(await client.closed).toMatchObject({ code: 1001, reason: 'draining: the broker is closing' });
  await closed;
  expect(server.connections).toBe(0);
});

test('the port can be listened on once, and the second is told', async () => {
  await start();
  const port = Number(new URL(server.url).port);
  await expect(createSignalingServer({ port })).rejects.toThrow('EADDRINUSE');
});

describe('a connection that never becomes a WebSocket', () => {
  const open = async (): Promise<Socket> => {
    await start();
    const { hostname, port } = new URL(server.url);
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
    await server.close();
    await closed;
  });
});
