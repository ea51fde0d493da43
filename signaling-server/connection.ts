/** One client: what it may send and how fast, what it hears, how long it may be silent, and how it goes. */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Clock } from './clock.ts';
import { closeGraceMs, closeWith } from './closing.ts';
import type { Directory, DirectoryPeer } from './directory.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Limits } from './options.ts';
import {
  type ClientMessage,
  type ConnectionErrorCode,
  type FoundingWish,
  parseClientMessage,
  ProtocolError,
  protocolVersion,
  type ServerMessage,
} from './protocol.ts';
import { TokenBucket } from './token-bucket.ts';

/** What all connections of a broker have in common. */
export interface Surroundings {
  readonly limits: Limits;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

const burstSeconds = 4;
const faultsForgottenMs = 60_000;

/** Refusals that are nobody's fault: peers come and go, topics fill up, and so does the way to the other brokers. */
const blameless: ReadonlySet<string> = new Set(['no-such-peer', 'topic-full', 'unavailable']);

export class Connection implements DirectoryPeer {
  readonly name: string = randomUUID();
  readonly #socket: WebSocket;
  readonly #around: Surroundings;
  readonly #bucket: TokenBucket;
  readonly #topics = new Set<string>();
  readonly #openedAt: number;
  /** When it was in no topic last, while it is in none. */
  #topiclessSince: number | null;
  #activeAt: number;
  #nextPing: number;
  #unanswered = 0;
  #faults = 0;
  #lastFault = 0;
  #endsAt: number | null = null;
  #endedFor: string | null = null;

  /** @param phase in [0, 1): spreads the pings of those who came at the same moment */
  constructor(socket: WebSocket, phase: number, around: Surroundings) {
    this.#socket = socket;
    this.#around = around;
    const { limits, clock } = around;
    const now = clock.now();
    this.#bucket = new TokenBucket(limits.maxMessagesPerSecond, burstSeconds, now);
    this.#openedAt = now;
    this.#activeAt = now;
    this.#topiclessSince = now;
    this.#nextPing = now + limits.pingMs * (0.5 + phase / 2);
    socket.on('message', (data, isBinary) => {
      // Nothing that was still in the receive buffer counts once the connection is being closed.
      if (socket.readyState === WebSocket.OPEN) this.#receive(data as Buffer, isBinary);
    });
    socket.on('pong', () => {
      this.#unanswered = 0;
    });
    socket.on('ping', () => {
      if (socket.readyState === WebSocket.OPEN) this.#guard(null, () => this.#spend());
    });
    socket.on('close', (code) => {
      this.#leaveAll();
      const reason = this.#endedFor ?? (code === 1009 ? 'too-large' : 'client');
      around.metrics.closed(reason);
      const seconds = Math.round((clock.now() - this.#openedAt) / 1000);
      around.log.often('closed', { peer: this.name, code, reason, seconds });
    });
    this.send({ type: 'welcome', protocol: protocolVersion, peer: this.name });
  }

  /** Bytes that wait for the client to read them. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  deliver(topic: string, message: ServerMessage): void {
    if (!this.#topics.has(topic)) return;
    // Whoever is spoken to is no idler, even if it has nothing to say.
    if (message.type === 'relay') this.#activeAt = this.#around.clock.now();
    this.send(message);
  }

  refused(topic: string, error: ProtocolError): void {
    this.#remove(topic);
    this.#fault(error, topic);
  }

  undelivered(error: ProtocolError): void {
    this.#fault(error, null);
  }

  /** Looks at the time. To be called now and then. */
  check(now: number): void {
    const { handshakeMs, idleMs } = this.#around.limits;
    if (this.#endsAt !== null) {
      if (now >= this.#endsAt) this.#socket.terminate();
    } else if (this.#topiclessSince !== null && now - this.#topiclessSince >= handshakeMs) {
      this.end('handshake-timeout', `be in a topic within ${handshakeMs} ms`);
    } else if (now - this.#activeAt >= idleMs) {
      this.end('idle', `nothing was said here for ${idleMs} ms; joining a topic again counts`);
    } else if (now >= this.#nextPing) {
      this.#ping(now);
    }
  }

  /** Says that the client had better find another broker. */
  drain(): void {
    this.send({ type: 'draining' });
  }

  /** Ends the connection: politely, and then not. */
  end(code: ConnectionErrorCode, message: string): void {
    if (this.#endsAt !== null) return;
    this.#endsAt = this.#around.clock.now() + closeGraceMs;
    this.#endedFor = code;
    this.#leaveAll();
    this.#around.metrics.refused(code);
    closeWith(this.#socket, code, message);
  }

  send(message: ServerMessage): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const text = JSON.stringify(message);
    const waiting = this.#socket.bufferedAmount;
    const { maxBufferedBytes } = this.#around.limits;
    // One message always has room, so that a limit below its size shuts nobody out who reads.
    if (waiting > 0 && waiting + text.length > maxBufferedBytes) {
      this.end('slow-reader', `more than ${maxBufferedBytes} bytes wait to be read`);
      return;
    }
    this.#socket.send(text);
  }

  #ping(now: number): void {
    if (this.#unanswered >= 2) {
      this.#endedFor = 'no-answer';
      this.#socket.terminate();
      return;
    }
    this.#unanswered++;
    this.#nextPing = now + this.#around.limits.pingMs;
    this.#socket.ping();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#activeAt = this.#around.clock.now();
    this.#unanswered = 0;
    this.#around.metrics.received(data.byteLength);
    let message: ClientMessage | null = null;
    this.#guard(
      () => (message?.type === 'join' ? message.topic : null),
      () => {
        this.#spend();
        message = this.#read(data, isBinary);
        this.#obey(message);
        this.#around.metrics.obeyed(message.type);
      },
    );
  }

  /** Does what a message asks for, and answers with an error what it may not ask for. */
  #guard(topic: (() => string | null) | null, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fault(error, topic?.() ?? null);
    }
  }

