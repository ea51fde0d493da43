/**
 * What a leader knows of one follower (etcd-io/raft `tracker/progress.go`). A follower whose log position is unknown is
 * probed with one message at a time; one that acknowledged is sent entries ahead of its answers (R13):
 *
 *     match < next, and match never falls within a leadership (R10)
 */
import { InvariantViolation } from './errors.ts';
import { Inflights } from './inflights.ts';
import type { RaftOptions } from './options.ts';
import type { Index } from './types.ts';

export type ProgressState = 'probe' | 'replicate';

export class Progress {
  readonly inflights: Inflights;
  #state: ProgressState = 'probe';
  #match: Index;
  #next: Index;
  #sentCommit: Index = 0;
  #probeSent = false;
  /** The transport takes nothing more at present. */
  #isHeld = false;
  /** Heard from since the last round of CheckQuorum. */
  recentlyActive: boolean;
  /** There may be something to send; looked at when messages are built. */
  dirty = false;
  /** The next message goes out even if it carries no entry: a probe, or a nudge after lost answers (R15). */
  nudge = false;

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

  /** Waiting for an answer: a probe is out, the window is full, or the transport is. */
  get paused(): boolean {
    return this.#state === 'probe' ? this.#probeSent : this.#isHeld || this.inflights.full;
  }

  becomeProbe(): void {
    this.#reset('probe');
  }

  becomeReplicate(): void {
    this.#reset('replicate');
  }

  #reset(state: ProgressState): void {
    this.#state = state;
    this.#resume();
    this.inflights.clear();
    this.#moveNext(this.#match + 1);
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

  #resume(): void {
    this.#probeSent = false;
    this.#isHeld = false;
  }

  /** Lets the next message go, after an answered heartbeat (R13). */
  allowNext(): void {
    this.#resume();
  }

  /** The transport did not take the append after `prevIndex`, nor any later one: what is on its way before stays so. */
  unsent(prevIndex: Index): void {
    if (this.#state === 'probe' || prevIndex >= this.#next) return;
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
    if (this.#state === 'replicate') {
      if (rejected <= this.#match) return false;
      this.becomeProbe();
      return true;
    }
    if (rejected !== this.#next - 1) return false;
    this.#moveNext(Math.max(Math.min(rejected, mayAgree + 1), this.#match + 1));
    this.#resume();
    return true;
  }
}
