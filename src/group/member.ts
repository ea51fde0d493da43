/**
 * One member at work: a core, driven by messages and time (`driver.ts`), with its effects carried out on a storage, a transport
 * and a machine. Here its parts are put together, and what is asked of it comes in. Everything is synchronous and reacts to
 * events; the same code runs in a tab and in a simulation.
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
import { Raft, type RaftInit } from '../core/raft.ts';
import type { Random } from '../core/random.ts';
import type { ReadConsistency } from '../core/reading.ts';
import type { RoleName, TraceListener } from '../core/trace.ts';
import type { TransferResult } from '../core/transfers.ts';
import type { Configuration, Index, NodeId, PersistentState, Term } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import { type CommittedCommand, ReplicatedMachine } from '../machine/replicated.ts';
import type { Storage } from '../storage/storage.ts';
import type { Demand, MemberMessage } from '../transport/messages.ts';
import type { Transport } from '../transport/transport.ts';
import { Applier } from './applier.ts';
import { type CancelChange, type ChangeOutcome, Changes } from './changes.ts';
import type { Clock } from './clock.ts';
import { Courier } from './courier.ts';
import { Driver } from './driver.ts';
import { Echo } from './echo.ts';
import type { MemberListener } from './listener.ts';
import { MemberMeter, type MemberMetrics } from './member-meter.ts';
import { defaultMemberOptions, type MemberOptions } from './member-options.ts';
import { type LogEntry, logTail, type MemberStatus, reportOf } from './member-status.ts';
import { type NewcomerKind, Newcomers } from './newcomers.ts';
import { Peers } from './peers.ts';
import type { Proposal, ProposalOutcome, RestoredProposal } from './pending.ts';
import { newProposals, type Proposals } from './proposals.ts';
import { type ReadOutcome, Reads } from './reads.ts';
import { Snapshots } from './snapshots.ts';

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
  readonly #peers: Peers;
  readonly #meter: MemberMeter;
  readonly #driver: Driver<State, Command, Result>;

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
    this.#clock = clock;
    this.#meter = init.meter ?? new MemberMeter(clock);
    this.#meter.begin(persistent.hardState);
    this.#machine = new ReplicatedMachine(machine);
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
    this.#snapshots = new Snapshots({
      raft: this.#raft,
      storage,
      machine: this.#machine,
      random,
      options: snapshots,
      react: (action) => {
        this.#driver.react(action);
      },
      fail: (error) => {
        this.#driver.stop(error);
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
        this.#driver.schedule();
      },
      failed: (error) => {
        this.#driver.stop(error);
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
        this.#driver.outgrown(error);
      },
      full: (error) => {
        this.#driver.stop(error);
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
    this.#driver = new Driver({
      id,
      raft: this.#raft,
      storage,
      transport,
      clock,
      machine: this.#machine,
      applier: this.#applier,
      snapshots: this.#snapshots,
      proposals: this.#proposals,
      courier: this.#courier,
      changes: this.#changes,
      newcomers: this.#newcomers,
      reads: this.#reads,
      peers: this.#peers,
      meter: this.#meter,
      listener,
      tickMs,
      maxTicks: Math.max(1, Math.floor(electionTicks / 2)),
    });
    if (this.#raft.snapshot !== null) this.#snapshots.restore(this.#raft.snapshot);
    this.#driver.schedule();
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
    this.#driver.schedule();
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
    this.#driver.schedule();
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
    this.#driver.schedule();
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
    return this.#driver.answer(() => this.#raft.proposeMembership(steps, options));
  }

  /** Leaves a joint configuration that does not leave itself. */
  leaveJoint(options: Pick<MembershipOptions, 'ifVersion'> = {}): MembershipResult {
    return this.#driver.answer(() => this.#raft.leaveJoint(options));
  }

  /** Hands leadership over, if this member leads. */
  transferLeadership(target: NodeId): TransferResult {
    return this.#driver.answer(() => this.#raft.transferLeadership(target));
  }

  /**
   * Asks for something of the group itself, from whichever member; `settle` is called once, later, with what came of it.
   * @param ifVersion the version of the configuration that it is meant for; null for whichever is in force
   * @throws RaftError BUSY, MEMBERS_CHANGED, or why the member stopped
   */
  change(demand: Demand, ifVersion: Index | null, settle: (outcome: ChangeOutcome) => void): CancelChange {
    return this.#driver.answer(() => this.#changes.add(demand, ifVersion, settle));
  }

  /** Somebody asks us to be let into the group; false when that is full. Whoever leads sees to it. */
  admit(id: NodeId, kind: NewcomerKind): boolean {
    return this.#driver.answer(() => this.#newcomers.ask(id, kind));
  }

  /** Takes a snapshot now, if something was applied since the last one. */
  takeSnapshot(): void {
    this.#driver.react(() => {
      this.#snapshots.take();
    });
  }

  /** Whether a read on a lease would be answered now, without asking anybody. */
  get holdsLease(): boolean {
    return this.#driver.holdsLease;
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
    this.#driver.saveCommit(saved);
  }

  /** Holds nothing of the group yet. */
  get isEmpty(): boolean {
    return this.#raft.lastIndex === 0;
  }

  get role(): RoleName {
    return this.#raft.role;
  }

  get term(): Term {
    return this.#raft.term;
  }

  /** Stands for election without waiting: for the founder of a group, whose others are waiting for a leader. */
  campaign(): void {
    this.#driver.react(() => {
      this.#raft.campaign();
    });
  }

  /** Takes a message that came over a link from the host of its sender. */
  receive(message: MemberMessage): void {
    if (message.to !== this.id || message.from === this.id) return;
    this.#driver.react(() => {
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
    this.#driver.react(() => {
      this.#peers.connected(peer);
      this.#raft.campaignSoon();
    });
  }

  /** The link to a member is gone, most likely with its tab: whoever led from there need not be waited for. */
  peerDisconnected(peer: NodeId): void {
    this.#driver.react(() => {
      this.#peers.disconnected(peer);
      this.#raft.reportUnreachable(peer);
      if (this.#raft.leader === peer) this.#raft.forgetLeader();
    });
  }

  /** Whether there is a leader, which has a majority, as far as this member knows. */
  get hasQuorum(): boolean {
    if (this.#driver.stopped !== null || this.#raft.leader === null) return false;
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
      members: this.#peers.list(reportOf(this.#raft)),
      pending: this.#proposals.pending,
      outgrown: this.#applier.outgrown,
      stopped: this.#driver.stopped,
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
    this.#driver.stop(reason);
  }

  /** Why this member takes no further part; null while it does. */
  get stopped(): RaftError | null {
    return this.#driver.stopped;
  }

  /** Why nothing is applied, proposed or read here any more: it has stopped, or cannot follow its group. */
  get refusal(): RaftError | null {
    return this.#driver.stopped ?? this.#applier.outgrown;
  }
}

const newRaft = (init: RaftInit): Raft => new Raft(init);
