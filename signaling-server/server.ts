/**
 * The broker: introduces the peers of a topic to each other over WebSockets. It stores nothing, understands nothing of
 * what it relays, and trusts nobody: everything that a client can make it do has a limit.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { addressReader, chooseProtocol } from './addresses.ts';
import { closeGraceMs, closeWith } from './closing.ts';
import { Connection, type Surroundings } from './connection.ts';
import { type Directory, LocalDirectory } from './directory.ts';
import { Door, type Place, type Refusal } from './door.ts';
import { Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { answerOperators, type Health } from './operations.ts';
import { completeOptions, type SignalingServerOptions, type TlsOptions } from './options.ts';
import { WaitingRoom } from './waiting-room.ts';

/** How often the clock is looked at, for everything that takes too long. */
const checkMs = 250;
/** Looked at so late, the broker itself was held up: by its machine, or by what it had to do. */
const heldUpMs = 2 * checkMs;
const drainStepMs = 100;
/** Clients that are told to go in one step, at least. */
const drainSlice = 100;
/** Spreads numbers evenly over [0, 1) in the order in which they come. */
const goldenRatio = 0.618_033_988_75;

const brokerIsClosing: Refusal = { code: 'draining', message: 'the broker is closing' };

export interface SignalingServer extends AsyncDisposable {
  /** Where clients connect, for example `ws://127.0.0.1:8787`. */
  readonly url: string;
  /** Where the metrics are, for example `http://127.0.0.1:8787/metrics`; null if they are not served. */
  readonly metricsUrl: string | null;
  /** Connections that are open. */
  readonly connections: number;
  /**
   * Tells clients to connect elsewhere, takes no new ones, and closes once all have gone, or `drainMs` have passed. The
   * clients of a large broker are told one after the other, in half of that time.
   */
  drain(): Promise<void>;
  /** Tells every client to go, and waits until all have. What is on its way to them is sent first. */
  close(): Promise<void>;
  /**
   * Takes another certificate for connections to come.
   * @throws Error when the broker speaks no TLS, or the certificate is none
   */
  renewTls(tls: TlsOptions): void;
}

/**
 * Starts a broker.
 * @throws RangeError when an option is out of its range
 * @throws Error when the address cannot be listened on, or Redis cannot be reached
 */
export async function createSignalingServer(given: Partial<SignalingServerOptions> = {}): Promise<SignalingServer> {
  const options = completeOptions(given);
  const log = new Log(options.logger, options.clock);
  const directory = await openDirectory(options, log);
  const broker = new Broker(options, directory, log);
  try {
    await broker.listen();
  } catch (error) {
    await directory.close();
    throw error;
  }
  return broker;
}

async function openDirectory({ redis, maxPeersPerTopic, clock }: SignalingServerOptions, log: Log): Promise<Directory> {
  if (redis === null) return new LocalDirectory(maxPeersPerTopic);
  // The client of Redis is large: whoever has none need not wait for it.
  const { openRedisDirectory } = await import('./redis-directory.ts');
  return openRedisDirectory(redis, maxPeersPerTopic, clock, log);
}

class Broker implements SignalingServer {
  readonly #options: SignalingServerOptions;
  readonly #log: Log;
  readonly #directory: Directory;
  readonly #metrics: Metrics;
  readonly #around: Surroundings;
  readonly #door: Door;
  readonly #addressOf: (request: IncomingMessage) => string;
  readonly #http: Server;
  readonly #operations: Server | null;
  readonly #sockets: WebSocketServer;
  readonly #waiting: WaitingRoom<string>;
  readonly #connections: Set<Connection> = new Set();
  #opened = 0;
  #bufferedBytes = 0;
  #checkedAt: number;
  #isCatchingUp = false;
  #state: 'open' | 'draining' | 'closing' = 'open';
  #whenEmpty: () => void = () => undefined;
  #stopChecking: () => void = () => undefined;
  #closing: Promise<void> | null = null;

