/** What a machine is told of the command that it applies, beside the command. */
import { seededRandom, type Random } from '../core/random.ts';
import type { Index, NodeId, Term } from '../core/types.ts';
import type { ApplyContext } from './machine.ts';

/** The random source is made for those who draw. */
export class Context implements ApplyContext {
  readonly index: Index;
  readonly term: Term;
  readonly time: number;
  readonly proposer: NodeId;
  readonly version: number;
  #random: Random | null = null;

  constructor(index: Index, term: Term, time: number, proposer: NodeId, version: number) {
    this.index = index;
    this.term = term;
    this.time = time;
    this.proposer = proposer;
    this.version = version;
  }

  get random(): Random {
    this.#random ??= seededRandom(this.index ^ Math.imul(this.term, 0x9e3779b9));
    return this.#random;
  }
}
