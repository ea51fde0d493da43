/**
 * Those who look after a simulated group: changes of membership at random moments, as faults; and a caretaker, who starts
 * what has stopped, and puts somebody new in the place of a voter whose store is lost. Both act through the public face of
 * whoever leads, and take no for an answer.
 */
import type { MembershipOptions, MembershipResult } from '../core/membership.ts';
import { canLead, isMember, isVoter, type MembershipStep } from '../core/configuration.ts';
import { isQuorum } from '../core/quorum.ts';
import type { Configuration, NodeId } from '../core/types.ts';
import type { FaultKind } from './fault-kinds.ts';
import { crashWhen } from './crashes.ts';
import type { AnyGroup, AnyProcess, Caretaker, FaultAction, FaultContext } from './fault-context.ts';

const careEveryMs = 500;
const maxProcesses = 12;
/** Fewer voters are not made by changes at random. */
const minVoters = 3;
/** For so long somebody removed goes on as if nothing had happened. */
const farewellMs = 8_000;

export interface OperatorOptions {
  /** A lost store comes back under its old id: a mutant. */
  readonly forgetsIncarnation: boolean;
  /** How many newcomers become learners at the beginning. */
  readonly learners: number;
}

export class Operator implements Caretaker {
  readonly #group: AnyGroup;
  readonly #options: OperatorOptions;
  /** What was asked of a run of a process, and not heard by it. */
  readonly #asked: Set<{ readonly process: AnyProcess; readonly raft: AnyProcess['raft'] }> = new Set();
  #made = 0;
  #isHealing = false;
  /** Voters whose stores are lost. */
  readonly #lost: Set<NodeId> = new Set();
  readonly #farewells: Set<AnyProcess> = new Set();
  membershipChanges = 0;
  #recruits = 0;

  constructor(group: AnyGroup, options: OperatorOptions) {
    this.#group = group;
    this.#options = options;
    this.#made = group.processes.length;
    this.#care();
  }

  /** From now on only what is broken is mended. */
  heal(): void {
    this.#isHealing = true;
  }

