/**
 * Connects a host with the others of its groups: one link to each, however many groups they share. The broker, or a host
 * that both are linked to, brings the signals; the hosts of a group tell each other whom they are linked to, so that the
 * mesh mends itself while the broker is gone.
 */
import type { HostSigner } from '../identity/host-signer.ts';
import type { GroupId, HostId } from '../ids.ts';
import type { Connect } from './connection.ts';
import type { Introduction } from './introduction.ts';
import type { LinkEnd } from './link.ts';
import type { LinkMessage } from './link-messages.ts';
import { defaultLiveness, type LivenessOptions } from './liveness.ts';
import { Neighbour, type NeighbourParts } from './neighbour.ts';
import { type Path, Rendezvous, type RendezvousListener } from './rendezvous.ts';
import type { SecureLink, SecureLinkListener } from './secure-link.ts';
import { SignalingClient, type WebSocketFactory } from './signaling.ts';
import type { Timers } from './timers.ts';
import type {
  Connector,
  GroupDiagnosis,
  GroupEntry,
  GroupListener,
  MeshListener,
  PeerLink,
  RefusalNotice,
} from './transport.ts';
import { defaultStageTimeouts, type StageTimeouts } from './webrtc-attempt.ts';

export interface MeshParts {
  readonly identity: HostSigner;
  /** Names this run of the host; drawn at random. */
  readonly run: string;
  readonly timers: Timers;
  readonly openWebSocket: WebSocketFactory;
  readonly connect: Connect;
  readonly configuration: RTCConfiguration;
  readonly liveness?: LivenessOptions;
  readonly timeouts?: StageTimeouts;
}

const tickMs = 500;
/** Hosts that are remembered at a time: anybody with an invite can claim to be any number of them. */
const maxNeighbours = 512;
/** Refusals that are remembered for each group. */
const maxRefusals = 32;
/** Signals that are passed on for a link in each tick. */
const maxPassedOn = 64;

interface JoinedGroup {
  readonly entry: GroupEntry;
  readonly listener: GroupListener;
  readonly rendezvous: Rendezvous;
  readonly refusals: RefusalNotice[];
}

export class Mesh implements Connector {
  readonly #listener: MeshListener;
  readonly #parts: MeshParts;
  readonly #brokers = new Map<string, SignalingClient>();
  readonly #groups = new Map<GroupId, JoinedGroup>();
  readonly #neighbours = new Map<HostId, Neighbour>();
  readonly #passedOn = new Map<PeerLink, number>();
  /** Whom the host at the other end of a link is linked to, in each group, as it told last. */
  readonly #circles = new Map<SecureLink, Map<GroupId, readonly HostId[]>>();
  readonly #neighbourParts: NeighbourParts;
  readonly #stopTicking: () => void;
  #attempts = 0;

