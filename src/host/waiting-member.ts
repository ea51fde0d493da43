/**
 * Stands in for this host's member until that is at work: until the group is founded, or known, and what the member starts from
 * is durable. Commands may be proposed from the first moment on; they wait, and are handed over to the member.
 */
import type { Random } from '../core/random.ts';
import type { Configuration, Index, NodeId } from '../core/types.ts';
import { endingWith, type RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import { Echo } from '../group/echo.ts';
import { MemberMeter, type MemberMetrics } from '../group/member-meter.ts';
import type { LogEntry, MemberStatus } from '../group/member-status.ts';
import { Outbox } from '../group/outbox.ts';
import type { Proposal, ProposalOutcome, RestoredProposal } from '../group/pending.ts';
import { defaultProposalLimits } from '../group/proposal-limits.ts';
import { newProposals, type Proposals } from '../group/proposals.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import { type CommittedCommand, encodeCommand, encodeUpgrade, ReplicatedMachine } from '../machine/replicated.ts';
import type { Storage } from '../storage/storage.ts';
import type { OutboxLimits } from './outbox-option.ts';

/** How often somebody looks after the commands of a group that is not founded yet. */
const lookAfterMs = 100;

export interface WaitingMemberInit<State, Command, Result> {
  readonly id: NodeId;
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  /** What is kept at the most of commands that have no outcome; null when none is to survive this run. */
  readonly outbox: OutboxLimits | null;
  /** Something is pending that was not, or the other way round. */
  readonly changed: () => void;
  /** The store of the outbox has failed for good. */
  readonly failed: (error: RaftError) => void;
}

/** What a member goes on with. */
export interface Handover<Result> {
  readonly proposals: Proposals<Result>;
  readonly meter: MemberMeter;
}

/** As far as it says the same as a `Member`, it says it in the same words. */
export class WaitingMember<State, Command, Result> {
  readonly #init: WaitingMemberInit<State, Command, Result>;
  readonly #meter: MemberMeter;
  readonly #proposals: Proposals<Result>;
  readonly #stopLooking: () => void;
  #echo: Echo<State> | null = null;
  readonly appliedIndex: Index = 0;
  readonly configuration: Configuration | null = null;
  readonly hasQuorum: boolean = false;
  readonly isMajorityLinked: boolean = false;
  readonly stopped: RaftError | null = null;
  readonly refusal: RaftError | null = null;

  constructor(init: WaitingMemberInit<State, Command, Result>) {
    const { storage, random, clock, outbox: limits } = init;
    this.#init = init;
    this.#meter = new MemberMeter(clock);
    const keepsNew = limits !== null;
    // Commands that an earlier run has left go on, whether new ones are kept or not.
    const outbox = keepsNew || storage.outbox.commands.length > 0 ? new Outbox({ storage, keepsNew }) : null;
    const proposals = newProposals<Result>(random, { ...defaultProposalLimits, ...limits }, outbox);
    proposals.meter = this.#meter.proposals;
    proposals.listener = {
      changed: () => {
        clock.defer(() => {
          proposals.flush();
        });
        init.changed();
      },
      failed: init.failed,
    };
    this.#proposals = proposals;
    this.#stopLooking = clock.every(lookAfterMs, () => {
      proposals.tick(clock.wallTime());
    });
  }

  get state(): State {
    return this.#init.machine.initial;
  }

  /** @throws RaftError NOT_SUPPORTED for a machine that cannot be copied */
  get optimistic(): State {
    const { id, machine } = this.#init;
    this.#echo ??= new Echo({
      id,
      machine: new ReplicatedMachine(machine),
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

  /** @throws RaftError INVALID_ARGUMENT, TOO_LARGE, BUSY: the command is not done then */
  propose(command: Command, settle: (outcome: ProposalOutcome<Result>) => void, expiresInMs: number | null): Proposal {
    return this.#add(encodeCommand(this.#init.machine, command), settle, expiresInMs);
  }

  /** @throws RaftError BUSY */
  proposeUpgrade(settle: (outcome: ProposalOutcome<Result>) => void): Proposal {
    return this.#add(encodeUpgrade(this.#init.machine), settle, null);
  }

  #add(call: Uint8Array, settle: (outcome: ProposalOutcome<Result>) => void, expiresInMs: number | null): Proposal {
    const now = this.#init.clock.wallTime();
    const proposal = this.#proposals.add(call, now, settle, expiresInMs === null ? null : now + expiresInMs);
    this.#proposals.listener.changed();
    return proposal;
  }

  committed(_from: Index): CommittedCommand<Command, Result> | null {
    return null;
  }

  status(): MemberStatus | null {
    return null;
  }

  metrics(): MemberMetrics {
    return this.#meter.read({ pending: this.#proposals.pending, term: 0, commitIndex: 0, appliedIndex: 0 });
  }

  logTail(_count: number): LogEntry<Command>[] {
    return [];
  }

  /** From now on it is the member that looks after the commands. */
  handOver(): Handover<Result> {
    this.#stopLooking();
    return { proposals: this.#proposals, meter: this.#meter };
  }

  /** There will be no member: what waits for it ends. */
  close(reason: RaftError): void {
    this.#stopLooking();
    this.#proposals.failAll(endingWith(reason));
  }
}
