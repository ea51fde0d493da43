/** Counts what one member does: numbers alone, always kept, and read when somebody asks. */
import type { Write } from '../core/replica.ts';
import type { HardState, Index, NodeId, Term } from '../core/types.ts';
import type { Clock } from './clock.ts';
import { Histogram, type HistogramReading } from './histogram.ts';
import { type OutcomeCounts, ProposalMeter } from './proposal-meter.ts';

/** What a member has counted since it was opened, as plain data. */
export interface MemberMetrics {
  readonly counters: {
    /**
     * Commands that were proposed here and taken, by their outcome; those without one are `pending`. A move to another version
     * counts as one, and a call that was refused (BUSY, TOO_LARGE, ...) as none.
     */
    readonly proposals: OutcomeCounts;
    /** Elections in which this member stood; pre-votes are none. */
    readonly elections: number;
    /** Terms in which this member came to know a leader. */
    readonly leaderChanges: number;
    /** Entries that were handed to this member's store. */
    readonly entriesAppended: number;
    readonly snapshotsTaken: number;
    readonly snapshotsInstalled: number;
  };
  readonly gauges: {
    /** Commands that were proposed here and have no outcome. */
    readonly pending: number;
    readonly term: Term;
    readonly commitIndex: Index;
    readonly appliedIndex: Index;
  };
  /** In milliseconds. The first four are of commands that were proposed here; `commit` is the sum of the other three. */
  readonly histograms: {
    /** From the call until the result is there. */
    readonly commit: HistogramReading;
    /** From the call until the command was in our log, if we lead, or on its way to the leader. */
    readonly waiting: HistogramReading;
    /** From there until we knew that it is committed: what the others and the way to them cost, and `disk` side by side. */
    readonly network: HistogramReading;
    /** From there until it was applied here. */
    readonly apply: HistogramReading;
    /** Each write of this member's store, until it was durable. */
    readonly disk: HistogramReading;
  };
}

export class MemberMeter {
  readonly proposals: ProposalMeter;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #disk = new Histogram();
  /** When the writes that are on their way were begun, in their order. */
  readonly #writing: number[] = [];
  #electionTerm: Term = 0;
  #leaderTerm: Term = 0;
  #elections = 0;
  #leaderChanges = 0;
  #entriesAppended = 0;
  #snapshotsTaken = 0;
  #snapshotsInstalled = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.proposals = new ProposalMeter(clock);
  }

  /** A member begins with what its store holds: the elections until then are not those of this run. */
  begin({ term }: HardState): void {
    this.#electionTerm = term;
  }

  /** A member hands a write to its store. */
  writing({ hardState, entries }: Write, id: NodeId): void {
    this.#writing.push(this.#clock.now());
    this.#entriesAppended += entries.length;
    // Whoever stands for election makes its own vote durable first (D2).
    if (hardState?.vote !== id || hardState.term <= this.#electionTerm) return;
    this.#electionTerm = hardState.term;
    this.#elections++;
  }

  /** The oldest write on its way is durable (D5). */
  written({ snapshot }: Write, applied: Index): void {
    const begun = this.#writing.shift();
    if (begun !== undefined) this.#disk.observe(this.#clock.now() - begun);
    // One that is further on than the machine was received, and is still to be installed.
    if (snapshot !== null && snapshot.index <= applied) this.#snapshotsTaken++;
  }

  installed(): void {
    this.#snapshotsInstalled++;
  }

  knows(leader: NodeId | null, term: Term): void {
    if (leader === null || term <= this.#leaderTerm) return;
    this.#leaderTerm = term;
    this.#leaderChanges++;
  }

  read(gauges: MemberMetrics['gauges']): MemberMetrics {
    const { outcomes, total, waiting, network, apply } = this.proposals;
    return {
      counters: {
        proposals: outcomes,
        elections: this.#elections,
        leaderChanges: this.#leaderChanges,
        entriesAppended: this.#entriesAppended,
        snapshotsTaken: this.#snapshotsTaken,
        snapshotsInstalled: this.#snapshotsInstalled,
      },
      gauges,
      histograms: {
        commit: total.read(),
        waiting: waiting.read(),
        network: network.read(),
        apply: apply.read(),
        disk: this.#disk.read(),
      },
    };
  }
}
