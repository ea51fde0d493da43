/**
 * One member at work: a core, driven by messages and time, with its effects carried out on a storage, a transport and a
 * machine. Everything here is synchronous and reacts to events; the same code runs in a tab and in a simulation.
 *
 * The journey of a command: `propose` -> a place in our session -> the leader, which may be us -> `Raft.propose` ->
 * `ready` -> storage and transport side by side -> acknowledgements -> commit -> applied on every member, and here the
 * proposer learns the result.
 */
import type { MembershipStep } from '../core/configuration.ts';
import { InvariantViolation } from '../core/errors.ts';
import { type Exclusion, exclusionOf } from '../core/exclusions.ts';
import type { MembershipOptions, MembershipResult } from '../core/membership.ts';
import { raftOptions } from '../core/options.ts';
import { quorumIndex } from '../core/quorum.ts';
import type { Ready } from '../core/output.ts';
import { Raft, type RaftInit } from '../core/raft.ts';
import type { Random } from '../core/random.ts';
import type { ReadConsistency } from '../core/reading.ts';
import type { Write } from '../core/replica.ts';
import type { RoleName, TraceListener } from '../core/trace.ts';
import type { TransferResult } from '../core/transfers.ts';
import { type Configuration, type Entry, type Index, type NodeId, type PersistentState } from '../core/types.ts';
import { endingWith, RaftError, type RaftErrorCode } from '../errors.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import { type CommittedCommand, ReplicatedMachine } from '../machine/replicated.ts';
import type { Storage } from '../storage/storage.ts';
import type { Demand, MemberMessage, MemberReport } from '../transport/messages.ts';
import type { Transport } from '../transport/transport.ts';
import { Applier } from './applier.ts';
import { type CancelChange, type ChangeOutcome, Changes } from './changes.ts';
import type { Clock } from './clock.ts';
import { CommitSaver } from './commit-saver.ts';
import { Courier } from './courier.ts';
import { Echo } from './echo.ts';
import { type MemberListener, News } from './listener.ts';
import { MemberMeter, type MemberMetrics } from './member-meter.ts';
import { defaultMemberOptions, type MemberOptions } from './member-options.ts';
import { type LogEntry, logTail, type MemberStatus } from './member-status.ts';
import { type NewcomerKind, Newcomers } from './newcomers.ts';
import { Pacer } from './pacer.ts';
import { Peers } from './peers.ts';
import type { Proposal, ProposalOutcome, RestoredProposal } from './pending.ts';
import { newProposals, type Proposals } from './proposals.ts';
import { type ReadOutcome, Reads } from './reads.ts';
import { Sending } from './sending.ts';
import { Snapshots } from './snapshots.ts';
import { Writer } from './writer.ts';

/** Why a member never takes part again, whatever it keeps. */
const endings: readonly RaftErrorCode[] = ['REMOVED', 'BANNED'];

export interface MemberInit<State, Command, Result> {
  readonly id: NodeId;
  readonly persistent: PersistentState;
  /** Loaded already; from here on it is written only. */
  readonly storage: Storage;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly machine: MachineDefinition<State, Command, Result>;
  /** May hold commands already, from before this member was at work. */
  readonly proposals?: Proposals<Result>;
  readonly listener: MemberListener;
  /** May have counted proposals already. */
  readonly meter?: MemberMeter;
  readonly options?: Partial<MemberOptions>;
  readonly trace?: TraceListener;
  /** Makes the core: for simulations and lessons, which look into it or break it on purpose. */
  readonly createRaft?: (init: RaftInit) => Raft;
}

