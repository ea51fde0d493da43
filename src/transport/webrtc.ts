/**
 * Connects hosts over WebRTC. The broker shows who is in a topic; hosts tell each other through it who they are; of two
 * hosts the one with the smaller id offers, so that no two offers meet. One link serves all topics that two hosts share.
 */
import SimplePeer from 'simple-peer/simplepeer.min.js';
import type { PeerName } from '../../signaling-server/protocol.ts';
import type { HostId } from '../ids.ts';
import { decodeIntroduction, encodeIntroduction, type Introduction, type Signal } from './introduction.ts';
import { SignalingClient, type SignalingListener, type WebSocketFactory } from './signaling.ts';
import type { Connector, LinkListener, TopicListener } from './transport.ts';
import { WebRtcLink } from './webrtc-link.ts';

export interface WebRtcOptions {
  /** STUN and TURN servers, for peers that are not in one network. */
  readonly iceServers: readonly RTCIceServer[];
  readonly openWebSocket: WebSocketFactory;
  /** Names this run of the host; drawn at random. */
  readonly run: string;
}

/** From the first signal to an open channel; beyond it the attempt is given up, and made again. */
const attemptTimeoutMs = 15_000;
const firstRetryMs = 250;
const longestRetryMs = 15_000;

/** Where another host can be reached through a broker. */
interface Path {
  readonly topic: Topic;
  readonly name: PeerName;
}

/** A topic that we are in. */
interface Topic {
  readonly name: string;
  readonly client: SignalingClient;
  readonly listener: TopicListener;
  /** The hosts behind the names of the broker, as far as they have said who they are. */
  readonly hosts: Map<PeerName, RemoteHost>;
}

interface Attempt {
  readonly number: number;
  readonly connection: SimplePeer.Instance;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Another host, as long as it is seen at a broker or linked to. */
interface RemoteHost {
  readonly id: HostId;
  run: string;
  /** One in each topic that we share, the newest first. */
  paths: readonly Path[];
  link: WebRtcLink | null;
  attempt: Attempt | null;
  /** The newest attempt of the other side, if it is the other side that offers. */
  lastOffered: number;
  retryMs: number;
  retry: ReturnType<typeof setTimeout> | undefined;
}

export class WebRtcConnector implements Connector {
  readonly #host: HostId;
  readonly #listener: LinkListener;
  readonly #options: WebRtcOptions;
  readonly #brokers = new Map<string, SignalingClient>();
  readonly #remotes = new Map<HostId, RemoteHost>();
  /** Counts the attempts of this run, at all hosts. */
  #attempts = 0;
  #isClosed = false;

  constructor(host: HostId, listener: LinkListener, options: WebRtcOptions) {
    this.#host = host;
    this.#listener = listener;
    this.#options = options;
  }

  join(broker: string, topicName: string, listener: TopicListener): () => void {
    const client = this.#brokers.get(broker) ?? new SignalingClient(broker, this.#options.openWebSocket, Math.random);
    this.#brokers.set(broker, client);
    const topic: Topic = { name: topicName, client, listener, hosts: new Map() };
    client.join(topicName, this.#signaling(topic));
    return () => {
      client.leave(topicName);
      for (const name of [...topic.hosts.keys()]) this.#forgetPath(topic, name);
      if (client.isIdle) {
        this.#brokers.delete(broker);
        client.close();
      }
    };
  }

  close(): void {
    this.#isClosed = true;
    for (const client of this.#brokers.values()) client.close();
    for (const remote of this.#remotes.values()) {
      clearTimeout(remote.retry);
      this.#abandon(remote);
      remote.link?.close();
    }
  }

  #signaling(topic: Topic): SignalingListener {
    return {
      joined: (peers) => {
        for (const name of [...topic.hosts.keys()]) this.#forgetPath(topic, name);
        for (const peer of peers) this.#sayHello(topic, peer, true);
      },
      // Whoever comes later says hello first.
      peerJoined: () => undefined,
      peerLeft: (peer) => {
        this.#forgetPath(topic, peer);
      },
      relayed: (from, data) => {
        const introduction = decodeIntroduction(data);
        if (introduction !== null) this.#introduced(topic, from, introduction);
      },
      stateChanged: (state) => {
        topic.listener.signalingChanged(state);
      },
    };
  }

  #sayHello(topic: Topic, to: PeerName, answerMe: boolean): void {
    this.#relay({ topic, name: to }, { kind: 'hello', host: this.#host, run: this.#options.run, answerMe });
  }

  #relay({ topic, name }: Path, introduction: Introduction): void {
    topic.client.relay(topic.name, name, encodeIntroduction(introduction));
  }

  #introduced(topic: Topic, from: PeerName, introduction: Introduction): void {
    if (introduction.kind === 'signal') {
      const remote = topic.hosts.get(from);
      if (remote !== undefined) this.#signaled(remote, introduction.attempt, introduction.signal);
      return;
    }
    if (introduction.host === this.#host) return;
    if (introduction.answerMe) this.#sayHello(topic, from, false);
    this.#seen(topic, from, introduction.host, introduction.run);
  }

