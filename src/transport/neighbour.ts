/**
 * Another host, for as long as it is seen or linked to: the ways to it, the attempts to reach it, and the link. Of two
 * hosts the one with the smaller id offers, so no two offers meet; an attempt that fails is made anew, after growing pauses.
 * Whoever offers also chooses what carries the link: a BroadcastChannel to a tab of the same browser, which then replaces
 * what there was, and WebRTC to everybody else. So two hosts never end with two links.
 *
 * Who somebody is is known only once its key is proven. So a link is kept until another one to the same host has proven
 * itself: whoever merely says that he is a host, in a new run, takes nothing from it.
 */
import type { HostId } from '../ids.ts';
import type { Attempt, AttemptFailure, AttemptListener, StageTimeouts } from './attempt.ts';
import type { Connect } from './connection.ts';
import type { Introduction, Signal, TabOffer } from './introduction.ts';
import type { Link, LinkEnd, LinkListener } from './link.ts';
import type { Path } from './rendezvous.ts';
import { SecureLink, type SecureLinkInit, type SecureLinkListener } from './secure-link.ts';
import { TabAttempt } from './tab-attempt.ts';
import { Backoff, type Timers } from './timers.ts';
import type { PeerDiagnosis, RefusalNotice } from './transport.ts';
import { WebRtcAttempt } from './webrtc-attempt.ts';

const firstRetryMs = 250;
const longestRetryMs = 15_000;
/** Whoever was refused for what it is will hardly be another one soon. */
const refusedRetryMs = 30_000;

type Failure = AttemptFailure['reason'] | 'handshake-refused' | 'version-mismatch';

export interface NeighbourParts {
  /** Names this run of our host. */
  readonly run: string;
  /** Watches over the other tabs of this browser; null where they are reached like all others. */
  readonly locks: LockManager | null;
  readonly connect: Connect;
  readonly configuration: RTCConfiguration;
  readonly timers: Timers;
  readonly timeouts: StageTimeouts;
  readonly link: Omit<SecureLinkInit, 'role' | 'expected'>;
  readonly linkListener: SecureLinkListener;
  /** Numbers the attempts of this run, at all hosts. */
  readonly nextAttempt: () => number;
  readonly isUsable: (path: Path) => boolean;
  /** There is no way to a host: looks for one through others. */
  readonly seek: (host: HostId) => void;
  /** There may be nothing left to remember of it. */
  readonly changed: () => void;
}

/** A link, what carries it, and the run of the other host that it was made with. */
interface Made {
  readonly link: SecureLink;
  readonly kind: Attempt['kind'];
  readonly run: string | null;
}

export class Neighbour {
  readonly id: HostId;
  readonly #parts: NeighbourParts;
  readonly #backoff: Backoff;
  /** Its run, as it was last heard of. */
  #run: string | null = null;
  /** The newest of each kind first. */
  paths: readonly Path[] = [];
  /** The link whose other end has proven that it is this host. */
  #linked: Made | null = null;
  #attempt: Attempt | null = null;
  /** Connected, and not proven yet. */
  #proving: Made | null = null;
  /** The newest attempt of the other side, if it is the other side that offers. */
  #lastOffered = 0;
  #failure: { readonly reason: Failure; readonly detail: string } | null = null;
  #failures = 0;
  #wasRefused = false;
  #stopRetry: () => void = () => undefined;
  #isOver = false;

  constructor(id: HostId, parts: NeighbourParts) {
    this.id = id;
    this.#parts = parts;
    this.#backoff = new Backoff(firstRetryMs, longestRetryMs, () => parts.timers.random());
  }

