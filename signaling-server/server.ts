/**
 * The broker: introduces the peers of a topic to each other over WebSockets. It stores nothing, understands nothing of
 * what it relays, and trusts nobody: everything that a client can make it do has a limit.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type ClientMessage,
  type FoundingWish,
  parseClientMessage,
  ProtocolError,
  protocolVersion,
  type ServerMessage,
} from './protocol.ts';
import { type Directory, type DirectoryPeer, LocalDirectory } from './directory.ts';

export interface SignalingServerOptions {
  /** The address to listen on. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly maxConnections: number;
  readonly maxPeersPerTopic: number;
  readonly maxTopicsPerPeer: number;
  /** Of one message, in bytes. One of four times the size ends the connection at once. */
  readonly maxMessageBytes: number;
  /** Messages that a connection may send each second over time; it may save up for a burst of four times as many. */
  readonly maxMessagesPerSecond: number;
  /** Bytes that wait for a client that reads too slowly; beyond it the client is disconnected. */
  readonly maxBufferedBytes: number;
  /** Faults after which a connection is closed. Each is answered with an error; a minute without one forgives all. */
  readonly maxFaults: number;
  /** Milliseconds between pings. A client that answers none of two is gone. */
  readonly pingMs: number;
}

export const defaultSignalingServerOptions: SignalingServerOptions = {
  host: '127.0.0.1',
  port: 8787,
  maxConnections: 10_000,
  maxPeersPerTopic: 64,
  maxTopicsPerPeer: 64,
  maxMessageBytes: 64 * 1024,
  maxMessagesPerSecond: 200,
  maxBufferedBytes: 1024 * 1024,
  maxFaults: 5,
  pingMs: 15_000,
};

const burstSeconds = 4;
const faultsForgottenMs = 60_000;
/** What a client has to answer a close with, before it is cut off. */
const closeGraceMs = 2000;

/** WebSocket close codes (RFC 6455, section 7.4.1). */
const closeCode = { goingAway: 1001, policyViolation: 1008, tryAgainLater: 1013 };

export interface SignalingServer {
  /** Where clients connect, for example `ws://127.0.0.1:8787`. */
  readonly url: string;
  /** Connections that are open. */
  readonly connections: number;
  /** Tells every client to go, and waits until all have. What is on its way to them is sent first. */
  close(): Promise<void>;
}

/**
 * Starts a broker.
 * @throws Error when the address cannot be listened on
 */
