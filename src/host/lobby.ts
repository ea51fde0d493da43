/**
 * Where the hosts of a room meet, as those of a group do: each proves that it knows the name, and says which group the room
 * is for, as far as it knows. Here is what the others say, and whether it is for us to begin a group.
 */
import type { Clock } from '../group/clock.ts';
import type { Credentials } from '../identity/access.ts';
import type { NodeId } from '../ids.ts';
import type { Connector, GroupEntry, PeerLink, RoomOffer, SignalingState } from '../transport/transport.ts';

export interface LobbyInit extends Pick<GroupEntry, 'mayEnter'> {
  readonly credentials: Credentials;
  readonly connector: Connector;
  readonly clock: Clock;
  /** The address of the broker; null for a room of tabs of this browser. */
  readonly signaling: string | null;
  /** What our host is called in the lobby. */
  readonly member: NodeId;
  /** Milliseconds for which the founder's token is held before it counts. */
  readonly holdTokenMs: number;
  /** What we say: of a group that is founded, or for which we gather. */
  readonly offer: () => RoomOffer | null;
  readonly changed: () => void;
  /** The group that the room is for has banned us, says somebody who is in it. */
  readonly banned: () => void;
}

export class Lobby {
  readonly #init: LobbyInit;
  /** What those who are there with us offer. */
  readonly #offers = new Map<PeerLink, RoomOffer | null>();
  readonly #leave: () => void;
  #signaling: SignalingState = 'connecting';
  #hasToken = false;
  #stopHolding: () => void = () => undefined;

  constructor(init: LobbyInit) {
    this.#init = init;
    const { credentials, connector, signaling, member, mayEnter, changed } = init;
    this.#leave = connector.join(
      { credentials, broker: signaling, member, mayEnter, founding: () => (this.#isFounded() ? 'done' : 'ask') },
      {
        met: (link) => {
          this.#offers.set(link, null);
          link.offer(credentials.group, init.offer());
          changed();
        },
        parted: (link) => {
          this.#offers.delete(link);
          changed();
        },
        offered: (link, offer) => {
          this.#offers.set(link, offer);
          changed();
        },
        signalingChanged: (state) => {
          this.#signaling = state;
          changed();
        },
        tokenChanged: (isOurs) => {
          this.#tokenChanged(isOurs);
        },
        refused: ({ by, reason }) => {
          if (by === 'them' && reason === 'banned-key') init.banned();
        },
      },
    );
    this.spread();
  }

  #isFounded(): boolean {
    return this.#init.offer()?.isFounded === true;
  }

  get offers(): readonly RoomOffer[] {
    return [...this.#offers.values()].filter((offer) => offer !== null);
  }

  /** Hosts in the room that we are linked to. */
  get others(): number {
    return this.#offers.size;
  }

  get signaling(): SignalingState {
    return this.#signaling;
  }

  /** Whether it is for us to begin a group, if nobody offers one. */
  get hasToken(): boolean {
    return this.#hasToken;
  }

  #tokenChanged(isOurs: boolean): void {
    const { clock, holdTokenMs, changed } = this.#init;
    const count = (): void => {
      this.#stopHolding();
      this.#hasToken = isOurs;
      changed();
    };
    this.#stopHolding();
    if (isOurs && holdTokenMs > 0) this.#stopHolding = clock.every(holdTokenMs, count);
    else count();
  }

  /** Says to all what we offer now. */
  spread(): void {
    const { credentials, connector, offer } = this.#init;
    for (const link of this.#offers.keys()) link.offer(credentials.group, offer());
    if (this.#isFounded()) connector.founded(credentials.group);
  }

  leave(): void {
    this.#stopHolding();
    this.#leave();
  }
}
