/**
 * Commands in the order of proposing: first those that have a place in the session, one after the other, then those that
 * have none. The places before the first of them are settled.
 */
import type { Pending } from './pending.ts';
import { type Proposal } from './pending.ts';

export class Queue<Result> {
  #placed: Pending<Result>[] = [];
  #unplaced: Pending<Result>[] = [];
  #settledTo = 0;
  #bytes = 0;
  /** Counts what has changed in `list`, and in what it lists. */
  changes = 0;
  #list: readonly Proposal[] = [];
  #listedAt = 0;

  get length(): number {
    return this.#placed.length + this.#unplaced.length;
  }

  get placedLength(): number {
    return this.#placed.length;
  }

  /** Of their calls. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The last sequence that has an outcome. */
  get settledTo(): number {
    return this.#settledTo;
  }

  /** The last sequence that is taken. */
  get placedTo(): number {
    return this.#settledTo + this.#placed.length;
  }

  get unplaced(): readonly Pending<Result>[] {
    return this.#unplaced;
  }

  /** All of them: the same list until it is another one. */
  get list(): readonly Proposal[] {
    if (this.#listedAt !== this.changes) {
      this.#list = [...this.#placed, ...this.#unplaced];
      this.#listedAt = this.changes;
    }
    return this.#list;
  }

  at(i: number): Pending<Result> | undefined {
    return this.#placed[i] ?? this.#unplaced[i - this.#placed.length];
  }

  push(pending: Pending<Result>): void {
    this.#unplaced.push(pending);
    this.#bytes += pending.call.byteLength;
    this.changes++;
  }

  /** Gives the first so many that have no place the places that come next. */
  place(count: number): void {
    for (const pending of this.#unplaced.splice(0, count)) {
      this.#placed.push(pending);
      pending.sequence = this.placedTo;
    }
    this.changes++;
  }

  /** Those behind a sequence have no place any more. */
  displace(behind: number): void {
    const displaced = this.#placed.splice(Math.max(0, behind - this.#settledTo));
    for (const pending of displaced) pending.sequence = null;
    this.#unplaced.unshift(...displaced);
    this.changes++;
  }

  /** Nobody has a place any more, and the next one is the first. */
  restart(): void {
    this.displace(this.#settledTo);
    this.#settledTo = 0;
  }

  /** Everything before the next place is settled: for a queue without places. */
  begin(settledTo: number): void {
    this.#settledTo = settledTo;
  }

  /** Takes the one out whose outcome comes next. */
  settle(): Pending<Result> | undefined {
    const settled = this.#placed.shift();
    if (settled !== undefined) this.#settledTo++;
    return this.#without(settled);
  }

  /** Takes one out that has no place; undefined if it has one, or is not there. */
  takeUnplaced(pending: Proposal): Pending<Result> | undefined {
    const at = this.#unplaced.findIndex((one) => one === pending);
    return at === -1 ? undefined : this.#without(this.#unplaced.splice(at, 1)[0]);
  }

  #without(pending: Pending<Result> | undefined): Pending<Result> | undefined {
    if (pending === undefined) return undefined;
    this.#bytes -= pending.call.byteLength;
    this.changes++;
    return pending;
  }

  /** Takes everything out. */
  clear(): { readonly placed: readonly Pending<Result>[]; readonly unplaced: readonly Pending<Result>[] } {
    const all = { placed: this.#placed, unplaced: this.#unplaced };
    this.#placed = [];
    this.#unplaced = [];
    this.#settledTo = 0;
    this.#bytes = 0;
    this.changes++;
    return all;
  }
}