export class Member<State, Command, Result> {
  readonly id: NodeId;
  readonly #raft: Raft;
  readonly #storage: Storage;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #machine: ReplicatedMachine<State, Command, Result>;
  readonly #proposals: Proposals<Result>;
  readonly #applier: Applier<State, Command, Result>;
  readonly #echo: Echo<State>;
  readonly #courier: Courier<Result>;
  readonly #changes: Changes;
  readonly #newcomers: Newcomers;
  readonly #reads: Reads;
  readonly #snapshots: Snapshots;
  readonly #writer: Writer;
  readonly #commitSaver: CommitSaver;
  readonly #sending: Sending;
  readonly #peers: Peers;
  readonly #pacer: Pacer;
  readonly #listener: MemberListener;
  readonly #meter: MemberMeter;
  readonly #news: News<State>;
  readonly #stopTicking: () => void;
  #isScheduled = false;
  #hasStarted = false;
  #stopped: RaftError | null = null;

  /**
   * @throws RangeError for options out of range
   * @throws RaftError STORAGE_CORRUPT for a stored state that cannot be right
   */
  constructor(init: MemberInit<State, Command, Result>) {
    const { id, persistent, storage, transport, clock, random, machine, listener, trace, createRaft = newRaft } = init;
    const settings = { ...defaultMemberOptions, ...init.options };
    const { tickMs, raft, proposals: limits, snapshots, history, maxUnappliedBytes, maxLearners } = settings;
    const { electionTicks } = raftOptions(raft);
    this.id = id;
    this.#storage = storage;
    this.#transport = transport;
    this.#clock = clock;
    this.#listener = listener;
    this.#meter = init.meter ?? new MemberMeter(clock);
    this.#meter.begin(persistent.hardState);
    this.#machine = new ReplicatedMachine(machine);
    this.#news = new News(listener, this.#machine.state);
    try {
      this.#raft = createRaft({ id, persistent, random, options: raft, ...(trace && { trace }) });
    } catch (cause) {
      if (!(cause instanceof InvariantViolation)) throw cause;
      throw new RaftError('STORAGE_CORRUPT', `the stored state cannot be right (${cause.message})`, { cause });
    }
    this.#peers = new Peers(id, () => this.#raft.configuration);
    this.#changes = new Changes(id, this.#raft, transport, electionTicks);
    this.#newcomers = new Newcomers(this.#raft, maxLearners);
    this.#reads = new Reads(this.#raft);
    this.#writer = new Writer({
      storage,
      durable: (write) => {
        this.#written(write);
      },
      compact: () => this.#raft.compactWholly(),
      fail: (error) => {
        this.#stop(error);
      },
    });
    this.#commitSaver = new CommitSaver(this.#raft);
    this.#snapshots = new Snapshots({
      raft: this.#raft,
      storage,
      machine: this.#machine,
      random,
      options: snapshots,
      react: (action) => {
        this.#react(action);
      },
      fail: (error) => {
        this.#stop(error);
      },
      restored: (index) => {
        this.#applier.restored(index);
        this.#changes.restored(this.#raft.configuration);
      },
      outgrown: (index, error) => {
        this.#applier.passedBy(index, error);
        this.#changes.restored(this.#raft.configuration);
      },
    });
    this.#proposals = init.proposals ?? newProposals(random, limits);
    this.#proposals.meter = this.#meter.proposals;
    this.#proposals.listener = {
      changed: () => {
        this.#schedule();
      },
      failed: (error) => {
        this.#stop(error);
      },
    };
    this.#applier = new Applier({
      raft: this.#raft,
      machine: this.#machine,
      proposals: this.#proposals,
      meter: this.#meter,
      history,
      maxUnappliedBytes,
      restored: (index) => {
        listener.restored?.(index);
      },
      outgrown: (error) => {
        this.#outgrown(error);
      },
      full: (error) => {
        this.#stop(error);
      },
    });
    this.#echo = new Echo({
      id,
      machine: this.#machine,
      proposals: this.#proposals,
      place: () => ({ index: this.appliedIndex, term: this.#raft.term }),
    });
    this.#courier = new Courier({
      id,
      raft: this.#raft,
      transport,
      clock,
      machine: this.#machine,
      proposals: this.#proposals,
      retryTicks: electionTicks,
      maxCommandBytes: limits.maxCommandBytes,
      untilCaughtUp: (done) => {
        this.#untilCaughtUp(done);
      },
    });
    this.#sending = new Sending({
      raft: this.#raft,
      transport,
      later: (action) => {
        clock.later(() => {
          this.#react(action);
        });
      },
      isAwaited: (news) => this.#courier.awaits(news.to, news.commit),
    });
    this.#pacer = new Pacer(tickMs, Math.max(1, Math.floor(electionTicks / 2)), clock.now());
    this.#stopTicking = clock.every(tickMs, () => {
      this.#tick();
    });
    if (this.#raft.snapshot !== null) this.#snapshots.restore(this.#raft.snapshot);
    this.#schedule();
  }

  /** The machine's state after every command applied here. */
  get state(): State {
    return this.#machine.state;
  }

  /** As far as this the log is applied in `state`; 0 before anything is. */
  get appliedIndex(): Index {
    return this.#applier.appliedIndex;
  }

  /**
   * The first command at this index or behind it that was applied here, or rejected; null when there is none yet.
   * @throws RaftError COMPACTED when there may have been one that is not kept any more
   */
  committed(from: Index): CommittedCommand<Command, Result> | null {
    return this.#applier.committed(from);
  }

  /**
   * The state as it would be if our pending commands were committed next: the same object until it changes.
   * @throws RaftError NOT_SUPPORTED for a machine that cannot be copied
   */
  get optimistic(): State {
    return this.#echo.state;
  }

  /**
   * Proposes a command; `settle` is called once, later, with its outcome.
   * @param expiresInMs milliseconds after which it is not to be sent any more, if it was not; null for never
   * @throws RaftError INVALID_ARGUMENT, VERSION_NOT_IN_FORCE, TOO_LARGE, BUSY, or why the member stopped: the command is
   *   not done then
   */
  propose(
    command: Command,
    settle: (outcome: ProposalOutcome<Result>) => void,
    expiresInMs: number | null = null,
  ): Proposal {
    this.#checkServing();
    const now = this.#clock.wallTime();
    const expires = expiresInMs === null ? null : now + expiresInMs;
    const proposal = this.#proposals.add(this.#machine.encode(command), now, settle, expires);
    this.#schedule();
    return proposal;
  }

  /** What was proposed here and has no outcome, in the order of proposing: the same list until it is another one. */
  get pending(): readonly Proposal[] {
    return this.#proposals.list;
  }

  /** What an earlier run of this member had proposed, and had no outcome when this one began. */
  get restored(): readonly RestoredProposal<Result>[] {
    return this.#proposals.restored;
  }

  /**
   * Proposes that the group runs the version of this code's machine from here on; `settle` as for a command. Members whose
   * code is older apply nothing from there on. Has no effect when the group runs that version already.
   * @throws RaftError BUSY, or why this member serves nobody: it is not done then
   */
  proposeUpgrade(settle: (outcome: ProposalOutcome<Result>) => void): Proposal {
    this.#checkServing();
    const proposal = this.#proposals.add(this.#machine.upgrade, this.#clock.wallTime(), settle);
    this.#schedule();
    return proposal;
  }

  #checkServing(): void {
    if (this.refusal !== null) throw this.refusal;
  }

  /**
   * Reads: `settle` is called once, later, when the state that is applied here then answers a linearizable read that began
   * now. A read that nobody can confirm waits; the function that is returned gives up on it.
   * @throws RaftError BUSY, or why the member stopped
   */
  read(consistency: ReadConsistency, settle: (outcome: ReadOutcome) => void): (error: RaftError) => void {
    this.#checkServing();
    const cancel = this.#reads.add(consistency, settle);
    this.#schedule();
    return cancel;
  }

  #untilCaughtUp(done: (isCaughtUp: boolean) => void): void {
    try {
      this.#reads.add('linearizable', ({ kind }) => {
        done(kind === 'ready');
      });
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      done(false);
    }
  }

  /** Proposes a change of membership, if this member leads; it takes effect when it is applied. See `Raft`. */
  proposeMembership(steps: readonly MembershipStep[], options: MembershipOptions = {}): MembershipResult {
    return this.#answer(() => this.#raft.proposeMembership(steps, options));
  }

  /** Leaves a joint configuration that does not leave itself. */
  leaveJoint(options: Pick<MembershipOptions, 'ifVersion'> = {}): MembershipResult {
    return this.#answer(() => this.#raft.leaveJoint(options));
  }

  /** Hands leadership over, if this member leads. */
  transferLeadership(target: NodeId): TransferResult {
    return this.#answer(() => this.#raft.transferLeadership(target));
  }

  /**
   * Asks for something of the group itself, from whichever member; `settle` is called once, later, with what came of it.
   * @param ifVersion the version of the configuration that it is meant for; null for whichever is in force
   * @throws RaftError BUSY, MEMBERS_CHANGED, or why the member stopped
   */
  change(demand: Demand, ifVersion: Index | null, settle: (outcome: ChangeOutcome) => void): CancelChange {
    return this.#answer(() => this.#changes.add(demand, ifVersion, settle));
  }

  /** Somebody asks us to be let into the group; false when that is full. Whoever leads sees to it. */
  admit(id: NodeId, kind: NewcomerKind): boolean {
    return this.#answer(() => this.#newcomers.ask(id, kind));
  }

  /** Takes a snapshot now, if something was applied since the last one. */
  takeSnapshot(): void {
    this.#react(() => {
      this.#snapshots.take();
    });
  }

  /** Whether a read on a lease would be answered now, without asking anybody. */
  get holdsLease(): boolean {
    return this.#raft.holdsLease && !this.#pacer.isBehind(this.#clock.now());
  }

  /** The configuration in force here. */
  get configuration(): Configuration {
    return this.#raft.configuration;
  }

  /** Why this member is out of the group; null while it is in, or may come in. */
  get exclusion(): Exclusion | null {
    return exclusionOf(this.#raft.configuration, this.id) ?? (this.#raft.isRemoved ? 'removed' : null);
  }

  /** Calls back once this member would know after a restart how far it has come; not if it stops before. */
  saveCommit(saved: () => void): void {
    this.#react(() => {
      this.#commitSaver.save(saved);
    });
    this.#tellIfSaved();
  }

  #tellIfSaved(): void {
    if (this.#stopped === null) this.#commitSaver.tell();
  }

  /** Holds nothing of the group yet. */
  get isEmpty(): boolean {
    return this.#raft.lastIndex === 0;
  }

  get role(): RoleName {
    return this.#raft.role;
  }

  /** Stands for election without waiting: for the founder of a group, whose others are waiting for a leader. */
  campaign(): void {
    this.#react(() => {
      this.#raft.campaign();
    });
  }

  /** Takes a message that came over a link from the host of its sender. */
  receive(message: MemberMessage): void {
    if (message.to !== this.id || message.from === this.id) return;
    this.#react(() => {
      switch (message.kind) {
        case 'Propose':
          // Without the sessions nobody could say which of them come too early: they will be sent to the next leader.
          if (this.#applier.outgrown === null) this.#courier.receive(message);
          break;
        case 'ProposeRefused':
          this.#courier.receiveRefusal(message);
          break;
        case 'ChangeRequest':
          this.#changes.receive(message);
          break;
        case 'ChangeRefused':
          this.#changes.receiveRefusal(message);
          break;
        case 'Report':
          this.#peers.receive(message);
          break;
        default:
          this.#raft.step(message);
      }
    });
  }

  /** There is a link to a member now. */
  peerConnected(peer: NodeId): void {
    this.#react(() => {
      this.#peers.connected(peer);
      this.#raft.campaignSoon();
    });
  }

  /** The link to a member is gone, most likely with its tab: whoever led from there need not be waited for. */
  peerDisconnected(peer: NodeId): void {
    this.#react(() => {
      this.#peers.disconnected(peer);
      this.#raft.reportUnreachable(peer);
      if (this.#raft.leader === peer) this.#raft.forgetLeader();
    });
  }

  /** Whether there is a leader, which has a majority, as far as this member knows. */
  get hasQuorum(): boolean {
    if (this.#stopped !== null || this.#raft.leader === null) return false;
    // That we lead we know from links before we know it from silence.
    return this.#raft.role !== 'leader' || this.isMajorityLinked;
  }

  /** Whether it is linked to a majority of those who vote, itself included; of both halves of a joint configuration. */
  get isMajorityLinked(): boolean {
    return quorumIndex(this.#raft.configuration, (id) => (this.#peers.isHere(id) ? 1 : 0)) > 0;
  }

  status(): MemberStatus {
    const { id, role, term, leader, commit, applied, durable, lastIndex } = this.#raft.status();
    return {
      id,
      role,
      term,
      leader,
      commit,
      applied,
      durable,
      lastIndex,
      durability: this.#storage.durability,
      members: this.#peers.list(this.#report()),
      pending: this.#proposals.pending,
      outgrown: this.#applier.outgrown,
      stopped: this.#stopped,
    };
  }

  /** What this member has counted since it was opened. */
  metrics(): MemberMetrics {
    const { term, commit } = this.#raft;
    return this.#meter.read({
      pending: this.#proposals.pending,
      term,
      commitIndex: commit,
      appliedIndex: this.appliedIndex,
    });
  }

  /** The last entries of the log, in order. */
  logTail(count: number): LogEntry<Command>[] {
    return logTail(this.#raft, count, (entry) => this.#machine.commandOf(entry));
  }

  /** Takes no further part. What was proposed here and has no outcome ends: unknown if it was sent, else not done. */
  close(reason: RaftError = new RaftError('CLOSED', 'this member was closed')): void {
    this.#stop(reason);
  }

  /** Why this member takes no further part; null while it does. */
  get stopped(): RaftError | null {
    return this.#stopped;
  }

  /** Why nothing is applied, proposed or read here any more: it has stopped, or cannot follow its group. */
  get refusal(): RaftError | null {
    return this.#stopped ?? this.#applier.outgrown;
  }

  #stop(reason: RaftError): void {
    if (this.#stopped !== null) return;
    this.#stopped = reason;
    this.#stopTicking();
    this.#storage.close();
    const ended = endingWith(reason);
    this.#proposals.failAll(ended, !endings.includes(reason.code));
    this.#changes.failAll(ended);
    this.#reads.failAll(reason);
    this.#listener.statusChanged();
  }

  #answer<Result>(question: () => Result): Result {
    if (this.#stopped !== null) throw this.#stopped;
    const answer = question();
    this.#schedule();
    return answer;
  }

  /** Does something, then, once this event is dealt with, whatever follows from it. */
  #react(action: () => void): void {
    this.#guard(action);
    this.#schedule();
  }

  /** A broken invariant stops this member, and only it. */
  #guard(action: () => void): void {
    if (this.#stopped !== null) return;
    try {
      action();
    } catch (cause) {
      if (!(cause instanceof InvariantViolation)) throw cause;
      const message = `this member found a rule of the algorithm broken and stopped (${cause.message})`;
      this.#stop(new RaftError('INVARIANT_VIOLATED', message, { cause }));
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#stopped !== null) return;
    this.#isScheduled = true;
    this.#clock.defer(this.#workOnce);
  }

  readonly #workOnce = (): void => {
    this.#isScheduled = false;
    this.#work();
  };

  #tick(): void {
    this.#voidLateLease();
    const ticks = this.#pacer.advance(this.#clock.now());
    if (ticks === 0 || this.#applier.isStarting) return;
    this.#react(() => {
      for (let i = 0; i < ticks; i++) this.#raft.tick();
      this.#commitSaver.tick(ticks);
      this.#courier.tick(ticks);
      this.#changes.tick(ticks);
      this.#proposals.tick(this.#clock.wallTime());
      this.#reads.tick(ticks);
      this.#snapshots.takeIfDue();
      this.#peers.tell(this.#report(), this.#transport);
    });
  }

  /** Q7: after a pause nobody knows whether a lease still holds, until the time that has passed is counted. */
  #voidLateLease(): void {
    if (this.#pacer.isBehind(this.#clock.now())) this.#raft.voidLease();
  }

  /** Carries out all that there is to do, and tells of what has changed by it. */
  #work(): void {
    if (this.#applier.isStarting) return;
    this.#guard(() => {
      this.#voidLateLease();
      this.#ship();
      for (let ready = this.#raft.ready(); ready !== null; ready = this.#raft.ready()) {
        this.#carryOut(ready);
        this.#ship();
      }
    });
    this.#tell();
    if (this.#hasStarted || this.#stopped !== null) return;
    this.#hasStarted = true;
    this.#listener.started?.();
  }

  #tell(): void {
    const { role, term, leader, commit, appliedIndex, durableIndex, lastIndex } = this.#raft;
    this.#meter.knows(leader, term);
    const { durability } = this.#storage;
    const replica = [role, term, leader, commit, appliedIndex, durableIndex, lastIndex];
    const membership = [this.#raft.configuration.version, this.#raft.isRemoved];
    const changes = [this.#proposals.changes, this.#peers.changes];
    this.#news.tell(this.#machine.state, [...replica, ...membership, durability, ...changes, this.#applier.outgrown]);
  }

  #ship(): void {
    this.#newcomers.admit();
    this.#changes.ship();
    // Whoever cannot follow the group would never hear what came of it.
    if (this.#applier.outgrown === null) this.#courier.ship();
    this.#proposals.flush();
    this.#reads.ship();
  }

  #carryOut({ write, messages, committed, reads, failedReads, snapshotParts, snapshotReads }: Ready): void {
    // Parts first: a batch that makes a snapshot the newest one finds all of it in the store.
    for (const part of snapshotParts) this.#snapshots.keep(part);
    if (write !== null) {
      this.#commitSaver.writing();
      this.#meter.writing(write, this.id);
      this.#writer.write(write);
    }
    this.#sending.send(messages);
    for (const read of snapshotReads) this.#snapshots.read(read);
    // The state is what it was when these were handed out; what is committed comes after them.
    this.#reads.ready(reads);
    this.#reads.failed(failedReads);
    this.#apply(committed);
  }

  #apply(committed: readonly Entry[]): void {
    if (committed.length === 0) return;
    this.#applier.apply(committed);
    this.#snapshots.applied(committed);
    this.#changes.applied(committed);
  }

  /**
   * The machine stays as it is from now on. Changes of membership take effect here as everywhere, and this member votes and
   * acknowledges, so that the group does not lose it; but it leads no more, because it cannot answer anybody.
   */
  #outgrown(error: RaftError): void {
    this.#snapshots.end();
    this.#raft.standAside();
    this.#proposals.failWhatCannotWait(endingWith(error), true);
    this.#reads.failAll(error);
  }

  #written(write: Write): void {
    this.#meter.written(write, this.#raft.appliedIndex);
    this.#react(() => {
      this.#raft.persisted(write);
      if (write.snapshot !== null) this.#snapshots.promoted(write.snapshot, this.#raft.appliedIndex);
    });
    this.#tellIfSaved();
  }

  #report(): MemberReport {
    const { role, term, leader, commit, appliedIndex: applied, lastIndex } = this.#raft;
    return { role, term, leader, commit, applied, lastIndex };
  }
}

const newRaft = (init: RaftInit): Raft => new Raft(init);
