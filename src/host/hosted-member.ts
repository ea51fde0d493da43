/**
 * This host's member of a group as the application has it before it: the same calls from before the founding until after the
 * end, answered by whoever is at work then.
 */
import type { ReadConsistency } from '../core/reading.ts';
import type { Configuration, Index } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { CancelChange, ChangeOutcome } from '../group/changes.ts';
import type { Member } from '../group/member.ts';
import type { LogEntry } from '../group/member-status.ts';
import type { Proposal, ProposalOutcome, RestoredProposal } from '../group/pending.ts';
import type { MemberPresence } from '../group/presence.ts';
import type { ReadOutcome } from '../group/reads.ts';
import { type Access, kindOf } from '../identity/access.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import { type CommittedCommand, readCommand } from '../machine/replicated.ts';
import type { StorageUse } from '../storage/browser-quota.ts';
import type { Storage } from '../storage/storage.ts';
import type { Demand } from '../transport/messages.ts';
import type { GroupMember } from './group-member.ts';
import type { GroupFacts } from './status.ts';
import type { GroupMetrics, Traffic } from './traffic.ts';
import { WaitingMember } from './waiting-member.ts';

export interface HostedMemberInit<State, Command, Result> {
  readonly access: Access;
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly storage: Pick<Storage, 'durability'>;
  readonly presence: MemberPresence;
  readonly traffic: Traffic;
  /** The member or, until that has begun, who stands in for it. */
  readonly atWork: () => Member<State, Command, Result> | WaitingMember<State, Command, Result>;
  /** How far it has come into the group, and what it needs to come further. */
  readonly entering: () => Entering;
  readonly storageUse: () => StorageUse | null;
  /** Why this host has ended its part in the group; null while it has not. */
  readonly ended: () => RaftError | null;
  readonly stop: (reason: RaftError) => void;
}

export interface Entering extends Pick<GroupFacts, 'signaling' | 'missing'> {
  /** The member has to be let in. */
  readonly isJoining: boolean;
}

export class HostedMember<State, Command, Result> implements GroupMember<State, Command, Result> {
  readonly presence: MemberPresence;
  readonly #init: HostedMemberInit<State, Command, Result>;

  constructor(init: HostedMemberInit<State, Command, Result>) {
    this.presence = init.presence;
    this.#init = init;
  }

  get #atWork(): Member<State, Command, Result> | WaitingMember<State, Command, Result> {
    return this.#init.atWork();
  }

  get #member(): Member<State, Command, Result> | null {
    return this.#atWork instanceof WaitingMember ? null : this.#atWork;
  }

  /** Whether the group is founded, and this member in it. */
  get isFounded(): boolean {
    return this.#member !== null && !this.#init.entering().isJoining;
  }

  /** Why there is no member at work any more; null while there is, or will be. */
  get stopped(): RaftError | null {
    return this.#init.ended() ?? this.#atWork.stopped;
  }

  get refusal(): RaftError | null {
    return this.#init.ended() ?? this.#atWork.refusal;
  }

  get state(): State {
    return this.#atWork.state;
  }

  get optimistic(): State {
    return this.#atWork.optimistic;
  }

  get appliedIndex(): Index {
    return this.#atWork.appliedIndex;
  }

  get pending(): readonly Proposal[] {
    return this.#atWork.pending;
  }

  get restored(): readonly RestoredProposal<Result>[] {
    return this.#atWork.restored;
  }

  /** The configuration in force here; null before the founding. */
  get configuration(): Configuration | null {
    return this.#atWork.configuration;
  }

  get hasQuorum(): boolean {
    return this.#atWork.hasQuorum && !this.#init.entering().isJoining;
  }

  get isMajorityLinked(): boolean {
    return this.#atWork.isMajorityLinked;
  }

  committed(from: Index): CommittedCommand<Command, Result> | null {
    return this.#atWork.committed(from);
  }

  logTail(count: number): LogEntry<Command>[] {
    return this.#atWork.logTail(count);
  }

  status(): GroupFacts {
    const { stopped } = this;
    const member = this.#atWork.status();
    const { signaling, missing, isJoining } = this.#init.entering();
    const storage = this.#init.storageUse();
    const { durability } = this.#init.storage;
    return { phase: phaseOf({ stopped, member, isJoining }), signaling, missing, member, durability, storage, stopped };
  }

  metrics(): GroupMetrics {
    return { ...this.#atWork.metrics(), traffic: this.#init.traffic.read() };
  }

  /**
   * Proposes a command; `settle` is called once, later, with its outcome. Before the founding it waits.
   * @param expiresInMs milliseconds after which it is not to be sent any more, if it was not; null for never
   * @throws RaftError INVALID_ARGUMENT, TOO_LARGE, BUSY, or why there is no member at work: the command is not done then
   */
  propose(command: Command, settle: (outcome: ProposalOutcome<Result>) => void, expiresInMs: number | null): Proposal {
    this.#checkMayAsk();
    return this.#atWork.propose(command, settle, expiresInMs);
  }

  /** Before the founding it waits, as a command does. */
  proposeUpgrade(settle: (outcome: ProposalOutcome<Result>) => void): Proposal {
    this.#checkMayAsk();
    return this.#atWork.proposeUpgrade(settle);
  }

  commandOf({ call }: Proposal): { readonly command: Command } | null {
    return readCommand(this.#init.machine, call);
  }

  read(consistency: ReadConsistency, settle: (outcome: ReadOutcome) => void): (error: RaftError) => void {
    this.#checkNotEnded();
    const member = this.#member;
    if (member === null) throw new Error('whoever reads waits for the founding');
    return member.read(consistency, settle);
  }

  /**
   * Asks for something of the group itself; `settle` is called once, later, with what came of it.
   * @param ifVersion the version of the configuration that it is meant for; null for whichever is in force
   * @throws RaftError READ_ONLY, NOT_A_MEMBER, BUSY, MEMBERS_CHANGED, or why there is no member at work: it is not done then
   */
  change(demand: Demand, ifVersion: Index | null, settle: (outcome: ChangeOutcome) => void): CancelChange {
    this.#checkMayAsk();
    const member = this.#member;
    if (member === null || this.#init.entering().isJoining) throw noMemberError();
    return member.change(demand, ifVersion, settle);
  }

  /** @throws RaftError READ_ONLY, or why there is no member at work */
  #checkMayAsk(): void {
    this.#checkNotEnded();
    if (kindOf(this.#init.access) === 'read-only') throw readOnlyError();
  }

  #checkNotEnded(): void {
    const ended = this.#init.ended();
    if (ended !== null) throw ended;
  }

  stop(reason: RaftError): void {
    this.#init.stop(reason);
  }
}

function phaseOf({
  stopped,
  member,
  isJoining,
}: Pick<GroupFacts, 'stopped' | 'member'> & Pick<Entering, 'isJoining'>): GroupFacts['phase'] {
  if (stopped !== null) return 'stopped';
  if (member === null) return 'founding';
  return isJoining ? 'joining' : 'running';
}

const readOnlyError = (): RaftError =>
  new RaftError('READ_ONLY', 'this tab was given a read-only invite: ask a member for a full one');

const noMemberError = (): RaftError =>
  new RaftError('NOT_A_MEMBER', 'the group is not founded yet, or this tab is not in it: wait until it is running');