  constructor(listener: MeshListener, parts: MeshParts) {
    const { identity, timers, connect, configuration, liveness = defaultLiveness } = parts;
    this.#listener = listener;
    this.#parts = parts;
    this.#neighbourParts = {
      connect,
      configuration,
      timers,
      timeouts: parts.timeouts ?? defaultStageTimeouts,
      link: { identity, timers, liveness, entry: (group) => this.#groups.get(group)?.entry },
      linkListener: this.#linkListener(),
      nextAttempt: () => ++this.#attempts,
      isUsable: (path) => this.#isUsable(path),
      seek: (host) => {
        this.#seek(host);
      },
      changed: () => {
        this.#forgetGone();
      },
    };
    this.#stopTicking = timers.every(tickMs, () => {
      this.#passedOn.clear();
      for (const { links } of this.#neighbours.values()) for (const link of links) link.tick();
    });
  }

  join(entry: GroupEntry, listener: GroupListener): () => void {
    const { broker, credentials } = entry;
    const { openWebSocket, timers, run } = this.#parts;
    const client = this.#brokers.get(broker) ?? new SignalingClient(broker, openWebSocket, timers);
    this.#brokers.set(broker, client);
    const rendezvous = new Rendezvous(client, credentials, run, this.#rendezvousListener(listener));
    const { group } = credentials;
    this.#groups.set(group, { entry, listener, rendezvous, refusals: [] });
    rendezvous.start((path) => {
      this.#sayHello(path, null);
    });
    return () => {
      this.#groups.delete(group);
      for (const { links } of this.#neighbours.values()) for (const link of links) link.leave(group);
      this.#forgetPaths((path) => path.rendezvous === rendezvous);
      rendezvous.stop();
      if (client.isIdle && this.#brokers.get(broker) === client) {
        this.#brokers.delete(broker);
        client.close();
      }
    };
  }

  close(): void {
    this.#stopTicking();
    for (const { rendezvous } of this.#groups.values()) rendezvous.stop();
    for (const client of this.#brokers.values()) client.close();
    for (const neighbour of [...this.#neighbours.values()]) neighbour.close();
  }

  async diagnose(group: GroupId): Promise<GroupDiagnosis> {
    const joined = this.#groups.get(group);
    if (joined === undefined) {
      const dropped = { 'not-sealed': 0, replayed: 0, 'for-another': 0 };
      return { signaling: 'closed', dropped, peers: [], refusals: [] };
    }
    const { rendezvous, refusals } = joined;
    const here = [...this.#neighbours.values()].filter(
      ({ paths, link }) => paths.some((path) => path.rendezvous === rendezvous) || link?.shares(group) === true,
    );
    const peers = await Promise.all(here.map((neighbour) => neighbour.diagnose()));
    return { signaling: rendezvous.state, dropped: { ...rendezvous.dropped }, peers, refusals: [...refusals] };
  }

  #rendezvousListener(listener: GroupListener): RendezvousListener {
    return {
      introduced: (path, from, introduction) => {
        this.#introduced(path, from, introduction);
      },
      lost: (rendezvous, name) => {
        this.#forgetPaths(
          (path) => path.kind === 'broker' && path.rendezvous === rendezvous && (name === null || path.name === name),
        );
      },
      pass: ({ rendezvous, via, host }, data) => {
        this.#neighbours.get(via)?.link?.tell({ kind: 'Relay', group: rendezvous.group, to: host, data });
      },
      signalingChanged: (state) => {
        listener.signalingChanged(state);
      },
    };
  }

  #sayHello(path: Path, to: string | null): void {
    const { identity, run } = this.#parts;
    path.rendezvous.say(path, to, { kind: 'hello', host: identity.id, run, answerMe: to === null });
  }

  #isUsable(path: Path): boolean {
    if (path.kind === 'broker') return path.rendezvous.state === 'connected';
    return this.#neighbours.get(path.via)?.link?.shares(path.rendezvous.group) === true;
  }

  #introduced(path: Path, from: string, introduction: Introduction): void {
    if (introduction.kind === 'signal') {
      for (const neighbour of this.#neighbours.values()) {
        if (neighbour.run === from) neighbour.signaled(introduction.attempt, introduction.signal);
      }
      return;
    }
    const { host, run, answerMe } = introduction;
    if (host === this.#parts.identity.id || run !== from || (path.kind === 'mesh' && path.host !== host)) return;
    if (answerMe) this.#sayHello(path, run);
    this.#neighbour(host)?.seen(path, run);
  }

  #neighbour(host: HostId): Neighbour | null {
    const known = this.#neighbours.get(host);
    if (known !== undefined) return known;
    if (this.#neighbours.size >= maxNeighbours) return null;
    const neighbour = new Neighbour(host, this.#neighbourParts);
    this.#neighbours.set(host, neighbour);
    return neighbour;
  }

  #forgetPaths(isLost: (path: Path) => boolean): void {
    for (const neighbour of this.#neighbours.values()) neighbour.forget(isLost);
    this.#forgetGone();
  }

  #forgetGone(): void {
    for (const [host, neighbour] of this.#neighbours) {
      if (!neighbour.isGone) continue;
      this.#neighbours.delete(host);
      neighbour.close();
    }
  }

  #linkListener(): SecureLinkListener {
    return {
      proven: (link) => this.#neighbours.get(link.peer)?.proven(link),
      met: (link, group) => {
        this.#neighbours.get(link.peer)?.met();
        this.#groups.get(group)?.listener.met(link);
        this.#gossip(group);
      },
      parted: (link, group) => {
        this.#groups.get(group)?.listener.parted(link);
        this.#gossip(group);
        this.#seek(link.peer);
      },
      received: (link, frame) => {
        this.#listener.received(link, frame);
      },
      told: (link, message) => {
        this.#told(link, message);
      },
      refused: (link, group, notice) => {
        this.#refused(link, group, notice);
      },
      closed: (link, end) => {
        this.#closed(link, end);
      },
    };
  }

  #refused(link: SecureLink, group: GroupId | null, notice: RefusalNotice): void {
    const neighbour = this.#ownerOf(link);
    neighbour?.refused(notice);
    const concerned =
      group === null
        ? [...this.#groups.values()].filter(({ rendezvous }) =>
            neighbour?.paths.some((path) => path.rendezvous === rendezvous),
          )
        : [this.#groups.get(group)].filter((joined) => joined !== undefined);
    for (const { refusals, listener } of concerned) {
      refusals.push(notice);
      if (refusals.length > maxRefusals) refusals.shift();
      listener.refused(notice);
    }
  }

  #ownerOf(link: SecureLink): Neighbour | undefined {
    return [...this.#neighbours.values()].find(({ links }) => links.includes(link));
  }

  #closed(link: SecureLink, end: LinkEnd): void {
    this.#ownerOf(link)?.closed(link, end);
    this.#passedOn.delete(link);
    this.#circles.delete(link);
    if (!link.isProven) return;
    this.#forgetPaths((path) => path.kind === 'mesh' && path.via === link.peer);
  }

  /** Tells the neighbours in a group whom we are linked to there. */
  #gossip(group: GroupId): void {
    const links = [...this.#neighbours.values()].flatMap(({ link }) => (link?.shares(group) === true ? [link] : []));
    for (const link of links) {
      const hosts = links.filter((other) => other !== link).map(({ peer }) => peer);
      link.tell({ kind: 'Neighbours', group, hosts });
    }
  }

  #told(link: SecureLink, message: Extract<LinkMessage, { kind: 'Neighbours' | 'Relay' | 'Relayed' }>): void {
    const rendezvous = this.#groups.get(message.group)?.rendezvous;
    if (rendezvous === undefined) return;
    switch (message.kind) {
      case 'Neighbours':
        this.#learn(link, rendezvous, message.hosts);
        break;
      case 'Relay': {
        const count = (this.#passedOn.get(link) ?? 0) + 1;
        this.#passedOn.set(link, count);
        if (count > maxPassedOn) break;
        const { group, to, data } = message;
        this.#neighbours.get(to)?.link?.tell({ kind: 'Relayed', group, from: link.peer, data });
        break;
      }
      case 'Relayed':
        rendezvous.take({ kind: 'mesh', rendezvous, via: link.peer, host: message.from }, message.data);
        break;
    }
  }

  /** A neighbour is linked to these hosts: those that we are not linked to can be reached through it. */
  #learn(link: SecureLink, rendezvous: Rendezvous, hosts: readonly HostId[]): void {
    const { peer: via } = link;
    const circle = this.#circles.get(link) ?? new Map<GroupId, readonly HostId[]>();
    this.#circles.set(link, circle.set(rendezvous.group, hosts));
    this.#forgetPaths(
      (path) =>
        path.kind === 'mesh' && path.rendezvous === rendezvous && path.via === via && !hosts.includes(path.host),
    );
    for (const host of hosts) {
      const known = this.#neighbours.get(host);
      if (host === this.#parts.identity.id || known?.link?.shares(rendezvous.group) === true) continue;
      if (known?.path?.kind === 'broker') continue;
      this.#sayHello({ kind: 'mesh', rendezvous, via, host }, null);
    }
  }

  /** Greets a host through everybody who is linked to it, unless a broker does. */
  #seek(host: HostId): void {
    if (this.#neighbours.get(host)?.path !== undefined) return;
    for (const [link, circle] of this.#circles) {
      for (const [group, hosts] of circle) {
        const rendezvous = this.#groups.get(group)?.rendezvous;
        if (rendezvous === undefined || rendezvous.state === 'connected' || !hosts.includes(host)) continue;
        if (link.shares(group)) this.#sayHello({ kind: 'mesh', rendezvous, via: link.peer, host }, null);
      }
    }
  }
}
