/**
 * What a leader knows of one other member (etcd-io/raft `tracker/progress.go`). One whose log position is unknown is
 * probed with one message at a time; one that acknowledged is sent entries ahead of its answers (R13); one that is behind
 * the log is sent a snapshot, and no entries until it holds it (S1).
 *
 *     match < next, and match never falls within a leadership (R10)
 */
import type { CatchUp } from './catch-up.ts';
import { InvariantViolation } from './errors.ts';
import { Inflights } from './inflights.ts';
import type { RaftOptions } from './options.ts';
import type { SnapshotTransfer } from './snapshot-transfer.ts';
import type { Index } from './types.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  readonly inflights: Inflights;
  #state: ProgressState = 'probe';
  #match: Index;
  #next: Index;
  #sentCommit: Index = 0;
  #probeSent = false;
  /** The transport takes nothing more at present. */
  #isHeld = false;
  #transfer: SnapshotTransfer | null = null;
  /** Heard from since the last round of CheckQuorum. */
  recentlyActive: boolean;
  /** There may be something to send; looked at when messages are built. */
  dirty = false;
  /** The next message goes out even if it carries no entry: a probe, or a nudge after lost answers (R15). */
  nudge = false;
  /** The newest heartbeat round that it has answered (Q2). */
  round = 0;
  /** Kept of learners. */
  catchUp: CatchUp | null = null;

  constructor(match: Index, next: Index, recentlyActive: boolean, options: RaftOptions) {
    this.#match = match;
    this.#next = next;
    this.recentlyActive = recentlyActive;
    this.inflights = new Inflights(options.maxInflightMessages, options.maxInflightBytes);
  }

  get state(): ProgressState {
    return this.#state;
  }

  /** The highest index known to be durable at the follower and equal to ours. */
  get match(): Index {
    return this.#match;
  }

  /** The index of the next entry to send. */
  get next(): Index {
    return this.#next;
  }

  /** The snapshot on its way; null in every other state. */
  get transfer(): SnapshotTransfer | null {
    return this.#transfer;
  }

  /** Waiting for an answer: a probe is out, the window is full, the transport is, or a snapshot is on its way. */
  get paused(): boolean {
    switch (this.#state) {
      case 'probe':
        return this.#probeSent;
      case 'replicate':
        return this.#isHeld || this.inflights.full;
      case 'snapshot':
        return true;
    }
  }

  /** @param next where to probe; behind a snapshot that was sent, it may be known to be further on than the match */
  becomeProbe(next: Index = this.#match + 1): void {
    this.#reset('probe', Math.max(next, this.#match + 1));
  }

  becomeReplicate(): void {
    this.#reset('replicate', this.#match + 1);
  }

  becomeSnapshot(transfer: SnapshotTransfer): void {
    this.#reset('snapshot', transfer.snapshot.index + 1);
    this.#transfer = transfer;
  }

  #reset(state: ProgressState, next: Index): void {
    this.#state = state;
    this.#transfer = null;
    this.#resume();
    this.inflights.clear();
    this.#moveNext(next);
  }

  #resume(): void {
    this.#probeSent = false;
    this.#isHeld = false;
  }

  #moveNext(next: Index): void {
    if (next <= this.#match) throw new InvariantViolation('R10', `next ${next} is not above match ${this.#match}`);
    this.#next = next;
    this.#sentCommit = Math.min(this.#sentCommit, next - 1);
  }

  /** Records that an append with so many entries went out from `next`. */
  sent(entries: number, bytes: number): void {
    if (this.#state === 'probe') {
      this.#probeSent = true;
    } else if (entries > 0) {
      this.#next += entries;
      this.inflights.add(this.#next - 1, bytes);
    }
  }

  /** Lets the next message go, after an answered heartbeat (R13). */
  allowNext(): void {
    this.#resume();
  }

  /** The transport did not take the append after `prevIndex`, nor any later one: what is on its way before stays so. */
  unsent(prevIndex: Index): void {
    if (this.#state !== 'replicate' || prevIndex >= this.#next) return;
    this.#isHeld = true;
    this.inflights.dropAfter(prevIndex);
    this.#moveNext(Math.max(prevIndex, this.#match) + 1);
    this.#sentCommit = 0;
  }

  /** Whether a message with this commit index would tell the follower something that it can act on (R19). */
  wantsCommit(commit: Index): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.#next - 1;
  }

  sentCommit(commit: Index): void {
    this.#sentCommit = commit;
  }

  /** Takes an acknowledgement up to `index`; says whether it was news. */
  acknowledge(index: Index): boolean {
    this.inflights.freeTo(index);
    if (index <= this.#match) return false;
    this.#match = index;
    if (this.#next <= index) this.#next = index + 1;
    this.#resume();
    return true;
  }

  /**
   * Takes the rejection of an append after `rejected`, with the last index that may still agree. Says whether it was
   * news: stale rejections change nothing (R11).
   */
  reject(rejected: Index, mayAgree: Index): boolean {
    switch (this.#state) {
      case 'replicate':
        if (rejected <= this.#match) return false;
        this.becomeProbe();
        return true;
      case 'probe':
        if (rejected !== this.#next - 1) return false;
        this.#moveNext(Math.max(Math.min(rejected, mayAgree + 1), this.#match + 1));
        this.#resume();
        return true;
      case 'snapshot':
        return false;
    }
  }
}
