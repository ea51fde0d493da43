/**
 * A snapshot on its way to one follower, as the leader sees it (paper, section 7): which parts are to be read, and what
 * the follower holds. Parts go ahead of the answers up to a window. An answer tells where to go on: further ahead, when
 * the follower had the beginning from somebody else (S7), or further back, when it has lost some.
 */
import type { Snapshot } from './types.ts';

/** A part of a snapshot that the driver is to read. */
export interface SnapshotPart {
  readonly offset: number;
  readonly length: number;
}

export class SnapshotTransfer {
  readonly snapshot: Snapshot;
  readonly #partBytes: number;
  readonly #windowBytes: number;
  /** The follower holds all before it. */
  #acknowledged = 0;
  /** All before it was asked for. */
  #requested = 0;
  /** A part is due even if all bytes were asked for: the only one of an empty snapshot, or the last one again. */
  #isPartDue = true;
  /** Since the follower last had more than before. */
  #idleTicks = 0;

  constructor(snapshot: Snapshot, partBytes: number, windowBytes: number) {
    this.snapshot = snapshot;
    this.#partBytes = partBytes;
    this.#windowBytes = windowBytes;
  }

  get idleTicks(): number {
    return this.#idleTicks;
  }

  /** The next part to read, if there is one and the window has room for it. */
  nextPart(): SnapshotPart | null {
    const offset = this.#requested;
    const length = Math.min(this.#partBytes, this.snapshot.bytes - offset);
    if (length === 0 && !this.#isPartDue) return null;
    const inFlight = offset - this.#acknowledged;
    if (inFlight > 0 && inFlight + length > this.#windowBytes) return null;
    this.#isPartDue = false;
    this.#requested += length;
    return { offset, length };
  }

  /** The follower holds everything before `offset`, and nothing behind it. */
  acknowledge(offset: number): void {
    if (offset > this.snapshot.bytes) return;
    if (offset > this.#acknowledged) this.#idleTicks = 0;
    const hasLostSome = offset < this.#acknowledged;
    this.#acknowledged = offset;
    if (hasLostSome) this.#rewind();
    else this.#requested = Math.max(this.#requested, offset);
  }

  #rewind(): void {
    this.#requested = this.#acknowledged;
    this.#isPartDue = true;
  }

  /** @param retryTicks ticks without news after which what is not acknowledged is sent again */
  tick(retryTicks: number): void {
    this.#idleTicks++;
    if (this.#idleTicks % retryTicks === 0) this.#rewind();
  }
}
