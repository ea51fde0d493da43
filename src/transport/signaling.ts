/**
 * The client of the broker: one connection for all topics, made again when it is lost, with growing pauses. What is said
 * while there is none is lost; whoever says it tries again.
 */
import {
  type ClientMessage,
  type Founding,
  type PeerName,
  protocolVersion,
  type ServerMessage,
} from '../../signaling-server/protocol.ts';
import type { MeetingListener, MeetingPlace } from './meeting-place.ts';
import { Backoff, type Timers } from './timers.ts';
import type { SignalingState } from './transport.ts';

/** Milliseconds before trying again, each stretched or shortened at random; and how long one try may take. */
export interface SignalingPauses {
  /** After the connection was lost; doubled each time, up to `longestMs`. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** After a topic did not take us. */
  readonly rejoinMs: number;
  /** What a broker has to welcome us; not stretched. Whoever takes the connection, and says nothing, is no broker. */
  readonly welcomeMs: number;
}

const defaultPauses: SignalingPauses = { firstMs: 250, longestMs: 10_000, rejoinMs: 5000, welcomeMs: 10_000 };

export type WebSocketFactory = (url: string) => WebSocket;

interface Topic {
  readonly listener: MeetingListener;
  hasToken: boolean;
}

export class SignalingClient implements MeetingPlace {
  readonly #url: string;
  readonly #open: WebSocketFactory;
  readonly #timers: Timers;
  readonly #topics = new Map<string, Topic>();
  /** Names our connection, once the broker has welcomed it. */
  #name: PeerName | null = null;
  #socket: WebSocket | null = null;
  #state: SignalingState = 'connecting';
  #isUnknownKind = false;
  readonly #pauses: SignalingPauses;
  readonly #backoff: Backoff;
  /** Of the next try, or of the one that is under way. */
  #stopTimer: () => void = () => undefined;

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

  join(topic: string, listener: MeetingListener): void {
    this.#topics.set(topic, { listener, hasToken: false });
    listener.stateChanged('connecting');
    this.#enter(topic);
  }

  #enter(topic: string): void {
    const known = this.#topics.get(topic);
    if (this.#state !== 'connected' || known === undefined) return;
    const founding = known.listener.founding?.();
    this.#send({ type: 'join', topic, ...(founding && { founding }) });
  }

  leave(topic: string): void {
    if (this.#topics.delete(topic) && this.#state === 'connected') this.#send({ type: 'leave', topic });
  }

  relay(topic: string, to: PeerName, data: string): void {
    if (this.#state === 'connected') this.#send({ type: 'relay', topic, to, data });
  }

  /** Said again whenever we join, by the listener's wish. */
  founded(topic: string): void {
    if (this.#state === 'connected' && this.#topics.has(topic)) this.#send({ type: 'founded', topic });
  }

  close(): void {
    this.#topics.clear();
    this.#setState('closed');
    this.#stopTimer();
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
    this.#stopTimer = this.#timers.after(this.#pauses.welcomeMs, () => {
      // A close that nobody answers takes its time as well: it is not waited for.
      socket.onmessage = null;
      socket.onclose = null;
      socket.close();
      this.#lost(this.#backoff.next());
    });
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
    this.#stopTimer();
    this.#socket = null;
    if (this.#state === 'closed') return;
    this.#setState('connecting');
    this.#stopTimer = this.#timers.after(pauseMs, () => {
      this.#connect();
    });
  }

  #setState(state: SignalingState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const [topic, { listener }] of this.#topics) {
      this.#foundingStands(topic, undefined);
      listener.stateChanged(state);
    }
  }

  #foundingStands(topic: string, founding: Founding | undefined): void {
    const known = this.#topics.get(topic);
    if (known === undefined) return;
    const hasToken = founding?.state === 'held' && founding.by === this.#name;
    if (hasToken === known.hasToken) return;
    known.hasToken = hasToken;
    known.listener.tokenChanged?.(hasToken);
  }

  #send(message: ClientMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #receive(text: string): void {
    const message = parse(text);
    switch (message?.type) {
      case 'welcome':
        this.#welcomed(message.protocol, message.peer);
        break;
      case 'joined':
        this.#topics.get(message.topic)?.listener.stateChanged('connected');
        this.#topics.get(message.topic)?.listener.joined(message.peers);
        this.#foundingStands(message.topic, message.founding);
        break;
      case 'peer-joined':
        this.#topics.get(message.topic)?.listener.peerJoined(message.peer);
        break;
      case 'peer-left':
        this.#topics.get(message.topic)?.listener.peerLeft(message.peer);
        break;
      case 'relay':
        this.#topics.get(message.topic)?.listener.relayed(message.from, message.data);
        break;
      case 'draining':
        // The broker goes: another connection may find another broker.
        this.#socket?.close();
        break;
      case 'error':
        this.#refused(message.topic);
        break;
      case 'founding':
        this.#foundingStands(message.topic, message.founding);
        break;
      case undefined:
        break;
    }
  }

  /** We are not in the topic, because it is full, or we were too fast: try again later. */
  #refused(topic: string | null): void {
    const known = topic === null ? undefined : this.#topics.get(topic);
    if (topic === null || known === undefined) return;
    this.#foundingStands(topic, undefined);
    known.listener.stateChanged('connecting');
    this.#timers.after(this.#pauses.rejoinMs * (0.5 + this.#timers.random()), () => {
      this.#enter(topic);
    });
  }

  #welcomed(protocol: number, name: PeerName): void {
    if (protocol !== protocolVersion) {
      // Another kind of broker: trying again soon would not make it understand us.
      this.#isUnknownKind = true;
      this.#socket?.close();
      return;
    }
    this.#stopTimer();
    this.#isUnknownKind = false;
    this.#backoff.reset();
    this.#name = name;
    this.#state = 'connected';
    for (const topic of this.#topics.keys()) this.#enter(topic);
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
          isText('topic') &&
          Array.isArray(message.peers) &&
          message.peers.every((peer) => typeof peer === 'string') &&
          isFounding(message.founding)
        );
      case 'founding':
        return isText('topic') && isFounding(message.founding);
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

function isFounding(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { state, by } = value as Readonly<Record<string, unknown>>;
  return state === 'open' || state === 'founded' || (state === 'held' && typeof by === 'string');
}