  get #offers(): boolean {
    return this.#parts.link.identity.id < this.id;
  }

  get run(): string | null {
    return this.#run;
  }

  get link(): SecureLink | null {
    return this.#linked?.link ?? null;
  }

  get isGone(): boolean {
    return this.paths.length === 0 && this.#linked === null && this.#attempt === null && this.#proving === null;
  }

  get links(): readonly SecureLink[] {
    return [this.#linked, this.#proving].flatMap((made) => made?.link ?? []);
  }

  /** It says who it is, and can be reached on this way. */
  seen(path: Path, run: string): void {
    if (this.#run !== run) {
      this.#run = run;
      this.#lastOffered = 0;
      this.#abandon();
    }
    this.paths = [path, ...this.paths.filter((known) => !isSameWay(known, path))];
    if (this.#isLinked) this.link?.enter(path.rendezvous.group);
    this.offer();
  }

  forget(isLost: (path: Path) => boolean): void {
    this.paths = this.paths.filter((path) => !isLost(path));
  }

  /** The best one first: from tab to tab nobody else is needed. */
  get path(): Path | undefined {
    const usable = this.paths.filter((path) => this.#parts.isUsable(path));
    return usable.find(({ kind }) => kind === 'tab') ?? usable[0];
  }

  get #isLinked(): boolean {
    return this.link?.isOpen === true && this.#linked?.run === this.#run;
  }

  /** Begins an attempt, if it is for us to begin one. */
  offer(): void {
    if (this.#isOver || !this.#offers || this.#run === null || this.paths.length === 0) return;
    const { path } = this;
    const kind = path?.kind === 'tab' ? 'tab' : 'webrtc';
    const isGoodEnough = (made: Pick<Made, 'kind'> | null): boolean => made?.kind === 'tab' || made?.kind === kind;
    if ((this.#isLinked && isGoodEnough(this.#linked)) || isGoodEnough(this.#attempt) || this.#proving !== null) return;
    this.#abandon();
    this.#stopRetry();
    if (path === undefined) {
      this.#parts.seek(this.id);
      this.#failed('no-signaling', 'neither a broker nor another host brings our signals to it');
      return;
    }
    const number = this.#parts.nextAttempt();
    this.#begin(number, kind === 'tab' ? `${this.#parts.run}.${number}` : null, true);
  }

  /** @param channel names a link between two tabs; null for one over WebRTC */
  #begin(number: number, channel: string | null, initiator: boolean): void {
    const { connect, configuration, timers, timeouts, locks } = this.#parts;
    const listener: AttemptListener = {
      signal: (signal) => {
        this.#say({ kind: 'signal', attempt: number, signal });
      },
      opened: (link) => this.#opened(made, link),
      failed: ({ reason, detail }) => {
        if (this.#attempt !== made) return;
        this.#attempt = null;
        this.#failed(reason, detail);
      },
    };
    const common = { number, initiator, timers, timeouts };
    const made: Attempt =
      channel !== null && locks !== null
        ? new TabAttempt({ ...common, channel, locks }, listener)
        : new WebRtcAttempt({ ...common, connect, configuration }, listener);
    this.#attempt = made;
  }

  #say(introduction: Introduction): void {
    const { path } = this;
    if (path !== undefined && this.#run !== null) path.rendezvous.say(path, this.#run, introduction);
  }

  /** A signal that belongs to an attempt; an offer begins one. */
  signaled(path: Path, number: number, signal: Signal | TabOffer): void {
    if (signal.type === 'offer' || signal.type === 'tab-offer') {
      // An offer is news only to the side that does not offer, and only if it is not an old one.
      if (this.#offers || number <= this.#lastOffered || this.#isOver) return;
      // Nobody but a tab can name a channel to a tab.
      if (signal.type === 'tab-offer' && (path.kind !== 'tab' || this.#parts.locks === null)) return;
      this.#lastOffered = number;
      this.#abandon();
      this.#begin(number, signal.type === 'tab-offer' ? signal.channel : null, false);
    }
    if (this.#attempt?.number === number) this.#attempt.signal(signal);
  }

  #opened(attempt: Attempt, link: Link): LinkListener {
    if (this.#attempt === attempt) this.#attempt = null;
    const { link: parts, linkListener } = this.#parts;
    const role = attempt.initiator ? 'offerer' : 'answerer';
    const listeners: LinkListener[] = [];
    this.#proving?.link.close();
    const secure = new SecureLink(
      (made) => {
        listeners.push(made);
        return link;
      },
      { ...parts, role, expected: this.id },
      linkListener,
    );
    this.#proving = { link: secure, kind: attempt.kind, run: this.#run };
    const [listener] = listeners;
    if (listener === undefined) throw new Error('a link without a listener');
    return listener;
  }

  /** A link of ours has proven itself. */
  proven(link: SecureLink): void {
    if (this.#proving?.link !== link) return;
    const older = this.link;
    this.#linked = this.#proving;
    this.#proving = null;
    older?.close({ reason: 'closed', detail: 'there is a newer link to the same host' });
    for (const { rendezvous } of this.paths) link.enter(rendezvous.group);
    // A better way may have been found meanwhile.
    this.offer();
  }

  met(): void {
    this.#backoff.reset();
    this.#failure = null;
    this.#failures = 0;
    this.#wasRefused = false;
  }

  refused({ by, reason, detail }: RefusalNotice): void {
    const who = by === 'us' ? 'we refused it' : 'it refused us';
    const kind = reason === 'version' ? 'version-mismatch' : 'handshake-refused';
    this.#failure = { reason: kind, detail: `${who}: ${reason} (${detail})` };
    this.#wasRefused = reason !== 'handshake-timeout' && reason !== 'no-such-group' && reason !== 'read-only';
  }

  closed(link: SecureLink, end: LinkEnd): void {
    if (this.link === link) this.#linked = null;
    else if (this.#proving?.link === link) this.#proving = null;
    else return;
    if (end.reason === 'refused') this.#tryAgain();
    else this.#failed(null, end.detail);
  }

  #failed(reason: Failure | null, detail: string): void {
    if (reason !== null) this.#failure = { reason, detail };
    this.#tryAgain();
  }

  #tryAgain(): void {
    this.#failures++;
    this.#stopRetry();
    this.#parts.changed();
    if (this.#isOver) return;
    const pause = this.#wasRefused ? refusedRetryMs : this.#backoff.next();
    this.#stopRetry = this.#parts.timers.after(pause, () => {
      this.offer();
    });
  }

  #abandon(): void {
    this.#attempt?.abandon();
    this.#attempt = null;
  }

  close(): void {
    this.#isOver = true;
    this.#stopRetry();
    this.#abandon();
    this.#proving?.link.close();
    this.link?.close();
  }

  async diagnose(): Promise<PeerDiagnosis> {
    const { path } = this;
    const signaling = path === undefined ? null : path.kind;
    const common = { host: this.id, failures: this.#failures, signaling, link: null };
    if (this.link?.isOpen === true) {
      return { ...common, state: 'connected', detail: 'there is a link', link: await this.link.diagnose() };
    }
    if (this.#attempt !== null || this.#proving !== null) {
      const stage = this.#attempt?.stage ?? 'handshake';
      const before = this.#failure === null ? '' : `; before: ${this.#failure.detail}`;
      return { ...common, state: 'connecting', detail: `an attempt has come to its stage "${stage}"${before}` };
    }
    if (this.#failure !== null) return { ...common, state: this.#failure.reason, detail: this.#failure.detail };
    if (path === undefined) {
      return { ...common, state: 'no-signaling', detail: 'neither a broker nor another host brings our signals to it' };
    }
    if (!this.#offers) return { ...common, state: 'waiting-for-offer', detail: 'the other host is to offer' };
    return { ...common, state: 'connecting', detail: 'an attempt is about to begin' };
  }
}

function isSameWay(one: Path, other: Path): boolean {
  if (one.rendezvous !== other.rendezvous || one.kind !== other.kind) return false;
  // The broker may keep a name for a while that nobody listens to any more: the newest counts.
  return one.kind !== 'mesh' || (other.kind === 'mesh' && one.via === other.via);
}
