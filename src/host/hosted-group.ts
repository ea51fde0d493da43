/**
 * One group on this host, from its founding to its end. A group is founded once, by its founder alone: it waits until as
 * many hosts have asked to join as the group is to have members, makes the list of them durable, and only then tells
 * anybody. Everybody else who is on the list takes it from a member, makes it durable, and starts from it, so that all start
 * alike (M15). From then on this host's member is at work. Who comes later starts from nothing, and asks the leader to be let
 * in until the log tells it that it is.
 */
import type { RaftOptions } from '../core/options.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { NodeId, PersistentState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import type { MemberListener } from '../group/listener.ts';
import { Member } from '../group/member.ts';
import { MemberPresence } from '../group/presence.ts';
import type { PresenceTiming } from '../group/presence-sender.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import type { StorageUse } from '../storage/browser-quota.ts';
import type { GroupRecord } from '../storage/database.ts';
import type { Storage } from '../storage/storage.ts';
import { presenceMinor } from '../transport/codec.ts';
import type { GroupMessage } from '../transport/messages.ts';
import type { Exclusion, PeerLink, RefusalNotice, SignalingState } from '../transport/transport.ts';
import { beginsTerm, isJoiningMessage, isVouchedFor, mayReaderSend } from './admission.ts';
import { Beginning } from './beginning.ts';
import { Door } from './door.ts';
import { Entrance } from './entrance.ts';
import { Exit } from './exit.ts';
import type { GroupMember } from './group-member.ts';
import { HostedMember } from './hosted-member.ts';
import type { OutboxLimits } from './outbox-option.ts';
import { Seats } from './seats.ts';
import type { FrameSize } from './traffic.ts';
import { WaitingMember } from './waiting-member.ts';

export interface HostedGroupInit<State, Command, Result> {
  readonly record: GroupRecord;
  readonly storage: Storage;
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly clock: Clock;
  /** Three words of 32 random bits. */
  readonly seed: readonly [number, number, number];
  readonly raft?: Partial<RaftOptions>;
  /** What it keeps at the most of commands that have no outcome; null when none is to survive this run. */
  readonly outbox: OutboxLimits | null;
  readonly listener: HostedGroupListener;
  readonly presence: PresenceTiming;
  /** What this host stores, as far as anybody can say. */
  readonly storageUse: () => StorageUse | null;
}

export interface HostedGroupListener extends MemberListener {
  /** The group does not let this host in, which holds nothing of it, and is to forget it. */
  excluded(): void;
  /** There is no member at work here any more. */
  stopped(): void;
}

export class HostedGroup<State, Command, Result> {
  readonly record: GroupRecord;
  /** What members show of themselves, from the first link on. */
  readonly presence: MemberPresence;
  /** For the application. */
  readonly face: GroupMember<State, Command, Result>;
  readonly #init: HostedGroupInit<State, Command, Result>;
  readonly #seats: Seats;
  readonly #entrance: Entrance;
  readonly #beginning: Beginning;
  readonly #exit: Exit;
  readonly #random: Random;
  readonly #waiting: WaitingMember<State, Command, Result>;
  #member: Member<State, Command, Result> | null = null;
  #door: Door | null = null;
  #signaling: SignalingState = 'connecting';
  #stopped: RaftError | null = null;
  /** The state is as this host last knew it, or this group has stopped. */
  readonly ready: Promise<void>;
  #becomeReady: () => void = () => undefined;

