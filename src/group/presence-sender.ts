/**
 * Shows the others what this member shows of itself. The first change goes out at once, those that follow together, at most
 * so many times in a second, and the last one always. A link that has too much to do gets whatever is the newest when it
 * has room again: nothing queues here.
 */
import type { NodeId } from '../core/types.ts';
import type { PresenceMessage } from '../transport/messages.ts';
import type { Clock } from './clock.ts';

/** How often a member shows itself, and for how long that holds. */
export interface PresenceTiming {
  /** The others are told of changes at most so many times in a second: 1 to 60. */
  readonly updatesPerSecond: number;
  /** What a member showed is forgotten after so many milliseconds without a sign of it: 1,000 to 300,000. */
  readonly ttlMs: number;
}

export const defaultPresenceTiming: PresenceTiming = { updatesPerSecond: 20, ttlMs: 30_000 };

/** Two of three signs that a value still holds may be lost. */
const signsInTtl = 3;

/** Calls that a timer makes up for, one right after the other, do not count: those at least so much of a pause apart do. */
const shortestPause = 0.75;

export interface PresenceSenderInit {
  readonly id: NodeId;
  readonly clock: Clock;
  readonly timing: PresenceTiming;
  /** False when the message was certainly not sent. */
  readonly send: (message: PresenceMessage) => boolean;
}

export class PresenceSender {
  readonly #init: PresenceSenderInit;
  readonly #run: number;
  /** For each member that is linked to us the version that its link took last: 0 for none. */
  readonly #told = new Map<NodeId, number>();
  #value: Uint8Array | null = null;
  #version = 0;
  #isDeferred = false;
  #sentAt = 0;
  #stopPacing: (() => void) | null = null;
  #stopReminding: (() => void) | null = null;

  constructor(init: PresenceSenderInit) {
    this.#init = init;
    this.#run = Math.max(0, Math.floor(init.clock.wallTime()));
  }

  /** @param value null to show nothing */
  set(value: Uint8Array | null): void {
    this.#value = value;
    this.#version++;
    if (value === null) {
      this.#stopReminding?.();
      this.#stopReminding = null;
    } else {
      const { clock, timing } = this.#init;
      this.#stopReminding ??= clock.every(timing.ttlMs / signsInTtl, () => {
        this.#remind();
      });
    }
    this.#soon();
  }

  /** Who is linked to us. */
  get peers(): readonly NodeId[] {
    return [...this.#told.keys()];
  }

  connected(peer: NodeId): void {
    this.#told.set(peer, 0);
    this.#soon();
  }

  disconnected(peer: NodeId): void {
    this.#told.delete(peer);
  }

  /** Says, as far as that is possible, that this member is gone. To be called while there still are links. */
  close(): void {
    if (this.#value !== null) {
      this.set(null);
      this.#send();
    }
    this.#told.clear();
    this.#stopPacing?.();
    this.#stopPacing = null;
  }

  #remind(): void {
    for (const peer of this.#told.keys()) this.#told.set(peer, 0);
    this.#soon();
  }

  /** Sends once the present event is dealt with; while pacing, with the next step. */
  #soon(): void {
    if (this.#isDeferred || this.#stopPacing !== null || !this.#isAnybodyBehind()) return;
    this.#isDeferred = true;
    this.#init.clock.defer(() => {
      this.#isDeferred = false;
      if (!this.#isAnybodyBehind()) return;
      this.#send();
      this.#pace();
    });
  }

  #pace(): void {
    const { clock, timing } = this.#init;
    const pauseMs = 1000 / timing.updatesPerSecond;
    this.#stopPacing = clock.every(pauseMs, () => {
      if (clock.now() - this.#sentAt < shortestPause * pauseMs) return;
      if (this.#isAnybodyBehind()) {
        this.#send();
      } else {
        this.#stopPacing?.();
        this.#stopPacing = null;
      }
    });
  }

  #isAnybodyBehind(): boolean {
    for (const version of this.#told.values()) if (version < this.#version) return true;
    return false;
  }

  #send(): void {
    const { id, clock, timing, send } = this.#init;
    const { ttlMs } = timing;
    this.#sentAt = clock.now();
    for (const [to, told] of this.#told) {
      if (told === this.#version) continue;
      const isSent = send({
        kind: 'Presence',
        from: id,
        to,
        run: this.#run,
        version: this.#version,
        ttlMs,
        value: this.#value,
      });
      if (isSent) this.#told.set(to, this.#version);
    }
  }
}
