/**
 * Linearizable reads without a log entry (dissertation, section 6.4). A leader that still leads when a read arrives may
 * answer it with its commit index; that it leads is proved by a round of heartbeats that began after the read came (Q2).
 * Reads that come while nothing is sent share a round. In the same way, a round that a quorum has answered is a lease: no
 * other leader can be elected until an election timeout after the round began (section 6.4.1).
 */
import type { Index, NodeId } from './types.ts';

/** A read that waits for its proof. */
export interface PendingRead {
  /** Who asked: ourselves, or a member that is to be answered. */
  readonly from: NodeId;
  readonly context: number;
}

export interface ConfirmedRead extends PendingRead {
  readonly index: Index;
}

interface Round {
  readonly number: number;
  readonly startedAt: number;
  readonly reads: readonly ConfirmedRead[];
}

export class ReadRounds {
  /** Since the leadership began. */
  #ticks = 0;
  #number = 0;
  /** Rounds that no quorum has answered yet, the oldest first. */
  #open: Round[] = [];
  /** No entry of this term is committed yet: it is not known how far the log is (Q1). */
  #early: PendingRead[] = [];
  /** For the next round. */
  #queue: ConfirmedRead[] = [];
  #leaseUntil = 0;
  /** Rounds up to this one extend no lease. */
  #leaseVoidTo = 0;

  get pending(): number {
    return this.#early.length + this.#queue.length + this.#open.reduce((sum, { reads }) => sum + reads.length, 0);
  }

  /** A read waits for a round to begin, and none with reads is on its way. */
  get wantsRound(): boolean {
    return this.#queue.length > 0 && !this.#open.some(({ reads }) => reads.length > 0);
  }

  tick(): void {
    this.#ticks++;
  }

  /** @param commit the commit index, null before an entry of this term is committed */
  request(read: PendingRead, commit: Index | null): void {
    if (commit === null) this.#early.push(read);
    else this.#queue.push({ ...read, index: commit });
  }

  /** An entry of this term is committed. */
  commitKnown(commit: Index): void {
    for (const read of this.#early) this.#queue.push({ ...read, index: commit });
    this.#early = [];
  }

  /** Begins a round, with all reads that wait for one; gives its number. */
  begin(): number {
    this.#number++;
    this.#open.push({ number: this.#number, startedAt: this.#ticks, reads: this.#queue });
    this.#queue = [];
    return this.#number;
  }

  /**
   * Ends the rounds that a quorum has answered; gives the reads that are confirmed by it.
   * @param isConfirmed whether a round is, by its number
   * @param leaseTicks how long a lease lasts from the beginning of its round
   */
  confirm(isConfirmed: (round: number) => boolean, leaseTicks: number): ConfirmedRead[] {
    const confirmed: ConfirmedRead[] = [];
    let ended = 0;
    for (const round of this.#open) {
      if (!isConfirmed(round.number)) break;
      for (const read of round.reads) confirmed.push(read);
      if (round.number > this.#leaseVoidTo) this.#leaseUntil = round.startedAt + leaseTicks;
      ended++;
    }
    if (ended > 0) this.#open.splice(0, ended);
    // Without a quorum, and without CheckQuorum, rounds would pile up for ever.
    const isUseless = ({ startedAt, reads }: Round): boolean =>
      reads.length === 0 && startedAt + leaseTicks <= this.#ticks;
    if (this.#open.some(isUseless)) this.#open = this.#open.filter((round) => !isUseless(round));
    return confirmed;
  }

  get hasLease(): boolean {
    return this.#ticks < this.#leaseUntil;
  }

  /** Time has passed that was not counted, or somebody may campaign at our wish: only rounds from now on count (Q7). */
  voidLease(): void {
    this.#leaseUntil = 0;
    this.#leaseVoidTo = this.#number;
  }

  /** No lease any more in this leadership: a campaign that was asked for may come at any time (T4). */
  voidLeaseForGood(): void {
    this.#leaseUntil = 0;
    this.#leaseVoidTo = Number.POSITIVE_INFINITY;
  }

  /** All reads that have no proof: they get none from us any more (Q4). */
  takeAll(): PendingRead[] {
    const all = [...this.#early, ...this.#queue, ...this.#open.flatMap(({ reads }) => reads)];
    this.#early = [];
    this.#queue = [];
    this.#open = [];
    return all;
  }
}
