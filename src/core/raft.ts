/**
 * The Raft algorithm without I/O, clock or randomness of its own. Feed it inputs (`tick`, `step`, `propose`, ...), then
 * carry out what `ready` hands back: write, send, apply. Two instances given the same inputs do the same, byte for byte.
 */
import { foundingConfiguration, type MembershipStep } from './configuration.ts';
import { campaign, campaignSoon, forgetLeader, tickElection } from './elections.ts';
import { InvariantViolation } from './errors.ts';
import { tickLeader } from './leading.ts';
import { leaveJoint, type MembershipOptions, type MembershipResult, proposeMembership } from './membership.ts';
import { type RaftOptions, raftOptions } from './options.ts';
import { applied, hasReady, persisted, type Ready, takeReady } from './output.ts';
import { checkState } from './persistent-state.ts';
import { type ProposeResult, propose } from './proposing.ts';
import type { Random } from './random.ts';
import { holdsLease, pendingReads, type ReadConsistency, type ReadResult, requestRead, tickReads } from './reading.ts';
import { Replica, type SnapshotRead, type StagedPart, type Write } from './replica.ts';
import { reportSnapshot, reportUnreachable, reportUnsent } from './replication.ts';
import { type Rules, standardRules } from './rules.ts';
import { partRead } from './sending-snapshots.ts';
import { compact, partsDamaged, partStaged, snapshotTaken } from './snapshots.ts';
import { type FollowerProgress, progressOfMember, type RaftStatus, statusOf } from './status.ts';
import { step } from './step.ts';
import type { RoleName, TraceListener } from './trace.ts';
import { standAside, transferLeadership, type TransferResult } from './transfers.ts';
import type {
  BulkMessage,
  Configuration,
  Entry,
  Index,
  LogStart,
  Message,
  NodeId,
  PersistentState,
  Snapshot,
  Term,
} from './types.ts';

export interface RaftInit {
  readonly id: NodeId;
  /** What storage holds; see `emptyState` for a new replica. */
  readonly persistent: PersistentState;
  /** Another seed for each run of a replica, or answers to reads of one run could be taken for those of the next. */
  readonly random: Random;
  readonly options?: Partial<RaftOptions>;
  /** The safety rules, for tests and lessons that break one on purpose. */
  readonly rules?: Rules;
  /** Hears of every transition, and of every decision unless `traceDecisions` is false. */
  readonly trace?: TraceListener;
  readonly traceDecisions?: boolean;
  /** Decides on election timeouts instead of the random source: ticks, at least 1. `campaignDelayTicks` is added. */
  readonly drawElectionTimeout?: (electionTicks: number) => number;
}

/** The state of a replica that has never run: an empty log under a configuration that all members start from (M15). */
export function emptyState(voters: readonly NodeId[]): PersistentState {
  return {
    hardState: { term: 0, vote: null, commit: 0 },
    start: { index: 0, term: 0, configuration: foundingConfiguration(voters) },
    entries: [],
  };
}

export class Raft {
  readonly #replica: Replica;
  #failure: InvariantViolation | null = null;

