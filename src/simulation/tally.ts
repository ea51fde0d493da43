/** Bytes by index, in ascending order of indexes: added at the end, and dropped from the beginning. */
import type { Index } from '../core/types.ts';

interface Item {
  readonly index: Index;
  readonly bytes: number;
}

export class Tally {
  #items: Item[] = [];
  /** The first that was not dropped. */
  #first = 0;
  #bytes = 0;
  /** Bytes added since somebody set this to 0. */
  fresh = 0;

  get count(): number {
    return this.#items.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(index: Index, bytes: number): void {
    this.#items.push({ index, bytes });
    this.#bytes += bytes;
    this.fresh += bytes;
  }

  /** Drops everything up to an index. */
  dropTo(index: Index): void {
    for (
      let item = this.#items[this.#first];
      item !== undefined && item.index <= index;
      item = this.#items[this.#first]
    ) {
      this.#bytes -= item.bytes;
      this.#first++;
    }
    if (2 * this.#first < this.#items.length) return;
    this.#items = this.#items.slice(this.#first);
    this.#first = 0;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
    this.#bytes = 0;
    this.fresh = 0;
  }
}
