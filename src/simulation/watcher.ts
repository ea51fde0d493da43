/** Everything that sees a simulated group from outside: the running hash, the checkers, and whoever wants the trace. */
import type { Raft } from '../core/raft.ts';
import type { TraceEvent, TraceListener } from '../core/trace.ts';
import type { Index, NodeId } from '../core/types.ts';
import type { RaftError } from '../errors.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import type { Batch } from '../storage/storage.ts';
import type { MemberMessage } from '../transport/messages.ts';
import { BoundsChecker, type Limits } from './bounds-checker.ts';
import { CommandTexts } from './command-texts.ts';
import { Invariants } from './invariants.ts';
import { ObservedMachine } from './observed-machine.ts';
import { LeadershipChecker } from './leadership-checker.ts';
import { type LeaseHolder, ReadsChecker } from './reads-checker.ts';
import { type AppliedEffect, Reference } from './reference.ts';
import { type Home, Run } from './run-of-member.ts';
import type { DiskView } from './sim-disk.ts';
import { TraceHash } from './trace-hash.ts';
import type { Accuse } from './violation.ts';

/** Messages by kind, that were sent while somebody counted. */
export type Counts = Map<MessageKind, number>;

/** The kinds of messages; an append that tells the commit index alone, and is not answered, is `News`. */
export type MessageKind = MemberMessage['kind'] | 'News';

function kindOf(message: MemberMessage): MessageKind {
  return message.kind === 'AppendEntries' && message.needsNoAnswer === true ? 'News' : message.kind;
}

export interface WatcherInit<State, Command> {
  readonly accuse: Accuse;
  readonly initial: State;
  readonly diskOf: (id: NodeId) => DiskView | null;
  readonly limits: Limits;
  /** Milliseconds of virtual time. */
  readonly now: () => number;
  /** Everybody who would answer a read on a lease now. */
  readonly leaseHolders: () => readonly LeaseHolder[];
  /** The state as text that is equal only for equal states. */
  readonly digest: (state: State) => string;
  /** The command as text. */
  readonly describe: (command: Command) => string;
  /** Sees everything that the members tell, decisions included. */
  readonly listener?: TraceListener;
  /** An effect that nobody has shown before. */
  readonly newEffect: (effect: AppliedEffect) => void;
  /** Says what is wrong with a state, in a machine's own terms; null for nothing. */
  readonly invariant?: (state: State) => string | null;
  /** Hears, in words, of what happens to the group. */
  readonly narrator?: (text: string) => void;
}

export class Watcher<State, Command, Result> {
  readonly hash: TraceHash = new TraceHash();
  readonly invariants: Invariants;
  readonly reference: Reference;
  readonly reads: ReadsChecker;
  readonly leadership: LeadershipChecker;
  readonly bounds: BoundsChecker;
  readonly #init: WatcherInit<State, Command>;
  readonly #texts: CommandTexts = new CommandTexts();
  /** Snapshots that members have taken, and those that they were sent and have installed. */
  snapshots = 0;
  installs = 0;
  /** Counts what is sent, while somebody wants that. */
  counts: Counts | null = null;

  constructor(init: WatcherInit<State, Command>) {
    this.#init = init;
    this.invariants = new Invariants(init.accuse, init.diskOf);
    this.reads = new ReadsChecker(init.accuse, () => this.invariants.committed, init.leaseHolders);
    this.leadership = new LeadershipChecker(init.accuse, init.limits.raft, init.diskOf, init.now);
    this.bounds = new BoundsChecker(init.accuse, init.limits);
    this.reference = new Reference(init.digest(init.initial));
  }

  get wantsDecisions(): boolean {
    return this.#init.listener !== undefined;
  }

