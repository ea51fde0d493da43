/**
 * What a `Group` needs of the member behind it, and all that it knows of it. Everything is synchronous: promises, patience
 * and listeners are the group's own affair.
 */
import type { Configuration, Index } from '../core/types.ts';
import type { ReadConsistency } from '../core/reading.ts';
import type { RaftError } from '../errors.ts';
import type { CancelChange, ChangeOutcome } from '../group/changes.ts';
import type { LogEntry } from '../group/member-status.ts';
import type { MemberPresence } from '../group/presence.ts';
import type { Proposal, ProposalOutcome, RestoredProposal } from '../group/pending.ts';
import type { ReadOutcome } from '../group/reads.ts';
import type { CommittedCommand } from '../machine/replicated.ts';
import type { Demand } from '../transport/messages.ts';
import type { GroupFacts } from './status.ts';
import type { GroupMetrics } from './traffic.ts';

export interface GroupMember<State, Command, Result> {
  /** Whether the members are known, and this one is at work. */
  readonly isFounded: boolean;
  /** Why there is no member at work any more; null while there is, or will be. */
  readonly stopped: RaftError | null;
  /** Why no call is answered any more: it has stopped, or cannot follow its group; null while they are, or will be. */
  readonly refusal: RaftError | null;
  /** The same object until it changes. */
  readonly state: State;
  /**
   * The state as it would be if the pending commands were committed next: the same object until it changes.
   * @throws RaftError NOT_SUPPORTED for a machine that cannot be copied
   */
  readonly optimistic: State;
  /** As far as this the log is applied in `state`; 0 before anything is. */
  readonly appliedIndex: Index;
  /** Everything that was proposed here and has no outcome, in order: the same list until it is another one. */
  readonly pending: readonly Proposal[];
  /** What an earlier run had proposed, and had no outcome when this one began, in order. */
  readonly restored: readonly RestoredProposal<Result>[];
  /** What members show of themselves. */
  readonly presence: MemberPresence;
  /**
   * The first command at this index or behind it that was applied here, or rejected; null when there is none yet.
   * @throws RaftError COMPACTED when there may have been one that is not kept any more
   */
  committed(from: Index): CommittedCommand<Command, Result> | null;
  /** Whether there is a leader, which has a majority, as far as this member knows. */
  readonly hasQuorum: boolean;
  /** Whether it is linked to a majority of those who vote, itself included. */
  readonly isMajorityLinked: boolean;
  status(): GroupFacts;
  /** What was counted since the group was opened here. */
  metrics(): GroupMetrics;
  logTail(count: number): LogEntry<Command>[];
  /**
   * `settle` is called once, later.
   * @param expiresInMs milliseconds after which it is not to be sent any more, if it was not; null for never
   * @throws RaftError: the command is not done then
   */
  propose(command: Command, settle: (outcome: ProposalOutcome<Result>) => void, expiresInMs: number | null): Proposal;
  /**
   * Proposes that the group runs the version of this code's machine; `settle` is called once, later.
   * @throws RaftError: it is not done then
   */
  proposeUpgrade(settle: (outcome: ProposalOutcome<Result>) => void): Proposal;
  /** The command of a proposal, frozen; null for one that asks for something else. */
  commandOf(proposal: Proposal): { readonly command: Command } | null;
  /**
   * Reads in a group that is founded; `settle` is called once, later, when the state that is applied then is the answer. The
   * function that is returned gives up on it.
   * @throws RaftError
   */
  read(consistency: ReadConsistency, settle: (outcome: ReadOutcome) => void): (error: RaftError) => void;
  /** The configuration in force here; null before the founding. */
  readonly configuration: Configuration | null;
  /**
   * Asks for something of the group itself; `settle` is called once, later, with what came of it.
   * @throws RaftError: it is not done then
   */
  change(demand: Demand, ifVersion: Index | null, settle: (outcome: ChangeOutcome) => void): CancelChange;
  /** Takes no further part, for this reason. */
  stop(reason: RaftError): void;
}