export async function createSignalingServer(given: Partial<SignalingServerOptions> = {}): Promise<SignalingServer> {
  const options = { ...defaultSignalingServerOptions, ...given };
  const topics = new LocalDirectory(options.maxPeersPerTopic);
  const clients: Set<Client> = new Set();
  const http = createServer((_request, response) => {
    response
      .writeHead(426, { 'content-type': 'text/plain' })
      .end('This is a Flotilla signaling server: speak WebSocket.\n');
  });
  http.listen(options.port, options.host);
  await once(http, 'listening');
  const server = new WebSocketServer({
    server: http,
    maxPayload: 4 * options.maxMessageBytes,
    perMessageDeflate: false,
    clientTracking: false,
  });

  let whenEmpty: (() => void) | null = null;
  server.on('connection', (socket) => {
    // A fault of the WebSocket itself: the library closes the connection, and 'close' follows.
    socket.on('error', () => undefined);
    if (clients.size >= options.maxConnections) {
      // Nobody that is turned away is worth waiting for.
      socket.close(closeCode.tryAgainLater, 'the broker is full');
      setTimeout(() => {
        socket.terminate();
      }, closeGraceMs).unref();
      return;
    }
    const client = new Client(socket, topics, options);
    clients.add(client);
    socket.once('close', () => {
      clients.delete(client);
      if (clients.size === 0) whenEmpty?.();
    });
  });
  const pinging = setInterval(() => {
    for (const client of clients) client.ping();
  }, options.pingMs);

  const { address, family, port } = http.address() as AddressInfo;
  return {
    url: `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    get connections() {
      return clients.size;
    },
    async close() {
      clearInterval(pinging);
      server.close();
      const closed = new Promise((resolve) => http.close(resolve));
      const emptied: Promise<void> = new Promise((resolve) => {
        if (clients.size === 0) resolve();
        else whenEmpty = resolve;
      });
      for (const client of clients) client.close(closeCode.goingAway, 'the broker is closing');
      const cuttingOff = setTimeout(() => {
        for (const client of clients) client.terminate();
      }, closeGraceMs);
      await emptied;
      clearTimeout(cuttingOff);
      http.closeAllConnections();
      await closed;
    },
  };
}

class Client implements DirectoryPeer {
  readonly name: string = randomUUID();
  readonly #socket: WebSocket;
  readonly #directory: Directory;
  readonly #topics = new Set<string>();
  readonly #options: SignalingServerOptions;
  #allowance: number;
  #refilled = performance.now();
  #faults = 0;
  #lastFault = 0;
  #unanswered = 0;

  constructor(socket: WebSocket, directory: Directory, options: SignalingServerOptions) {
    this.#socket = socket;
    this.#directory = directory;
    this.#options = options;
    this.#allowance = burstSeconds * options.maxMessagesPerSecond;
    socket.on('message', (data, isBinary) => {
      // Nothing that was still in the receive buffer counts once the connection is being closed.
      if (socket.readyState !== WebSocket.OPEN) return;
      this.#receive(data as Buffer, isBinary);
    });
    socket.on('pong', () => {
      this.#unanswered = 0;
    });
    socket.on('close', () => {
      this.#leaveAll();
    });
    this.send({ type: 'welcome', protocol: protocolVersion, peer: this.name });
  }

  #receive(data: Buffer, isBinary: boolean): void {
    let message: ClientMessage | null = null;
    try {
      message = this.#read(data, isBinary);
      this.#spendAllowance();
      this.#obey(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fault(error, message?.type === 'join' ? message.topic : null);
    }
  }

  #read(data: Buffer, isBinary: boolean): ClientMessage {
    const { maxMessageBytes } = this.#options;
    if (data.byteLength > maxMessageBytes) {
      throw new ProtocolError('too-large', `a message may have ${maxMessageBytes} bytes, not ${data.byteLength}`);
    }
    if (isBinary) throw new ProtocolError('malformed', 'a message must be text');
    return parseClientMessage(data.toString('utf8'));
  }

  #obey(message: ClientMessage): void {
    switch (message.type) {
      case 'join':
        this.#join(message.topic, message.founding);
        break;
      case 'leave':
        if (this.#topics.delete(message.topic)) this.#directory.exit(this, message.topic);
        break;
      case 'founded':
        this.#mustBeIn(message.topic);
        this.#directory.found(message.topic);
        break;
      case 'relay':
        this.#mustBeIn(message.topic);
        this.#directory.relay(this, message.topic, message.to, message.data);
        break;
    }
  }

  #join(topic: string, wish: FoundingWish | undefined): void {
    if (!this.#topics.has(topic) && this.#topics.size >= this.#options.maxTopicsPerPeer) {
      throw new ProtocolError('too-many-topics', `a connection may be in ${this.#options.maxTopicsPerPeer} topics`);
    }
    this.#topics.add(topic);
    this.#directory.enter(this, topic, wish);
  }

  #mustBeIn(topic: string): void {
    if (!this.#topics.has(topic)) throw new ProtocolError('not-in-topic', 'join the topic first');
  }

  #leaveAll(): void {
    for (const topic of this.#topics) this.#directory.exit(this, topic);
    this.#topics.clear();
  }

  deliver(topic: string, message: ServerMessage): void {
    if (this.#topics.has(topic)) this.send(message);
  }

  refused(topic: string, error: ProtocolError): void {
    this.#topics.delete(topic);
    this.#fault(error, topic);
  }

  /** A token bucket. */
  #spendAllowance(): void {
    const now = performance.now();
    const { maxMessagesPerSecond } = this.#options;
    const earned = ((now - this.#refilled) / 1000) * maxMessagesPerSecond;
    this.#refilled = now;
    this.#allowance = Math.min(this.#allowance + earned, burstSeconds * maxMessagesPerSecond);
    if (this.#allowance < 1) throw new ProtocolError('rate-limited', `send ${maxMessagesPerSecond} messages a second`);
    this.#allowance--;
  }

  /** Answers with an error; closes the connection if that happens again and again. */
  #fault({ code, message }: ProtocolError, topic: string | null): void {
    this.send({ type: 'error', code, message, topic });
    // Peers come and go: that one has left, or a topic is full, is nobody's fault.
    if (code === 'no-such-peer' || code === 'topic-full') return;
    const now = performance.now();
    if (now - this.#lastFault > faultsForgottenMs) this.#faults = 0;
    this.#lastFault = now;
    this.#faults++;
    if (this.#faults >= this.#options.maxFaults) this.close(closeCode.policyViolation, `too many faults: ${code}`);
  }

  send(message: ServerMessage): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > this.#options.maxBufferedBytes) {
      this.terminate();
      return;
    }
    this.#socket.send(JSON.stringify(message));
  }

  ping(): void {
    if (this.#unanswered >= 2) {
      this.terminate();
      return;
    }
    this.#unanswered++;
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#leaveAll();
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
