/**
 * The state of one replica, shared by the rooms of the core (elections, replication, membership, reads, ...): each of them
 * is a handful of functions over it. State that only one role has lives in the role, so that a follower has no progress
 * table and a leader no votes.
 */
import { canLead } from './configuration.ts';
import { exclusionOf } from './exclusions.ts';
import { RaftLog } from './log.ts';
import type { RaftOptions } from './options.ts';
import type { Progress } from './progress.ts';
import type { Random } from './random.ts';
import type { ReadRounds } from './reads.ts';
import { observedRules, type Rules } from './rules.ts';
import { messageEvents, type TraceDetail, type TraceListener } from './trace.ts';
import type {
  Configuration,
  Entry,
  HardState,
  Index,
  LogStart,
  Message,
  NodeId,
  PersistentState,
  Snapshot,
  Term,
} from './types.ts';

export interface Follower {
  readonly name: 'follower';
  readonly leader: NodeId | null;
  /** Reads that the leader is to be asked about, by context. */
  newReads: number[];
  /** Reads that it was asked about, the oldest first. */
  askedReads: ReadBatch[];
}

/** Reads that a follower has asked its leader about together; the context of the last one names them all. */
export interface ReadBatch {
  readonly contexts: readonly number[];
  ticks: number;
}

export interface PreCandidate {
  readonly name: 'pre-candidate';
  readonly votes: Map<NodeId, boolean>;
}

export interface Candidate {
  readonly name: 'candidate';
  readonly votes: Map<NodeId, boolean>;
}

/** A hand-over of leadership that is under way. */
export interface Transfer {
  readonly target: NodeId;
  ticks: number;
  /** The target was asked to campaign. */
  wasAsked: boolean;
}

export interface Leader {
  readonly name: 'leader';
  /** Every member, ourselves included, in ascending order of ids. */
  progress: ReadonlyMap<NodeId, Progress>;
  ticksSinceHeartbeat: number;
  ticksSinceQuorumCheck: number;
  /** Bytes of proposals appended in this leadership and not committed yet (R18). */
  uncommittedBytes: number;
  /** No change of membership may be proposed before everything up to here is applied (M1). */
  pendingChangeIndex: Index;
  readonly reads: ReadRounds;
  transfer: Transfer | null;
  /** We are no voter any more: once somebody else can take over, or after so many ticks, we step down (M11). */
  leavingTicks: number | null;
}

export type Role = Follower | PreCandidate | Candidate | Leader;

/** A batch for storage: atomic, in order, and durable before `persisted` is called with it (D1, D5, D7). */
export interface Write {
  /** Counts up from 1 in each run of a replica. */
  readonly id: number;
  /** Null when it has not changed. */
  readonly hardState: HardState | null;
  /**
   * What was kept of this snapshot, taken or received, becomes the newest one (S6, S9). When the write is durable, and the
   * snapshot is further on than the machine, the machine has to be restored from it before `applied` is called with its
   * index.
   */
  readonly snapshot: Snapshot | null;
  /** The log begins here now: drop what is before, up to and including it. */
  readonly start: LogStart | null;
  /** Cut the stored log from here on before appending; null when the entries simply follow. */
  readonly truncateFrom: Index | null;
  readonly entries: readonly Entry[];
}

/** A write on its way to the disk. */
export interface PendingWrite {
  readonly write: Write;
  /** What its completion proves durable; lowered when the log is rewritten meanwhile (D6, the ABA race). */
  durableTo: Index;
  /** Held back until then (D1, D4). */
  readonly messages: readonly Message[];
}

/** A snapshot that is being received, part by part (S7). */
export interface IncomingSnapshot {
  /** Its identity names this attempt. */
  readonly snapshot: Snapshot;
  /** Of the leader that last sent some of it. */
  term: Term;
  /** Bytes handed to the driver. */
  received: number;
}

