/**
 * The state of one replica, shared by the rooms of the core (elections, replication, following, output): each of them
 * is a handful of functions over it. State that only one role has lives in the role, so that a follower has no progress
 * table and a leader no votes.
 */
import { RaftLog } from './log.ts';
import type { RaftOptions } from './options.ts';
import type { Progress } from './progress.ts';
import type { Random } from './random.ts';
import { observedRules, type Rules } from './rules.ts';
import type { TraceDetail, TraceListener } from './trace.ts';
import type { Configuration, Entry, HardState, Index, Message, NodeId, PersistentState, Term } from './types.ts';

export interface Follower {
  readonly name: 'follower';
  leader: NodeId | null;
}

export interface PreCandidate {
  readonly name: 'pre-candidate';
  readonly votes: Map<NodeId, boolean>;
}

export interface Candidate {
  readonly name: 'candidate';
  readonly votes: Map<NodeId, boolean>;
}

export interface Leader {
  readonly name: 'leader';
  /** Every member, ourselves included, in ascending order of ids. */
  readonly progress: ReadonlyMap<NodeId, Progress>;
  ticksSinceHeartbeat: number;
  ticksSinceQuorumCheck: number;
  /** Bytes of proposals appended in this leadership and not committed yet (R18). */
  uncommittedBytes: number;
}

export type Role = Follower | PreCandidate | Candidate | Leader;

/** A batch for storage: atomic, in order, and durable before `persisted` is called with it (D1, D5, D7). */
export interface Write {
  /** Counts up from 1 in each run of a replica. */
  readonly id: number;
  /** Null when it has not changed. */
  readonly hardState: HardState | null;
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

export class Replica {
  readonly id: NodeId;
  readonly options: RaftOptions;
  readonly random: Random;
  readonly rules: Rules;
  readonly log: RaftLog;
  readonly configuration: Configuration;
  term: Term;
  vote: NodeId | null;
  role: Role = { name: 'follower', leader: null };
  /** Since the last contact with a leader, granted vote, or campaign (E5); 0 in a leader. */
  ticksSinceContact = 0;
  /** How many such ticks this replica waits before it campaigns (E6). */
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
  readonly #listener: TraceListener | undefined;

  constructor(
    id: NodeId,
    persistent: PersistentState,
    random: Random,
    options: RaftOptions,
    rules: Rules,
    listener: TraceListener | undefined,
  ) {
    this.id = id;
    this.options = options;
    this.random = random;
    this.log = new RaftLog(persistent.start, persistent.entries, persistent.hardState.commit);
    this.configuration = persistent.start.configuration;
    this.term = persistent.hardState.term;
    this.vote = persistent.hardState.vote;
    this.writtenHardState = persistent.hardState;
    this.durableHardState = persistent.hardState;
    this.#listener = listener;
    this.rules =
      listener === undefined
        ? rules
        : observedRules(rules, (decision) => {
            this.emit({ name: 'Decision', decision });
          });
  }

  get tracing(): boolean {
    return this.#listener !== undefined;
  }

  /** Ask `tracing` first: building an event costs, and is for listeners only. */
  emit(detail: TraceDetail): void {
    this.#listener?.({
      node: this.id,
      role: this.role.name,
      state: this.hardState,
      last: this.log.lastIndex,
      configuration: this.configuration,
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

  get isVoter(): boolean {
    return this.configuration.voters.includes(this.id);
  }

  /** For appends, heartbeats and pre-votes: they promise nothing that a crash could take back. */
  send(message: Message): void {
    this.outbox.push(message);
    if (this.tracing) this.emit({ name: `Send${message.kind}`, message });
  }

  /** For votes, requests for them, and acknowledgements: what they promise must be durable first (D1, D2, D4). */
  sendWhenDurable(message: Message): void {
    this.outboxWhenDurable.push(message);
    if (this.tracing && message.to === this.id) this.emit({ name: `Send${message.kind}`, message });
  }

  /** For answers that reveal our term and promise nothing else: only the term must be durable (D1). */
  answer(message: Message): void {
    if (this.durableHardState.term === this.term) this.send(message);
    else this.sendWhenDurable(message);
  }

  /** Cuts the log, and lowers what writes on their way can still prove about it (D6). */
  truncate(from: Index): void {
    this.log.truncate(from);
    for (const pending of this.pendingWrites) pending.durableTo = Math.min(pending.durableTo, from - 1);
  }
}
