/**
 * The client of the broker: one connection for all topics, made again when it is lost, with growing pauses. What is said
 * while there is none is lost; whoever says it tries again.
 */
import {
  type ClientMessage,
  type PeerName,
  protocolVersion,
  type ServerMessage,
} from '../../signaling-server/protocol.ts';
import { Backoff, type Timers } from './timers.ts';
import type { SignalingState } from './transport.ts';

/** What happens in a topic at the broker. */
export interface SignalingListener {
  /** We are in the topic, newly or again, with these peers. Whoever was there before counts no more. */
  joined(peers: readonly PeerName[]): void;
  peerJoined(peer: PeerName): void;
  peerLeft(peer: PeerName): void;
  relayed(from: PeerName, data: string): void;
  /** `connected` once we are in the topic. */
  stateChanged(state: SignalingState): void;
}

/** Milliseconds before trying again, each stretched or shortened at random. */
export interface SignalingPauses {
  /** After the connection was lost; doubled each time, up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** After a topic did not take us. */
  readonly rejoinMs: number;
}

const defaultPauses: SignalingPauses = { firstMs: 250, longestMs: 10_000, rejoinMs: 5000 };

export type WebSocketFactory = (url: string) => WebSocket;

export class SignalingClient {
  readonly #url: string;
  readonly #open: WebSocketFactory;
  readonly #timers: Timers;
  readonly #topics = new Map<string, SignalingListener>();
  #socket: WebSocket | null = null;
  #state: SignalingState = 'connecting';
  #isUnknownKind = false;
  readonly #pauses: SignalingPauses;
  readonly #backoff: Backoff;
  #stopRetry: () => void = () => undefined;

  constructor(url: string, open: WebSocketFactory, timers: Timers, pauses: SignalingPauses = defaultPauses) {
    this.#pauses = pauses;
    // Those who lost the same broker at the same time come back at different ones.
    this.#backoff = new Backoff(pauses.firstMs, pauses.longestMs, () => timers.random());
    this.#url = url;
    this.#open = open;
    this.#timers = timers;
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#state === 'connected';
  }

  get isIdle(): boolean {
    return this.#topics.size === 0;
  }

  join(topic: string, listener: SignalingListener): void {
    this.#topics.set(topic, listener);
    listener.stateChanged('connecting');
    if (this.#state === 'connected') this.#send({ type: 'join', topic });
  }

  leave(topic: string): void {
    if (this.#topics.delete(topic) && this.#state === 'connected') this.#send({ type: 'leave', topic });
  }

  relay(topic: string, to: PeerName, data: string): void {
    if (this.#state === 'connected') this.#send({ type: 'relay', topic, to, data });
  }

  close(): void {
    this.#topics.clear();
    this.#setState('closed');
    this.#stopRetry();
    this.#socket?.close();
  }

  #connect(): void {
    let socket: WebSocket;
    try {
      socket = this.#open(this.#url);
    } catch {
      // An address that this page may not connect to, such as one without encryption from a page with it.
      this.#lost(this.#pauses.longestMs);
      return;
    }
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.#state !== 'closed' && typeof data === 'string') this.#receive(data);
    };
    socket.onclose = () => {
      this.#lost(this.#isUnknownKind ? this.#pauses.longestMs : this.#backoff.next());
    };
    // Nothing to be learned from it: 'close' follows.
    socket.onerror = () => undefined;
  }

  #lost(pauseMs: number): void {
    this.#socket = null;
    if (this.#state === 'closed') return;
    this.#setState('connecting');
    this.#stopRetry = this.#timers.after(pauseMs, () => {
      this.#connect();
    });
  }

  #setState(state: SignalingState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#topics.values()) listener.stateChanged(state);
  }

  #send(message: ClientMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #receive(text: string): void {
    const message = parse(text);
    switch (message?.type) {
      case 'welcome':
        this.#welcomed(message.protocol);
        break;
      case 'joined':
        this.#topics.get(message.topic)?.stateChanged('connected');
        this.#topics.get(message.topic)?.joined(message.peers);
        break;
      case 'peer-joined':
        this.#topics.get(message.topic)?.peerJoined(message.peer);
        break;
      case 'peer-left':
        this.#topics.get(message.topic)?.peerLeft(message.peer);
        break;
      case 'relay':
        this.#topics.get(message.topic)?.relayed(message.from, message.data);
        break;
      case 'draining':
        // The broker goes: another connection may find another broker.
        this.#socket?.close();
        break;
      case 'error':
        this.#refused(message.topic);
        break;
      case 'founding':
      case undefined:
        break;
    }
  }

  /** We are not in the topic, because it is full, or we were too fast: try again later. */
  #refused(topic: string | null): void {
    const listener = topic === null ? undefined : this.#topics.get(topic);
    if (topic === null || listener === undefined) return;
    listener.stateChanged('connecting');
    this.#timers.after(this.#pauses.rejoinMs * (0.5 + this.#timers.random()), () => {
      if (this.#state === 'connected' && this.#topics.has(topic)) this.#send({ type: 'join', topic });
    });
  }

  #welcomed(protocol: number): void {
    if (protocol !== protocolVersion) {
      // Another kind of broker: trying again soon would not make it understand us.
      this.#isUnknownKind = true;
      this.#socket?.close();
      return;
    }
    this.#isUnknownKind = false;
    this.#backoff.reset();
    this.#state = 'connected';
    for (const topic of this.#topics.keys()) this.#send({ type: 'join', topic });
  }
}

/** A broker may be anybody: what it sends is checked before it is believed. Null for anything else. */
function parse(text: string): ServerMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const message = value as Readonly<Record<string, unknown>>;
  const isText = (...names: readonly string[]): boolean => names.every((name) => typeof message[name] === 'string');
  const isValid = (): boolean => {
    switch (message.type) {
      case 'welcome':
        return typeof message.protocol === 'number' && isText('peer');
      case 'joined':
        return (
          isText('topic') && Array.isArray(message.peers) && message.peers.every((peer) => typeof peer === 'string')
        );
      case 'peer-joined':
      case 'peer-left':
        return isText('topic', 'peer');
      case 'relay':
        return isText('topic', 'from', 'data');
      case 'draining':
        return true;
      case 'error':
        return isText('code', 'message') && (message.topic === null || isText('topic'));
      default:
        return false;
    }
  };
  return isValid() ? (value as ServerMessage) : null;
}