/** A part of a snapshot for the driver to keep until all are there. An offset of 0 begins anew. */
export interface StagedPart {
  readonly snapshot: Snapshot;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** A part of a snapshot that the driver is to read, for a member that is behind. */
export interface SnapshotRead {
  readonly to: NodeId;
  readonly snapshot: Snapshot;
  readonly offset: number;
  readonly length: number;
}

/** A read that may be served from the applied state now (Q5). */
export interface ReadyRead {
  readonly context: number;
  readonly index: Index;
}

/** Why a read got no answer. It has had no effect; it may be asked again. */
export type ReadFailure =
  /** Who was to confirm it leads no more. */
  | 'leader-lost'
  /** The leader did not answer within an election timeout. */
  | 'timed-out'
  /** Whoever was asked does not lead, or has too many reads waiting. */
  | 'refused'
  /** We have learnt that we are a witness, and hold nothing that could be read. */
  | 'witness';

export interface FailedRead {
  readonly context: number;
  readonly reason: ReadFailure;
}

export interface ReplicaInit {
  readonly id: NodeId;
  readonly persistent: PersistentState;
  readonly random: Random;
  readonly options: RaftOptions;
  readonly rules: Rules;
  readonly drawElectionTimeout: ((electionTicks: number) => number) | undefined;
  readonly listener: TraceListener | undefined;
  readonly traceDecisions: boolean;
}

export class Replica {
  readonly id: NodeId;
  readonly options: RaftOptions;
  readonly rules: Rules;
  /** The same rules, for questions that decide nothing and leave no trace. */
  readonly quietRules: Rules;
  readonly log: RaftLog;
  readonly #random: Random;
  readonly #drawElectionTimeout: ((electionTicks: number) => number) | undefined;
  readonly #listener: TraceListener | undefined;
  term: Term;
  vote: NodeId | null;
  role: Role = { name: 'follower', leader: null, newReads: [], askedReads: [] };
  /** In force: that of the last applied change, or of the snapshot that was taken over. */
  configuration: Configuration;
  /** A voter has told us that we are no member any more (M12). */
  isRemoved = false;
  /** Whoever drives this replica cannot serve a group: it votes and keeps the log, and leads no more. */
  standsAside = false;
  /** Since the last contact with a leader, granted vote, or campaign (E5); 0 in a leader. */
  ticksSinceContact = 0;
  /**
   * Since the last word from any leader, whatever has happened since. Where there are leases, a replica that has just
   * started may have given its word and not know it (Q7).
   */
  ticksSinceLeader = 0;
  /** How many ticks without contact this replica waits before it campaigns (E6). */
  electionTimeout = 0;
  /** What may go out at once. */
  outbox: Message[] = [];
  /** What must wait until everything decided so far is durable. */
  outboxWhenDurable: Message[] = [];
  readonly pendingWrites: PendingWrite[] = [];
  writes = 0;
  /** The hard state last handed to storage. */
  writtenHardState: HardState;
  /** The commit index is to be written, with or without company. */
  mustSaveCommit = false;
  /** The hard state known to be on disk. */
  durableHardState: HardState;
  /** The newest durable snapshot. */
  snapshot: Snapshot | null;
  incoming: IncomingSnapshot | null = null;
  /** Parts that wait to be handed to the driver. */
  stagedParts: StagedPart[] = [];
  snapshotReads: SnapshotRead[] = [];
  /** To be written with the next batch. */
  snapshotToWrite: Snapshot | null = null;
  startToWrite: LogStart | null = null;
  /** Names the next read. */
  nextReadContext: number;
  /** Proved, and waiting for the state to come as far (Q5). */
  confirmedReads: ReadyRead[] = [];
  failedReads: FailedRead[] = [];

