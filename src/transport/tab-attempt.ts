/**
 * An attempt to link two tabs of one browser. The side that offers listens on a channel of its own and names it to the
 * other; whatever comes first on it is from the other side, which speaks as soon as it is there. Nothing is sent before:
 * a BroadcastChannel keeps nothing for those who come later.
 */
import type { Attempt, AttemptListener, Stage, StageTimeouts } from './attempt.ts';
import { BroadcastLink } from './broadcast-link.ts';
import type { Link, LinkListener } from './link.ts';
import type { Timers } from './timers.ts';

export interface TabAttemptInit {
  readonly number: number;
  readonly initiator: boolean;
  /** Names the link; no other has it. */
  readonly channel: string;
  readonly locks: LockManager;
  readonly timers: Timers;
  readonly timeouts: StageTimeouts;
}

export class TabAttempt implements Attempt {
  readonly kind = 'tab';
  readonly stage: Stage = 'signaling';
  readonly number: number;
  readonly initiator: boolean;
  readonly #listener: AttemptListener;
  readonly #link: Link;
  #linkListener: LinkListener | null = null;
  #isOver = false;
  #stopTimer: () => void = () => undefined;

  constructor(init: TabAttemptInit, listener: AttemptListener) {
    const { number, initiator, channel, locks, timers, timeouts } = init;
    this.number = number;
    this.initiator = initiator;
    this.#listener = listener;
    const ends = initiator ? { here: 'offerer', there: 'answerer' } : { here: 'answerer', there: 'offerer' };
    this.#link = new BroadcastLink(
      { name: channel, ...ends, locks },
      {
        received: (frame, lane) => {
          this.#opened();
          this.#linkListener?.received(frame, lane);
        },
        closed: (end) => {
          if (this.#linkListener === null) this.#fail('channels-failed', end.detail);
          else this.#linkListener.closed(end);
        },
      },
    );
    queueMicrotask(() => {
      if (this.#isOver) return;
      if (!initiator) this.#opened();
      else listener.signal({ type: 'tab-offer', channel });
    });
    if (!initiator) return;
    const limit = timeouts.signaling;
    this.#stopTimer = timers.after(limit, () => {
      this.#fail('no-signaling', `the other tab has not answered within ${limit} ms: it may be busy, or frozen`);
    });
  }

  /** Nothing belongs to it but the offer that it began with. */
  signal(): void {
    // Frames on the channel are the answer.
  }

  #opened(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer();
    this.#linkListener = this.#listener.opened(this.#link);
  }

  #fail(reason: 'no-signaling' | 'channels-failed', detail: string): void {
    if (this.#isOver) return;
    this.abandon();
    this.#listener.failed({ reason, detail });
  }

  abandon(): void {
    this.#stopTimer();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#link.close();
  }
}
