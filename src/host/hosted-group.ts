/**
 * One group on this host, from its founding to its end. A group is founded once, by its founder alone: it waits until as
 * many hosts have asked to join as the group is to have members, makes the list of them durable, and only then tells
 * anybody. Everybody else takes the list from a member, makes it durable, and starts from it, so that all start alike
 * (M15). From then on this host's member is at work.
 */
import type { RaftOptions } from '../core/options.ts';
import { emptyState } from '../core/raft.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { ReadConsistency } from '../core/reading.ts';
import type { Index, NodeId, PersistentState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import { Echo } from '../group/echo.ts';
import type { MemberListener } from '../group/listener.ts';
import { Member } from '../group/member.ts';
import type { LogEntry } from '../group/member-status.ts';
import {
  defaultProposalLimits,
  newProposals,
  type Proposal,
  type ProposalOutcome,
  type Proposals,
} from '../group/proposals.ts';
import type { ReadOutcome } from '../group/reads.ts';
import { kindOf } from '../identity/access.ts';
import { type HostId, hostOf } from '../ids.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import { type CommittedCommand, encodeCommand, readCommand, ReplicatedMachine } from '../machine/replicated.ts';
import type { StorageUse } from '../storage/browser-quota.ts';
import type { GroupRecord } from '../storage/database.ts';
import type { Storage } from '../storage/storage.ts';
import { encodeFrame } from '../transport/codec.ts';
import type { Founded, GroupMessage, Join, MemberMessage } from '../transport/messages.ts';
import type { Exclusion, Lane, PeerLink, RefusalNotice, SignalingState } from '../transport/transport.ts';
import { type Exclusions, exclusionOf, mayReaderSend, nobodyExcluded } from './admission.ts';
import type { GroupMember } from './group-member.ts';
import type { GroupStatus } from './status.ts';

export interface HostedGroupInit<State, Command, Result> {
  readonly record: GroupRecord;
  readonly storage: Storage;
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly clock: Clock;
  /** Three words of 32 random bits. */
  readonly seed: readonly [number, number, number];
  readonly raft?: Partial<RaftOptions>;
  readonly listener: HostedGroupListener;
  /** What this host stores, as far as anybody can say. */
  readonly storageUse: () => StorageUse | null;
  /** Who may not enter; left out, everybody with an invite may. Asked each time. */
  readonly exclusions?: () => Exclusions;
}

export interface HostedGroupListener extends MemberListener {
  /** The group was founded without this host, which is to forget it. */
  excluded(): void;
  /** There is no member at work here any more. */
  stopped(): void;
}

const maxEarlyMessages = 1000;

/** Whether a message says who it is from, which a link to its host vouches for. */
function senderOf(message: GroupMessage): NodeId | null {
  if (message.kind === 'Join') return message.member;
  return message.kind === 'Founded' ? null : message.from;
}

const readOnlyError = (): RaftError =>
  new RaftError('READ_ONLY', 'this tab was given a read-only invite: ask a member for a full one');

export class HostedGroup<State, Command, Result> implements GroupMember<State, Command, Result> {
  readonly record: GroupRecord;
  readonly #init: HostedGroupInit<State, Command, Result>;
  readonly #links = new Map<HostId, PeerLink>();
  /** Who asked to be a founding member, by host. */
  readonly #candidates = new Map<HostId, NodeId>();
  readonly #random: Random;
  /** Commands that are proposed here, from before the founding on. */
  readonly #proposals: Proposals<Result>;
  /** Of those, before the founding. */
  #echo: Echo<State> | null = null;
  #voters: readonly NodeId[] | null = null;
  #isFounding = false;
  /** What came while the founding was on its way to the disk: others may be faster, and ask for our vote already. */
  readonly #early: MemberMessage[] = [];
  #member: Member<State, Command, Result> | null = null;
  #signaling: SignalingState = 'connecting';
  #stopped: RaftError | null = null;
  /** The state is as this host last knew it, or this group has stopped. */
  readonly ready: Promise<void>;
  #becomeReady: () => void = () => undefined;

  /** @param persistent what the storage holds: null before the founding */
  constructor(init: HostedGroupInit<State, Command, Result>, persistent: PersistentState | null) {
    this.record = init.record;
    this.#init = init;
    this.#random = seededRandom(...init.seed);
    this.#proposals = newProposals(this.#random, defaultProposalLimits);
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    if (persistent === null) {
      this.#becomeReady();
      this.#foundIfComplete();
    } else {
      this.#start(persistent);
    }
  }

  /** Whether the members are known. */
  get isFounded(): boolean {
    return this.#member !== null;
  }

  /**
   * Proposes a command; `settle` is called once, later, with its outcome. Before the founding it waits.
   * @throws RaftError INVALID_ARGUMENT, TOO_LARGE, BUSY, or why there is no member at work: the command is not done then
   */
  propose(command: Command, settle: (outcome: ProposalOutcome<Result>) => void): Proposal {
    if (this.#stopped !== null) throw this.#stopped;
    if (kindOf(this.record.access) === 'read-only') throw readOnlyError();
    if (this.#member !== null) return this.#member.propose(command, settle);
    const { machine, clock } = this.#init;
    return this.#proposals.add(encodeCommand(machine, command), clock.wallTime(), settle);
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

  status(): GroupStatus {
    const { founders } = this.record;
    const member = this.#member?.status() ?? null;
    const { stopped } = this;
    const phase = stopped === null ? (member === null ? 'founding' : 'running') : 'stopped';
    const missing = founders === null || member !== null ? null : Math.max(0, founders - 1 - this.#candidates.size);
    return { phase, signaling: this.#signaling, missing, member, storage: this.#init.storageUse(), stopped };
  }

  logTail(count: number): LogEntry<Command>[] {
    return this.#member?.logTail(count) ?? [];
  }

  signalingChanged(state: SignalingState): void {
    this.#signaling = state;
    this.#init.listener.statusChanged();
  }

  /** Whether a host may be in the group as that member, now that it has proven its key and an invite. */
  mayEnter(host: HostId, member: NodeId): Exclusion | null {
    return exclusionOf(this.#exclusions(), host, member);
  }

  #exclusions(): Exclusions {
    return this.#init.exclusions?.() ?? nobodyExcluded;
  }

  /** Who may enter was changed: those who may not any more are put out. */
  exclusionsChanged(): void {
    for (const link of [...this.#links.values()]) {
      const member = link.admissionTo(this.record.group)?.member;
      const exclusion = member === undefined ? null : this.mayEnter(link.peer, member);
      if (exclusion !== null) link.refuse(this.record.group, exclusion, 'that was committed by the group');
    }
  }

  /** There is a link to a host that is in this group too. */
  met(link: PeerLink): void {
    this.#links.set(link.peer, link);
    if (this.#member === null) this.#sendFrame(link, { kind: 'Join', member: this.record.member }, 'control');
    this.#toldOf(link.peer, (id) => this.#member?.peerConnected(id));
  }

  parted(link: PeerLink): void {
    if (this.#links.get(link.peer) !== link) return;
    this.#links.delete(link.peer);
    this.#candidates.delete(link.peer);
    this.#toldOf(link.peer, (id) => this.#member?.peerDisconnected(id));
    this.#init.listener.statusChanged();
  }

  refused(_notice: RefusalNotice): void {
    this.#init.listener.statusChanged();
  }

  #toldOf(host: HostId, tell: (id: NodeId) => void): void {
    for (const id of this.#voters ?? []) if (hostOf(id) === host) tell(id);
  }

  /** False for a message that its link does not vouch for. */
  received(link: PeerLink, message: GroupMessage): boolean {
    const { group } = this.record;
    const admission = link.admissionTo(group);
    const sender = senderOf(message);
    if (admission === null || (sender !== null && sender !== admission.member)) return false;
    if (admission.kind === 'read-only' && !mayReaderSend(message)) {
      link.refuse(group, 'read-only', `whoever may only read sends no ${message.kind}`);
      return true;
    }
    if (message.kind === 'Join') this.#joined(link, message);
    else if (message.kind === 'Founded') this.#founded(message);
    else if (this.#member !== null) this.#member.receive(message);
    else if (this.#isFounding && this.#early.length < maxEarlyMessages) this.#early.push(message);
    return true;
  }

  #joined(link: PeerLink, { member }: Join): void {
    if (this.#voters !== null) {
      this.#sendFrame(link, this.#foundedMessage(this.#voters), 'control');
    } else if (this.record.founders !== null && link.admissionTo(this.record.group)?.kind === 'full') {
      this.#candidates.set(link.peer, member);
      this.#init.listener.statusChanged();
      this.#foundIfComplete();
    }
  }

  #foundedMessage(voters: readonly NodeId[]): Founded {
    return { kind: 'Founded', machine: this.record.machine, voters };
  }

  #foundIfComplete(): void {
    const { founders, member } = this.record;
    if (founders === null || this.#candidates.size < founders - 1) return;
    const others = [...this.#candidates.values()].slice(0, founders - 1);
    this.#found([member, ...others]);
  }

  #founded({ machine, voters }: Founded): void {
    if (this.#member !== null || this.record.founders !== null) return;
    if (machine !== this.record.machine) {
      this.#exclude(
        new RaftError('WRONG_MACHINE', `the group replicates the machine ${machine}, not ${this.record.machine}`),
      );
    } else if (!voters.includes(this.record.member)) {
      this.#exclude(
        new RaftError('GROUP_FULL', `the group was founded with its ${voters.length} members, and takes no more`),
      );
    } else {
      this.#found(voters);
    }
  }

  /** Makes the list of members durable, once, and starts from it. */
  #found(voters: readonly NodeId[]): void {
    if (this.#isFounding || this.#stopped !== null) return;
    this.#isFounding = true;
    const state = emptyState(voters);
    this.#init.storage.write({ start: state.start, hardState: null, truncateFrom: null, entries: [] }, (error) => {
      if (this.#stopped !== null) return;
      if (error !== null) {
        this.stop(error);
        return;
      }
      const member = this.#start(state);
      // Everybody tells, not the founder alone: it may be gone, or out of reach, before all have heard it.
      for (const link of this.#links.values()) this.#sendFrame(link, this.#foundedMessage(voters), 'control');
      if (this.record.founders !== null) member?.campaign();
    });
  }

  #start(persistent: PersistentState): Member<State, Command, Result> | null {
    const { storage, clock, machine, listener, raft } = this.#init;
    const id = this.record.member;
    this.#voters = persistent.start.configuration.voters;
    this.#candidates.clear();
    try {
      this.#member = new Member({
        id,
        persistent,
        storage,
        clock,
        random: this.#random,
        machine,
        proposals: this.#proposals,
        listener: {
          stateChanged: () => {
            listener.stateChanged();
          },
          statusChanged: () => {
            if (this.stopped !== null) this.#becomeReady();
            listener.statusChanged();
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
    for (const host of this.#links.keys()) this.#toldOf(host, (peer) => this.#member?.peerConnected(peer));
    for (const message of this.#early.splice(0)) this.#member.receive(message);
    listener.statusChanged();
    return this.#member;
  }

  #send(to: NodeId, message: MemberMessage, lane: Lane): boolean {
    const link = this.#links.get(hostOf(to));
    return link !== undefined && this.#sendFrame(link, message, lane);
  }

  #sendFrame(link: PeerLink, message: GroupMessage, lane: Lane): boolean {
    return link.send(encodeFrame(this.record.group, message), lane);
  }

  #exclude(reason: RaftError): void {
    if (this.#stopped !== null) return;
    this.#init.listener.excluded();
    this.stop(reason);
  }

  /** Ends the member's work here; the group goes on without it. */
  stop(reason: RaftError): void {
    if (this.#stopped !== null) return;
    this.#stopped = reason;
    this.#becomeReady();
    this.#member?.close(reason);
    this.#proposals.failAll((outcome) => new RaftError(reason.code, reason.message, { outcome, cause: reason.cause }));
    this.#init.storage.close();
    this.#init.listener.statusChanged();
    this.#init.listener.stopped();
  }
}
