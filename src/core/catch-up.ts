/**
 * Whether a learner keeps up, so that making it a voter does not hold the group up (M14; dissertation, section 4.2.1). It
 * catches up in rounds: each brings it to where the log ended when the round began. One that needed no longer for its last
 * round than an election timeout is close enough.
 */
import type { Index } from './types.ts';

export class CatchUp {
  #target: Index;
  #ticks = 0;
  #isCaughtUp = false;

  constructor(lastIndex: Index) {
    this.#target = lastIndex;
  }

  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  tick(): void {
    this.#ticks++;
  }

  /** The learner holds the log up to `match`. */
  reached(match: Index, lastIndex: Index, electionTicks: number): void {
    if (match < this.#target) return;
    this.#isCaughtUp = this.#ticks <= electionTicks;
    this.#target = lastIndex;
    this.#ticks = 0;
  }
}