  constructor(init: ReplicaInit) {
    const { id, persistent, random, options, rules, drawElectionTimeout, listener, traceDecisions } = init;
    this.id = id;
    this.options = options;
    this.#random = random;
    // Q2: an answer to a read of an earlier run must not be taken for one to a read of this run.
    this.nextReadContext = random.below(2 ** 32) * 2 ** 20;
    this.#drawElectionTimeout = drawElectionTimeout;
    this.#listener = listener;
    const { start, snapshot = null, entries, hardState } = persistent;
    this.log = new RaftLog(start, entries, hardState.commit, (snapshot ?? start).index);
    this.configuration = (snapshot ?? start).configuration;
    this.snapshot = snapshot;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.writtenHardState = hardState;
    this.durableHardState = hardState;
    this.quietRules = rules;
    this.rules =
      listener === undefined || !traceDecisions
        ? rules
        : observedRules(rules, (decision) => {
            this.emit({ name: 'Decision', decision });
          });
  }

  /** E6, E19: drawn afresh at each change of role or leader; a replica that should rather not lead waits longer. */
  drawElectionTimeout(): void {
    const { electionTicks, campaignDelayTicks } = this.options;
    const drawn = this.#drawElectionTimeout?.(electionTicks) ?? electionTicks + this.#random.below(electionTicks);
    this.electionTimeout = drawn + campaignDelayTicks;
  }

  get tracing(): boolean {
    return this.#listener !== undefined;
  }

  /** Ask `tracing` first: building an event costs, and is for listeners only. */
  emit(detail: TraceDetail): void {
    const { voters, outgoing, learners } = this.configuration;
    this.#listener?.({
      node: this.id,
      role: this.role.name,
      state: this.hardState,
      last: this.log.lastIndex,
      conf: [voters, outgoing],
      learners,
      ...detail,
    });
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.commit };
  }

  get leader(): NodeId | null {
    if (this.role.name === 'leader') return this.id;
    return this.role.name === 'follower' ? this.role.leader : null;
  }

  get canLead(): boolean {
    return !this.standsAside && canLead(this.configuration, this.id);
  }

  /** We are no member any more, or are not to be one: by our own log, or because a voter said so (M12). */
  get isOut(): boolean {
    return this.isRemoved || exclusionOf(this.configuration, this.id) !== null;
  }

  /** A leader may count on it that we elect no other one (Q7). */
  get owesLease(): boolean {
    return this.options.leaseReads && this.ticksSinceLeader < this.options.electionTicks;
  }

  /** For appends, heartbeats and pre-votes: they promise nothing that a crash could take back. */
  send(message: Message): void {
    this.outbox.push(message);
    if (this.tracing) this.emit({ name: messageEvents[message.kind].sent, message });
  }

  /** For votes, requests for them, and acknowledgements: what they promise must be durable first (D1, D2, D4). */
  sendWhenDurable(message: Message): void {
    this.outboxWhenDurable.push(message);
    if (this.tracing && message.to === this.id) this.emit({ name: messageEvents[message.kind].sent, message });
  }

  /** For answers that reveal our term and promise nothing else: only the term must be durable (D1). */
  answer(message: Message): void {
    if (this.durableHardState.term === this.term) this.send(message);
    else this.sendWhenDurable(message);
  }

  /** Cuts the log, and lowers what writes on their way can still prove about it (D6). */
  truncate(from: Index): void {
    this.log.truncate(from);
    this.#lowerPendingWrites(from - 1);
  }

  /** Gives way to a snapshot, and to its configuration (S6, M8). */
  restore(snapshot: Snapshot): void {
    const { commit } = this.log;
    this.log.restore(snapshot.index, snapshot.term);
    // Writes on their way can still prove what was committed; the snapshot is durable only with its own (D6).
    this.#lowerPendingWrites(commit);
    this.configuration = snapshot.configuration;
    this.snapshotToWrite = snapshot;
    const { index, term, configuration } = snapshot;
    this.startToWrite = { index, term, configuration };
  }

  #lowerPendingWrites(index: Index): void {
    for (const pending of this.pendingWrites) pending.durableTo = Math.min(pending.durableTo, index);
  }
}
