/**
 * What waits for the bulk channel: it is fed a little at a time, as it drains. Some WebRTC stacks lose messages, or close,
 * when flooded; and what a channel holds cannot be taken back.
 */
import type { Outlet } from './outlet.ts';
import type { Timers } from './timers.ts';

/** What the channel holds at a time: enough to keep it busy, and little to lose or to wait for. */
export const channelBytes: number = 64 * 1024;

/** The channel asks for more when it holds no more than this. */
export const channelLowBytes: number = 32 * 1024;

/** Not every stack tells that a channel has drained, and none tells each time: while something waits, we look ourselves. */
const drainCheckMs = 20;

export class BulkQueue {
  readonly #outlet: Outlet;
  readonly #timers: Timers;
  readonly #failed: (error: unknown) => void;
  #messages: Uint8Array<ArrayBuffer>[] = [];
  #queuedBytes = 0;
  #stopChecking: (() => void) | null = null;
  #isClosed = false;

  /** @param failed is told when the channel takes no more; the queue is to be closed then */
  constructor(outlet: Outlet, timers: Timers, failed: (error: unknown) => void) {
    this.#outlet = outlet;
    this.#timers = timers;
    this.#failed = failed;
  }

  /** In the queue, and in the channel as the channel itself says. */
  get bufferedBytes(): number {
    return this.#queuedBytes + this.#outlet.bufferedBytes;
  }

  /** No less than waits in the queue and in the channel. What the channel holds is counted anew each time it is fed. */
  get atMostBytes(): number {
    return this.#queuedBytes + this.#outlet.atMostBytes;
  }

  push(message: Uint8Array<ArrayBuffer>): void {
    this.#messages.push(message);
    this.#queuedBytes += message.byteLength;
  }

  /** Passes on what the channel has room for. To be called after pushing, and when the channel has drained. */
  feed(): void {
    let next = 0;
    for (const message of this.#messages) {
      if (this.#isClosed || !this.#outlet.holdsLessThan(channelBytes)) break;
      next++;
      this.#queuedBytes -= message.byteLength;
      try {
        this.#outlet.send(message);
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#messages.splice(0, next);
    if (this.#messages.length > 0) this.#checkSoon();
  }

  #checkSoon(): void {
    this.#stopChecking ??= this.#timers.after(drainCheckMs, () => {
      this.#stopChecking = null;
      this.feed();
    });
  }

  /** What waits is lost. */
  close(): void {
    this.#isClosed = true;
    this.#messages = [];
    this.#queuedBytes = 0;
    this.#stopChecking?.();
  }
}
