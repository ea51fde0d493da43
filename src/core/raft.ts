/**
 * The Raft algorithm without I/O, clock or randomness of its own. Feed it inputs (`tick`, `step`, `propose`, ...), then
 * carry out what `ready` hands back: write, send, apply. Two instances given the same inputs do the same, byte for byte.
 */
import { campaign, campaignSoon, forgetLeader, tickElection } from './elections.ts';
import { InvariantViolation } from './errors.ts';
import { type RaftOptions, raftOptions } from './options.ts';
import { hasReady, persisted, type Ready, takeReady } from './output.ts';
import type { ProgressState } from './progress.ts';
import type { Random } from './random.ts';
import { Replica, type Write } from './replica.ts';
import { reportUnreachable, reportUnsent, tickLeader } from './replication.ts';
import { appendAsLeader, drawElectionTimeout } from './roles.ts';
import { type Rules, standardRules } from './rules.ts';
import { step } from './step.ts';
import type { RoleName, TraceListener } from './trace.ts';
import {
  type AppendEntries,
  type Configuration,
  type Entry,
  entryBytes,
  type Index,
  type Message,
  type NodeId,
  type PersistentState,
  type Term,
} from './types.ts';

export interface RaftInit {
  readonly id: NodeId;
  /** What storage holds; see `emptyState` for a new replica. */
  readonly persistent: PersistentState;
  readonly random: Random;
  readonly options?: Partial<RaftOptions>;
  /** The safety rules, for tests and lessons that break one on purpose. */
  readonly rules?: Rules;
  /** Hears of every transition and every decision. */
  readonly trace?: TraceListener;
}

/** What became of a proposal at once. Accepted means appended to the leader's log, not committed. */
export type ProposeResult =
  | { readonly accepted: true; readonly term: Term; readonly firstIndex: Index; readonly lastIndex: Index }
  | { readonly accepted: false; readonly reason: 'not-leader' | 'too-much-uncommitted' };

export interface FollowerProgress {
  readonly state: ProgressState;
  readonly match: Index;
  readonly next: Index;
  readonly paused: boolean;
  readonly recentlyActive: boolean;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: RoleName;
  readonly term: Term;
  readonly vote: NodeId | null;
  /** Null when none is known. */
  readonly leader: NodeId | null;
  readonly commit: Index;
  readonly applied: Index;
  readonly durable: Index;
  readonly lastIndex: Index;
  readonly configuration: Configuration;
  /** What a leader knows of each member; empty in every other role. */
  readonly progress: ReadonlyMap<NodeId, FollowerProgress>;
}

/** The state of a replica that has never run: an empty log under a configuration that all members start from (M15). */
export function emptyState(voters: readonly NodeId[]): PersistentState {
  return {
    hardState: { term: 0, vote: null, commit: 0 },
    start: { index: 0, term: 0, configuration: { voters: [...new Set(voters)].sort() } },
    entries: [],
  };
}

/** D10: a state that no run of the algorithm can have left behind is not started from. */
function checkState({ hardState, start, entries }: PersistentState): void {
  let { index, term } = start;
  for (const entry of entries) {
    if (entry.index !== index + 1 || entry.term < term) {
      throw new InvariantViolation(
        'D10',
        `stored entry ${entry.index} of term ${entry.term} follows ${index} of ${term}`,
      );
    }
    ({ index, term } = entry);
  }
  if (hardState.commit < start.index || hardState.commit > index) {
    throw new InvariantViolation(
      'D10',
      `stored commit index ${hardState.commit} is outside of ${start.index} to ${index}`,
    );
  }
  if (hardState.term < term) {
    throw new InvariantViolation('D10', `stored term ${hardState.term} is below the term ${term} of the log`);
  }
  const { voters } = start.configuration;
  if (voters.some((id, i) => i > 0 && id <= (voters[i - 1] ?? ''))) {
    throw new InvariantViolation('D10', 'the voters of a stored configuration are not distinct and in ascending order');
  }
}

