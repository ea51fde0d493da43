/**
 * Who is in which topic, as far as the peers of this broker are concerned, and what they hear of it. Changes come here in
 * the order in which they took effect, which a `Directory` decides. Topics without a peer of this broker are forgotten.
 */
import type { Founding, PeerName, ServerMessage } from './protocol.ts';

/** A connected peer, as far as topics are concerned. */
export interface Peer {
  readonly name: PeerName;
  /** Passes a message of a topic on, unless the peer has left the topic since. */
  deliver(topic: string, message: ServerMessage): void;
}

export interface Member {
  readonly name: PeerName;
  /** Where the member is connected: to this broker, or to the instance of this name. */
  readonly at: Peer | string;
  /** When it asked for the founder's token, counted in changes to the topic: smaller is earlier. 0: it did not. */
  readonly asked: number;
}

export interface Topic {
  /** In the order in which they joined. */
  readonly members: ReadonlyMap<PeerName, Member>;
  readonly isFounded: boolean;
}

type Audience = Pick<Topic, 'members'>;

interface MutableTopic extends Topic {
  readonly members: Map<PeerName, Member>;
  isFounded: boolean;
}

/** The token is with whoever asked first of those who are present. */
export function foundingOf({ members, isFounded }: Topic): Founding {
  if (isFounded) return { state: 'founded' };
  let holder: Member | null = null;
  for (const member of members.values()) {
    if (member.asked > 0 && (holder === null || member.asked < holder.asked)) holder = member;
  }
  return holder === null ? { state: 'open' } : { state: 'held', by: holder.name };
}

export class Roster {
  readonly #topics = new Map<string, MutableTopic>();

  /** Topics with a peer of this broker in them. */
  get size(): number {
    return this.#topics.size;
  }

  get(topic: string): Topic | undefined {
    return this.#topics.get(topic);
  }

  entries(): IterableIterator<[string, Topic]> {
    return this.#topics.entries();
  }

  /** A member has come, or has said something new about the founding. The others hear of it. */
  enter(name: string, member: Member, isFounded: boolean): void {
    const topic = this.#topics.get(name) ?? { members: new Map<PeerName, Member>(), isFounded: false };
    this.#topics.set(name, topic);
    this.#change(name, topic, member.name, () => {
      const isNew = !topic.members.has(member.name);
      topic.members.set(member.name, member);
      topic.isFounded ||= isFounded;
      if (isNew) tell(name, topic, { type: 'peer-joined', topic: name, peer: member.name }, member.name);
    });
  }

  exit(name: string, peers: Iterable<PeerName>): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    this.#change(name, topic, null, () => {
      for (const peer of peers) {
        if (topic.members.delete(peer)) tell(name, topic, { type: 'peer-left', topic: name, peer }, null);
      }
    });
    this.#forgetIfEmpty(name, topic);
  }

  found(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    this.#change(name, topic, null, () => (topic.isFounded = true));
  }

  /**
   * What there is, whatever we believed: those peers of this broker whom we knew there hear of the difference.
   * @param answered hears of it in an answer of its own
   */
  replace(name: string, truth: Topic, answered: PeerName | null): void {
    const believed = this.#topics.get(name);
    const topic = { members: new Map(truth.members), isFounded: truth.isFounded };
    if ([...topic.members.values()].some(isHere)) this.#topics.set(name, topic);
    else this.#topics.delete(name);
    if (believed === undefined) return;
    const known = { members: new Map([...topic.members].filter(([peer]) => believed.members.has(peer))) };
    for (const peer of believed.members.keys()) {
      if (!topic.members.has(peer)) tell(name, known, { type: 'peer-left', topic: name, peer }, answered);
    }
    for (const peer of topic.members.keys()) {
      if (!believed.members.has(peer)) tell(name, known, { type: 'peer-joined', topic: name, peer }, answered);
    }
    announceFounding(name, known, foundingOf(topic), foundingOf(believed), answered);
  }

  /** Tells a peer that has joined who was there before it. */
  answer(name: string, peer: Peer): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    const peers = [...topic.members.keys()].filter((other) => other !== peer.name);
    peer.deliver(name, { type: 'joined', topic: name, peers, founding: foundingOf(topic) });
  }

  /** Does something to a topic, and tells all but one if the founding stands differently after it. */
  #change(name: string, topic: MutableTopic, except: PeerName | null, act: () => void): void {
    const before = foundingOf(topic);
    act();
    announceFounding(name, topic, foundingOf(topic), before, except);
  }

  #forgetIfEmpty(name: string, topic: Topic): void {
    for (const member of topic.members.values()) if (isHere(member)) return;
    this.#topics.delete(name);
  }
}

function announceFounding(
  name: string,
  audience: Audience,
  founding: Founding,
  before: Founding,
  except: PeerName | null,
): void {
  if (holderOf(founding) === holderOf(before) && founding.state === before.state) return;
  tell(name, audience, { type: 'founding', topic: name, founding }, except);
}

function holderOf(founding: Founding): PeerName | null {
  return founding.state === 'held' ? founding.by : null;
}

function tell(name: string, { members }: Audience, message: ServerMessage, except: PeerName | null): void {
  for (const { name: peer, at } of members.values()) {
    if (peer !== except && typeof at !== 'string') at.deliver(name, message);
  }
}

function isHere(member: Member): boolean {
  return typeof member.at !== 'string';
}
