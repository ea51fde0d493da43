/**
 * Another host, for as long as it is seen or linked to: the ways to it, the attempts to reach it, and the link. Of two
 * hosts the one with the smaller id offers, so no two offers meet; an attempt that fails is made anew, after growing pauses.
 *
 * Who somebody is is known only once its key is proven. So a link is kept until another one to the same host has proven
 * itself: whoever merely says that he is a host, in a new run, takes nothing from it.
 */
import type { HostId } from '../ids.ts';
import type { Connect } from './connection.ts';
import type { Introduction, Signal } from './introduction.ts';
import type { LinkEnd, LinkListener } from './link.ts';
import type { Path } from './rendezvous.ts';
import { SecureLink, type SecureLinkInit, type SecureLinkListener } from './secure-link.ts';
import { Backoff, type Timers } from './timers.ts';
import type { PeerDiagnosis, RefusalNotice } from './transport.ts';
import { type AttemptFailure, type StageTimeouts, WebRtcAttempt } from './webrtc-attempt.ts';
import type { WebRtcLink } from './webrtc-link.ts';

const firstRetryMs = 250;
const longestRetryMs = 15_000;
/** Whoever was refused for what it is will hardly be another one soon. */
const refusedRetryMs = 30_000;

type Failure = AttemptFailure['reason'] | 'handshake-refused' | 'version-mismatch';

export interface NeighbourParts {
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

export class Neighbour {
  readonly id: HostId;
  readonly #parts: NeighbourParts;
  readonly #backoff: Backoff;
  /** Its run, as it was last heard of. */
  #run: string | null = null;
  /** The run that the link was made with. */
  #linkRun: string | null = null;
  /** The newest of each kind first. */
  paths: readonly Path[] = [];
  link: SecureLink | null = null;
  #attempt: WebRtcAttempt | null = null;
  /** Connected, and not proven yet. */
  #proving: SecureLink | null = null;
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

  get isGone(): boolean {
    return this.paths.length === 0 && this.link === null && this.#attempt === null && this.#proving === null;
  }

  get links(): readonly SecureLink[] {
    return [this.link, this.#proving].filter((link) => link !== null);
  }

  /** It says who it is, and can be reached on this way. */
  seen(path: Path, run: string): void {
    if (this.#run !== run) {
      this.#run = run;
      this.#lastOffered = 0;
      this.#abandon();
    }
    this.paths = [path, ...this.paths.filter((known) => !isSameWay(known, path))];
    if (this.link?.isOpen === true && this.#linkRun === run) this.link.enter(path.rendezvous.group);
    this.offer();
  }

  forget(isLost: (path: Path) => boolean): void {
    this.paths = this.paths.filter((path) => !isLost(path));
  }

  get path(): Path | undefined {
    return this.paths.find((path) => this.#parts.isUsable(path));
  }

  /** Begins an attempt, if it is for us to begin one. */
  offer(): void {
    const isLinked = this.link?.isOpen === true && this.#linkRun === this.#run;
    if (this.#isOver || isLinked || !this.#offers || this.#attempt !== null || this.#proving !== null) return;
    if (this.#run === null || this.paths.length === 0) return;
    this.#stopRetry();
    if (this.path === undefined) {
      this.#parts.seek(this.id);
      this.#failed('no-signaling', 'neither a broker nor another host brings our signals to it');
      return;
    }
    this.#begin(this.#parts.nextAttempt(), true);
  }

  #begin(number: number, initiator: boolean): void {
    const { connect, configuration, timers, timeouts } = this.#parts;
    const attempt: WebRtcAttempt = new WebRtcAttempt(
      { number, initiator, connect, configuration, timers, timeouts },
      {
        signal: (signal) => {
          this.#say({ kind: 'signal', attempt: number, signal });
        },
        opened: (link) => this.#opened(attempt, link),
        failed: ({ reason, detail }) => {
          if (this.#attempt !== attempt) return;
          this.#attempt = null;
          this.#failed(reason, detail);
        },
      },
    );
    this.#attempt = attempt;
  }

  #say(introduction: Introduction): void {
    const { path } = this;
    if (path !== undefined && this.#run !== null) path.rendezvous.say(path, this.#run, introduction);
  }

  /** A signal that belongs to an attempt; an offer begins one. */
  signaled(number: number, signal: Signal): void {
    if (signal.type === 'offer') {
      // An offer is news only to the side that does not offer, and only if it is not an old one.
      if (this.#offers || number <= this.#lastOffered || this.#isOver) return;
      this.#lastOffered = number;
      this.#abandon();
      this.#begin(number, false);
    }
    if (this.#attempt?.number === number) this.#attempt.signal(signal);
  }

  #opened(attempt: WebRtcAttempt, link: WebRtcLink): LinkListener {
    if (this.#attempt === attempt) this.#attempt = null;
    const { link: parts, linkListener } = this.#parts;
    const role = attempt.initiator ? 'offerer' : 'answerer';
    const listeners: LinkListener[] = [];
    this.#proving?.close();
    this.#proving = new SecureLink(
      (made) => {
        listeners.push(made);
        return link;
      },
      { ...parts, role, expected: this.id },
      linkListener,
    );
    const [listener] = listeners;
    if (listener === undefined) throw new Error('a link without a listener');
    return listener;
  }

  /** A link of ours has proven itself. */
  proven(link: SecureLink): void {
    if (this.#proving !== link) return;
    const older = this.link;
    this.#proving = null;
    this.link = link;
    this.#linkRun = this.#run;
    older?.close({ reason: 'closed', detail: 'there is a newer link to the same host' });
    for (const { rendezvous } of this.paths) link.enter(rendezvous.group);
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
    if (this.link === link) this.link = null;
    else if (this.#proving === link) this.#proving = null;
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
    this.#proving?.close();
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
  return one.kind === 'broker' || (other.kind === 'mesh' && one.via === other.via);
}
