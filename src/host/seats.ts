/**
 * The hosts that are linked to this one in a group, each in its seat: as the member that it has proven to be. All that this
 * host says in the group goes over these links, and is counted.
 */
import type { NodeId } from '../core/types.ts';
import type { Clock } from '../group/clock.ts';
import { type GroupId, type HostId, hostOf } from '../ids.ts';
import { encodeFrame } from '../transport/codec.ts';
import type { GroupMessage, MemberMessage, PresenceMessage } from '../transport/messages.ts';
import type { Admission, Lane, PeerLink } from '../transport/transport.ts';
import { Traffic } from './traffic.ts';

/** Presence gives way: it is sent only while fewer bytes than this wait, so that heartbeats never wait for much of it. */
const maxBytesBeforePresence = 4096;

/** A link, and as whom the host at its other end is in the group. */
export interface Seat {
  readonly link: PeerLink;
  readonly admission: Admission;
}

export class Seats implements Iterable<Seat> {
  readonly traffic: Traffic;
  readonly #group: GroupId;
  readonly #byHost = new Map<HostId, Seat>();

  constructor(group: GroupId, clock: Pick<Clock, 'now'>) {
    this.#group = group;
    this.traffic = new Traffic(clock);
  }

  [Symbol.iterator](): Iterator<Seat> {
    return this.#byHost.values();
  }

  /** Gives a host its seat, in place of the one that it may have. */
  give(seat: Seat): void {
    this.#byHost.set(seat.link.peer, seat);
  }

  /** The link is gone. Gives the seat that is free now; null when its host has none, or sits there over a newer link. */
  free(link: PeerLink): Seat | null {
    const seat = this.#byHost.get(link.peer);
    if (seat?.link !== link) return null;
    this.#byHost.delete(link.peer);
    return seat;
  }

  /** @returns false when it is not sent: nobody is here as that member, or its link takes no more on that lane */
  send(to: NodeId, message: MemberMessage, lane: Lane): boolean {
    const seat = this.#byHost.get(hostOf(to));
    return seat?.admission.member === to && this.sendOver(seat.link, message, lane);
  }

  /** @returns false when it is not sent: nobody is here from that host, or something else waits for its link */
  sendPresence(message: PresenceMessage): boolean {
    const link = this.#byHost.get(hostOf(message.to))?.link;
    if (link === undefined || link.bufferedBytes('control') >= maxBytesBeforePresence) return false;
    return this.sendOver(link, message, 'control');
  }

  /** @returns false when the link takes no more on that lane */
  sendOver(link: PeerLink, message: GroupMessage, lane: Lane): boolean {
    const frame = this.traffic.encoded(() => encodeFrame(this.#group, message));
    const isTaken = link.send(frame, lane);
    if (isTaken) this.traffic.sent({ bytes: frame.byteLength, lane });
    return isTaken;
  }
}
