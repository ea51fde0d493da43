/** What operators see and do: health, metrics, logs, certificates, draining, and the command. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { help } from '../../signaling-server/arguments.ts';
import { limits } from '../../signaling-server/options.ts';
import { certificateOfOne, certificateOfTwo } from './certificates.ts';
import { Client, openClients, startBroker } from './client.ts';
import { VirtualClock } from './clock.ts';
import { Command } from './command.ts';

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

const httpOf = (url: string, path: string): string => `${url.replace(/^ws/, 'http')}${path}`;

describe('health and metrics', () => {
  test('a broker that is well says so', async () => {
    const { url } = await startBroker();
    expect(await get(httpOf(url, '/healthz'))).toEqual({ status: 200, text: '{"status":"ok"}\n' });
    expect((await get(httpOf(url, '/'))).status).toBe(426);
    expect((await fetch(httpOf(url, '/healthz'), { method: 'POST', body: 'x' })).status).toBe(405);
  });

  test('the metrics count connections, topics, messages, bytes and refusals', async () => {
    const server = await startBroker({ maxConnections: 2 });
    const [a, b] = (await openClients(server, 2)) as [Client, Client];
    await a.join('t');
    await b.join('t');
    a.send({ type: 'relay', topic: 't', to: b.name, data: 'hello' });
    await b.next('relay');
    a.sendRaw('nonsense');
    await a.until('error');
    await new Client(server.url).closed;
    const { status, text } = await get(server.metricsUrl ?? '');
    expect(status).toBe(200);
    const lines = text.split('\n');
    expect(lines).toContain('flotilla_broker_connections 2');
    expect(lines).toContain('flotilla_broker_connections_opened_total 2');
    expect(lines).toContain('flotilla_broker_topics 1');
    expect(lines).toContain('flotilla_broker_messages_total{type="join"} 2');
    expect(lines).toContain('flotilla_broker_relayed_bytes_total 5');
    expect(lines).toContain('flotilla_broker_refusals_total{code="malformed"} 1');
    expect(lines).toContain('flotilla_broker_refusals_total{code="broker-full"} 1');
    expect(lines).toContain('flotilla_broker_available 1');
  });

  test('the metrics can have a port of their own, or none', async () => {
    const { url, metricsUrl } = await startBroker({ metricsPort: 0 });
    expect((await get(httpOf(url, '/metrics'))).status).toBe(426);
    expect((await get(metricsUrl ?? '')).text).toContain('flotilla_broker_connections 0');
    const without = await startBroker({ metrics: false });
    expect(without.metricsUrl).toBeNull();
    expect((await get(httpOf(without.url, '/metrics'))).status).toBe(426);
  });
});

describe('the log', () => {
  test('says who came and went, and nothing of what was said, nor where', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line) => lines.push(line) });
    const server = await startBroker({ logger });
    const [a, b] = (await openClients(server, 2)) as [Client, Client];
    await a.joinWith('a topic of ours', 'ask');
    await b.join('a topic of ours');
    a.send({ type: 'relay', topic: 'a topic of ours', to: b.name, data: 'a secret of ours' });
    await b.next('relay');
    a.sendRaw('a secret of ours, and nonsense');
    await a.until('error');
    a.socket.close();
    await b.until('peer-left');
    await server.close();
    const written = lines.join('');
    expect(written).not.toContain('of ours');
    const entries = lines.map(
      (line) => JSON.parse(line) as { msg: string; peer?: string; topic?: string; code?: number },
    );
    expect(entries.filter(({ msg }) => msg === 'opened').map(({ peer }) => peer)).toEqual([a.name, b.name]);
    const topics = entries.filter(({ msg }) => msg === 'join').map(({ topic }) => topic);
    expect(topics).toEqual([topics[0], topics[0]]);
    expect(topics[0]).toMatch(/^[\w-]{12}$/);
    expect(entries).toContainEqual(expect.objectContaining({ msg: 'fault', peer: a.name, error: 'malformed' }));
    expect(entries).toContainEqual(
      expect.objectContaining({ msg: 'closed', peer: a.name, code: 1005, reason: 'client' }),
    );
  });

  test('does not grow with what clients do as often as they like: lines left out are counted', async () => {
    const clock = new VirtualClock();
    const lines: { msg: string; suppressed?: number }[] = [];
    const logger = pino({}, { write: (line) => lines.push(JSON.parse(line) as { msg: string; suppressed?: number }) });
    const server = await startBroker({ clock, logger, maxFaults: 1000 });
    const [a] = (await openClients(server, 1)) as [Client];
    for (let i = 0; i < 100; i++) a.sendRaw('nonsense');
    for (let i = 0; i < 100; i++) await a.next('error');
    expect(lines.filter(({ msg }) => msg === 'fault')).toHaveLength(20);
    clock.advance(1000);
    a.sendRaw('nonsense');
    await a.next('error');
    expect(lines.filter(({ msg }) => msg === 'fault').at(-1)).toMatchObject({ suppressed: 80 });
  });
});

describe('TLS', () => {
  const peerOf = async (url: string): Promise<string> => {
    const { hostname, port } = new URL(url);
    const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return String(CN);
  };

  test('clients connect to wss, and the certificate can be renewed under them', async () => {
    const server = await startBroker({ tls: certificateOfOne });
    expect(server.url).toMatch(/^wss:/);
    const client = await Client.open(server.url, { rejectUnauthorized: false });
    expect(await client.join('t')).toEqual([]);
    expect(await peerOf(server.url)).toBe('one.flotilla.test');
    server.renewTls(certificateOfTwo);
    expect(await peerOf(server.url)).toBe('two.flotilla.test');
    expect(() => server.renewTls({ cert: 'none', key: 'none' })).toThrow();
    expect(await peerOf(server.url)).toBe('two.flotilla.test');
    expect(await client.join('u')).toEqual([]);
  });

  test('half-open sockets count below it as well', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, tls: certificateOfOne, handshakeMs: 5000 });
    const stays = await Client.open(server.url, { rejectUnauthorized: false });
    await stays.join('t');
    const { hostname, port } = new URL(server.url);
    const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
    const closed = once(socket.resume(), 'close');
    await once(socket, 'secureConnect');
    clock.advance(5250);
    await closed;
    expect(await stays.join('u')).toEqual([]);
  });

  test('a broker without it says so when it is given a certificate', async () => {
    const server = await startBroker();
    expect(() => server.renewTls(certificateOfOne)).toThrow('speaks no TLS');
  });
});

describe('draining', () => {
  test('tells clients to go, takes no new ones, and ends when they have gone', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock });
    const [a, b] = (await openClients(server, 2)) as [Client, Client];
    const drained = server.drain();
    await a.next('draining');
    await b.next('draining');
    expect(await get(httpOf(server.url, '/healthz'))).toEqual({ status: 503, text: '{"status":"draining"}\n' });
    const late = new Client(server.url);
    expect(await late.next('error')).toMatchObject({ code: 'draining' });
    expect(await late.closed).toMatchObject({ code: 1001 });
    // Those who are still there are still served.
    expect(await a.join('t')).toEqual([]);
    a.socket.close();
    b.socket.close();
    await drained;
    expect(server.connections).toBe(0);
  });

  test('ends after its time whoever stays', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, drainMs: 3000 });
    const [stays] = (await openClients(server, 1)) as [Client];
    const drained = server.drain();
    await stays.next('draining');
    clock.advance(2900);
    expect(server.connections).toBe(1);
    clock.advance(100);
    expect(await stays.closed).toMatchObject({ code: 1001, reason: 'draining: the broker is closing' });
    await drained;
  });

  test('spreads the clients of a large broker over half of the time', async () => {
    const clock = new VirtualClock();
    const server = await startBroker({ clock, drainMs: 400 });
    const clients = await openClients(server, 210);
    const told = () => clients.filter(({ unread }) => unread.some(({ type }) => type === 'draining')).length;
    const drained = server.drain();
    // 105 at once, and 105 after 100 ms: those who are told later have heard nothing when the last of the first have.
    await clients[104]?.next('draining');
    expect(told()).toBeLessThanOrEqual(104);
    clock.advance(100);
    await clients[209]?.next('draining');
    for (const client of clients) client.socket.close();
    await drained;
  });
});

describe('the command', () => {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-broker-'));
  const file = (name: string, text: string | Buffer): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  test('says where it listens, serves, drains on SIGTERM and ends with 0', { timeout: 30_000 }, async () => {
    const command = new Command(['--port', '0', '--metrics-port', '0']);
    const url = await command.url;
    const client = await Client.open(url);
    expect(await client.join('t')).toEqual([]);
    const metrics = await command.until(/(?<="metrics":")[^"]+(?=")/);
    expect((await get(metrics)).text).toContain('process_resident_memory_bytes');
    const end = command.ended;
    command.kill('SIGTERM');
    await client.next('draining');
    client.socket.close();
    expect(await end).toBe(0);
    expect(command.output).toContain('"msg":"draining"');
  });

  test('takes certificate, tokens, origins and limits, ends at once on SIGINT', { timeout: 30_000 }, async () => {
    const command = new Command(
      [
        '--port',
        '0',
        '--tls-cert',
        file('cert', certificateOfOne.cert),
        '--tls-key',
        file('key', certificateOfOne.key),
      ],
      {
        FLOTILLA_SIGNALING_TOKEN_FILE: file('tokens', 'sesame\n\nother\n'),
        FLOTILLA_SIGNALING_ALLOWED_ORIGINS: 'https://example.org, https://example.com',
        FLOTILLA_SIGNALING_MAX_TOPICS_PER_PEER: '1',
      },
    );
    const url = await command.url;
    expect(url).toMatch(/^wss:/);
    const options = { rejectUnauthorized: false };
    const refused = new Client(`${url}/?access_token=sesame`, { ...options, origin: 'https://example.net' });
    expect(await refused.next('error')).toMatchObject({ code: 'origin-refused' });
    expect(await new Client(url, options).next('error')).toMatchObject({ code: 'unauthorized' });
    const client = await Client.open(`${url}/?access_token=other`, { ...options, origin: 'https://example.com' });
    await client.join('t');
    client.send({ type: 'join', topic: 'u' });
    expect(await client.next('error')).toMatchObject({ code: 'too-many-topics' });
    file('cert', certificateOfTwo.cert);
    file('key', certificateOfTwo.key);
    command.kill('SIGHUP');
    await command.until(/renewed the certificate/);
    const end = command.ended;
    command.kill('SIGINT');
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(await end).toBe(0);
  });

  test.each<[string, string[], string]>([
    ['a port that is none', ['--port', 'http'], '--port takes a number from 0 to 65535'],
    ['a limit out of its range', ['--max-connections', '0'], '--max-connections takes a number from 1'],
    ['an unknown option', ['--prot', '1'], "Unknown option '--prot'"],
    ['half a certificate', ['--tls-cert', 'x'], 'go together'],
    ['a file that is not there', ['--token-file', '/nowhere'], '--token-file cannot be read'],
    ['an address of Redis that is none', ['--redis', 'localhost'], '--redis takes an address'],
  ])('refuses %s with a sentence and status 2', { timeout: 30_000 }, async (_, args, sentence) => {
    const command = new Command(args);
    expect(await command.ended).toBe(2);
    expect(command.output).toContain(`flotilla-signaling: `);
    expect(command.output).toContain(sentence);
  });

  test('ends with status 1 when Redis is not there, without its password', { timeout: 30_000 }, async () => {
    const command = new Command(['--port', '0', '--redis', 'redis://:password@127.0.0.1:1']);
    expect(await command.ended).toBe(1);
    expect(command.output).toContain('Redis cannot be used at 127.0.0.1:1');
    expect(command.output).not.toContain(':password');
  });

  test('explains itself: every limit with its default', () => {
    for (const { text, default: byDefault } of Object.values(limits)) {
      expect(help()).toContain(`${text} (default ${byDefault})`);
    }
  });
});
