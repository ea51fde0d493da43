/**
 * Frames of one link, dealt with in the order in which they came, also while one of them takes time: a signature that is
 * being checked holds up what comes behind it, and nothing overtakes it. What waits is bounded.
 */
import type { Lane } from './link.ts';

const maxWaitingFrames = 256;
const maxWaitingBytes = 8 * 1024 * 1024;

interface Received {
  readonly frame: Uint8Array;
  readonly lane: Lane;
}

export class Inbox {
  readonly #deal: (frame: Uint8Array, lane: Lane) => Promise<void> | null;
  readonly #failed: (error: unknown) => void;
  readonly #waiting: Received[] = [];
  #waitingBytes = 0;
  #isBusy = false;
  #isClosed = false;

  /**
   * @param deal deals with a frame, at once or in time; may throw
   * @param failed is told of what it throws
   */
  constructor(deal: (frame: Uint8Array, lane: Lane) => Promise<void> | null, failed: (error: unknown) => void) {
    this.#deal = deal;
    this.#failed = failed;
  }

  /** False when more waits than may: the frame is not taken. */
  push(frame: Uint8Array, lane: Lane): boolean {
    if (this.#isClosed) return true;
    if (this.#waiting.length >= maxWaitingFrames || this.#waitingBytes + frame.byteLength > maxWaitingBytes)
      return false;
    this.#waiting.push({ frame, lane });
    this.#waitingBytes += frame.byteLength;
    this.#work();
    return true;
  }

  /** Nothing is taken any more; gives what has come and was not dealt with. */
  close(): readonly Uint8Array[] {
    this.#isClosed = true;
    this.#waitingBytes = 0;
    return this.#waiting.splice(0).map(({ frame }) => frame);
  }

  #work(): void {
    while (!this.#isBusy) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#waitingBytes -= next.frame.byteLength;
      this.#begin(next);
    }
  }

  #begin({ frame, lane }: Received): void {
    let pending: Promise<void> | null = null;
    try {
      pending = this.#deal(frame, lane);
    } catch (error) {
      this.#failed(error);
    }
    if (pending === null) return;
    this.#isBusy = true;
    void pending.catch(this.#failed).then(() => {
      this.#isBusy = false;
      this.#work();
    });
  }
}
