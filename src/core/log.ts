/**
 * The log of one replica (paper, sections 5.3 and 7) after its start, wholly in memory: storage is its durable shadow,
 * read only when a replica starts. This file owns the entries, their terms, and how far they are handed to storage,
 * durable, committed and applied:
 *
 *     start <= applied <= applying <= min(commit, durable)      durable <= written <= last
 */
import { InvariantViolation } from './errors.ts';
import { type ConflictHint, type Entry, entryBytes, type Index, type Term } from './types.ts';

export class RaftLog {
  #startIndex: Index;
  #startTerm: Term;
  #entries: Entry[];
  #commit: Index;
  #applying: Index;
  #applied: Index;
  #written: Index;
  #durable: Index;
  #truncateFrom: Index | null = null;

  /**
   * Takes a log as storage holds it: all of it durable.
   * @param applied what the machine begins with: the index of the newest snapshot, or of the start
   */
  constructor(
    start: { readonly index: Index; readonly term: Term },
    entries: readonly Entry[],
    commit: Index,
    applied: Index,
  ) {
    this.#startIndex = start.index;
    this.#startTerm = start.term;
    this.#entries = [...entries];
    this.#commit = Math.max(commit, applied);
    this.#applying = applied;
    this.#applied = applied;
    this.#written = this.lastIndex;
    this.#durable = this.lastIndex;
  }

  get lastIndex(): Index {
    return this.#startIndex + this.#entries.length;
  }

  get lastTerm(): Term {
    return this.#entries[this.#entries.length - 1]?.term ?? this.#startTerm;
  }

  /** The index before the first entry: that of a snapshot, or of what was compacted. */
  get startIndex(): Index {
    return this.#startIndex;
  }

  get commit(): Index {
    return this.#commit;
  }

  get applied(): Index {
    return this.#applied;
  }

  /** The last index up to which the log as it is now is known to be on disk. */
  get durable(): Index {
    return this.#durable;
  }

  /** The term of an entry; also known just before the first (R1). Undefined outside the log. */
  termAt(index: Index): Term | undefined {
    if (index === this.#startIndex) return this.#startTerm;
    return this.#entries[index - this.#startIndex - 1]?.term;
  }

  entryAt(index: Index): Entry | undefined {
    return this.#entries[index - this.#startIndex - 1];
  }

  /** Entries from `first` on, up to `last` and to a number of bytes, but always one if there is one (R17). */
  slice(first: Index, last: Index, maxBytes: number): Entry[] {
    const from = first - this.#startIndex - 1;
    const to = Math.min(last - this.#startIndex, this.#entries.length);
    let bytes = 0;
    let end = from;
    while (end < to) {
      const entry = this.#entries[end];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (bytes > maxBytes && end > from) break;
      end++;
    }
    return this.#entries.slice(from, end);
  }

  /**
   * The largest index up to `index` whose term is at most `term`: the nearest place where two logs may still agree
   * (R12; etcd-io/raft `findConflictByTerm`). An index before the log is returned with the unknown term 0.
   */
  lastAtOrBelowTerm(index: Index, term: Term): ConflictHint {
    if (index < this.#startIndex) return { index, term: 0 };
    let low = this.#startIndex;
    let high = Math.min(index, this.lastIndex);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.termAt(middle) ?? 0) <= term) low = middle;
      else high = middle - 1;
    }
    const found = this.termAt(low) ?? 0;
    return found <= term ? { index: low, term: found } : { index: low - 1, term: 0 };
  }

  /** The first of these entries that the log does not hold, undefined if it holds, or held, them all (R2). */
  firstMissing(entries: readonly Entry[]): Entry | undefined {
    return entries.find(({ index, term }) => index > this.#startIndex && this.termAt(index) !== term);
  }

  /** Appends entries that follow the last one. */
  append(entries: readonly Entry[]): void {
    let { lastIndex, lastTerm } = this;
    for (const entry of entries) {
      if (entry.index !== lastIndex + 1 || entry.term < lastTerm) {
        throw new InvariantViolation('D10', `entry ${entry.index} of term ${entry.term} does not follow the log`);
      }
      this.#entries.push(entry);
      lastIndex = entry.index;
      lastTerm = entry.term;
    }
  }

  /** Removes the entries from `index` on. What was durable of them is overwritten by the next write. */
  truncate(index: Index): void {
    this.#entries.length = index - this.#startIndex - 1;
    if (index <= this.#written) {
      this.#written = index - 1;
      this.#truncateFrom = Math.min(index, this.#truncateFrom ?? index);
    }
    this.#durable = Math.min(this.#durable, index - 1);
  }

  get hasUnwritten(): boolean {
    return this.#written < this.lastIndex;
  }

  /** Hands over what storage does not have yet, and from where it must cut what it has. */
  takeUnwritten(): { readonly truncateFrom: Index | null; readonly entries: Entry[] } {
    const entries = this.#entries.slice(this.#written - this.#startIndex);
    const truncateFrom = this.#truncateFrom;
    this.#written = this.lastIndex;
    this.#truncateFrom = null;
    return { truncateFrom, entries };
  }

  durableTo(index: Index): void {
    if (index > this.#durable) this.#durable = Math.min(index, this.#written);
  }

  /** Drops the entries up to `index`, which is applied. */
  compact(index: Index): void {
    const term = this.termAt(index);
    if (term === undefined || index > this.#applied) {
      throw new InvariantViolation('S8', `the log may not be compacted to ${index}: it is applied to ${this.#applied}`);
    }
    this.#entries = this.#entries.slice(index - this.#startIndex);
    this.#startIndex = index;
    this.#startTerm = term;
  }

  /**
   * Gives way to a snapshot: all entries go, and the log begins behind it. What the snapshot holds counts as committed,
   * and as being applied; it is applied, and durable, when the driver says so. Until then only that is durable which was
   * committed and durable before.
   */
  restore(index: Index, term: Term): void {
    this.#durable = this.applicable;
    this.#entries = [];
    this.#startIndex = index;
    this.#startTerm = term;
    this.#commit = index;
    this.#applying = index;
    this.#written = index;
    this.#truncateFrom = index + 1;
  }

  /** Never goes back; an index beyond the log is the caller's violation of R7. */
  commitTo(index: Index): boolean {
    if (index <= this.#commit) return false;
    this.#commit = index;
    return true;
  }

  /** The last index that may be applied: committed, and durable here (R21). */
  get applicable(): Index {
    return Math.min(this.#commit, this.#durable);
  }

  /** False also while a snapshot is being applied: entries come after it. */
  get hasApplicable(): boolean {
    return this.#applying < this.applicable && !this.isRestoring;
  }

  /** A snapshot was taken over, and is not applied yet. */
  get isRestoring(): boolean {
    return this.#applied < this.#startIndex;
  }

  /** Hands over the next entries to apply, each once and in order (R21). */
  takeApplicable(maxBytes: number): Entry[] {
    if (!this.hasApplicable) return [];
    const entries = this.slice(this.#applying + 1, this.applicable, maxBytes);
    this.#applying += entries.length;
    return entries;
  }

  appliedTo(index: Index): void {
    if (index < this.#applied || index > this.#applying) {
      throw new InvariantViolation(
        'R21',
        `applied index ${index} is outside of what was handed out: ${this.#applied} to ${this.#applying}`,
      );
    }
    this.#applied = index;
  }
}
