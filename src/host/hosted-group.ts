/**
 * One group on this host, from its founding to its end. A group is founded once, by its founder alone: it waits until as
 * many hosts have asked to join as the group is to have members, makes the list of them durable, and only then tells
 * anybody. Everybody else who is on the list takes it from a member, makes it durable, and starts from it, so that all start
 * alike (M15). From then on this host's member is at work. Who comes later starts from nothing, and asks the leader to be let
 * in until the log tells it that it is.
 */
import type { RaftOptions } from '../core/options.ts';
import { emptyState } from '../core/raft.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { ReadConsistency } from '../core/reading.ts';
import type { Configuration, Index, NodeId, PersistentState } from '../core/types.ts';
import { type Outcome, RaftError } from '../errors.ts';
import type { CancelChange, ChangeOutcome } from '../group/changes.ts';
import type { Clock } from '../group/clock.ts';
import { Echo } from '../group/echo.ts';
import type { MemberListener } from '../group/listener.ts';
import { Member } from '../group/member.ts';
import { MemberMeter } from '../group/member-meter.ts';
import type { LogEntry } from '../group/member-status.ts';
import { MemberPresence } from '../group/presence.ts';
import type { PresenceTiming } from '../group/presence-sender.ts';
import { Outbox } from '../group/outbox.ts';
import type { Proposal, ProposalOutcome, RestoredProposal } from '../group/pending.ts';
import { defaultProposalLimits, type ProposalLimits } from '../group/proposal-limits.ts';
import { newProposals, type Proposals } from '../group/proposals.ts';
import type { ReadOutcome } from '../group/reads.ts';
import { kindOf } from '../identity/access.ts';
import { type HostId, hostOf } from '../ids.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import {
  type CommittedCommand,
  encodeCommand,
  encodeUpgrade,
  readCommand,
  ReplicatedMachine,
} from '../machine/replicated.ts';
import type { StorageUse } from '../storage/browser-quota.ts';
import type { GroupRecord } from '../storage/database.ts';
import type { Storage } from '../storage/storage.ts';
import { encodeFrame, presenceMinor } from '../transport/codec.ts';
import type { Demand, GroupMessage, JoiningMessage, MemberMessage, PresenceMessage } from '../transport/messages.ts';
import type { Exclusion, Lane, PeerLink, RefusalNotice, SignalingState } from '../transport/transport.ts';
import { expelled, mayReaderSend } from './admission.ts';
import { Door, type Seat } from './door.ts';
import { Entrance } from './entrance.ts';
import type { GroupMember } from './group-member.ts';
import type { GroupFacts } from './status.ts';
import { type GroupMetrics, Traffic } from './traffic.ts';

/** Bounds of the outbox, which are those of all commands without an outcome then. */
export type OutboxLimits = Pick<ProposalLimits, 'maxPending' | 'maxPendingBytes'>;

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

const maxEarlyMessages = 1000;

/** How often somebody looks after the commands of a group that is not founded yet. */
const lookAfterMs = 100;

/** Presence gives way: it is sent only while fewer bytes than this wait, so that heartbeats never wait for much of it. */
const maxBytesBeforePresence = 4096;

function isJoiningMessage(message: GroupMessage): message is JoiningMessage {
  return message.kind === 'Join' || message.kind === 'Founded' || message.kind === 'JoinRefused';
}

/** Whether a message says who it is from, which a link to its host vouches for. */
function senderOf(message: GroupMessage): NodeId | null {
  if (!isJoiningMessage(message)) return message.from;
  return message.kind === 'Join' ? message.member : null;
}

const readOnlyError = (): RaftError =>
  new RaftError('READ_ONLY', 'this tab was given a read-only invite: ask a member for a full one');

const noMemberError = (): RaftError =>
  new RaftError('NOT_A_MEMBER', 'the group is not founded yet, or this tab is not in it: wait until it is running');

export class HostedGroup<State, Command, Result> implements GroupMember<State, Command, Result> {
  readonly record: GroupRecord;
  /** What members show of themselves, from the first link on. */
  readonly presence: MemberPresence;
  readonly #init: HostedGroupInit<State, Command, Result>;
  readonly #seats = new Map<HostId, Seat>();
  readonly #entrance: Entrance;
  readonly #random: Random;
  readonly #meter: MemberMeter;
  readonly #traffic: Traffic;
  /** Commands that are proposed here, from before the founding on. */
  readonly #proposals: Proposals<Result>;
  /** Of the commands that are pending, before the founding. */
  #echo: Echo<State> | null = null;
  #isBeginning = false;
  /** The application has it: whatever ends it is an event now. */
  #isOpen = false;
  /** We know that we are out of the group. */
  #isLeaving = false;
  /** What came while the beginning was on its way to the disk: others may be faster, and ask for our vote already. */
  readonly #early: MemberMessage[] = [];
  #member: Member<State, Command, Result> | null = null;
  #door: Door | null = null;
  #signaling: SignalingState = 'connecting';
  #stopped: RaftError | null = null;
  /** The state is as this host last knew it, or this group has stopped. */
  readonly ready: Promise<void>;
  #becomeReady: () => void = () => undefined;

