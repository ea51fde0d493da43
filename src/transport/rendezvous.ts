/**
 * Where the hosts of one group find each other: its topic at the broker, and, when that is gone, any host that two others
 * are both linked to. What is said is sealed, on either way, and nothing that cannot be opened is acted upon.
 */
import type { PeerName } from '../../signaling-server/protocol.ts';
import type { Credentials } from '../identity/access.ts';
import { type SealFault, SignalingSeal } from '../identity/seal.ts';
import type { GroupId, HostId } from '../ids.ts';
import { decodeIntroduction, encodeIntroduction, type Introduction } from './introduction.ts';
import type { SignalingClient } from './signaling.ts';
import type { SignalingState } from './transport.ts';

/** How our signals get to another host. */
export type Path =
  | { readonly kind: 'broker'; readonly rendezvous: Rendezvous; readonly name: PeerName }
  | { readonly kind: 'mesh'; readonly rendezvous: Rendezvous; readonly via: HostId; readonly host: HostId };

export interface RendezvousListener {
  /** Somebody in the group said something, through whichever way. `from` is its run. */
  introduced(path: Path, from: string, introduction: Introduction): void;
  /** Whoever had this name at the broker is not there any more; null for all of them. */
  lost(rendezvous: Rendezvous, name: PeerName | null): void;
  /** To be brought to a host by way of another one. */
  pass(path: Extract<Path, { kind: 'mesh' }>, data: string): void;
  signalingChanged(state: SignalingState): void;
}

/** Sealed messages that wait to be opened: beyond it, more are dropped, as a broker might have done. */
const maxWaiting = 512;

export class Rendezvous {
  readonly group: GroupId;
  readonly dropped: Record<SealFault, number> = { 'not-sealed': 0, replayed: 0, 'for-another': 0 };
  readonly #client: SignalingClient;
  readonly #topic: string;
  readonly #seal: SignalingSeal;
  readonly #listener: RendezvousListener;
  /** WebCrypto may finish out of order: what is said goes out, and is heard, in its order all the same. */
  #outgoing: Promise<void> = Promise.resolve();
  #incoming: Promise<void> = Promise.resolve();
  #waiting = 0;
  #state: SignalingState = 'connecting';
  #isOver = false;

  constructor(client: SignalingClient, credentials: Credentials, run: string, listener: RendezvousListener) {
    this.group = credentials.group;
    this.#client = client;
    this.#topic = credentials.topic;
    this.#seal = new SignalingSeal(credentials, run);
    this.#listener = listener;
  }

  get state(): SignalingState {
    return this.#state;
  }

  /** @param greet says hello to whoever was there before us */
  start(greet: (path: Path) => void): void {
    this.#client.join(this.#topic, {
      joined: (peers) => {
        this.#listener.lost(this, null);
        for (const name of peers) greet({ kind: 'broker', rendezvous: this, name });
      },
      // Whoever comes later says hello first.
      peerJoined: () => undefined,
      peerLeft: (name) => {
        this.#listener.lost(this, name);
      },
      relayed: (name, data) => {
        this.take({ kind: 'broker', rendezvous: this, name }, data);
      },
      stateChanged: (state) => {
        this.#state = state;
        this.#listener.signalingChanged(state);
      },
    });
  }

  stop(): void {
    this.#isOver = true;
    this.#client.leave(this.#topic);
  }

  /** @param to the run that it is for; null for a hello to whoever it is */
  say(path: Path, to: string | null, introduction: Introduction): void {
    this.#outgoing = this.#outgoing
      .then(() => this.#seal.seal(to, encodeIntroduction(introduction)))
      .then((sealed) => {
        if (this.#isOver) return;
        if (path.kind === 'broker') this.#client.relay(this.#topic, path.name, sealed);
        else this.#listener.pass(path, sealed);
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
