/**
 * Decides the order in which peers come to topics and leave them. One broker alone decides at once; several decide
 * through Redis (redis-directory.ts).
 */
import { type FoundingWish, type PeerName, ProtocolError, type ServerMessage } from './protocol.ts';
import { type Peer, Roster } from './roster.ts';

/** A peer that can be told that something came to nothing. */
export interface DirectoryPeer extends Peer {
  /** The peer is not in the topic. */
  refused(topic: string, error: ProtocolError): void;
  /** Something that it relayed went nowhere. */
  undelivered(error: ProtocolError): void;
}

export interface Directory {
  /** Topics with a peer of this broker in them. */
  readonly topics: number;
  /** Whether peers can come and leave just now. */
  readonly isAvailable: boolean;
  /**
   * Brings a peer into a topic; the answer is a `joined`, or `refused` with topic-full or unavailable, at once or later.
   * Entering again is answered again.
   */
  enter(peer: DirectoryPeer, topic: string, wish: FoundingWish | undefined): void;
  exit(peer: DirectoryPeer, topic: string): void;
  /** What the topic is for is founded, says a peer that is in it. */
  found(topic: string): void;
  /**
   * Passes a text of a peer on to another peer of a topic that it is in.
   * @throws ProtocolError no-such-peer, unavailable
   */
  relay(from: DirectoryPeer, topic: string, to: PeerName, data: string): void;
  /** Ends. All peers have left by then. */
  close(): Promise<void>;
}

export function topicFull(maxPeersPerTopic: number): ProtocolError {
  return new ProtocolError('topic-full', `a topic may have ${maxPeersPerTopic} peers`);
}

export function noSuchPeer(): ProtocolError {
  return new ProtocolError('no-such-peer', 'the peer is not in the topic any more');
}

export function relayed(topic: string, from: PeerName, data: string): ServerMessage {
  return { type: 'relay', topic, from, data };
}

/** The topics of one broker that is alone. */
export class LocalDirectory implements Directory {
  readonly isAvailable = true;
  readonly #roster = new Roster();
  readonly #maxPeersPerTopic: number;
  #changes = 0;

  constructor(maxPeersPerTopic: number) {
    this.#maxPeersPerTopic = maxPeersPerTopic;
  }

  get topics(): number {
    return this.#roster.size;
  }

  enter(peer: DirectoryPeer, topic: string, wish: FoundingWish | undefined): void {
    const members = this.#roster.get(topic)?.members;
    const earlier = members?.get(peer.name);
    if (earlier === undefined && (members?.size ?? 0) >= this.#maxPeersPerTopic) {
      peer.refused(topic, topicFull(this.#maxPeersPerTopic));
      return;
    }
    const askedBefore = earlier?.asked ?? 0;
    const asked = wish === 'ask' && askedBefore === 0 ? ++this.#changes : askedBefore;
    this.#roster.enter(topic, { name: peer.name, at: peer, asked }, wish === 'done');
    this.#roster.answer(topic, peer);
  }

  exit(peer: DirectoryPeer, topic: string): void {
    this.#roster.exit(topic, [peer.name]);
  }

  found(topic: string): void {
    this.#roster.found(topic);
  }

  relay(from: DirectoryPeer, topic: string, to: PeerName, data: string): void {
    const receiver = this.#roster.get(topic)?.members.get(to)?.at;
    if (receiver === undefined || typeof receiver === 'string') throw noSuchPeer();
    receiver.deliver(topic, relayed(topic, from.name, data));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
