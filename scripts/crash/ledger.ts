/** What the members of a group have said and stored, over all crashes: two things that cannot both be true are a failure. */
import { decodeJournal, isClaim } from '../../src/storage/records.ts';
import type { Acknowledgement, Leadership } from '../../e2e/pages/crash.ts';

export class Ledger {
  /** Every acknowledged command, by its place in the replicated list. */
  readonly #acknowledged = new Map<number, string>();
  readonly #leaders = new Map<number, string>();
  /** Of each database: what it voted in each term, and the highest term that it was found with. */
  readonly #votes = new Map<string, Map<number, string>>();
  readonly #terms = new Map<string, number>();

  get acknowledgements(): number {
    return this.#acknowledged.size;
  }

  get votes(): number {
    return [...this.#votes.values()].reduce((sum, votes) => sum + votes.size, 0);
  }

  acknowledge({ command, place }: Acknowledgement, leadership: Leadership | null): void {
    const other = this.#acknowledged.get(place);
    if (other !== undefined && other !== command)
      throw new Error(`place ${place} was given to ${other} and ${command}`);
    this.#acknowledged.set(place, command);
    if (leadership !== null) this.lead(leadership);
  }

  lead({ term, leader }: Leadership): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== leader) throw new Error(`term ${term} is led by ${other} and ${leader}`);
    this.#leaders.set(term, leader);
  }

  /** Reads the hard states that a crash left behind, oldest first. */
  readVotes(database: string, records: readonly Uint8Array[]): void {
    const votes = this.#votes.get(database) ?? new Map<number, string>();
    this.#votes.set(database, votes);
    let last = 0;
    for (const record of records) {
      if (isClaim(record)) continue;
      const { term, vote } = decodeJournal(record).hardState;
      if (term < last) throw new Error(`${database} went back from term ${last} to ${term}`);
      last = term;
      if (vote === null) continue;
      const other = votes.get(term);
      if (other !== undefined && other !== vote)
        throw new Error(`${database} voted for ${other} and ${vote} in ${term}`);
      votes.set(term, vote);
    }
    const before = this.#terms.get(database) ?? 0;
    if (last < before) throw new Error(`${database} was at term ${before}, and is at ${last}`);
    this.#terms.set(database, last);
  }

  /** Every acknowledged command must be where it was said to be. */
  check(member: string, state: readonly string[]): void {
    for (const [place, command] of this.#acknowledged) {
      const found = state[place - 1];
      if (found === command) continue;
      throw new Error(`${member} has ${found ?? 'nothing'} at place ${place} of ${state.length}, not ${command}`);
    }
  }
}

/** All members must have the same, and whatever was ever acknowledged. */
export function checkAgreement(ledger: Ledger, states: readonly (readonly string[])[]): void {
  const [one = []] = states;
  for (const [i, state] of states.entries()) {
    ledger.check(`member ${i}`, state);
    const different = state.findIndex((command, at) => command !== one[at]);
    if (different >= 0) throw new Error(`members 0 and ${i} differ at place ${different + 1}`);
  }
}
