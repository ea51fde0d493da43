/**
 * What is committed becomes the state of the machine: entry by entry, or at once, by a snapshot. When the group moves to a
 * version of the machine that this code does not know, the machine stays as it is, and the log goes on behind it, for newer
 * code to apply.
 */
import type { Raft } from '../core/raft.ts';
import { type Entry, entryBytes, type Index } from '../core/types.ts';
import type { RaftError } from '../errors.ts';
import { type CommittedCommand, type ReplicatedMachine, upgradeRequired } from '../machine/replicated.ts';
import { History, type HistoryLimits } from './history.ts';
import type { MemberMeter } from './member-meter.ts';
import type { Proposals } from './proposals.ts';

export interface ApplierInit<State, Command, Result> {
  readonly raft: Raft;
  readonly machine: ReplicatedMachine<State, Command, Result>;
  readonly proposals: Proposals<Result>;
  readonly meter: MemberMeter;
  readonly history: HistoryLimits;
  readonly maxUnappliedBytes: number;
  /** The machine has come to this index by a snapshot, not by applying what leads there. */
  readonly restored: (index: Index) => void;
  /** Nothing is applied here any more. */
  readonly outgrown: (error: RaftError) => void;
  /** More waits for newer code than there is room for. */
  readonly full: (error: RaftError) => void;
}

export class Applier<State, Command, Result> {
  readonly #init: ApplierInit<State, Command, Result>;
  readonly #history: History;
  #isStarting: boolean;
  #outgrown: RaftError | null = null;
  /** The last entry that was applied before that. */
  #outgrownAt: Index | null = null;
  #unappliedBytes = 0;

  constructor(init: ApplierInit<State, Command, Result>) {
    this.#init = init;
    this.#history = new History(init.history);
    this.#isStarting = init.raft.snapshot !== null;
  }

  /** What the machine begins with is still being read: nothing may be applied to it. */
  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** Why nothing is applied any more: the group runs a version of the machine that this code does not know. */
  get outgrown(): RaftError | null {
    return this.#outgrown;
  }

  /** As far as this the log is applied to the machine; 0 before anything is. */
  get appliedIndex(): Index {
    return this.#isStarting ? 0 : (this.#outgrownAt ?? this.#init.raft.appliedIndex);
  }

  /** See `Member.committed`. */
  committed(from: Index): CommittedCommand<Command, Result> | null {
    const command = this.#history.next(from);
    return command && this.#init.machine.described(command);
  }

  /** Applies what comes next. */
  apply(entries: readonly Entry[]): void {
    const { raft, meter } = this.#init;
    meter.proposals.applying();
    for (const entry of entries) this.#applyEntry(entry);
    meter.proposals.applied();
    const last = entries.at(-1);
    if (last !== undefined) raft.applied(last.index);
  }

  #applyEntry(entry: Entry): void {
    const { machine, proposals, maxUnappliedBytes, full } = this.#init;
    if (this.#outgrown !== null) {
      this.#unappliedBytes += entryBytes(entry);
      if (this.#unappliedBytes > maxUnappliedBytes) full(this.#outgrown);
      return;
    }
    const effect = machine.apply(entry);
    if (effect?.kind === 'upgrade-required') {
      this.#outgrow(upgradeRequired(effect.version, machine.ownVersion), entry.index - 1);
    } else if (effect !== null) {
      if (effect.command !== null) this.#history.add(effect.command);
      proposals.observe(effect, entry.index);
    }
  }

  #outgrow(error: RaftError, at: Index): void {
    if (this.#outgrown !== null) return;
    this.#outgrown = error;
    this.#outgrownAt = at;
    this.#init.outgrown(error);
  }

  /** A snapshot of this index is in the machine. */
  restored(index: Index): void {
    const { machine, proposals, meter, restored } = this.#init;
    if (!this.#isStarting) meter.installed();
    this.#isStarting = false;
    this.#history.restart(index);
    proposals.recover(machine);
    restored(index);
    this.#passTo(index);
  }

  /** The snapshot of this index is of a version that this code does not know: the machine is what it was. */
  passedBy(index: Index, error: RaftError): void {
    this.#outgrow(error, this.appliedIndex);
    this.#isStarting = false;
    this.#passTo(index);
  }

  #passTo(index: Index): void {
    const { raft } = this.#init;
    if (index > raft.appliedIndex) raft.applied(index);
  }
}
