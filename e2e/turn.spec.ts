/** Tabs that may not see each other's addresses: all goes through a real TURN server, coturn, on loopback. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from './fixtures.ts';
import { diagnose, gather, open, propose, state, untilLed } from './pages.ts';

const isInstalled = spawnSync('turnserver', ['--version']).error === undefined;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

interface Turn {
  readonly iceServers: RTCIceServer[];
  close(): Promise<void>;
}

/** A binding request of STUN (RFC 8489), which every TURN server answers. */
const bindingRequest = Buffer.from('000100002112a442666c6f74696c6c6174757221', 'hex');

async function untilAnswered(port: number): Promise<void> {
  const socket = createSocket('udp4');
  let isAnswered = false;
  socket.once('message', () => (isAnswered = true));
  try {
    await expect
      .poll(() => {
        socket.send(bindingRequest, port, '127.0.0.1');
        return isAnswered;
      })
      .toBe(true);
  } finally {
    socket.close();
  }
}

async function startTurn(): Promise<Turn> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-turn-'));
  const port = await freePort();
  const settings = [
    `listening-port=${port}`,
    'listening-ip=127.0.0.1',
    'relay-ip=127.0.0.1',
    'allow-loopback-peers',
    'cli-password=not-used',
    'no-cli',
    'no-tls',
    'no-dtls',
    'lt-cred-mech',
    'realm=flotilla.test',
    'user=tab:secret',
    `userdb=${join(folder, 'turndb')}`,
    `pidfile=${join(folder, 'pid')}`,
    'log-file=stdout',
    'simple-log',
  ];
  const configuration = join(folder, 'turnserver.conf');
  writeFileSync(configuration, settings.join('\n'));
  const server: ChildProcess = spawn('turnserver', ['-c', configuration], { stdio: 'ignore' });
  await untilAnswered(port);
  return {
    iceServers: [{ urls: `turn:127.0.0.1:${port}?transport=udp`, username: 'tab', credential: 'secret' }],
    async close() {
      server.kill();
      await once(server, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test('two tabs form a group through a TURN server, and nothing goes between them directly', async ({
  browserContext,
  harness,
  broker,
}) => {
  test.skip(!isInstalled, 'coturn is not installed: apt-get install coturn');
  const turn = await startTurn();
  try {
    const options = { iceServers: turn.iceServers, iceTransportPolicy: 'relay' as const };
    const pages = [await open(browserContext, harness, options), await open(browserContext, harness, options)];
    await gather(pages, broker.url);
    await Promise.all(pages.map(untilLed));
    for (const [i, page] of pages.entries()) expect(await propose(page, `tab ${i}`)).toMatchObject({ result: i + 1 });
    for (const page of pages) {
      await expect.poll(() => state(page)).toEqual(['tab 0', 'tab 1']);
      const [peer] = (await diagnose(page))?.peers ?? [];
      expect(peer?.state).toBe('connected');
      expect(peer?.link?.local).toMatch(/^relay 127\.0\.0\.1:\d+ udp/);
      expect(peer?.link?.remote).toMatch(/^relay 127\.0\.0\.1:\d+ udp/);
      expect(peer?.link?.bytesReceived).toBeGreaterThan(0);
    }
  } finally {
    await turn.close();
  }
});