  #seen(topic: Topic, name: PeerName, id: HostId, run: string): void {
    const remote = this.#remotes.get(id) ?? newRemote(id, run);
    this.#remotes.set(id, remote);
    if (remote.run !== run) {
      remote.run = run;
      remote.lastOffered = 0;
      this.#abandon(remote);
      remote.link?.close();
    }
    // The broker may keep a name for a while that nobody listens to any more: the newest counts.
    const older = remote.paths.filter((path) => path.topic === topic);
    remote.paths = [{ topic, name }, ...remote.paths.filter((path) => path.topic !== topic)];
    for (const path of older) topic.hosts.delete(path.name);
    topic.hosts.set(name, remote);
    const isNewInTopic = older.length === 0;
    if (remote.link !== null && isNewInTopic) topic.listener.met(remote.link);
    if (remote.link === null && remote.attempt === null) this.#offer(remote);
  }

  #forgetPath(topic: Topic, name: PeerName): void {
    const remote = topic.hosts.get(name);
    if (remote === undefined) return;
    topic.hosts.delete(name);
    remote.paths = remote.paths.filter((path) => path.topic !== topic || path.name !== name);
    this.#forgetIfGone(remote);
  }

  #forgetIfGone(remote: RemoteHost): void {
    if (remote.paths.length > 0 || remote.link !== null || remote.attempt !== null) return;
    clearTimeout(remote.retry);
    this.#remotes.delete(remote.id);
  }

  /** Begins an attempt, if it is us who offers. */
  #offer(remote: RemoteHost): void {
    if (this.#isClosed || this.#host > remote.id || remote.paths.length === 0) return;
    clearTimeout(remote.retry);
    this.#attempt(remote, ++this.#attempts, true);
  }

  #attempt(remote: RemoteHost, number: number, initiator: boolean): void {
    const connection = new SimplePeer({
      initiator,
      // Messages keep their borders.
      objectMode: true,
      config: { iceServers: [...this.#options.iceServers] },
    });
    const timer = setTimeout(() => {
      connection.destroy();
    }, attemptTimeoutMs);
    remote.attempt = { number, connection, timer };
    connection.on('signal', (signal: unknown) => {
      const path = remote.paths.find(({ topic }) => topic.client.isConnected);
      if (path !== undefined) this.#relay(path, { kind: 'signal', attempt: number, signal: signal as Signal });
    });
    connection.on('connect', () => {
      this.#linked(remote, connection);
    });
    // Nothing to be done about it: 'close' follows.
    connection.on('error', () => undefined);
    connection.on('close', () => {
      if (remote.attempt?.connection !== connection) return;
      this.#abandon(remote);
      this.#tryAgain(remote);
    });
  }

  #abandon(remote: RemoteHost): void {
    const { attempt } = remote;
    if (attempt === null) return;
    remote.attempt = null;
    clearTimeout(attempt.timer);
    attempt.connection.destroy();
  }

  #tryAgain(remote: RemoteHost): void {
    this.#forgetIfGone(remote);
    clearTimeout(remote.retry);
    remote.retry = setTimeout(
      () => {
        if (remote.link === null && remote.attempt === null) this.#offer(remote);
      },
      remote.retryMs * (0.5 + Math.random() / 2),
    );
    remote.retryMs = Math.min(2 * remote.retryMs, longestRetryMs);
  }

  #signaled(remote: RemoteHost, number: number, signal: Signal): void {
    if (signal.type === 'offer') {
      // An offer is news only to the side that does not offer, and only if it is not an old one.
      if (this.#host < remote.id || number <= remote.lastOffered || this.#isClosed) return;
      remote.lastOffered = number;
      this.#abandon(remote);
      remote.link?.close();
      this.#attempt(remote, number, false);
    }
    const { attempt } = remote;
    if (attempt?.number !== number) return;
    try {
      attempt.connection.signal(signal as SimplePeer.SignalData);
    } catch {
      attempt.connection.destroy();
    }
  }

  #linked(remote: RemoteHost, connection: SimplePeer.Instance): void {
    if (remote.attempt?.connection !== connection) return;
    clearTimeout(remote.attempt.timer);
    remote.attempt = null;
    remote.retryMs = firstRetryMs;
    const link = new WebRtcLink(remote.id, connection, {
      received: (frame) => {
        this.#listener.received(link, frame);
      },
      closed: () => {
        remote.link = null;
        this.#listener.closed(link);
        this.#tryAgain(remote);
      },
    });
    remote.link = link;
    for (const { topic } of remote.paths) topic.listener.met(link);
  }
}

function newRemote(id: HostId, run: string): RemoteHost {
  return {
    id,
    run,
    paths: [],
    link: null,
    attempt: null,
    lastOffered: 0,
    retryMs: firstRetryMs,
    retry: undefined,
  };
}
