/**
 * A snapshot on its way to one follower, as the leader sees it (paper, section 7): which parts are to be read, which may
 * be sent, and what the follower holds. Parts go ahead of the answers up to a window, in their order, whatever order they
 * are read in: the follower takes no other. An answer tells where to go on: further ahead, when the follower had the
 * beginning from somebody else (S7), or further back, when it has lost some.
 */
import type { Snapshot } from './types.ts';

/** A part of a snapshot that the driver is to read. */
export interface SnapshotPart {
  readonly offset: number;
  readonly length: number;
}

/** A part that was read. */
export interface SnapshotData {
  readonly offset: number;
  readonly data: Uint8Array;
}

export class SnapshotTransfer {
  readonly snapshot: Snapshot;
  readonly #partBytes: number;
  readonly #windowBytes: number;
  /** The follower holds all before it. */
  #acknowledged = 0;
  /** All before it was asked for. */
  #requested = 0;
  /** All before it was given out to be sent. */
  #sent = 0;
  /** Read before those that go first, by offset; no more than the window. */
  readonly #early: Map<number, Uint8Array> = new Map();
  /** The transport took no more: what it refused waits for an answer, which makes room (R13). */
  #isHeldBack = false;
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
    if (this.#isHeldBack || (length === 0 && !this.#isPartDue)) return null;
    const inFlight = offset - this.#acknowledged;
    if (inFlight > 0 && inFlight + length > this.#windowBytes) return null;
    this.#isPartDue = false;
    this.#requested += length;
    return { offset, length };
  }

  /** A part was read; gives those that may be sent now. */
  read(offset: number, data: Uint8Array): SnapshotData[] {
    if (offset >= this.#sent) this.#early.set(offset, data);
    const due: SnapshotData[] = [];
    for (let next = this.#early.get(this.#sent); next !== undefined; next = this.#early.get(this.#sent)) {
      due.push({ offset: this.#sent, data: next });
      this.#early.delete(this.#sent);
      this.#sent += next.byteLength;
    }
    return due;
  }

  /** The transport had no room for the part at this offset, nor for what comes after it. */
  unsent(offset: number): void {
    if (offset < this.#acknowledged || offset > this.#sent) return;
    this.#goOnFrom(offset);
    this.#isPartDue = true;
    this.#isHeldBack = true;
  }

  /** The follower has answered: there may be room again. */
  allowNext(): void {
    this.#isHeldBack = false;
  }

  /** The follower holds everything before `offset`, and nothing behind it. */
  acknowledge(offset: number): void {
    if (offset > this.snapshot.bytes) return;
    if (offset > this.#acknowledged) this.#idleTicks = 0;
    const hasLostSome = offset < this.#acknowledged;
    this.#acknowledged = offset;
    this.#isHeldBack = false;
    if (hasLostSome) this.#rewind();
    else if (offset > this.#sent) this.#goOnFrom(offset);
  }

  #rewind(): void {
    this.#goOnFrom(this.#acknowledged);
    this.#isPartDue = true;
  }

  /** What was read behind it, or is being read, is read again. */
  #goOnFrom(offset: number): void {
    this.#requested = offset;
    this.#sent = offset;
    this.#early.clear();
  }

  /** @param retryTicks ticks without news after which what is not acknowledged is sent again */
  tick(retryTicks: number): void {
    this.#idleTicks++;
    if (this.#idleTicks % retryTicks !== 0) return;
    this.#isHeldBack = false;
    this.#rewind();
  }
}
