/** Links within one process, for tests: a frame that is sent is delivered once the present event is dealt with. */
import type { HostId } from '../ids.ts';
import type { Connector, ConnectorFactory, Lane, Link, LinkListener, TopicListener } from './transport.ts';

interface Participant {
  readonly host: HostId;
  readonly listener: LinkListener;
  readonly topics: Map<string, TopicListener>;
  readonly links: Map<HostId, MemoryLink>;
}

export class MemoryNetwork {
  readonly #participants = new Set<Participant>();
  readonly #defer: (run: () => void) => void;

  /** @param defer runs something later, in the order in which it was given */
  constructor(defer: (run: () => void) => void = queueMicrotask) {
    this.#defer = defer;
  }

  readonly connector: ConnectorFactory = (host, listener): Connector => {
    const participant: Participant = { host, listener, topics: new Map(), links: new Map() };
    this.#participants.add(participant);
    return {
      join: (broker, topic, topicListener) => {
        const place = `${broker} ${topic}`;
        participant.topics.set(place, topicListener);
        this.#defer(() => {
          topicListener.signalingChanged('connected');
          this.#introduce(participant, place);
        });
        return () => participant.topics.delete(place);
      },
      close: () => {
        this.#participants.delete(participant);
        participant.topics.clear();
        for (const link of [...participant.links.values()]) link.close();
      },
    };
  };

  #introduce(newcomer: Participant, place: string): void {
    for (const other of this.#participants) {
      if (other === newcomer || !other.topics.has(place) || !newcomer.topics.has(place)) continue;
      const [there, here] = this.#link(newcomer, other);
      newcomer.topics.get(place)?.met(there);
      other.topics.get(place)?.met(here);
    }
  }

  #link(one: Participant, other: Participant): [MemoryLink, MemoryLink] {
    const [known, knownBack] = [one.links.get(other.host), other.links.get(one.host)];
    if (known !== undefined && knownBack !== undefined) return [known, knownBack];
    const there = new MemoryLink(other.host, one, this.#defer);
    const back = new MemoryLink(one.host, other, this.#defer);
    there.connect(back);
    back.connect(there);
    return [there, back];
  }
}

class MemoryLink implements Link {
  readonly peer: HostId;
  readonly bufferedBytes = 0;
  readonly #owner: Participant;
  readonly #defer: (run: () => void) => void;
  #far: MemoryLink | null = null;

  constructor(peer: HostId, owner: Participant, defer: (run: () => void) => void) {
    this.peer = peer;
    this.#owner = owner;
    this.#defer = defer;
  }

  connect(far: MemoryLink): void {
    this.#far = far;
    this.#owner.links.set(this.peer, this);
  }

  send(frame: Uint8Array, _lane: Lane): boolean {
    const far = this.#far;
    if (far === null) return false;
    const copy = frame.slice();
    this.#defer(() => {
      far.#receive(copy);
    });
    return true;
  }

  #receive(frame: Uint8Array): void {
    if (this.#far !== null) this.#owner.listener.received(this, frame);
  }

  close(): void {
    const far = this.#far;
    if (far === null) return;
    this.#far = null;
    this.#owner.links.delete(this.peer);
    this.#defer(() => {
      this.#owner.listener.closed(this);
    });
    far.close();
  }
}
