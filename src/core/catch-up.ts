/**
 * Whether a learner keeps up, so that making it a voter does not hold the group up (M14; dissertation, section 4.2.1). It
 * catches up in rounds: each brings it to where the log ended when the round began. One that needs no longer for a round
 * than an election timeout is close enough.
 */
import type { Index } from './types.ts';

export class CatchUp {
  readonly #electionTicks: number;
  #target: Index;
  #ticks = 0;
  #isCaughtUp = false;

  constructor(lastIndex: Index, electionTicks: number) {
    this.#target = lastIndex;
    this.#electionTicks = electionTicks;
  }

  /** The last round was short enough, and the one under way still may be. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp && this.#ticks <= this.#electionTicks;
  }

  /** While there is nothing to catch up with, each tick is a round of its own: no acknowledgement will come. */
  tick(match: Index, lastIndex: Index): void {
    this.#ticks++;
    this.reached(match, lastIndex);
  }

  /** The learner holds the log up to `match`. */
  reached(match: Index, lastIndex: Index): void {
    if (match < this.#target) return;
    this.#isCaughtUp = this.#ticks <= this.#electionTicks;
    this.#target = lastIndex;
    this.#ticks = 0;
  }
}