  get #configuration(): Configuration | null {
    return this.#group.watcher.invariants.configuration;
  }

  /** Nothing is left to mend. */
  get isContent(): boolean {
    const configuration = this.#configuration;
    if (configuration === null || configuration.outgoing.length > 0) return false;
    return [...this.#lost].every((id) => !isMember(configuration, id));
  }

  #care(): void {
    this.#group.queue.after(careEveryMs, () => {
      this.#restart();
      this.#recruit();
      this.#retire();
      this.#replaceLost();
      this.#care();
    });
  }

  /** What has stopped by itself is started again, as a person would. */
  #restart(): void {
    for (const process of this.#group.processes) {
      if (process.stoppedBy !== null && !process.isGone) process.start();
    }
  }

  /** Groups have learners, which wait for their turn: one after the other, from the beginning. */
  #recruit(): void {
    if (this.#recruits >= this.#options.learners || this.#isHealing) return;
    const newcomer = this.#idle() ?? this.#newcomer();
    if (newcomer === null) return;
    const before = this.membershipChanges;
    this.#propose(this.#group.leader, [{ kind: 'add-learner', id: newcomer.id }]);
    this.#recruits += this.membershipChanges - before;
  }

  /** Whoever was removed goes on for a while, as if nothing had happened. */
  #retire(): void {
    const configuration = this.#configuration;
    if (configuration === null) return;
    for (const process of this.#group.processes) {
      const { raft } = process;
      if (process.isGone || this.#farewells.has(process) || isMember(configuration, process.id)) continue;
      // A newcomer that is not a member yet is not one that was removed.
      if (raft?.status().removed !== true) continue;
      this.#farewells.add(process);
      this.#group.queue.after(farewellMs, () => {
        process.isGone = true;
        process.crash({ reached: (pending) => pending, isAnnounced: true });
      });
    }
  }

  /** Whether the group bears the loss of a store. */
  canLose(process: AnyProcess): boolean {
    const configuration = this.#configuration;
    if (configuration === null || configuration.outgoing.length > 0 || this.#lost.size > 0) return false;
    const { leader } = this.#group;
    if (leader?.raft?.configuration.version !== configuration.version) return false;
    if (process.isGone || !isVoter(configuration, process.id) || configuration.voters.length < 3) return false;
    if (this.#isAsking || this.#group.processes.some(hasChangeOnItsWay)) return false;
    const isWhole = (id: NodeId): boolean => this.#group.process(id)?.isRunning === true && id !== process.id;
    // A witness holds no commands: whoever else could lead has to have them all.
    const { committed } = this.#group.watcher.invariants;
    const holdsAll = (id: NodeId): boolean =>
      canLead(configuration, id) && isWhole(id) && (this.#group.process(id)?.disk.lastIndex ?? 0) >= committed;
    return isQuorum(configuration, isWhole) && configuration.voters.some(holdsAll);
  }

  /** The store of a process is lost: it comes back as somebody new, and has to be made a member. */
  lost(process: AnyProcess): void {
    if (this.#options.forgetsIncarnation) {
      process.disk.wipe();
      process.start();
      return;
    }
    process.isLost = true;
    // What is still there is looked at, and not believed.
    if (!process.disk.isEvicted) process.start();
    process.isGone = true;
    this.#lost.add(process.id);
    this.#newcomer();
  }

  #newcomer(): AnyProcess | null {
    if (this.#group.processes.filter(({ isGone }) => !isGone).length >= maxProcesses) return null;
    const process = this.#group.addProcess(`n${++this.#made}`);
    process.start();
    return process;
  }

  /** One step after the other: a newcomer becomes a learner, and then takes the place of who is lost. */
  #replaceLost(): void {
    const configuration = this.#group.leader?.raft?.configuration;
    if (configuration === undefined) return;
    if (this.#isHealing && configuration.outgoing.length > 0 && !configuration.autoLeave) {
      this.#ask(this.#group.leader, (member) => member.leaveJoint());
      return;
    }
    for (const id of [...this.#lost]) {
      const newest = this.#configuration;
      if (newest !== null && !isMember(newest, id) && newest.outgoing.length === 0) this.#lost.delete(id);
      if (!isMember(configuration, id)) continue;
      const learner = configuration.learners
        .map((one) => this.#group.process(one))
        .find((one) => one?.isRunning === true);
      const isSafe = configuration.voters.length > minVoters;
      if (learner?.id !== undefined) {
        this.#propose(this.#group.leader, [
          { kind: 'remove', id },
          { kind: 'add-voter', id: learner.id },
        ]);
      } else if (isSafe && this.#isHealing) {
        this.#propose(this.#group.leader, [{ kind: 'remove', id }]);
      } else {
        const newcomer = this.#idle() ?? this.#newcomer();
        if (newcomer !== null) this.#propose(this.#group.leader, [{ kind: 'add-learner', id: newcomer.id }]);
      }
      return;
    }
  }

  /** A process that is no member, and never was. */
  #idle(): AnyProcess | null {
    const { everMembers } = this.#group.watcher.invariants;
    const isIdle = ({ id, isGone, isRunning }: AnyProcess): boolean => isRunning && !isGone && !everMembers.has(id);
    return this.#group.processes.find(isIdle) ?? null;
  }

  #propose(process: AnyProcess | null, steps: readonly MembershipStep[], options: MembershipOptions = {}): void {
    this.#ask(process, (member) => member.proposeMembership(steps, options));
  }

  #ask(process: AnyProcess | null, question: (member: NonNullable<AnyProcess['member']>) => MembershipResult): void {
    if (process === null) return;
    const asked = { process, raft: process.raft };
    this.#asked.add(asked);
    process.run(() => {
      this.#asked.delete(asked);
      const { member } = process;
      if (member?.stopped !== null) return;
      if (question(member).accepted) this.membershipChanges++;
    });
  }

  /** A process that is busy, or stands still, has not heard of a change yet that it was asked for. */
  get #isAsking(): boolean {
    return [...this.#asked].some(({ process, raft }) => process.raft === raft);
  }

  /** Changes at random moments. */
  readonly changes: Readonly<Partial<Record<FaultKind, FaultAction>>> = {
    add: (context) => {
      const newcomer = this.#idle() ?? this.#newcomer();
      if (newcomer === null) return null;
      const kind = context.choose(4) === 0 ? 'add-witness' : 'add-learner';
      // M10: whoever was removed is not added again, however often somebody tries.
      for (const id of this.#configuration?.removed ?? []) {
        this.#propose(this.#group.leader, [{ kind: 'add-learner', id }]);
      }
      this.#propose(this.#group.leader, [{ kind, id: newcomer.id }]);
      return newcomer;
    },
    promote: (context) => {
      const { learners = [] } = this.#configuration ?? {};
      const id = learners[context.choose(Math.max(1, learners.length))];
      if (id === undefined) return null;
      this.#propose(this.#group.leader, [{ kind: 'add-voter', id }]);
      return this.#group.process(id);
    },
    demote: (context) => this.#changeVoter(context, 'add-learner'),
    remove: (context) => this.#changeVoter(context, 'remove'),
    'remove-leader': () => {
      const { leader } = this.#group;
      if (leader === null || !this.#maySpare(leader.id)) return null;
      this.#propose(leader, [{ kind: 'remove', id: leader.id }]);
      return leader;
    },
    replace: (context) => {
      const { learners = [], voters = [] } = this.#configuration ?? {};
      const [come] = learners;
      const go = voters[context.choose(Math.max(1, voters.length))];
      if (come === undefined || go === undefined || this.#lost.size > 0) return null;
      const transition = (['auto', 'joint', 'joint-explicit'] as const)[context.choose(3)] ?? 'auto';
      const steps: MembershipStep[] = [
        { kind: 'add-voter', id: come },
        { kind: context.choose(2) === 0 ? 'remove' : 'add-learner', id: go },
      ];
      const { leader } = this.#group;
      this.#propose(leader, steps, { transition });
      if (context.choose(2) === 0) crashWhileChanging(context, leader);
      context.after(1_000 + context.choose(4_000), () => {
        this.#ask(this.#group.leader, (member) => member.leaveJoint());
      });
      return this.#group.process(go);
    },
    'two-operators': (context) => {
      const newcomer = this.#idle() ?? this.#newcomer();
      const believers = this.#group.processes.filter(({ raft }) => raft?.role === 'leader');
      if (newcomer === null || believers.length === 0) return null;
      const ifVersion = context.choose(2) === 0 ? (this.#configuration?.version ?? 0) : null;
      const options: MembershipOptions = { ifVersion };
      for (const believer of believers) {
        this.#propose(believer, [{ kind: 'add-learner', id: newcomer.id }], options);
        const { voters = [] } = believer.raft?.configuration ?? {};
        const id = voters[context.choose(Math.max(1, voters.length))];
        if (id !== undefined && this.#maySpare(id)) this.#propose(believer, [{ kind: 'remove', id }], options);
      }
      return believers[0] ?? null;
    },
    transfer: (context) => {
      const { leader } = this.#group;
      const { voters = [] } = leader?.raft?.configuration ?? {};
      const target = voters[context.choose(Math.max(1, voters.length))];
      if (leader === null || target === undefined) return null;
      leader.run(() => {
        if (leader.member?.stopped === null) leader.member.transferLeadership(target);
      });
      return leader;
    },
    'removed-returns': (context) => {
      const configuration = this.#configuration;
      const removed = [...this.#farewells].find(({ isRunning, isLost }) => !isRunning && !isLost);
      if (configuration === null || removed === undefined) return null;
      removed.isGone = false;
      removed.start();
      removed.isGone = true;
      context.later(() => {
        removed.crash({ reached: (pending) => pending, isAnnounced: true });
      });
      return removed;
    },
  };

  #changeVoter(context: FaultContext, kind: 'remove' | 'add-learner'): AnyProcess | null {
    const { voters = [] } = this.#configuration ?? {};
    const id = voters[context.choose(Math.max(1, voters.length))];
    if (id === undefined || !this.#maySpare(id)) return null;
    this.#propose(this.#group.leader, [{ kind, id }]);
    return this.#group.process(id);
  }

  /** Enough voters are left without this one, and none of those is lost. */
  #maySpare(id: NodeId): boolean {
    const configuration = this.#configuration;
    if (configuration === null || this.#lost.size > 0) return false;
    const left = configuration.voters.filter((voter) => voter !== id && canLead(configuration, voter));
    return left.length >= minVoters - 1 && configuration.voters.length > minVoters - 1;
  }
}

/** A leader dies when the change that it has just proposed is on another disk, and may be committed or not. */
function crashWhileChanging(context: FaultContext, leader: AnyProcess | null): void {
  const index = leader?.raft?.lastIndex ?? 0;
  const isElsewhere = ({ id, disk }: AnyProcess): boolean => id !== leader?.id && disk.lastIndex >= index;
  crashWhen(context, leader, () => context.group.processes.some(isElsewhere));
}

/** A change of membership lies in the log of this process that it has not applied: it may still make the group smaller. */
function hasChangeOnItsWay({ raft }: AnyProcess): boolean {
  if (raft === null) return false;
  for (let index = raft.appliedIndex + 1; index <= raft.lastIndex; index++) {
    if (raft.entryAt(index)?.kind === 'configuration') return true;
  }
  return false;
}
