/**
 * The hard state as records, and the fence. Every commit adds a record under the next number: it holds the hard state, and
 * vouches for all other records. Whoever takes the store over adds a claim under the number that comes next, so that the
 * owner of before, when it wakes up, finds its number taken, and its commit fails as a whole: nothing has to be read first.
 * Records that later ones have replaced are removed now and then; claims stay, because a page may sleep for long.
 */
import type { HardState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Change } from './group-records.ts';
import { decodeHardState, encodeHardState, isClaim } from './records.ts';

/** How many records may be there that were replaced: each costs little, and so does removing many at once. */
const replacedRecords = 64;

/** How many times a store may be taken over before the owner of the first time could write again, if it still slept. */
const claimsKept = 256;

export interface LoadedHardState {
  readonly hardState: HardState;
  /** Null in a record of version 1, which vouched for nothing. */
  readonly sum: number | null;
}

export class StoredHardState {
  #next = 1;
  /** Ascending. */
  #claims: number[] = [];
  /** No record that is neither a claim nor the newest lies before this one. */
  #oldest = 0;

  /**
   * Takes the records as they are stored.
   * @param claimed the number of our own claim
   * @returns null where there are only claims
   * @throws RaftError STORAGE_CORRUPT
   */
  load(records: readonly (readonly [number: number, record: unknown])[], claimed: number): LoadedHardState | null {
    const states = records.filter(([, record]) => !isClaim(record));
    this.#claims = records.filter(([, record]) => isClaim(record)).map(([number]) => number);
    this.#claims.push(claimed);
    this.#next = claimed + 1;
    this.#oldest = records[0]?.[0] ?? claimed;
    const [number, newest] = states.at(-1) ?? [];
    if (number === undefined) return null;
    // Every number is taken once, by a commit or a claim; what was replaced is removed from the front.
    const firstClaimAfter = records.findIndex(([found]) => found === number) + 1;
    for (const [i, [found]] of records.slice(firstClaimAfter).entries()) {
      if (found === number + 1 + i) continue;
      throw new RaftError(
        'STORAGE_CORRUPT',
        `the hard state after ${number} is missing; join the group as a new member`,
      );
    }
    const { sum, ...hardState } = decodeHardState(newest);
    return { hardState, sum };
  }

  /** What is added to a commit, and removed with it; call `committed` when it is durable. */
  changes(hardState: HardState, sum: number): Change[] {
    const number = this.#next;
    const changes: Change[] = [{ table: 'hardStates', key: [number], bytes: encodeHardState(hardState, sum) }];
    if (number - this.#oldest < replacedRecords) return changes;
    let from = this.#oldest;
    for (const claim of [...this.#claims.slice(-claimsKept), number]) {
      if (claim > from) changes.push({ table: 'hardStates', from, to: claim });
      from = Math.max(from, claim + 1);
    }
    return changes;
  }

  committed(): void {
    const number = this.#next++;
    if (number - this.#oldest < replacedRecords) return;
    this.#oldest = number;
    this.#claims = this.#claims.slice(-claimsKept);
  }
}
