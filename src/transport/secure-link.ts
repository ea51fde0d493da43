/**
 * A link whose ends prove who they are before anything else is said, and then, for each group, that they may enter it.
 * Until both keys are proven no other frame is accepted; a frame of a group counts only once its sender has entered it.
 *
 * What comes is dealt with in its order, also while a signature is being checked, which takes WebCrypto a turn or two.
 */
import { Handshake, type Proven, type Role } from '../identity/handshake.ts';
import type { HostSigner } from '../identity/host-signer.ts';
import { Refusal, type RefusalReason } from '../identity/refusals.ts';
import type { GroupId, HostId } from '../ids.ts';
import { Admissions } from './admissions.ts';
import { wireMajor, wireMinor } from './codec.ts';
import { closedHere, type Lane, type Link, type LinkEnd, type LinkListener, type LinkStatistics } from './link.ts';
import { Inbox } from './inbox.ts';
import { decodeLinkFrame, encodeLinkFrame, isLinkFrame } from './link-codec.ts';
import type { LinkMessage, SharedMessage } from './link-messages.ts';
import type { LivenessOptions } from './liveness.ts';
import { Pulse } from './pulse.ts';
import type { Timers } from './timers.ts';
import type { Admission, GroupEntry, PeerDiagnosis, PeerLink, RefusalNotice, RoomOffer } from './transport.ts';

export interface SecureLinkInit {
  readonly identity: HostSigner;
  readonly role: Role;
  /** The host that is to be at the other end; null for whoever it is. */
  readonly expected: HostId | null;
  readonly timers: Timers;
  readonly liveness: LivenessOptions;
  /** The groups that are open here. */
  readonly entry: (group: GroupId) => GroupEntry | undefined;
}

export interface SecureLinkListener {
  /** The key at the other end is proven: `peer` is known from now on. */
  proven(link: SecureLink): void;
  /** Both ends are in a group. */
  met(link: SecureLink, group: GroupId): void;
  /** They are not any more. Told for each group that was met, also when the link closes. */
  parted(link: SecureLink, group: GroupId): void;
  received(link: SecureLink, frame: Uint8Array, lane: Lane): void;
  /** For whoever brings hosts together. */
  told(link: SecureLink, message: SharedMessage): void;
  /** @param group null when it concerns the whole link */
  refused(link: SecureLink, group: GroupId | null, notice: RefusalNotice): void;
  closed(link: SecureLink, end: LinkEnd): void;
}

/** From an open link to a group that both ends are in. */
const handshakeTimeoutMs = 10_000;
/** What the other end has to read why it is refused, before the link is cut. */
const lingerMs = 1000;

export class SecureLink implements PeerLink {
  readonly #init: SecureLinkInit;
  readonly #listener: SecureLinkListener;
  readonly #handshake: Handshake;
  readonly #link: Link;
  readonly #admissions: Admissions;
  readonly #inbox: Inbox;
  readonly #pulse: Pulse;
  #isRefused = false;
  #proven: Proven | null = null;
  #stopTimer: () => void;

