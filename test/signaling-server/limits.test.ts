/** Every limit: that it holds, what whoever runs into it is told, and that nobody else is hurt by it. */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createSignalingServer, type SignalingServer } from '../../signaling-server/index.ts';
import { Client, openClients, startBroker } from './client.ts';
import { VirtualClock } from './clock.ts';

/** How a connection that is not taken ends: an error that says why, and a close with the same code. */
async function refusal(
  server: SignalingServer,
  headers: IncomingHttpHeaders = {},
  path = '',
  protocols: string[] = [],
) {
  const client = new Client(`${server.url}${path}`, { headers: headers as Record<string, string> }, protocols);
  const { code, message } = await client.next('error');
  const closed = await client.closed;
  expect(closed.reason).toBe(`${code}: ${message}`);
  return { code, status: closed.code };
}

describe('of topics', () => {
  test('members: the next is told that the topic is full, until somebody leaves', async () => {
    const [a, b, c] = (await openClients(await startBroker({ maxPeersPerTopic: 2 }), 3)) as [Client, Client, Client];
    await a.join('t');
    await b.join('t');
    c.send({ type: 'join', topic: 't' });
    expect(await c.next('error')).toMatchObject({ code: 'topic-full', topic: 't' });
    c.send({ type: 'relay', topic: 't', to: a.name, data: 'x' });
    expect(await c.next('error')).toMatchObject({ code: 'not-in-topic' });
    b.send({ type: 'leave', topic: 't' });
    await a.next('peer-joined');
    await a.next('peer-left');
    expect(await c.join('t')).toEqual([a.name]);
  });

  test('topics of a connection: the next is told, and those that it is in stay', async () => {
    const [a, b] = (await openClients(await startBroker({ maxTopicsPerPeer: 1 }), 2)) as [Client, Client];
    await a.join('t');
    a.send({ type: 'join', topic: 'u' });
    expect(await a.next('error')).toMatchObject({ code: 'too-many-topics', topic: 'u' });
    expect(await b.join('t')).toEqual([a.name]);
    a.send({ type: 'leave', topic: 't' });
    await a.next('peer-joined');
    expect(await a.join('u')).toEqual([]);
  });
});

