/**
 * Hosts of a group tell each other whom they are linked to, and pass signals on for each other: so two hosts that no place
 * to meet brings together find each other through a third, and the mesh mends itself while the broker is gone.
 */
import type { GroupId, HostId } from '../ids.ts';
import type { SharedMessage } from './link-messages.ts';
import type { Neighbour } from './neighbour.ts';
import type { Path, Rendezvous } from './rendezvous.ts';
import type { SecureLink } from './secure-link.ts';

export interface GossipParts {
  /** Our own host. */
  readonly self: HostId;
  readonly neighbours: ReadonlyMap<HostId, Neighbour>;
  readonly rendezvousOf: (group: GroupId) => Rendezvous | undefined;
  readonly sayHello: (path: Path) => void;
  readonly forgetPaths: (isLost: (path: Path) => boolean) => void;
}

/** Signals that are passed on for a link between two ticks. */
const maxPassedOn = 64;

export class Gossip {
  readonly #parts: GossipParts;
  readonly #passedOn = new Map<SecureLink, number>();
  /** Whom the host at the other end of a link is linked to, in each group, as it told last. */
  readonly #circles = new Map<SecureLink, Map<GroupId, readonly HostId[]>>();

  constructor(parts: GossipParts) {
    this.#parts = parts;
  }

  tick(): void {
    this.#passedOn.clear();
  }

  closed(link: SecureLink): void {
    this.#passedOn.delete(link);
    this.#circles.delete(link);
  }

  /** Tells the neighbours in a group whom we are linked to there. */
  spread(group: GroupId): void {
    const { neighbours } = this.#parts;
    const links = [...neighbours.values()].flatMap(({ link }) => (link?.shares(group) === true ? [link] : []));
    for (const link of links) {
      const hosts = links.filter((other) => other !== link).map(({ peer }) => peer);
      link.tell({ kind: 'Neighbours', group, hosts });
    }
  }

  told(link: SecureLink, message: Exclude<SharedMessage, { kind: 'Offer' }>): void {
    const { rendezvousOf, neighbours } = this.#parts;
    const rendezvous = rendezvousOf(message.group);
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
        neighbours.get(to)?.link?.tell({ kind: 'Relayed', group, from: link.peer, data });
        break;
      }
      case 'Relayed':
        rendezvous.take({ kind: 'mesh', rendezvous, via: link.peer, host: message.from }, message.data);
        break;
    }
  }

  /** To be brought to a host by way of another one. */
  pass({ rendezvous, via, host }: Extract<Path, { kind: 'mesh' }>, data: string): void {
    this.#parts.neighbours.get(via)?.link?.tell({ kind: 'Relay', group: rendezvous.group, to: host, data });
  }

  /** A neighbour is linked to these hosts: those that we are not linked to can be reached through it. */
  #learn(link: SecureLink, rendezvous: Rendezvous, hosts: readonly HostId[]): void {
    const { self, neighbours, forgetPaths, sayHello } = this.#parts;
    const { peer: via } = link;
    const circle = this.#circles.get(link) ?? new Map<GroupId, readonly HostId[]>();
    this.#circles.set(link, circle.set(rendezvous.group, hosts));
    forgetPaths(
      (path) =>
        path.kind === 'mesh' && path.rendezvous === rendezvous && path.via === via && !hosts.includes(path.host),
    );
    for (const host of hosts) {
      const known = neighbours.get(host);
      if (host === self || known?.link?.shares(rendezvous.group) === true) continue;
      if (known?.path !== undefined && known.path.kind !== 'mesh') continue;
      sayHello({ kind: 'mesh', rendezvous, via, host });
    }
  }

  /** Greets a host through everybody who is linked to it, unless there is a way already, or a broker that has one. */
  seek(host: HostId): void {
    const { neighbours, rendezvousOf, sayHello } = this.#parts;
    if (neighbours.get(host)?.path !== undefined) return;
    for (const [link, circle] of this.#circles) {
      for (const [group, hosts] of circle) {
        const rendezvous = rendezvousOf(group);
        if (rendezvous === undefined || rendezvous.state === 'connected' || !hosts.includes(host)) continue;
        if (link.shares(group)) sayHello({ kind: 'mesh', rendezvous, via: link.peer, host });
      }
    }
  }
}
