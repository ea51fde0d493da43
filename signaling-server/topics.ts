/** Who is in which topic. Empty topics are forgotten. */
import { type PeerName, ProtocolError, type ServerMessage } from './protocol.ts';

/** A connected peer, as far as topics are concerned. */
export interface Peer {
  readonly name: PeerName;
  send(message: ServerMessage): void;
}

export interface TopicLimits {
  readonly maxPeersPerTopic: number;
  readonly maxTopicsPerPeer: number;
}

export class Topics {
  readonly #limits: TopicLimits;
  readonly #peers: Map<string, Map<PeerName, Peer>> = new Map();
  readonly #topicsOf: Map<Peer, Set<string>> = new Map();

  constructor(limits: TopicLimits) {
    this.#limits = limits;
  }

  /** Topics with a peer in them. */
  get count(): number {
    return this.#peers.size;
  }

  /**
   * Joining again is answered like the first time and announced to nobody.
   * @throws ProtocolError topic-full, too-many-topics
   */
  join(peer: Peer, topic: string): void {
    const joined = this.#topicsOf.get(peer) ?? new Set();
    const peers = this.#peers.get(topic) ?? new Map<PeerName, Peer>();
    const others = [...peers.values()].filter((other) => other !== peer);
    if (!joined.has(topic)) {
      if (joined.size >= this.#limits.maxTopicsPerPeer) {
        throw new ProtocolError('too-many-topics', `a connection may be in ${this.#limits.maxTopicsPerPeer} topics`);
      }
      if (peers.size >= this.#limits.maxPeersPerTopic) {
        throw new ProtocolError('topic-full', `a topic may have ${this.#limits.maxPeersPerTopic} peers`);
      }
      this.#topicsOf.set(peer, joined.add(topic));
      this.#peers.set(topic, peers.set(peer.name, peer));
      for (const other of others) other.send({ type: 'peer-joined', topic, peer: peer.name });
    }
    peer.send({ type: 'joined', topic, peers: others.map(({ name }) => name) });
  }

  leave(peer: Peer, topic: string): void {
    const peers = this.#peers.get(topic);
    if (peers?.delete(peer.name) !== true) return;
    this.#topicsOf.get(peer)?.delete(topic);
    if (peers.size === 0) this.#peers.delete(topic);
    for (const other of peers.values()) other.send({ type: 'peer-left', topic, peer: peer.name });
  }

  leaveAll(peer: Peer): void {
    for (const topic of [...(this.#topicsOf.get(peer) ?? [])]) this.leave(peer, topic);
    this.#topicsOf.delete(peer);
  }

  /** @throws ProtocolError not-in-topic, no-such-peer */
  relay(peer: Peer, topic: string, to: PeerName, data: string): void {
    const peers = this.#peers.get(topic);
    if (peers?.has(peer.name) !== true) throw new ProtocolError('not-in-topic', 'join the topic before relaying in it');
    const receiver = peers.get(to);
    if (receiver === undefined) throw new ProtocolError('no-such-peer', 'the peer is not in the topic any more');
    receiver.send({ type: 'relay', topic, from: peer.name, data });
  }
}