  constructor(options: SignalingServerOptions, directory: Directory, log: Log) {
    this.#options = options;
    this.#checkedAt = options.clock.now();
    this.#log = log;
    this.#directory = directory;
    this.#metrics = new Metrics(() => this.#readings(), options.processMetrics);
    this.#around = { limits: options, directory, clock: options.clock, metrics: this.#metrics, log };
    this.#door = new Door(options);
    this.#addressOf = addressReader(options.trustProxy);
    this.#waiting = new WaitingRoom(options.maxPending);
    const metrics = options.metrics ? this.#metrics : null;
    const hasOwnPort = metrics !== null && options.metricsPort !== null;
    this.#http = createHttp(
      options,
      answerOperators(() => this.#health(), hasOwnPort ? null : metrics),
    );
    this.#operations = hasOwnPort ? createServer(answerOperators(() => this.#health(), metrics)) : null;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: 2 * options.maxMessageBytes,
      maxFragments: 1024,
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: chooseProtocol,
    });
  }

  get #isEnding(): boolean {
    return this.#state !== 'open';
  }

  get url(): string {
    return `${this.#options.tls === null ? 'ws' : 'wss'}://${listeningOn(this.#http)}`;
  }

  get metricsUrl(): string | null {
    if (!this.#options.metrics) return null;
    if (this.#operations !== null) return `http://${listeningOn(this.#operations)}/metrics`;
    return `${this.#options.tls === null ? 'http' : 'https'}://${listeningOn(this.#http)}/metrics`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  async listen(): Promise<void> {
    const { host, port, metricsPort } = this.#options;
    this.#http.on('connection', (socket) => {
      const key = `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#waiting.remove(key);
      });
      this.#waiting.add(key, this.#options.clock.now() + this.#options.handshakeMs, () => socket.destroy());
    });
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      void this.#welcome(request, (use) => {
        this.#sockets.handleUpgrade(request, socket, head, use);
      });
    });
    await listen(this.#http, port, host);
    if (this.#operations !== null) {
      try {
        await listen(this.#operations, metricsPort ?? 0, host);
      } catch (error) {
        this.#http.close();
        throw error;
      }
    }
    this.#stopChecking = this.#options.clock.every(checkMs, () => this.#check());
    this.#log.info('listening', { url: this.url, metrics: this.metricsUrl });
  }

  async drain(): Promise<void> {
    if (this.#isEnding) return this.close();
    this.#state = 'draining';
    const { clock, drainMs } = this.#options;
    this.#log.info('draining', { connections: this.#connections.size, drainMs });
    const untold = [...this.#connections];
    const steps = Math.max(1, Math.floor(drainMs / 2 / drainStepMs));
    const slice = Math.max(drainSlice, Math.ceil(untold.length / steps));
    const deadline = clock.now() + drainMs;
    await new Promise<void>((resolve) => {
      const step = (): void => {
        for (const connection of untold.splice(0, slice)) connection.drain();
        if (this.#connections.size > 0 && clock.now() < deadline) return;
        stop();
        resolve();
      };
      const stop = clock.every(drainStepMs, step);
      this.#whenEmpty = step;
      step();
    });
    return this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  renewTls(tls: TlsOptions): void {
    if (!(this.#http instanceof TlsServer)) throw new Error('this broker speaks no TLS');
    this.#http.setSecureContext(tls);
    this.#log.info('renewed the certificate');
  }

  async #close(): Promise<void> {
    this.#state = 'closing';
    const closed = [this.#http, this.#operations].map(stopListening);
    if (this.#connections.size > 0) {
      const emptied = new Promise<void>((resolve) => (this.#whenEmpty = resolve));
      for (const connection of this.#connections) connection.end(brokerIsClosing.code, brokerIsClosing.message);
      await emptied;
    }
    this.#stopChecking();
    this.#waiting.clear();
    this.#http.closeAllConnections();
    this.#operations?.closeAllConnections();
    await Promise.all(closed);
    await this.#directory.close();
    this.#log.info('closed');
  }

  /** Lets a client in, or tells it why not. In both cases it becomes a WebSocket: a page sees nothing of an HTTP status. */
  async #welcome(request: IncomingMessage, upgrade: (use: (socket: WebSocket) => void) => void): Promise<void> {
    const address = this.#addressOf(request);
    const judged = this.#isEnding ? brokerIsClosing : await this.#judge(request, address);
    if (request.socket.destroyed) return;
    if ('code' in judged) this.#turnAway(request, upgrade, judged, address);
    else if (this.#isEnding) this.#turnAway(request, upgrade, brokerIsClosing, address);
    else upgrade((socket) => this.#open(request, socket, judged));
  }

  async #judge(request: IncomingMessage, address: string): Promise<Place | Refusal> {
    const place = this.#door.admit(request, address);
    if ('code' in place) return place;
    request.socket.once('close', place.release);
    return (await this.#door.check(request, place)) ?? place;
  }

  #open(request: IncomingMessage, socket: WebSocket, { address }: Place): void {
    // A fault of the WebSocket itself: the library closes the connection, and 'close' follows.
    socket.on('error', () => undefined);
    this.#waiting.remove(keyOf(request));
    this.#opened = (this.#opened + 1) % Number.MAX_SAFE_INTEGER;
    const connection = new Connection(socket, (this.#opened * goldenRatio) % 1, this.#around);
    this.#connections.add(connection);
    this.#metrics.opened();
    this.#log.often('opened', { peer: connection.name, address, origin: request.headers.origin ?? null });
    socket.once('close', () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#whenEmpty();
    });
  }

  #turnAway(
    request: IncomingMessage,
    upgrade: (use: (socket: WebSocket) => void) => void,
    { code, message }: Refusal,
    address: string,
  ): void {
    this.#metrics.refused(code);
    this.#log.often('refused', { code, address, origin: request.headers.origin ?? null });
    upgrade((socket) => {
      socket.on('error', () => undefined);
      this.#waiting.add(keyOf(request), this.#options.clock.now() + closeGraceMs, () => {
        socket.terminate();
      });
      closeWith(socket, code, message);
    });
  }

  /**
   * Who takes too long is told so. When it was the broker that took too long, what came meanwhile lies unread in its
   * sockets: it is read first, and the next look counts, however late.
   */
  #check(): void {
    const now = this.#options.clock.now();
    const wasHeldUp = !this.#isCatchingUp && now - this.#checkedAt >= heldUpMs;
    this.#checkedAt = now;
    this.#isCatchingUp = wasHeldUp;
    if (wasHeldUp) return;
    this.#waiting.check(now);
    let buffered = 0;
    for (const connection of this.#connections) {
      connection.check(now);
      buffered += connection.bufferedBytes;
    }
    this.#bufferedBytes = buffered;
    if (buffered > this.#options.maxBufferedTotalBytes) this.#shedSlowest(buffered);
  }

  #shedSlowest(buffered: number): void {
    const most = this.#options.maxBufferedTotalBytes;
    for (const connection of [...this.#connections].sort((a, b) => b.bufferedBytes - a.bufferedBytes)) {
      if (buffered <= most) return;
      buffered -= connection.bufferedBytes;
      connection.end('slow-reader', `more than ${most} bytes wait to be read by all`);
    }
  }

  #health(): Health {
    if (this.#isEnding) return 'draining';
    return this.#directory.isAvailable ? 'ok' : 'unavailable';
  }

  #readings(): ReturnType<ConstructorParameters<typeof Metrics>[0]> {
    return {
      connections: this.#connections.size,
      pending: this.#waiting.size,
      topics: this.#directory.topics,
      bufferedBytes: this.#bufferedBytes,
      isAvailable: this.#directory.isAvailable,
      isDraining: this.#isEnding,
    };
  }
}

/** Names the socket under a request, with or without TLS between them. */
function keyOf({ socket }: IncomingMessage): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}

function createHttp({ tls }: SignalingServerOptions, listener: RequestListener): Server {
  return tls === null ? createServer(listener) : createTlsServer({ cert: tls.cert, key: tls.key }, listener);
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen({ port, host, backlog: 2048 });
  await once(server, 'listening');
}

function stopListening(server: Server | null): Promise<void> {
  return new Promise((resolve) => {
    if (server === null) resolve();
    else server.close(() => resolve());
  });
}

function listeningOn(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