  /** The machine, with every effect of it seen. */
  observed(
    machine: MachineDefinition<State, Command, Result>,
    runOf: () => Run,
  ): MachineDefinition<State, Command, Result> {
    const { digest, describe, newEffect, accuse } = this.#init;
    const textOf = (command: Command | null): string =>
      command === null ? 'nothing that can be read' : describe(command);
    return new ObservedMachine(machine, ({ body, command, context, state, isRejected }) => {
      const run = runOf();
      const known = this.reference.effects.length;
      const text = this.#texts.textOf(run.effects, body, () => textOf(command()));
      const effect = { index: context.index, command: text, digest: digest(state) };
      const wrong = this.reference.applied(run, effect);
      if (wrong !== null) accuse(wrong.invariant, wrong.message);
      if (this.reference.effects.length === known) return;
      newEffect(effect);
      if (!isRejected) this.#checkState(state, effect);
    });
  }

  /** What the machine itself holds for impossible. */
  #checkState(state: State, { index, command }: AppliedEffect): void {
    const { invariant, accuse } = this.#init;
    if (invariant === undefined) return;
    let wrong: string | null;
    try {
      wrong = invariant(state);
    } catch (error) {
      wrong = `the invariant of the machine has thrown ${String(error)}`;
    }
    if (wrong !== null) accuse('machine', `${wrong} (after ${command.slice(0, 80)} at ${index})`);
  }

  /** Tells of something for people to read. */
  note(text: string): void {
    this.#init.narrator?.(text);
  }

  /** A member begins a run. */
  started(id: NodeId, raft: Raft, home: Home): Run {
    this.note(`${id} starts, with a log up to ${raft.lastIndex} in term ${raft.term}`);
    const run = new Run(id, raft, home);
    this.invariants.started(run);
    return run;
  }

  /** @param run null for one that had not begun */
  crashed(id: NodeId, run: Run | null): void {
    if (run !== null) this.leadership.crashed(run);
    this.hash.text(`crashed ${id}`);
    this.note(`${id} is gone`);
  }

  stopped(id: NodeId, error: RaftError): void {
    this.hash.text(`stopped ${id} ${error.code}`);
    this.note(`${id} stops by itself: ${error.message}`);
    if (error.code === 'INVARIANT_VIOLATED') this.#init.accuse('fatal', `${id} stopped: ${error.message}`);
  }

  /** A member does not believe its store. */
  refused(id: NodeId, error: RaftError): void {
    this.#init.accuse('S7', `${id} does not start from what it has written itself: ${error.message}`);
  }

  /** A member has started from a store that is lost. */
  startedLost(id: NodeId): void {
    this.#init.accuse('S18', `${id} takes part again after its store was lost`);
  }

  /** @param run null while the member is being made */
  traced(run: Run | null, event: TraceEvent): void {
    this.#init.listener?.(event);
    if (event.name === 'Decision') return;
    this.hash.event(event);
    if (event.name === 'SnapshotTaken') this.snapshots++;
    else if (event.name === 'SnapshotInstalled') this.installs++;
    if (event.name === 'ReceiveRequestVoteResponse' && event.message.from === event.node) {
      const disk = this.#init.diskOf(event.node);
      if (disk !== null) this.invariants.votedForItself(event.node, disk, event.message.term);
    }
    if (run === null) return;
    this.invariants.traced(run, event);
    this.reads.traced(run, event);
    this.leadership.traced(run, event);
    this.bounds.traced(run, event);
  }

  writing(id: NodeId, disk: DiskView, batch: Batch): void {
    this.invariants.writing(id, disk, batch);
  }

  sending(id: NodeId, disk: DiskView, message: MemberMessage): void {
    this.invariants.sending(id, disk, message);
  }

  /** A link has taken a message. */
  sent(message: MemberMessage): void {
    const kind = kindOf(message);
    this.counts?.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** An event of this member is over. */
  settled(run: Run): void {
    this.invariants.settled(run);
    this.reads.settled(run);
    this.bounds.settled(run);
    run.wasAskedToLead = false;
  }

  /** The machine of this member was restored from a snapshot. */
  restored(run: Run, index: Index, state: State): void {
    if (this.invariants.witnesses.has(run.id)) return;
    const wrong = this.reference.restored(run, index, this.#init.digest(state));
    if (wrong !== null) this.#init.accuse(wrong.invariant, wrong.message);
  }
}
