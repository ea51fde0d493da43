/**
 * A mesh within one process, for tests: whoever is in the same group is linked at once. Nobody is between the ends, so keys
 * and secrets are taken as they are shown; who may enter, and as whom, is asked as everywhere.
 */
import type { RefusalReason } from '../identity/refusals.ts';
import type { GroupId, HostId } from '../ids.ts';
import { wireMinor } from './codec.ts';
import { closedHere, type Lane, type LinkEnd } from './link.ts';
import { type Defer, MemoryLink } from './memory-link.ts';
import type {
  Admission,
  Connector,
  ConnectorFactory,
  Exclusion,
  GroupDiagnosis,
  GroupEntry,
  GroupListener,
  MeshListener,
  PeerLink,
  RoomOffer,
} from './transport.ts';

interface Joined {
  readonly entry: GroupEntry;
  readonly listener: GroupListener;
  /** Whether it was told last that the founder's token is with it. */
  hasToken: boolean;
}

interface Participant {
  readonly host: HostId;
  readonly minor: number;
  readonly listener: MeshListener;
  readonly groups: Map<GroupId, Joined>;
  readonly links: Map<HostId, MemoryPeerLink>;
  readonly defer: Defer;
}

/** Those who meet at one broker for one group, in the order in which they came. */
interface Topic {
  readonly present: Set<Joined>;
  isFounded: boolean;
}

export class MemoryNetwork {
  readonly #participants = new Set<Participant>();
  readonly #topics = new Map<string, Topic>();
  readonly #defer: Defer;

  /** @param defer runs something later, in the order in which it was given */
  constructor(defer: Defer = queueMicrotask) {
    this.#defer = defer;
  }

  /** @param minor the minor version of the wire format that the host is to be taken for */
  connector(host: HostId, minor: number = wireMinor): ConnectorFactory {
    return (listener) =>
      this.#connect({ host, minor, listener, groups: new Map(), links: new Map(), defer: this.#defer });
  }

  #connect(participant: Participant): Connector {
    const { groups, links } = participant;
    this.#participants.add(participant);
    return {
      join: (entry, listener) => {
        const { group } = entry.credentials;
        const joined: Joined = { entry, listener, hasToken: false };
        groups.set(group, joined);
        this.#defer(() => {
          if (groups.get(group) !== joined) return;
          listener.signalingChanged(entry.broker === null ? 'none' : 'connected');
          this.#enter(joined);
          this.#introduce(participant, group);
        });
        return () => {
          groups.delete(group);
          this.#exit(joined);
          for (const link of [...links.values()]) link.leave(group);
        };
      },
      founded: (group) => {
        const joined = groups.get(group);
        const topic = joined === undefined ? undefined : this.#topics.get(topicOf(joined));
        if (joined === undefined || topic?.present.has(joined) !== true) return;
        topic.isFounded = true;
        this.#passToken(topic);
      },
      meetsWithoutBroker: true,
      diagnose: (group) => Promise.resolve(diagnosis(participant, group)),
      close: () => {
        this.#participants.delete(participant);
        for (const joined of groups.values()) this.#exit(joined);
        groups.clear();
        for (const link of [...links.values()]) link.close();
      },
    };
  }

  #enter(joined: Joined): void {
    const topic = this.#topics.get(topicOf(joined)) ?? { present: new Set(), isFounded: false };
    this.#topics.set(topicOf(joined), topic);
    topic.present.add(joined);
    if (joined.entry.founding?.() === 'done') topic.isFounded = true;
    this.#passToken(topic);
  }

  #exit(joined: Joined): void {
    const topic = this.#topics.get(topicOf(joined));
    topic?.present.delete(joined);
    if (topic?.present.size === 0) this.#topics.delete(topicOf(joined));
    else if (topic !== undefined) this.#passToken(topic);
  }

  /** The token is with the first who asks, until what the topic is for is founded. */
  #passToken({ present, isFounded }: Topic): void {
    const first = isFounded ? undefined : [...present].find(({ entry }) => entry.founding?.() === 'ask');
    for (const joined of present) {
      const hasToken = joined === first;
      if (joined.hasToken === hasToken) continue;
      joined.hasToken = hasToken;
      this.#defer(() => {
        if (present.has(joined) && joined.hasToken === hasToken) joined.listener.tokenChanged?.(hasToken);
      });
    }
  }

  #introduce(newcomer: Participant, group: GroupId): void {
    const here = newcomer.groups.get(group);
    for (const other of this.#participants) {
      const there = other.groups.get(group);
      if (other === newcomer || here === undefined || there === undefined) continue;
      if (here.entry.broker !== there.entry.broker) continue;
      const [link, back] = this.#link(newcomer, other);
      link.admit(group, { member: there.entry.member, kind: there.entry.credentials.kind });
      back.admit(group, { member: here.entry.member, kind: here.entry.credentials.kind });
      const isLetIn = back.letsIn(group, there.entry.mayEnter(newcomer.host, here.entry.member));
      if (!isLetIn || !link.letsIn(group, here.entry.mayEnter(other.host, there.entry.member))) continue;
      here.listener.met(link);
      there.listener.met(back);
    }
  }

  #link(one: Participant, other: Participant): [MemoryPeerLink, MemoryPeerLink] {
    const [known, knownBack] = [one.links.get(other.host), other.links.get(one.host)];
    if (known !== undefined && knownBack !== undefined) return [known, knownBack];
    const [there, back] = [new MemoryPeerLink(other, one), new MemoryPeerLink(one, other)];
    const [near, far] = MemoryLink.pair(there, back, this.#defer);
    there.attach(near, back);
    back.attach(far, there);
    return [there, back];
  }
}

