/**
 * Where the hosts of one group find each other: its topic at the broker and among the tabs of this browser, and, when a
 * broker is gone, any host that two others are both linked to. What is said is sealed, on every way, and nothing that cannot
 * be opened is acted upon.
 */
import type { FoundingWish, PeerName } from '../../signaling-server/protocol.ts';
import type { Credentials } from '../identity/access.ts';
import { type SealFault, SignalingSeal } from '../identity/seal.ts';
import type { GroupId, HostId } from '../ids.ts';
import { decodeIntroduction, encodeIntroduction, type Introduction } from './introduction.ts';
import type { MeetingPlace } from './meeting-place.ts';
import type { SignalingState } from './transport.ts';

/** `broker`: through a signaling server. `tab`: from tab to tab of one browser. */
export type PlaceKind = 'broker' | 'tab';

/** How our signals get to another host. */
export type Path =
  | { readonly kind: PlaceKind; readonly rendezvous: Rendezvous; readonly name: PeerName }
  | { readonly kind: 'mesh'; readonly rendezvous: Rendezvous; readonly via: HostId; readonly host: HostId };

export interface RendezvousListener {
  /** Somebody in the group said something, through whichever way. `from` is its run. */
  introduced(path: Path, from: string, introduction: Introduction): void;
  /** Whoever had this name in a place is not there any more; null for all of them. */
  lost(rendezvous: Rendezvous, place: PlaceKind, name: PeerName | null): void;
  /** To be brought to a host by way of another one. */
  pass(path: Extract<Path, { kind: 'mesh' }>, data: string): void;
  signalingChanged(state: SignalingState): void;
  /** Whether the founder's token of the topic is with us. */
  tokenChanged(isOurs: boolean): void;
}

export interface RendezvousInit {
  readonly credentials: Credentials;
  /** Where it takes place; a group without a broker has none. */
  readonly places: Readonly<Partial<Record<PlaceKind, MeetingPlace>>>;
  /** Names this run of the host. */
  readonly run: string;
  /** What we want of the founder's token; null where there is nothing to found. */
  readonly founding: (() => FoundingWish) | null;
}

/** Messages that wait to be opened, and to be sealed: beyond it, more are dropped, as a broker might have done. */
const maxWaiting = 512;

export class Rendezvous {
  readonly group: GroupId;
  readonly dropped: Record<SealFault, number> = { 'not-sealed': 0, replayed: 0, 'for-another': 0 };
  readonly #init: RendezvousInit;
  readonly #topic: string;
  readonly #seal: SignalingSeal;
  readonly #listener: RendezvousListener;
  /** WebCrypto may finish out of order: what is said goes out, and is heard, in its order all the same. */
  #outgoing: Promise<void> = Promise.resolve();
  #incoming: Promise<void> = Promise.resolve();
  #waiting = 0;
  #unsealed = 0;
  #state: SignalingState;
  #isOver = false;

  constructor(init: RendezvousInit, listener: RendezvousListener) {
    const { credentials, places, run } = init;
    this.group = credentials.group;
    this.#init = init;
    this.#topic = credentials.topic;
    this.#seal = new SignalingSeal(credentials, run);
    this.#listener = listener;
    this.#state = places.broker === undefined ? 'none' : 'connecting';
  }

  /** Of the broker. */
  get state(): SignalingState {
    return this.#state;
  }

  /** @param greet says hello to whoever was there before us */
  start(greet: (path: Path) => void): void {
    const { broker, tab } = this.#init.places;
    // The tabs first: what is nearest should be found first.
    if (tab !== undefined) this.#join(tab, 'tab', greet);
    if (broker !== undefined) this.#join(broker, 'broker', greet);
    this.#listener.signalingChanged(this.#state);
  }

  #join(place: MeetingPlace, kind: PlaceKind, greet: (path: Path) => void): void {
    const { founding, places } = this.#init;
    // One token: the broker's, which reaches further, where there is one.
    const isForFounding = founding !== null && (kind === 'broker' || places.broker === undefined);
    place.join(this.#topic, {
      joined: (peers) => {
        this.#listener.lost(this, kind, null);
        for (const name of peers) greet({ kind, rendezvous: this, name });
      },
      // Whoever comes later says hello first.
      peerJoined: () => undefined,
      peerLeft: (name) => {
        this.#listener.lost(this, kind, name);
      },
      relayed: (name, data) => {
        this.take({ kind, rendezvous: this, name }, data);
      },
      stateChanged: (state) => {
        if (kind === 'tab') return;
        this.#state = state;
        this.#listener.signalingChanged(state);
      },
      ...(isForFounding && {
        founding,
        tokenChanged: (isOurs: boolean) => {
          this.#listener.tokenChanged(isOurs);
        },
      }),
    });
  }

  /** What is to be found here is founded: nobody else is to found it. */
  founded(): void {
    for (const place of Object.values(this.#init.places)) place.founded(this.#topic);
  }

  stop(): void {
    this.#isOver = true;
    for (const place of Object.values(this.#init.places)) place.leave(this.#topic);
  }

  /** @param to the run that it is for; null for a hello to whoever it is */
  say(path: Path, to: string | null, introduction: Introduction): void {
    // Anybody with an invite can have us greet hosts that do not exist.
    if (this.#unsealed >= maxWaiting || this.#isOver) return;
    this.#unsealed++;
    this.#outgoing = this.#outgoing
      .then(() => this.#seal.seal(to, encodeIntroduction(introduction)))
      .then((sealed) => {
        this.#unsealed--;
        if (this.#isOver) return;
        if (path.kind === 'mesh') this.#listener.pass(path, sealed);
        else this.#init.places[path.kind]?.relay(this.#topic, path.name, sealed);
      });
  }

  /** Something sealed came. */
  take(path: Path, sealed: string): void {
    if (this.#waiting >= maxWaiting || this.#isOver) return;
    this.#waiting++;
    this.#incoming = this.#incoming
      .then(() => this.#seal.unseal(sealed))
      .then((unsealed) => {
        this.#waiting--;
        if (this.#isOver) return;
        if (typeof unsealed === 'string') {
          this.dropped[unsealed]++;
          return;
        }
        const introduction = decodeIntroduction(unsealed.text);
        // Only a hello may be for anybody.
        if (introduction === null || (unsealed.to === null && introduction.kind !== 'hello'))
          this.dropped['not-sealed']++;
        else this.#listener.introduced(path, unsealed.from, introduction);
      });
  }
}