describe('of connections', () => {
  test('in all: the next is told that the broker is full, until somebody goes', async () => {
    const server = await startBroker({ maxConnections: 1 });
    const [first] = (await openClients(server, 1)) as [Client];
    expect(await refusal(server)).toEqual({ code: 'broker-full', status: 1013 });
    first.socket.close();
    await first.closed;
    expect(await openClients(server, 1)).toHaveLength(1);
  });

  test('in all: whoever is turned away cannot hurt the broker by it', async () => {
    const server = await startBroker({ maxConnections: 1 });
    await openClients(server, 1);
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${upgrade}${key}\r\n`);
    await once(socket, 'data');
    socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await once(socket.resume(), 'close');
    expect(server.connections).toBe(1);
  });

  test('of one address: others still come in', async () => {
    const server = await startBroker({ maxConnectionsPerAddress: 1 });
    await openClients(server, 1);
    expect(await refusal(server)).toEqual({ code: 'address-full', status: 1013 });
    const neighbour = await Client.open(server.url, { localAddress: '127.0.0.2' });
    expect(await neighbour.join('t')).toEqual([]);
  });

  test('of one address behind a proxy: what a trusted proxy says counts, and of IPv6 the network', async () => {
    const server = await startBroker({ maxConnectionsPerAddress: 1, trustProxy: ['loopback'] });
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    await Client.open(server.url, from('203.0.113.1'));
    await Client.open(server.url, from('203.0.113.2'));
    await Client.open(server.url, from('2001:db8:0:1::1'));
    await Client.open(server.url, from('2001:db8:0:2::1'));
    expect(await refusal(server, from('203.0.113.1').headers)).toMatchObject({ code: 'address-full' });
    expect(await refusal(server, from('::ffff:203.0.113.2').headers)).toMatchObject({ code: 'address-full' });
    expect(await refusal(server, from('2001:db8:0:1:ffff::2').headers)).toMatchObject({ code: 'address-full' });
  });

  test('of one address: what a stranger says about itself does not count', async () => {
    const server = await startBroker({ maxConnectionsPerAddress: 1 });
    await openClients(server, 1);
    const headers = { 'x-forwarded-for': '203.0.113.1' };
    expect(await refusal(server, headers)).toMatchObject({ code: 'address-full' });
  });

  test('that never become one: the oldest makes room, and honest ones come in', async () => {
    const server = await startBroker({ maxPending: 3 });
    const { hostname, port } = new URL(server.url);
    const oldest = connect(Number(port), hostname);
    const gone = once(oldest.resume(), 'close');
    const halfOpen = [oldest, connect(Number(port), hostname), connect(Number(port), hostname)];
    await Promise.all(halfOpen.map((socket) => once(socket, 'connect')));
    const [client] = (await openClients(server, 1)) as [Client];
    await gone;
    expect(await client.join('t')).toEqual([]);
    for (const socket of halfOpen) socket.destroy();
  });
});

describe('of origins', () => {
  test('pages of others are refused; those that are allowed, and clients that are no pages, are not', async () => {
    const server = await startBroker({ allowedOrigins: ['https://example.org'] });
    expect(await refusal(server, { origin: 'https://evil.example' })).toEqual({ code: 'origin-refused', status: 1008 });
    expect(await refusal(server, { origin: 'null' })).toMatchObject({ code: 'origin-refused' });
    await Client.open(server.url, { headers: { origin: 'https://example.org' } });
    await Client.open(server.url);
  });
});

describe('of tokens', () => {
  const checkToken = ({ token }: { readonly token: string | null }) => Promise.resolve(token === 'sesame');

  test('a token comes in a header, in a subprotocol, or in the address', async () => {
    const server = await startBroker({ checkToken });
    await Client.open(server.url, { headers: { authorization: 'Bearer sesame' } });
    const page = await Client.open(server.url, {}, ['flotilla', 'bearer.sesame']);
    expect(page.socket.protocol).toBe('flotilla');
    await Client.open(`${server.url}/?access_token=sesame`);
  });

  test('without one, and with a wrong one, nobody comes in', async () => {
    const server = await startBroker({ checkToken });
    expect(await refusal(server)).toEqual({ code: 'unauthorized', status: 1008 });
    expect(await refusal(server, { authorization: 'Bearer open' })).toMatchObject({ code: 'unauthorized' });
    expect(await refusal(server, {}, '/?access_token=')).toMatchObject({ code: 'unauthorized' });
    expect(await refusal(server, {}, '', ['flotilla', 'bearer.x'])).toMatchObject({ code: 'unauthorized' });
    expect(server.connections).toBe(0);
  });

  test('a check that throws lets nobody in', async () => {
    const server = await startBroker({
      checkToken: () => {
        throw new Error('the database is down');
      },
    });
    expect(await refusal(server)).toMatchObject({ code: 'unauthorized' });
  });

  test('a check that takes too long is cut off, and its place is free again', async () => {
    const clock = new VirtualClock();
    let checks = 0;
    let asked: () => void = () => undefined;
    const server = await startBroker({
      clock,
      maxConnections: 1,
      checkToken: () => {
        asked();
        return checks++ > 0 || new Promise<boolean>(() => undefined);
      },
    });
    const waiting = new Client(server.url);
    await new Promise<void>((resolve) => (asked = resolve));
    expect(await refusal(server)).toMatchObject({ code: 'broker-full' });
    clock.advance(10_500);
    expect((await waiting.closed).code).toBe(1006);
    await Client.open(server.url);
  });
});

describe('of time', () => {
  test('whoever is in no topic within the time for it goes, and so does whoever is in none any more', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, handshakeMs: 5000, pingMs: 86_400_000 });
    const [never, left, stays] = (await openClients(server, 3)) as [Client, Client, Client];
    await left.join('t');
    await stays.join('t');
    clock.advance(4000);
    left.send({ type: 'leave', topic: 't' });
    expect(await stays.next('peer-left')).toBeDefined();
    clock.advance(1000);
    expect(await never.next('error')).toMatchObject({ code: 'handshake-timeout' });
    expect(await never.closed).toMatchObject({
      code: 1008,
      reason: expect.stringContaining('handshake-timeout') as string,
    });
    clock.advance(4000);
    expect(await left.until('error')).toMatchObject({ code: 'handshake-timeout' });
    expect(await stays.join('u')).toEqual([]);
  });

  test('what was sent in time is read before anybody is told to be late, when the broker itself was held up', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, handshakeMs: 5000, pingMs: 86_400_000 });
    const [prompt, never] = (await openClients(server, 2)) as [Client, Client];
    // It lies in the broker's socket until this test waits for something.
    prompt.send({ type: 'join', topic: 't' });
    clock.holdUp(6000);
    clock.advance(0);
    expect(await prompt.next('joined')).toBeDefined();
    clock.advance(250);
    expect(await never.next('error')).toMatchObject({ code: 'handshake-timeout' });
    expect(await prompt.join('u')).toEqual([]);
  });

  test('a broker that is held up again and again ends whoever is late all the same', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, handshakeMs: 5000, pingMs: 86_400_000 });
    const [never] = (await openClients(server, 1)) as [Client];
    for (let i = 0; i < 2; i++) {
      clock.holdUp(6000);
      clock.advance(0);
    }
    expect(await never.next('error')).toMatchObject({ code: 'handshake-timeout' });
  });

  test('sockets that are half open are closed after the same time', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, handshakeMs: 5000 });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const closed = once(socket.resume(), 'close');
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow');
    // The broker knows of it once it has answered somebody who came after it.
    await openClients(server, 1);
    clock.advance(5250);
    await closed;
  });

  test('whoever says nothing for too long goes, unless it is spoken to; joining again counts', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, idleMs: 60_000, pingMs: 86_400_000 });
    const [silent, talks, listens] = (await openClients(server, 3)) as [Client, Client, Client];
    for (const client of [silent, talks, listens]) await client.join('t');
    clock.advance(40_000);
    talks.send({ type: 'relay', topic: 't', to: listens.name, data: 'x' });
    await listens.next('relay');
    clock.advance(30_000);
    expect(await silent.until('error')).toMatchObject({ code: 'idle' });
    expect(await silent.closed).toMatchObject({ code: 1008 });
    expect((await talks.until('peer-left')).peer).toBe(silent.name);
    await talks.join('t');
    clock.advance(40_000);
    expect(await listens.until('error')).toMatchObject({ code: 'idle' });
    expect(await talks.until('peer-left')).toMatchObject({ peer: listens.name });
  });

  test('whoever answers no pings is gone after two, and the others hear of it', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, pingMs: 10_000 });
    const [honest] = (await openClients(server, 1)) as [Client];
    await honest.join('t');
    const deaf = await Client.open(server.url, { autoPong: false });
    await deaf.join('t');
    await honest.next('peer-joined');
    let pinged = 0;
    deaf.socket.on('ping', () => pinged++);
    for (let i = 0; i < 2; i++) {
      const answered = once(honest.socket, 'ping');
      clock.advance(10_000);
      await answered;
      // The answer is with the broker before whatever is said after it.
      await honest.settled();
    }
    clock.advance(10_000);
    expect((await honest.until('peer-left')).peer).toBe(deaf.name);
    expect(pinged).toBe(2);
  });

  test('a client that does not answer the close is cut off', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, idleMs: 1000, handshakeMs: 86_400_000 });
    const [client] = (await openClients(server, 1)) as [Client];
    client.socket.pause();
    clock.advance(1250);
    expect(server.connections).toBe(1);
    clock.advance(2250);
    client.socket.resume();
    await client.closed;
    expect(server.connections).toBe(0);
  });
});

describe('of messages', () => {
  test('of their rate: what comes too fast is dropped, and time brings room for more', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, maxMessagesPerSecond: 1, maxFaults: 100 });
    const [a] = (await openClients(server, 1)) as [Client];
    for (let i = 0; i < 5; i++) a.send({ type: 'join', topic: 't' });
    for (let i = 0; i < 4; i++) await a.next('joined');
    expect(await a.next('error')).toMatchObject({ code: 'rate-limited' });
    clock.advance(1000);
    await a.join('t');
    a.send({ type: 'join', topic: 't' });
    expect(await a.next('error')).toMatchObject({ code: 'rate-limited' });
  });

  test('of their rate: pings count, so that a flood of them ends', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, maxMessagesPerSecond: 1, maxFaults: 3 });
    const [a] = (await openClients(server, 1)) as [Client];
    for (let i = 0; i < 10; i++) a.socket.ping();
    expect(await a.closed).toMatchObject({ code: 1008, reason: expect.stringContaining('rate-limited') as string });
  });

  test('of what waits to be read: whoever reads too slowly goes, and holds up nobody', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, maxBufferedBytes: 20_000, maxMessagesPerSecond: 1_000_000 });
    const [sender, slow] = (await openClients(server, 2)) as [Client, Client];
    await sender.join('t');
    await slow.join('t');
    slow.socket.pause();
    await sender.next('peer-joined');
    const left = sender.next('peer-left');
    const state = { isThere: true };
    void left.then(() => (state.isThere = false));
    while (state.isThere) {
      for (let i = 0; i < 20; i++) sender.send({ type: 'relay', topic: 't', to: slow.name, data: 'x'.repeat(60_000) });
      await new Promise((resolve) => setImmediate(resolve));
    }
    slow.socket.resume();
    expect(await slow.closed).toMatchObject({
      code: 1008,
      reason: 'slow-reader: more than 20000 bytes wait to be read',
    });
  });

  test('of what waits to be read by all: the slowest goes first', async () => {
    const clock = new VirtualClock();
    const mebi = 1024 * 1024;
    const limits = { maxBufferedBytes: 64 * mebi, maxBufferedTotalBytes: mebi, maxMessagesPerSecond: 1_000_000 };
    const server = await startBroker({ clock, ...limits });
    const [sender, slow, slower] = (await openClients(server, 3)) as [Client, Client, Client];
    for (const client of [sender, slow, slower]) await client.join('t');
    for (const client of [slow, slower]) client.socket.pause();
    const relay = (to: Client, count: number): void => {
      for (let i = 0; i < count; i++) sender.send({ type: 'relay', topic: 't', to: to.name, data: 'x'.repeat(60_000) });
    };
    // More than the kernel takes off the broker's hands on both sides of the loopback.
    relay(slow, 150);
    relay(slower, 400);
    await sender.settled();
    clock.advance(250);
    expect((await sender.until('peer-left')).peer).toBe(slower.name);
    slower.socket.resume();
    expect((await slower.closed).reason).toMatch(/^slow-reader: .* by all$/);
    for (const client of [slow, slower]) client.socket.terminate();
  });
});

test('options out of their range are refused, by name', async () => {
  await expect(createSignalingServer({ port: 0, maxConnections: 0 })).rejects.toThrow(/maxConnections takes .* from 1/);
  await expect(createSignalingServer({ port: 0, idleMs: 1.5 })).rejects.toThrow(/idleMs/);
  await expect(createSignalingServer({ port: 70_000 })).rejects.toThrow(/port/);
  await expect(createSignalingServer({ port: 0, trustProxy: ['everybody'] })).rejects.toThrow(/everybody/);
});