  /**
   * @throws RangeError for options out of range.
   * @throws InvariantViolation for a stored state that cannot be right (D10).
   */
  constructor({ id, persistent, random, options = {}, rules = standardRules, trace, ...hooks }: RaftInit) {
    checkState(persistent);
    const { drawElectionTimeout, traceDecisions = true } = hooks;
    const listener = trace;
    this.#replica = new Replica({
      id,
      persistent,
      random,
      options: raftOptions(options),
      rules,
      drawElectionTimeout,
      listener,
      traceDecisions,
    });
    this.#replica.drawElectionTimeout();
    if (this.#replica.tracing) this.#replica.emit({ name: 'InitState' });
  }

  /** Once an invariant is broken, everything fails: a replica in doubt about itself takes no further part. */
  #run<Result>(action: (replica: Replica) => Result): Result;
  #run<Argument, Result>(action: (replica: Replica, argument: Argument) => Result, argument: Argument): Result;
  #run<Result>(action: (replica: Replica, argument?: unknown) => Result, argument?: unknown): Result {
    if (this.#failure !== null) throw this.#failure;
    try {
      return action(this.#replica, argument);
    } catch (error) {
      if (error instanceof InvariantViolation) this.#failure = error;
      throw error;
    }
  }

  /** One unit of time has passed. */
  tick(): void {
    this.#run((replica) => {
      const { role } = replica;
      replica.ticksSinceLeader++;
      if (role.name === 'leader') {
        tickLeader(replica, role);
      } else {
        if (role.name === 'follower') tickReads(replica, role);
        tickElection(replica);
      }
    });
  }

  /**
   * Takes a message from another replica.
   * @throws RangeError for a message that is not addressed to this replica, or claims to come from it.
   * @throws InvariantViolation when the message proves that an invariant is broken; this replica must stop.
   */
  step(message: Message): void {
    const { id } = this.#replica;
    if (message.to !== id || message.from === id) {
      throw new RangeError(`a message from ${message.from} to ${message.to} is not for ${id}`);
    }
    this.#run(step, message);
  }

  /** Appends one command, or several, all or none, to the leader's log. They travel when `ready` is taken next. */
  propose(commands: Uint8Array | readonly Uint8Array[]): ProposeResult {
    return this.#run(propose, commands);
  }

  /** Appends a change of membership to the leader's log. It takes effect, member by member, when it is applied. */
  proposeMembership(steps: readonly MembershipStep[], options: MembershipOptions = {}): MembershipResult {
    return this.#run((replica) => proposeMembership(replica, steps, options));
  }

  /** Leaves a joint configuration that does not leave itself. */
  leaveJoint({ ifVersion = null }: Pick<MembershipOptions, 'ifVersion'> = {}): MembershipResult {
    return this.#run((replica) => leaveJoint(replica, ifVersion));
  }

  /** Hands leadership over. Nothing can be proposed until that has come about, or an election timeout has passed (T2). */
  transferLeadership(target: NodeId): TransferResult {
    return this.#run((replica) => transferLeadership(replica, target));
  }

  /**
   * Votes and keeps the log, but leads no more, until it is started again: for a driver that finds itself unable to apply
   * what the group commits. A leader hands over first.
   */
  standAside(): void {
    this.#run(standAside);
  }

  /** Begins a linearizable read. Its context comes back in `reads` or `failedReads` of a `Ready`. */
  readIndex(consistency: ReadConsistency = 'linearizable'): ReadResult {
    return this.#run((replica) => requestRead(replica, consistency));
  }

  /** Time has passed that was not ticked: whatever our lease relied on may be over (Q7). */
  voidLease(): void {
    const { role } = this.#replica;
    if (role.name === 'leader') role.reads.voidLease();
  }

  /** Whether a read on a lease would be answered without asking anybody, as far as time was ticked (Q7). */
  get holdsLease(): boolean {
    return holdsLease(this.#replica);
  }

  /** Stands for election now, without waiting for the election timeout. Does nothing where that is not allowed. */
  campaign(): void {
    this.#run(campaign);
  }

  /**
   * A follower is told that its leader has gone for good, for example that its tab has closed: it need not wait. Does
   * nothing with `leaseReads`, where the leader counts on our word.
   */
  forgetLeader(): void {
    this.#run(forgetLeader);
  }

  /**
   * Without a leader, stands for election within a few ticks instead of an election timeout: for when others have come
   * within reach. Does nothing while a leader is known.
   */
  campaignSoon(): void {
    this.#run(campaignSoon);
  }

  /**
   * The transport did not take this message. Whatever of its kind was handed out after it for the same member must not be
   * sent either; all of it comes again once the member answers.
   */
  reportUnsent(message: BulkMessage): void {
    this.#run((replica) => {
      if (replica.role.name === 'leader' && message.term === replica.term) reportUnsent(replica.role, message);
    });
  }

  /** What was on its way to this member is lost: a leader probes it before it streams again (R13, N4). */
  reportUnreachable(id: NodeId): void {
    this.#run((replica) => {
      if (replica.role.name === 'leader') reportUnreachable(replica.role, id);
    });
  }

  /**
   * The sending of a snapshot to this member is over: it could not be read, or the driver has brought it there by other
   * means (S1). Not needed after a transfer through `partRead`, which the member acknowledges itself.
   */
  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void {
    this.#run((replica) => {
      if (replica.role.name === 'leader') reportSnapshot(replica.role, id, outcome);
    });
  }

  /** A part of a snapshot that was asked for in a `Ready` is read. */
  partRead(read: SnapshotRead, data: Uint8Array): void {
    this.#run((replica) => {
      if (replica.role.name === 'leader') partRead(replica, replica.role, read, data);
    });
  }

  /** A received part of a snapshot is kept, and all before it. With the last one the snapshot is installed. */
  partStaged({ snapshot, offset, data }: StagedPart): void {
    this.#run((replica) => {
      partStaged(replica, snapshot, offset + data.byteLength);
    });
  }

  /** The parts received of this snapshot do not make sense, or could not be kept: they are asked for anew. */
  partsDamaged(snapshot: Snapshot): void {
    this.#run((replica) => {
      partsDamaged(replica, snapshot);
    });
  }

  /**
   * What a snapshot of the machine as it is applied now must carry (S5). Null while a received snapshot waits to be applied:
   * the configuration is that of the snapshot already, and the machine is still behind it.
   */
  snapshotPoint(): LogStart | null {
    const { log, configuration } = this.#replica;
    const { applied: index } = log;
    const term = log.termAt(index);
    return term === undefined ? null : { index, term, configuration };
  }

  /**
   * The bytes of a snapshot taken at a `snapshotPoint` are kept. The next write makes it the newest one, in one batch with
   * a commit index that is not behind it (D10); once that is durable, `compact` may drop the entries that it holds.
   * @returns false when it is not wanted: there is a newer one, or the one before the newest is still being sent (S9)
   */
  snapshotTaken(snapshot: Snapshot): boolean {
    return this.#run((replica) => snapshotTaken(replica, snapshot));
  }

  /**
   * Drops entries that the newest snapshot holds, but keeps a tail, and what others are waiting for (S8).
   * @param index no further than this
   * @returns the index of the last entry that is gone
   */
  compact(index: Index = Number.POSITIVE_INFINITY): Index {
    return this.#run((replica) => compact(replica, index, true));
  }

  /**
   * Drops everything that the newest snapshot holds and nobody is waiting for, the tail as well: when space is short.
   * @returns where the log begins now, null if nothing could be dropped
   */
  compactWholly(): LogStart | null {
    return this.#run((replica) => {
      const before = replica.log.startIndex;
      const index = compact(replica, Number.POSITIVE_INFINITY, false);
      return index > before ? replica.startToWrite : null;
    });
  }

  /**
   * Stores the commit index, which otherwise waits for company: after a restart it is then known how far the state goes
   * without asking anybody.
   */
  saveCommit(): void {
    this.#replica.mustSaveCommit = true;
  }

  /** The commit index as it was last handed to storage. */
  get savedCommit(): Index {
    return this.#replica.writtenHardState.commit;
  }

  /** How far the log is known to be committed after a restart, whatever happens now. */
  get durableCommit(): Index {
    return this.#replica.durableHardState.commit;
  }

  /** Whether `ready` has anything to hand out. */
  hasReady(): boolean {
    return this.#run(hasReady);
  }

  /** Takes everything there is to do, or null. What is handed out here is not handed out again. */
  ready(): Ready | null {
    return this.#run(takeReady);
  }

  /**
   * Everything in this batch is carried out: written, sent, applied, and the machine restored from the snapshot that it
   * may install. For drivers that do one batch after the other; others call `persisted` and `applied` as they go.
   */
  advance({ write, committed, snapshotParts }: Ready): void {
    if (write !== null) {
      this.persisted(write);
      if (write.snapshot !== null && write.snapshot.index > this.#replica.log.applied)
        this.applied(write.snapshot.index);
    }
    const last = committed.at(-1);
    if (last !== undefined) this.applied(last.index);
    for (const part of snapshotParts) this.partStaged(part);
  }

  /** `write`, and all before it, is durable. */
  persisted(write: Write): void {
    this.#run(persisted, write);
  }

  /** The machine has applied all committed entries up to `index`, or was restored from a snapshot of that index. */
  applied(index: Index): void {
    this.#run(applied, index);
  }

  /** The newest durable snapshot; null if there is none. */
  get snapshot(): Snapshot | null {
    return this.#replica.snapshot;
  }

  /** A member is being sent a snapshot that is not the newest one: whoever keeps two had better not take a third. */
  get isSendingOldSnapshot(): boolean {
    const { role, snapshot } = this.#replica;
    if (role.name !== 'leader') return false;
    return [...role.progress.values()].some(({ transfer }) => transfer !== null && transfer.snapshot !== snapshot);
  }

  /** The entry at an index, undefined outside the log. */
  entryAt(index: Index): Entry | undefined {
    return this.#replica.log.entryAt(index);
  }

  get role(): RoleName {
    return this.#replica.role.name;
  }

  get term(): Term {
    return this.#replica.term;
  }

  /** Null when none is known. */
  get leader(): NodeId | null {
    return this.#replica.leader;
  }

  get commit(): Index {
    return this.#replica.log.commit;
  }

  get appliedIndex(): Index {
    return this.#replica.log.applied;
  }

  get lastIndex(): Index {
    return this.#replica.log.lastIndex;
  }

  /** The last entry that is durable here. */
  get durableIndex(): Index {
    return this.#replica.log.durable;
  }

  /** The last entry that is not in the log any more; 0 if the log is whole. */
  get startIndex(): Index {
    return this.#replica.log.startIndex;
  }

  /** In force here: that of the last change that was applied. */
  get configuration(): Configuration {
    return this.#replica.configuration;
  }

  /** This replica knows that it is no member any more, or is not to be one. */
  get isRemoved(): boolean {
    return this.#replica.isOut;
  }

  /** What this replica, if it leads, knows of one member; null for nothing. */
  progressOf(id: NodeId): FollowerProgress | null {
    return progressOfMember(this.#replica, id);
  }

  /** Reads that wait for a proof, or for the state; at most `maxPendingReads`. */
  get pendingReads(): number {
    return pendingReads(this.#replica);
  }

  /** Everything that can be known of this replica, as plain data. */
  status(): RaftStatus {
    return statusOf(this.#replica);
  }
}