export class Raft {
  readonly #replica: Replica;
  #failure: InvariantViolation | null = null;

  /**
   * @throws RangeError for options out of range.
   * @throws InvariantViolation for a stored state that cannot be right (D10).
   */
  constructor({ id, persistent, random, options = {}, rules = standardRules, trace }: RaftInit) {
    checkState(persistent);
    this.#replica = new Replica(id, persistent, random, raftOptions(options), rules, trace);
    drawElectionTimeout(this.#replica);
    this.#replica.emit({ name: 'InitState' });
  }

  /** Once an invariant is broken, everything fails: a replica in doubt about itself takes no further part. */
  #run<Result>(action: (replica: Replica) => Result): Result {
    if (this.#failure !== null) throw this.#failure;
    try {
      return action(this.#replica);
    } catch (error) {
      if (error instanceof InvariantViolation) this.#failure = error;
      throw error;
    }
  }

  /** One unit of time has passed. */
  tick(): void {
    this.#run((replica) => {
      if (replica.role.name === 'leader') tickLeader(replica, replica.role);
      else tickElection(replica);
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
    this.#run((replica) => step(replica, message));
  }

  /** Appends commands to the leader's log, all or none. They travel when `ready` is taken next. */
  propose(commands: readonly Uint8Array[]): ProposeResult {
    const replica = this.#replica;
    const { role, log, term } = replica;
    if (role.name !== 'leader') return { accepted: false, reason: 'not-leader' };
    const firstIndex = log.lastIndex + 1;
    const entries = commands.map((data, i): Entry => ({ index: firstIndex + i, term, kind: 'command', data }));
    let added = 0;
    for (const entry of entries) added += entryBytes(entry);
    const limit = replica.options.maxUncommittedBytes;
    if (!replica.rules.mayGrowUncommitted({ outstanding: role.uncommittedBytes, added, limit })) {
      return { accepted: false, reason: 'too-much-uncommitted' };
    }
    role.uncommittedBytes += added;
    appendAsLeader(replica, role, entries);
    return { accepted: true, term, firstIndex, lastIndex: log.lastIndex };
  }

  /** Stands for election now, without waiting for the election timeout. */
  campaign(): void {
    this.#run(campaign);
  }

  /** A follower is told that its leader has gone for good, for example that its tab has closed: it need not wait. */
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
   * The transport did not take this append. Whatever was handed out after it for the same member must not be sent either;
   * all of it comes again once the member answers.
   */
  reportUnsent(message: AppendEntries): void {
    this.#run((replica) => {
      if (replica.role.name === 'leader' && message.term === replica.term) reportUnsent(replica.role, message);
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

  /** What was on its way to this member is lost: a leader probes it before it streams again (R13, N4). */
  reportUnreachable(id: NodeId): void {
    this.#run((replica) => {
      if (replica.role.name === 'leader') reportUnreachable(replica.role, id);
    });
  }

  hasReady(): boolean {
    return this.#run(hasReady);
  }

  /** Takes everything there is to do, or null. What is handed out here is not handed out again. */
  ready(): Ready | null {
    return this.#run(takeReady);
  }

  /** `write`, and all before it, is durable. */
  persisted(write: Write): void {
    this.#run((replica) => persisted(replica, write));
  }

  /** All committed entries up to `index` are applied. */
  applied(index: Index): void {
    this.#run((replica) => replica.log.appliedTo(index));
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

  get lastIndex(): Index {
    return this.#replica.log.lastIndex;
  }

  status(): RaftStatus {
    const { id, role, term, vote, leader, log, configuration } = this.#replica;
    const progress: Map<NodeId, FollowerProgress> = new Map();
    if (role.name === 'leader') {
      for (const [member, { state, match, next, paused, recentlyActive }] of role.progress) {
        progress.set(member, { state, match, next, paused, recentlyActive });
      }
    }
    const { commit, applied, durable, lastIndex } = log;
    return { id, role: role.name, term, vote, leader, commit, applied, durable, lastIndex, configuration, progress };
  }
}
