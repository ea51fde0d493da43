/** Sees to it that a link whose end is dead, or that slept through what came, is closed: asks for a sign of life, and listens. */
import type { LinkEnd } from './link.ts';
import { Liveness, type LivenessOptions } from './liveness.ts';
import type { Timers } from './timers.ts';

export interface PulseInit {
  readonly timers: Timers;
  readonly liveness: LivenessOptions;
  /** Asks for a sign of life; false when that cannot be asked now. */
  readonly ask: (number: number) => boolean;
  readonly close: (end: LinkEnd) => void;
}

const asleep: LinkEnd = { reason: 'asleep', detail: 'this page stood still: what waited for it is stale' };
const silent: LinkEnd = { reason: 'silent', detail: 'nothing was heard from the other end, though we asked' };

export class Pulse {
  readonly #init: PulseInit;
  readonly #liveness: Liveness;
  #asked = 0;
  #askedAt: number | null = null;
  #roundTripMs: number | null = null;

  constructor(init: PulseInit) {
    this.#init = init;
    this.#liveness = new Liveness(init.timers.now(), init.liveness);
  }

  /** From a question to its answer, the last time; null before the first. */
  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  sent(): void {
    this.#liveness.sent(this.#init.timers.now());
  }

  /** Something has come; false when it is not to be dealt with any more, because it waited for us to wake. */
  heard(): boolean {
    if (this.#liveness.heard(this.#init.timers.now())) return true;
    this.#init.close(asleep);
    return false;
  }

  answered(): void {
    if (this.#askedAt !== null) this.#roundTripMs = this.#init.timers.now() - this.#askedAt;
    this.#askedAt = null;
  }

  /** To be called often. */
  tick(): void {
    const now = this.#init.timers.now();
    switch (this.#liveness.tick(now)) {
      case 'asleep':
        this.#init.close(asleep);
        break;
      case 'silent':
        this.#init.close(silent);
        break;
      case 'ask':
        if (this.#init.ask(this.#asked + 1)) {
          this.#asked++;
          this.#askedAt ??= now;
        }
        break;
      case 'fine':
        break;
    }
  }
}
