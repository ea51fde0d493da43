/**
 * Hostile clients of a broker, in a process of their own, so that they take no time from the honest ones beside them: many
 * at once, each connects, does its worst, and goes in one way or another. Prints what it has done, as JSON, at the end.
 *
 * Arguments: address, seed, seconds.
 */
import { connect, type Socket } from 'node:net';
import { encodeFrame, HostileWords, randomFrom, upgradeRequest } from './broker-frames.ts';

const [address = '', seed = '1', seconds = '10'] = process.argv.slice(2);
const { hostname, port } = new URL(address);
const endsAt = performance.now() + 1000 * Number(seconds);
const atOnce = 48;
/** Left open after the deed, until the broker throws them out. */
const maxLingering = 600;

const done = { sessions: 0, frames: 0, bytes: 0, refusedConnections: 0 };
const lingering: Socket[] = [];

/** Hostile clients have addresses of their own: the limit for one address is to hurt nobody else. */
function open(words: HostileWords): Promise<Socket> {
  const socket = connect({ host: hostname, port: Number(port), localAddress: `127.0.0.${2 + words.below(8)}` });
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('close', () => {
      done.refusedConnections++;
      resolve(socket);
    });
  });
}

/** Resolves when the kernel has taken it, or the socket is gone, or does not get rid of it. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  done.frames++;
  done.bytes += bytes.length;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 500);
    socket.write(bytes, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function upgraded(words: HostileWords): Promise<Socket> {
  const socket = await open(words);
  await write(socket, Buffer.from(upgradeRequest()));
  return socket;
}

const text = (message: object): Buffer => encodeFrame(Buffer.from(JSON.stringify(message)), { opcode: 1 });

type Attack = (words: HostileWords) => Promise<Socket[]>;

const attacks: readonly [Attack, ...Attack[]] = [
  // Messages that are nearly right.
  async (words) => {
    const socket = (await upgraded(words)).resume();
    for (let i = 0; i < 40 && !socket.destroyed; i++) await write(socket, encodeFrame(words.message(), { opcode: 1 }));
    return [socket];
  },
  // Frames that are nearly frames.
  async (words) => {
    const socket = (await upgraded(words)).resume();
    for (let i = 0; i < 10 && !socket.destroyed; i++) await write(socket, words.frame());
    return [socket];
  },
  // Requests that are nearly requests.
  async (words) => {
    const socket = (await open(words)).resume();
    for (let i = 0; i < 3 && !socket.destroyed; i++) await write(socket, words.request());
    return [socket];
  },
  // A flood, of messages or of pings, whose answers nobody reads.
  async (words) => {
    const socket = await upgraded(words);
    if (words.chance(0.5)) socket.resume();
    const one = words.pick(
      text({ type: 'join', topic: 'hostile' }),
      text({ type: 'leave', topic: 'hostile' }),
      encodeFrame(words.bytes(125), { opcode: 9 }),
      encodeFrame(words.bytes(125), { opcode: 10 }),
      encodeFrame(Buffer.alloc(0), { opcode: 1 }),
    );
    const burst = Buffer.concat(Array.from({ length: 500 }, () => one));
    for (let i = 0; i < 10 && !socket.destroyed; i++) await write(socket, burst);
    return [socket];
  },
  // One that does not read, and others that talk to it as fast as they may.
  async (words) => {
    const topic = `slow ${words.below(1e9)}`;
    const slow = await upgraded(words);
    const name = await new Promise<string>((resolve) => {
      slow.once('close', () => resolve(''));
      slow.once('data', function find(data: Buffer) {
        const [, peer] = /"peer":"([\w-]+)"/.exec(data.toString('latin1')) ?? [];
        if (peer === undefined) slow.once('data', find);
        else resolve(peer);
      });
    });
    await write(slow, text({ type: 'join', topic }));
    slow.pause();
    const senders = await Promise.all([upgraded(words), upgraded(words)]);
    const relay = text({ type: 'relay', topic, to: name, data: 'x'.repeat(60_000) });
    for (const sender of senders) await write(sender.resume(), text({ type: 'join', topic }));
    for (let i = 0; i < 100; i++) await Promise.all(senders.map((sender) => write(sender, relay)));
    return [slow, ...senders];
  },
  // Sockets that say nothing, or stop in the middle.
  async (words) => {
    const sockets: Socket[] = [];
    for (let i = 0; i < 20; i++) {
      const socket = words.chance(0.3) ? await upgraded(words) : await open(words);
      if (words.chance(0.5))
        await write(socket, words.chance(0.5) ? Buffer.from('GET / HT') : words.frame().subarray(0, 5));
      sockets.push(socket);
    }
    return sockets;
  },
  // Topics: as many as there may be, joined and left and founded.
  async (words) => {
    const socket = (await upgraded(words)).resume();
    for (let i = 0; i < 100 && !socket.destroyed; i++) {
      const topic = words.chance(0.5) ? 'hostile' : `many ${i}`;
      await write(
        socket,
        text(words.pick<object>({ type: 'join', topic, founding: 'ask' }, { type: 'founded', topic })),
      );
    }
    return [socket];
  },
];

function leave(words: HostileWords, socket: Socket): void {
  switch (words.below(4)) {
    case 0:
      socket.destroy();
      break;
    case 1:
      socket.resetAndDestroy();
      break;
    case 2:
      socket.end();
      break;
    default:
      // Stays, and says nothing any more.
      if (lingering.push(socket) > maxLingering) lingering.shift()?.destroy();
  }
}

async function attackOn(words: HostileWords): Promise<void> {
  while (performance.now() < endsAt) {
    const sockets = await words.pick(...attacks)(words);
    for (const socket of sockets) leave(words, socket);
    done.sessions++;
  }
}

await Promise.all(
  Array.from({ length: atOnce }, (_, i) => attackOn(new HostileWords(randomFrom(Number(seed) * 1000 + i)))),
);
process.stdout.write(`${JSON.stringify(done)}\n`, () => process.exit(0));