function topicOf({ entry }: Joined): string {
  return `${entry.broker ?? ''} ${entry.credentials.group}`;
}

function diagnosis({ groups, links }: Participant, group: GroupId): GroupDiagnosis {
  const dropped = { 'not-sealed': 0, replayed: 0, 'for-another': 0 };
  const peers = [...links.values()]
    .filter((link) => link.admissionTo(group) !== null)
    .map(({ peer }) => {
      const state = 'connected' as const;
      return { host: peer, state, detail: 'in one process', failures: 0, signaling: null, link: null };
    });
  return { signaling: groups.has(group) ? 'connected' : 'closed', dropped, peers, refusals: [] };
}

class MemoryPeerLink implements PeerLink {
  readonly peer: HostId;
  readonly minor: number;
  readonly #owner: Participant;
  readonly #admissions = new Map<GroupId, Admission>();
  #link: MemoryLink | null = null;
  #far: MemoryPeerLink | null = null;

  constructor({ host, minor }: Participant, owner: Participant) {
    this.peer = host;
    this.minor = minor;
    this.#owner = owner;
  }

  attach(link: MemoryLink, far: MemoryPeerLink): void {
    this.#link = link;
    this.#far = far;
    this.#owner.links.set(this.peer, this);
  }

  admit(group: GroupId, admission: Admission): void {
    this.#admissions.set(group, admission);
  }

  admissionTo(group: GroupId): Admission | null {
    return this.#admissions.get(group) ?? null;
  }

  send(frame: Uint8Array, lane: Lane): boolean {
    return this.#link?.send(frame, lane) === true;
  }

  bufferedBytes(lane: Lane): number {
    return this.#link?.bufferedBytes(lane) ?? 0;
  }

  received(frame: Uint8Array, lane: Lane): void {
    this.#owner.listener.received(this, frame, lane);
  }

  /** The two do not meet if either end shuts the other one out, which is told so. */
  letsIn(group: GroupId, exclusion: Exclusion | null): boolean {
    if (exclusion === null) return true;
    this.#tellOfRefusal('us', group, exclusion, 'the group has shut it out');
    this.#far?.wasRefused(group, exclusion, 'the group has shut it out');
    this.withdraw(group);
    this.#far?.withdraw(group);
    return false;
  }

  withdraw(group: GroupId): void {
    this.#admissions.delete(group);
  }

  offer(room: GroupId, offer: RoomOffer | null): void {
    const far = this.#far;
    if (!this.#admissions.has(room) || far === null) return;
    this.#owner.defer(() => {
      if (far.#admissions.has(room)) far.#owner.groups.get(room)?.listener.offered?.(far, offer);
    });
  }

  refuse(group: GroupId, reason: RefusalReason, detail: string): void {
    this.#tellOfRefusal('us', group, reason, detail);
    this.#far?.wasRefused(group, reason, detail);
    this.leave(group);
  }

  wasRefused(group: GroupId, reason: RefusalReason, detail: string): void {
    this.#tellOfRefusal('them', group, reason, detail);
  }

  #tellOfRefusal(by: 'us' | 'them', group: GroupId, reason: RefusalReason, detail: string): void {
    const admission = this.admissionTo(group);
    this.#owner.groups.get(group)?.listener.refused({ peer: this.peer, by, reason, detail, admission });
  }

  /** Neither end is in the group with the other any more. */
  leave(group: GroupId): void {
    this.part(group);
    this.#far?.part(group);
  }

  part(group: GroupId): void {
    if (this.#admissions.delete(group)) this.#owner.groups.get(group)?.listener.parted(this);
  }

  closed(): void {
    this.#owner.links.delete(this.peer);
    for (const group of [...this.#admissions.keys()]) this.part(group);
  }

  close(end: LinkEnd = closedHere): void {
    // Whoever comes back is linked anew.
    this.#owner.links.delete(this.peer);
    this.#link?.close(end);
  }
}