  #spend(): void {
    if (this.#bucket.take(this.#around.clock.now())) return;
    throw new ProtocolError('rate-limited', `send ${this.#around.limits.maxMessagesPerSecond} messages a second`);
  }

  #read(data: Buffer, isBinary: boolean): ClientMessage {
    const { maxMessageBytes } = this.#around.limits;
    if (data.byteLength > maxMessageBytes) {
      throw new ProtocolError('too-large', `a message may have ${maxMessageBytes} bytes, not ${data.byteLength}`);
    }
    if (isBinary) throw new ProtocolError('malformed', 'a message must be text');
    return parseClientMessage(data.toString('utf8'));
  }

  #obey(message: ClientMessage): void {
    const { directory, metrics, log } = this.#around;
    switch (message.type) {
      case 'join':
        this.#join(message.topic, message.founding);
        log.debug('join', { peer: this.name }, message.topic);
        break;
      case 'leave':
        if (!this.#remove(message.topic)) break;
        directory.exit(this, message.topic);
        log.debug('leave', { peer: this.name }, message.topic);
        break;
      case 'founded':
        this.#mustBeIn(message.topic);
        directory.found(message.topic);
        break;
      case 'relay':
        this.#mustBeIn(message.topic);
        directory.relay(this, message.topic, message.to, message.data);
        metrics.relayed(message.data.length);
        break;
    }
  }

  #join(topic: string, wish: FoundingWish | undefined): void {
    const { maxTopicsPerPeer } = this.#around.limits;
    if (!this.#topics.has(topic) && this.#topics.size >= maxTopicsPerPeer) {
      throw new ProtocolError('too-many-topics', `a connection may be in ${maxTopicsPerPeer} topics`);
    }
    this.#topics.add(topic);
    this.#topiclessSince = null;
    this.#around.directory.enter(this, topic, wish);
  }

  #mustBeIn(topic: string): void {
    if (!this.#topics.has(topic)) throw new ProtocolError('not-in-topic', 'join the topic first');
  }

  #remove(topic: string): boolean {
    const wasIn = this.#topics.delete(topic);
    if (wasIn && this.#topics.size === 0) this.#topiclessSince = this.#around.clock.now();
    return wasIn;
  }

  #leaveAll(): void {
    for (const topic of this.#topics) this.#around.directory.exit(this, topic);
    this.#topics.clear();
  }

  /** Answers with an error; ends the connection if that happens again and again. */
  #fault({ code, message }: ProtocolError, topic: string | null): void {
    const { clock, limits, log, metrics } = this.#around;
    this.send({ type: 'error', code, message, topic });
    metrics.refused(code);
    if (blameless.has(code)) return;
    const now = clock.now();
    if (now - this.#lastFault > faultsForgottenMs) this.#faults = 0;
    this.#lastFault = now;
    this.#faults++;
    log.often('fault', { peer: this.name, error: code });
    if (this.#faults >= limits.maxFaults) this.end('too-many-faults', `the last of them: ${code}, ${message}`);
  }
}