  /** @param persistent what the storage holds: null before the founding */
  constructor(init: HostedGroupInit<State, Command, Result>, persistent: PersistentState | null) {
    const { record, machine, storage, clock, presence: timing, outbox, storageUse, listener } = init;
    const stop = (reason: RaftError): void => {
      this.stop(reason);
    };
    this.record = record;
    this.#init = init;
    this.#seats = new Seats(record.group, clock);
    this.presence = new MemberPresence({
      id: record.member,
      clock,
      timing,
      send: (message) => this.#seats.sendPresence(message),
    });
    this.#random = seededRandom(...init.seed);
    this.#waiting = new WaitingMember({
      id: record.member,
      machine,
      storage,
      clock,
      random: this.#random,
      outbox,
      changed: () => {
        listener.statusChanged();
      },
      failed: stop,
    });
    this.#entrance = this.#newEntrance();
    this.#beginning = new Beginning(storage);
    this.#exit = new Exit((reason) => {
      this.#exclude(reason);
    });
    this.face = new HostedMember({
      access: record.access,
      machine,
      storage,
      presence: this.presence,
      traffic: this.#seats.traffic,
      atWork: () => this.#member ?? this.#waiting,
      entering: () => {
        const { missing, isJoining } = this.#entrance;
        return { signaling: this.#signaling, missing, isJoining };
      },
      storageUse,
      ended: () => this.#stopped,
      stop,
    });
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    if (persistent === null) {
      this.#becomeReady();
      this.#entrance.foundIfComplete();
    } else {
      this.#start(persistent);
    }
  }

  #newEntrance(): Entrance {
    const { record, clock, listener } = this.#init;
    return new Entrance({
      record,
      clock,
      seats: this.#seats,
      member: () => this.#member,
      isStopped: () => this.stopped !== null,
      send: (link, message) => {
        this.#seats.sendOver(link, message, 'control');
      },
      begin: (founders) => {
        this.#begin(founders);
      },
      admit: (admission) => this.#door?.knocked(admission) !== false,
      excluded: (reason) => {
        this.#exclude(reason);
      },
      changed: () => {
        listener.statusChanged();
      },
    });
  }

  /** Why there is no member at work any more; null while there is, or will be. */
  get stopped(): RaftError | null {
    return this.face.stopped;
  }

  signalingChanged(state: SignalingState): void {
    this.#signaling = state;
    this.#init.listener.statusChanged();
  }

  /** Whether a host may be in the group as that member, now that it has proven its key and an invite. */
  mayEnter(member: NodeId): Exclusion | null {
    return this.#door?.mayEnter(member) ?? null;
  }

  /** The group is in the hands of the application. */
  opened(): void {
    this.#exit.open();
    this.#review();
  }

  /** There is a link to a host that is in this group too. */
  met(link: PeerLink): void {
    const admission = link.admissionTo(this.record.group);
    if (admission === null) return;
    this.#seats.give({ link, admission });
    this.#entrance.met(link);
    this.#member?.peerConnected(admission.member);
    this.#door?.review();
    // Hosts of before would close the link at what they do not know.
    if (link.minor >= presenceMinor) this.presence.connected(admission.member);
  }

  parted(link: PeerLink): void {
    const seat = this.#seats.free(link);
    if (seat === null) return;
    this.#entrance.parted(link.peer);
    this.#member?.peerDisconnected(seat.admission.member);
    this.presence.disconnected(link.peer);
    this.#init.listener.statusChanged();
  }

  /** A link to a host is refused to this group, on one side or the other. */
  refused(notice: RefusalNotice): void {
    if (!this.#exit.refused(notice)) this.#init.listener.statusChanged();
  }

  /**
   * @param frame that it came in
   * @returns false for a message that its link does not vouch for
   */
  received(link: PeerLink, message: GroupMessage, frame: FrameSize): boolean {
    this.#seats.traffic.received(frame);
    const { group } = this.record;
    const admission = link.admissionTo(group);
    if (admission === null || !isVouchedFor(message, admission)) return false;
    if (admission.kind === 'read-only' && !mayReaderSend(message)) {
      link.refuse(group, 'read-only', `whoever may only read sends no ${message.kind}`);
      return true;
    }
    if (admission.kind === 'read-only' && beginsTerm(message, this.#member?.term ?? 0)) return true;
    if (isJoiningMessage(message)) this.#entrance.received(link, admission, message);
    else if (message.kind === 'Presence') return this.presence.receive(message);
    else if (this.#member !== null) this.#member.receive(message);
    else this.#beginning.received(message);
    return true;
  }

  /** With the founding members, or, with none, with nothing. */
  #begin(founders: readonly NodeId[]): void {
    if (this.#stopped !== null) return;
    this.#beginning.begin(founders, (state) => {
      if (this.#stopped !== null) return;
      if (state instanceof RaftError) {
        this.stop(state);
        return;
      }
      const member = this.#start(state);
      this.#entrance.tellFounded();
      if (this.record.founders !== null) member?.campaign();
    });
  }

  #start(persistent: PersistentState): Member<State, Command, Result> | null {
    const { storage, clock, machine, listener, raft } = this.#init;
    this.#entrance.begun(persistent.start);
    try {
      this.#member = new Member({
        id: this.record.member,
        persistent,
        storage,
        clock,
        random: this.#random,
        machine,
        ...this.#waiting.handOver(),
        listener: {
          stateChanged: () => {
            listener.stateChanged();
          },
          statusChanged: () => {
            this.#memberChanged();
          },
          started: () => {
            this.#becomeReady();
          },
        },
        transport: { send: (to, message, lane) => this.#seats.send(to, message, lane) },
        ...(raft && { options: { raft } }),
      });
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.stop(error);
      return null;
    }
    this.#door = new Door(this.record.group, this.#member, this.#seats, clock);
    for (const { admission } of this.#seats) this.#member.peerConnected(admission.member);
    for (const message of this.#beginning.takeEarly()) this.#member.receive(message);
    this.#review();
    listener.statusChanged();
    return this.#member;
  }

  #memberChanged(): void {
    const reason = this.#member?.stopped ?? null;
    // A member that has stopped by itself keeps nobody waiting, here or elsewhere.
    if (reason !== null) {
      this.stop(reason);
    } else {
      this.#review();
      this.#init.listener.statusChanged();
    }
  }

  /** Something about our member is different: who may be in the group, perhaps, and whether we may. */
  #review(): void {
    if (this.#member === null || this.stopped !== null) return;
    this.#door?.review();
    this.#exit.review(this.#member);
  }

  /** Who holds nothing of the group forgets it, and may come again as somebody else; all others keep what they have. */
  #exclude(reason: RaftError): void {
    if (this.#stopped !== null) return;
    if (this.#member?.isEmpty ?? true) this.#init.listener.excluded();
    this.stop(reason);
  }

  /** Ends the member's work here; the group goes on without it. */
  stop(reason: RaftError): void {
    if (this.#stopped !== null) return;
    this.#stopped = reason;
    this.#becomeReady();
    this.presence.close(reason);
    this.#entrance.close();
    (this.#member ?? this.#waiting).close(reason);
    this.#init.storage.close();
    this.#init.listener.statusChanged();
    this.#init.listener.stopped();
  }
}