  /** @param persistent what the storage holds: null before the founding */
  constructor(init: HostedGroupInit<State, Command, Result>, persistent: PersistentState | null) {
    this.record = init.record;
    this.#init = init;
    const { clock, presence: timing } = init;
    this.presence = new MemberPresence({
      id: init.record.member,
      clock,
      timing,
      send: (message) => this.#sendPresence(message),
    });
    this.#random = seededRandom(...init.seed);
    this.#meter = new MemberMeter(clock);
    this.#traffic = new Traffic(clock);
    this.#proposals = this.#newProposals();
    this.#entrance = this.#newEntrance();
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

  /** Commands that an earlier run has left go on, whether new ones are kept or not. */
  #newProposals(): Proposals<Result> {
    const { storage, outbox: limits, clock } = this.#init;
    const keepsNew = limits !== null;
    const outbox = keepsNew || storage.outbox.commands.length > 0 ? new Outbox({ storage, keepsNew }) : null;
    const proposals = newProposals<Result>(this.#random, { ...defaultProposalLimits, ...limits }, outbox);
    proposals.meter = this.#meter.proposals;
    proposals.listener = {
      changed: () => {
        clock.defer(() => {
          proposals.flush();
        });
        this.#init.listener.statusChanged();
      },
      failed: (error) => {
        this.stop(error);
      },
    };
    const stop = clock.every(lookAfterMs, () => {
      // From then on it is the member that does.
      if (this.#member !== null || this.#stopped !== null) stop();
      else proposals.tick(clock.wallTime());
    });
    return proposals;
  }

  #newEntrance(): Entrance {
    const { record, clock, listener } = this.#init;
    return new Entrance({
      record,
      clock,
      seats: () => this.#seats.values(),
      member: () => this.#member,
      isStopped: () => this.stopped !== null,
      send: (link, message) => {
        this.#sendFrame(link, message, 'control');
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

  /** Whether the group is founded, and this member in it. */
  get isFounded(): boolean {
    return this.#member !== null && !this.#entrance.isJoining;
  }

  /**
   * Proposes a command; `settle` is called once, later, with its outcome. Before the founding it waits.
   * @param expiresInMs milliseconds after which it is not to be sent any more, if it was not; null for never
   * @throws RaftError INVALID_ARGUMENT, TOO_LARGE, BUSY, or why there is no member at work: the command is not done then
   */
  propose(command: Command, settle: (outcome: ProposalOutcome<Result>) => void, expiresInMs: number | null): Proposal {
    this.#checkMayAsk();
    if (this.#member !== null) return this.#member.propose(command, settle, expiresInMs);
    return this.#add(encodeCommand(this.#init.machine, command), settle, expiresInMs);
  }

  /** Before the founding it waits, as a command does. */
  proposeUpgrade(settle: (outcome: ProposalOutcome<Result>) => void): Proposal {
    this.#checkMayAsk();
    return this.#member?.proposeUpgrade(settle) ?? this.#add(encodeUpgrade(this.#init.machine), settle, null);
  }

  /** @throws RaftError READ_ONLY, or why there is no member at work */
  #checkMayAsk(): void {
    if (this.#stopped !== null) throw this.#stopped;
    if (kindOf(this.record.access) === 'read-only') throw readOnlyError();
  }

  /** Before there is a member at work. */
  #add(call: Uint8Array, settle: (outcome: ProposalOutcome<Result>) => void, expiresInMs: number | null): Proposal {
    const now = this.#init.clock.wallTime();
    const proposal = this.#proposals.add(call, now, settle, expiresInMs === null ? null : now + expiresInMs);
    this.#proposals.listener.changed();
    return proposal;
  }

  get optimistic(): State {
    if (this.#member !== null) return this.#member.optimistic;
    this.#echo ??= new Echo({
      id: this.record.member,
      machine: new ReplicatedMachine(this.#init.machine),
      proposals: this.#proposals,
      place: () => ({ index: 0, term: 0 }),
    });
    return this.#echo.state;
  }

  get pending(): readonly Proposal[] {
    return this.#proposals.list;
  }

  get restored(): readonly RestoredProposal<Result>[] {
    return this.#proposals.restored;
  }

  commandOf({ call }: Proposal): { readonly command: Command } | null {
    return readCommand(this.#init.machine, call);
  }

  read(consistency: ReadConsistency, settle: (outcome: ReadOutcome) => void): (error: RaftError) => void {
    if (this.#stopped !== null) throw this.#stopped;
    if (this.#member === null) throw new Error('whoever reads waits for the founding');
    return this.#member.read(consistency, settle);
  }

  get appliedIndex(): Index {
    return this.#member?.appliedIndex ?? 0;
  }

  /**
   * Asks for something of the group itself; `settle` is called once, later, with what came of it.
   * @param ifVersion the version of the configuration that it is meant for; null for whichever is in force
   * @throws RaftError READ_ONLY, NOT_A_MEMBER, BUSY, MEMBERS_CHANGED, or why there is no member at work: it is not done then
   */
  change(demand: Demand, ifVersion: Index | null, settle: (outcome: ChangeOutcome) => void): CancelChange {
    this.#checkMayAsk();
    if (this.#member === null || this.#entrance.isJoining) throw noMemberError();
    return this.#member.change(demand, ifVersion, settle);
  }

  /** The configuration in force here; null before the founding. */
  get configuration(): Configuration | null {
    return this.#member?.configuration ?? null;
  }

  /** Why there is no member at work any more; null while there is, or will be. */
  get stopped(): RaftError | null {
    return this.#stopped ?? this.#member?.stopped ?? null;
  }

  get refusal(): RaftError | null {
    return this.#stopped ?? this.#member?.refusal ?? null;
  }

  committed(from: Index): CommittedCommand<Command, Result> | null {
    return this.#member?.committed(from) ?? null;
  }

  get state(): State {
    return this.#member?.state ?? this.#init.machine.initial;
  }

  get hasQuorum(): boolean {
    return this.#member?.hasQuorum === true && !this.#entrance.isJoining;
  }

  get isMajorityLinked(): boolean {
    return this.#member?.isMajorityLinked === true;
  }

  status(): GroupFacts {
    const { stopped } = this;
    const member = this.#member?.status() ?? null;
    const { missing } = this.#entrance;
    const storage = this.#init.storageUse();
    const { durability } = this.#init.storage;
    return { phase: this.#phase, signaling: this.#signaling, missing, member, durability, storage, stopped };
  }

  metrics(): GroupMetrics {
    const { pending } = this.#proposals;
    const nothing = { pending, term: 0, commitIndex: 0, appliedIndex: 0 };
    return { ...(this.#member?.metrics() ?? this.#meter.read(nothing)), traffic: this.#traffic.read() };
  }

  get #phase(): GroupFacts['phase'] {
    if (this.stopped !== null) return 'stopped';
    if (this.#member === null) return 'founding';
    return this.#entrance.isJoining ? 'joining' : 'running';
  }

  logTail(count: number): LogEntry<Command>[] {
    return this.#member?.logTail(count) ?? [];
  }

  signalingChanged(state: SignalingState): void {
    this.#signaling = state;
    this.#init.listener.statusChanged();
  }

  /** Whether a host may be in the group as that member, now that it has proven its key and an invite. */
  mayEnter(member: NodeId): Exclusion | null {
    return this.#door?.mayEnter(member) ?? null;
  }

  /** The group is in the hands of the application. A member that was removed shows what it has first, and ends then. */
  opened(): void {
    this.#isOpen = true;
    this.#review();
  }

  /** There is a link to a host that is in this group too. */
  met(link: PeerLink): void {
    const admission = link.admissionTo(this.record.group);
    if (admission === null) return;
    this.#seats.set(link.peer, { link, admission });
    this.#entrance.met(link);
    this.#member?.peerConnected(admission.member);
    this.#door?.review();
    // Hosts of before would close the link at what they do not know.
    if (link.minor >= presenceMinor) this.presence.connected(admission.member);
  }

  parted(link: PeerLink): void {
    const seat = this.#seats.get(link.peer);
    if (seat?.link !== link) return;
    this.#seats.delete(link.peer);
    this.#entrance.parted(link.peer);
    this.#member?.peerDisconnected(seat.admission.member);
    this.presence.disconnected(link.peer);
    this.#init.listener.statusChanged();
  }

  /** A host of the group is believed when it says that the group has shut us out, one that may only read is not. */
  refused({ by, reason, admission }: RefusalNotice): void {
    const isBelieved = by === 'them' && admission?.kind === 'full';
    if (isBelieved && (reason === 'banned-key' || reason === 'removed-incarnation')) this.#shutOut(reason);
    else this.#init.listener.statusChanged();
  }

  #shutOut(exclusion: Exclusion): void {
    this.#exclude(expelled(exclusion));
  }

  /**
   * @param bytes of the frame that it came in
   * @returns false for a message that its link does not vouch for
   */
  received(link: PeerLink, message: GroupMessage, bytes: number): boolean {
    this.#traffic.received(bytes);
    const { group } = this.record;
    const admission = link.admissionTo(group);
    const sender = senderOf(message);
    if (admission === null || (sender !== null && sender !== admission.member)) return false;
    if (admission.kind === 'read-only' && !mayReaderSend(message)) {
      link.refuse(group, 'read-only', `whoever may only read sends no ${message.kind}`);
      return true;
    }
    if (isJoiningMessage(message)) this.#entrance.received(link, admission, message);
    else if (message.kind === 'Presence') return this.presence.receive(message);
    else if (this.#member !== null) this.#member.receive(message);
    else if (this.#isBeginning && this.#early.length < maxEarlyMessages) this.#early.push(message);
    return true;
  }

  /** Makes what this member starts from durable, once, and starts: the founding members, or nothing. */
  #begin(founders: readonly NodeId[]): void {
    if (this.#isBeginning || this.#stopped !== null) return;
    this.#isBeginning = true;
    const state = emptyState(founders);
    this.#init.storage.write({ start: state.start, hardState: null, truncateFrom: null, entries: [] }, (error) => {
      if (this.#stopped !== null) return;
      this.#isBeginning = false;
      if (error !== null) {
        this.stop(error);
        return;
      }
      const member = this.#start(state);
      this.#entrance.tellFounded();
      if (this.record.founders !== null) member?.campaign();
    });
  }

  #start(persistent: PersistentState): Member<State, Command, Result> | null {
    const { storage, clock, machine, listener, raft } = this.#init;
    const { group, member: id } = this.record;
    this.#entrance.begun(persistent.start);
    try {
      this.#member = new Member({
        id,
        persistent,
        storage,
        clock,
        random: this.#random,
        machine,
        proposals: this.#proposals,
        meter: this.#meter,
        listener: {
          stateChanged: () => {
            listener.stateChanged();
          },
          statusChanged: () => {
            const reason = this.#member?.stopped ?? null;
            // A member that has stopped by itself keeps nobody waiting, here or elsewhere.
            if (reason !== null) {
              this.stop(reason);
            } else {
              this.#review();
              listener.statusChanged();
            }
          },
          started: () => {
            this.#becomeReady();
          },
        },
        transport: { send: (to, message, lane) => this.#send(to, message, lane) },
        ...(raft && { options: { raft } }),
      });
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.stop(error);
      return null;
    }
    this.#door = new Door(group, this.#member, () => this.#seats.values(), clock);
    for (const { admission } of this.#seats.values()) this.#member.peerConnected(admission.member);
    for (const message of this.#early.splice(0)) this.#member.receive(message);
    this.#review();
    listener.statusChanged();
    return this.#member;
  }

  /** Something about our member is different: who may be in the group, perhaps, and whether we may. */
  #review(): void {
    const member = this.#member;
    if (member === null || this.stopped !== null) return;
    this.#door?.review();
    // M11: whoever leads goes when another one does.
    if (member.exclusion === null || member.role === 'leader' || !this.#isOpen || this.#isLeaving) return;
    this.#isLeaving = true;
    const exclusion = member.exclusion === 'banned' ? 'banned-key' : 'removed-incarnation';
    // So that we know it after a restart as well, without being told.
    member.saveCommit(() => {
      this.#shutOut(exclusion);
    });
  }

  #send(to: NodeId, message: MemberMessage, lane: Lane): boolean {
    const seat = this.#seats.get(hostOf(to));
    return seat?.admission.member === to && this.#sendFrame(seat.link, message, lane);
  }

  #sendFrame(link: PeerLink, message: GroupMessage, lane: Lane): boolean {
    const frame = this.#traffic.encoded(() => encodeFrame(this.record.group, message));
    const isTaken = link.send(frame, lane);
    if (isTaken) this.#traffic.sent(frame.byteLength, lane);
    return isTaken;
  }

  #sendPresence(message: PresenceMessage): boolean {
    const link = this.#seats.get(hostOf(message.to))?.link;
    if (link === undefined || link.bufferedBytes('control') >= maxBytesBeforePresence) return false;
    return this.#sendFrame(link, message, 'control');
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
    this.#member?.close(reason);
    const ended = (outcome: Outcome): RaftError =>
      new RaftError(reason.code, reason.message, { outcome, cause: reason.cause });
    this.#proposals.failAll(ended);
    this.#init.storage.close();
    this.#init.listener.statusChanged();
    this.#init.listener.stopped();
  }
}