  /** @param open makes the link, given who listens to it */
  constructor(open: (listener: LinkListener) => Link, init: SecureLinkInit, listener: SecureLinkListener) {
    this.#init = init;
    this.#listener = listener;
    this.#inbox = new Inbox(
      (frame, lane) => this.#take(frame, lane),
      (error) => {
        this.#fail(error);
      },
    );
    const { identity, role, expected, timers, liveness, entry } = init;
    this.#pulse = new Pulse({
      timers,
      liveness,
      ask: (number) => this.#askForLife(number),
      close: (end) => {
        this.close(end);
      },
    });
    this.#admissions = new Admissions({
      self: identity.id,
      entry,
      isOpen: () => this.isOpen,
      tell: (message) => {
        this.#tell(message);
      },
      refuse: (group, reason, detail) => {
        this.refuse(group, reason, detail);
      },
      met: (group) => {
        this.#stopTimer();
        listener.met(this, group);
      },
      parted: (group) => {
        listener.parted(this, group);
      },
    });
    this.#link = open({
      received: (frame, lane) => {
        this.#received(frame, lane);
      },
      closed: (end) => {
        this.#closed(end);
      },
    });
    const { binding } = this.#link;
    this.#handshake = new Handshake({ identity, role, expected, binding, major: wireMajor, minor: wireMinor });
    this.#stopTimer = timers.after(handshakeTimeoutMs, () => {
      if (!this.#admissions.haveMet)
        this.#refuseLink('handshake-timeout', `no handshake within ${handshakeTimeoutMs} ms`);
    });
    this.#tell({ kind: 'Hello', ...this.#handshake.hello() });
  }

  get isOpen(): boolean {
    return this.#link.state === 'open' && !this.#isRefused;
  }

  /** @throws Error before the key is proven */
  get peer(): HostId {
    if (this.#proven === null) throw new Error('the other end has not proven who it is');
    return this.#proven.host;
  }

  /** @throws Error before the key is proven */
  get minor(): number {
    if (this.#proven === null) throw new Error('the other end has not proven who it is');
    return this.#proven.minor;
  }

  get isProven(): boolean {
    return this.#proven !== null;
  }

  admissionTo(group: GroupId): Admission | null {
    return this.isOpen ? this.#admissions.admissionTo(group) : null;
  }

  /** Whether both ends are in a group. */
  shares(group: GroupId): boolean {
    return this.#admissions.areIn(group);
  }

  send(frame: Uint8Array, lane: Lane): boolean {
    if (this.#proven === null || this.#isRefused) return false;
    const isSent = this.#link.send(frame, lane);
    if (isSent) this.#pulse.sent();
    return isSent;
  }

  bufferedBytes(lane: Lane): number {
    return this.#link.bufferedBytes(lane);
  }

  /** A link that cannot even take a few bytes about itself is of no use. */
  #tell(message: LinkMessage): void {
    if (this.#link.state === 'closed') return;
    this.#pulse.sent();
    if (!this.#link.send(encodeLinkFrame(message), 'control')) {
      this.#link.close({ reason: 'failed', detail: 'the control lane is full' });
    }
  }

  tell(message: SharedMessage): void {
    if (this.shares(message.group) && this.isOpen) this.#tell(message);
  }

  offer(room: GroupId, offer: RoomOffer | null): void {
    this.tell({ kind: 'Offer', group: room, offer });
  }

  /** Asks to enter a group that is open here, unless that was done. */
  enter(group: GroupId): void {
    this.#admissions.enter(group);
  }

  /** The group is closed here. */
  leave(group: GroupId): void {
    if (!this.#admissions.has(group)) return;
    this.#tell({ kind: 'Leave', group });
    this.#admissions.forget(group);
    this.#closeIfUnused();
  }

  /** A link that serves no group is of no use. */
  #closeIfUnused(): void {
    if (this.#admissions.areNone && this.isOpen) {
      this.close({ reason: 'closed', detail: 'the two ends share no group any more' });
    }
  }

  refuse(group: GroupId, reason: RefusalReason, detail: string): void {
    if (!this.isOpen) return;
    this.#tell({ kind: 'Refuse', group, reason, detail });
    const notice = this.#notice('us', group, reason, detail);
    this.#admissions.forget(group);
    this.#listener.refused(this, group, notice);
    if (this.#admissions.areNone) this.#linger();
  }

  #notice(by: 'us' | 'them', group: GroupId | null, reason: RefusalReason, detail: string): RefusalNotice {
    const admission = group === null ? null : this.#admissions.admissionTo(group);
    return { peer: this.#proven?.host ?? this.#init.expected, by, reason, detail, admission };
  }

  #refuseLink(reason: RefusalReason, detail: string): void {
    if (!this.isOpen) return;
    this.#tell({ kind: 'Refuse', group: null, reason, detail });
    this.#listener.refused(this, null, this.#notice('us', null, reason, detail));
    this.#linger();
  }

  /** Closes the link a moment later, so that the other end reads why. */
  #linger(): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#admissions.forgetAll();
    this.#stopTimer();
    this.#stopTimer = this.#init.timers.after(lingerMs, () => {
      this.#link.close({ reason: 'refused', detail: 'the other end is not let in' });
    });
    for (const frame of this.#inbox.close()) this.#hearRefusal(frame);
  }

  close(end: LinkEnd = closedHere): void {
    this.#link.close(end);
  }

  #closed(end: LinkEnd): void {
    this.#stopTimer();
    this.#inbox.close();
    this.#admissions.forgetAll();
    this.#listener.closed(this, end);
  }

  /** To be called often: closes the link when it is dead. */
  tick(): void {
    this.#pulse.tick();
  }

  #askForLife(number: number): boolean {
    if (this.#proven === null || this.#isRefused) return false;
    this.#tell({ kind: 'Ping', number });
    return true;
  }

  #received(frame: Uint8Array, lane: Lane): void {
    if (!this.#pulse.heard()) return;
    if (this.#isRefused) {
      this.#hearRefusal(frame);
      return;
    }
    if (!this.#inbox.push(frame, lane)) {
      this.close({ reason: 'broken', detail: 'a flood while the handshake was under way' });
    }
  }

  /** Of one that is refused we hear only why we are refused in turn: two who do not match both say so, and both linger. */
  #hearRefusal(frame: Uint8Array): void {
    try {
      const message = isLinkFrame(frame) ? decodeLinkFrame(frame) : null;
      if (message?.kind !== 'Refuse') return;
      const { group, reason, detail } = message;
      this.#listener.refused(this, group, this.#notice('them', group, reason, detail));
    } catch {
      // It is on its way out already.
    }
  }

  #fail(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    this.#refuseLink(error instanceof Refusal ? error.reason : 'malformed', detail.slice(0, 200));
  }

  #take(frame: Uint8Array, lane: Lane): Promise<void> | null {
    if (!isLinkFrame(frame)) {
      if (this.#proven === null) throw new Refusal('too-early', 'a frame of a group before the handshake');
      this.#listener.received(this, frame, lane);
      return null;
    }
    const message = decodeLinkFrame(frame);
    return message === null ? null : this.#obey(message);
  }

  #obey(message: LinkMessage): Promise<void> | null {
    if (message.kind === 'Hello') return this.#greeted(message);
    if (message.kind === 'Proof') return this.#shown(message);
    if (message.kind === 'Refuse') return this.#wasRefused(message);
    if (this.#proven === null) throw new Refusal('too-early', `${message.kind} before the handshake`);
    switch (message.kind) {
      case 'Enter':
        return this.#admissions.check(message, this.#proven);
      case 'Entered':
        this.#admissions.wereLetIn(message.group);
        break;
      case 'Leave':
        this.#admissions.forget(message.group);
        this.#closeIfUnused();
        break;
      case 'Ping':
        this.#tell({ kind: 'Pong', number: message.number });
        break;
      case 'Pong':
        this.#pulse.answered();
        break;
      default:
        if (this.admissionTo(message.group) !== null) this.#listener.told(this, message);
    }
    return null;
  }

  async #greeted(hello: Extract<LinkMessage, { kind: 'Hello' }>): Promise<void> {
    const proof = await this.#handshake.takeHello(hello);
    this.#tell({ kind: 'Proof', ...proof });
  }

  async #shown(proof: Extract<LinkMessage, { kind: 'Proof' }>): Promise<void> {
    if (this.#proven !== null) throw new Refusal('malformed', 'a second proof');
    const proven = await this.#handshake.takeProof(proof);
    if (!this.isOpen) return;
    this.#proven = proven;
    this.#admissions.proven(proven);
    this.#listener.proven(this);
  }

  #wasRefused({ group, reason, detail }: Extract<LinkMessage, { kind: 'Refuse' }>): null {
    this.#listener.refused(this, group, this.#notice('them', group, reason, detail));
    if (group !== null) this.#admissions.forget(group);
    if (group === null || this.#admissions.areNone) {
      this.close({ reason: 'refused', detail: `the other end refused us: ${reason} (${detail})` });
    }
    return null;
  }

  async diagnose(): Promise<NonNullable<PeerDiagnosis['link']>> {
    const statistics: LinkStatistics = this.#link.statistics();
    return { ...(await this.#link.path()), ...statistics, pingMs: this.#pulse.roundTripMs };
  }
}
