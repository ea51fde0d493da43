/**
 * The last commands that were applied here, with what came of them, for those who follow them one by one. It is bounded,
 * and apart from the log, which holds no results: whoever comes too late is told where it begins.
 */
import type { Index } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { AppliedCommand } from '../machine/replicated.ts';

export interface HistoryLimits {
  /** Commands that are kept at the most, */
  readonly commands: number;
  /** and bytes of them and of their results; one is always kept. */
  readonly bytes: number;
}

export const defaultHistoryLimits: HistoryLimits = { commands: 10_000, bytes: 8 * 1024 * 1024 };

/** Commands that are gone are dropped from the list when they are so many, and half of it. */
const minDropped = 1000;

export class History {
  readonly #limits: HistoryLimits;
  /** In order; those before `#begin` are gone. */
  #commands: AppliedCommand[] = [];
  #begin = 0;
  #bytes = 0;
  /** All commands from this index on that were applied are here. */
  #first: Index = 1;

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  add(command: AppliedCommand): void {
    this.#commands.push(command);
    this.#bytes += bytesOf(command);
    while (this.#size > 1 && (this.#size > this.#limits.commands || this.#bytes > this.#limits.bytes)) this.#drop();
  }

  get #size(): number {
    return this.#commands.length - this.#begin;
  }

  #drop(): void {
    const dropped = this.#commands[this.#begin];
    if (dropped === undefined) return;
    this.#begin++;
    this.#bytes -= bytesOf(dropped);
    this.#first = dropped.index + 1;
    if (this.#begin < minDropped || this.#begin * 2 < this.#commands.length) return;
    this.#commands = this.#commands.slice(this.#begin);
    this.#begin = 0;
  }

  /** What led to this index was not applied here: begins behind it. */
  restart(index: Index): void {
    this.#commands = [];
    this.#begin = 0;
    this.#bytes = 0;
    this.#first = index + 1;
  }

  /**
   * The first command at this index or behind it; null when none was applied yet.
   * @throws RaftError COMPACTED when there may have been one that is not kept any more
   */
  next(from: Index): AppliedCommand | null {
    if (from < this.#first) {
      const message = `commands before entry ${this.#first} are not kept here: read the state, and go on behind its index`;
      throw new RaftError('COMPACTED', message, { firstIndex: this.#first });
    }
    let low = this.#begin;
    let high = this.#commands.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#commands[middle]?.index ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    return this.#commands[low] ?? null;
  }
}

function bytesOf({ body, value }: AppliedCommand): number {
  return body.byteLength + value.byteLength;
}
