/**
 * Connects a host with the others of its groups: one link to each, however many groups they share. The broker, the other
 * tabs of this browser, or a host that both are linked to, bring the signals.
 */
import type { HostSigner } from '../identity/host-signer.ts';
import type { GroupId, HostId } from '../ids.ts';
import { defaultStageTimeouts, type StageTimeouts } from './attempt.ts';
import type { Connect } from './connection.ts';
import { Gossip } from './gossip.ts';
import type { Introduction } from './introduction.ts';
import type { LinkEnd } from './link.ts';
import { defaultLiveness, type LivenessOptions } from './liveness.ts';
import { Neighbour, type NeighbourParts } from './neighbour.ts';
import { type Path, Rendezvous, type RendezvousListener } from './rendezvous.ts';
import type { SecureLink, SecureLinkListener } from './secure-link.ts';
import { SignalingClient, type WebSocketFactory } from './signaling.ts';
import { TabSignaling } from './tab-signaling.ts';
import type { Timers } from './timers.ts';
import type { Connector, GroupDiagnosis, GroupEntry, GroupListener, MeshListener, RefusalNotice } from './transport.ts';

export interface MeshParts {
  readonly identity: HostSigner;
  /** Names this run of the host; drawn at random. */
  readonly run: string;
  readonly timers: Timers;
  readonly openWebSocket: WebSocketFactory;
  /** The locks of this browser, by which its tabs find each other; left out, they are reached like all others. */
  readonly tabLocks?: LockManager;
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
  readonly #tabs: TabSignaling | null;
  readonly #neighbourParts: NeighbourParts;
  readonly #gossip: Gossip;
  readonly #stopTicking: () => void;
  #attempts = 0;

  constructor(listener: MeshListener, parts: MeshParts) {
    const { identity, run, timers, connect, configuration, tabLocks, liveness = defaultLiveness } = parts;
    this.#listener = listener;
    this.#parts = parts;
    this.#tabs = tabLocks === undefined ? null : new TabSignaling(run, tabLocks);
    this.#gossip = new Gossip({
      self: identity.id,
      neighbours: this.#neighbours,
      rendezvousOf: (group) => this.#groups.get(group)?.rendezvous,
      sayHello: (path) => {
        this.#sayHello(path, null);
      },
      forgetPaths: (isLost) => {
        this.#forgetPaths(isLost);
      },
    });
    this.#neighbourParts = {
      run,
      locks: tabLocks ?? null,
      connect,
      configuration,
      timers,
      timeouts: parts.timeouts ?? defaultStageTimeouts,
      link: { identity, timers, liveness, entry: (group) => this.#groups.get(group)?.entry },
      linkListener: this.#linkListener(),
      nextAttempt: () => ++this.#attempts,
      isUsable: (path) => this.#isUsable(path),
      seek: (host) => {
        this.#gossip.seek(host);
      },
      changed: () => {
        this.#forgetGone();
      },
    };
    this.#stopTicking = timers.every(tickMs, () => {
      this.#gossip.tick();
      for (const { links } of this.#neighbours.values()) for (const link of links) link.tick();
    });
  }

  get meetsWithoutBroker(): boolean {
    return this.#tabs !== null;
  }

  join(entry: GroupEntry, listener: GroupListener): () => void {
    const { credentials } = entry;
    const { group } = credentials;
    const client = entry.broker === null ? null : this.#client(entry.broker);
    const rendezvous = new Rendezvous(
      {
        credentials,
        run: this.#parts.run,
        founding: entry.founding ?? null,
        places: { ...(client && { broker: client }), ...(this.#tabs && { tab: this.#tabs }) },
      },
      this.#rendezvousListener(listener),
    );
    this.#groups.set(group, { entry, listener, rendezvous, refusals: [] });
    rendezvous.start((path) => {
      this.#sayHello(path, null);
    });
    return () => {
      this.#groups.delete(group);
      for (const { links } of this.#neighbours.values()) for (const link of links) link.leave(group);
      this.#forgetPaths((path) => path.rendezvous === rendezvous);
      rendezvous.stop();
      if (client !== null) this.#release(client);
    };
  }

  founded(group: GroupId): void {
    this.#groups.get(group)?.rendezvous.founded();
  }

  #client(broker: string): SignalingClient {
    const { openWebSocket, timers } = this.#parts;
    const client = this.#brokers.get(broker) ?? new SignalingClient(broker, openWebSocket, timers);
    this.#brokers.set(broker, client);
    return client;
  }

  #release(client: SignalingClient): void {
    if (!client.isIdle) return;
    for (const [address, known] of this.#brokers) if (known === client) this.#brokers.delete(address);
    client.close();
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
      lost: (rendezvous, place, name) => {
        this.#forgetPaths(
          (path) =>
            path.kind !== 'mesh' &&
            path.kind === place &&
            path.rendezvous === rendezvous &&
            (name === null || path.name === name),
        );
      },
      pass: (path, data) => {
        this.#gossip.pass(path, data);
      },
      signalingChanged: (state) => {
        listener.signalingChanged(state);
      },
      tokenChanged: (isOurs) => {
        listener.tokenChanged?.(isOurs);
      },
    };
  }

  #sayHello(path: Path, to: string | null): void {
    const { identity, run } = this.#parts;
    path.rendezvous.say(path, to, { kind: 'hello', host: identity.id, run, answerMe: to === null });
  }

  #isUsable(path: Path): boolean {
    const { rendezvous } = path;
    if (path.kind === 'mesh') return this.#neighbours.get(path.via)?.link?.shares(rendezvous.group) === true;
    return path.kind === 'tab' || rendezvous.state === 'connected';
  }

  #introduced(path: Path, from: string, introduction: Introduction): void {
    if (introduction.kind === 'signal') {
      for (const neighbour of this.#neighbours.values()) {
        if (neighbour.run === from) neighbour.signaled(path, introduction.attempt, introduction.signal);
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
        this.#gossip.spread(group);
      },
      parted: (link, group) => {
        this.#groups.get(group)?.listener.parted(link);
        this.#gossip.spread(group);
        this.#gossip.seek(link.peer);
      },
      received: (link, frame, lane) => {
        this.#listener.received(link, frame, lane);
      },
      told: (link, message) => {
        if (message.kind !== 'Offer') this.#gossip.told(link, message);
        else if (link.admissionTo(message.group)?.kind === 'full') {
          this.#groups.get(message.group)?.listener.offered?.(link, message.offer);
        }
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
    this.#gossip.closed(link);
    if (!link.isProven) return;
    this.#forgetPaths((path) => path.kind === 'mesh' && path.via === link.peer);
  }
}
