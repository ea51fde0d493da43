/**
 * The batches of one member on their way to its store. When the store has no room, what it did not take is kept, in
 * order, the log is compacted as far as it may be, and the rest is written again, once. If that does not help, the member
 * stops: it never goes on from a guess (D8).
 */
import type { Write } from '../core/replica.ts';
import type { Index, LogStart } from '../core/types.ts';
import type { RaftError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';

export interface WriterInit {
  readonly storage: Storage;
  /** A batch is durable. Called in the order of the batches. */
  readonly durable: (write: Write) => void;
  /** Drops from the log whatever may be dropped, and says where it begins now; null if nothing could be. */
  readonly compact: () => LogStart | null;
  /** The store failed for good. */
  readonly fail: (error: RaftError) => void;
}

export class Writer {
  readonly #init: WriterInit;
  /** What the store had no room for, and what came after it. */
  #held: Write[] = [];
  /** `full`: the store has refused a batch, and everything behind it comes back; `relieved`: all of it is tried again. */
  #state: 'open' | 'full' | 'relieved' = 'open';
  #onTheirWay = 0;
  /** Where the log in the store begins since it was last relieved. */
  #relievedTo: Index = 0;

  constructor(init: WriterInit) {
    this.#init = init;
  }

  write(write: Write): void {
    if (this.#state === 'full') this.#held.push(write);
    else this.#issue(write, false);
  }

  #issue(write: Write, resumes: boolean): void {
    this.#onTheirWay++;
    // An earlier compaction that the store had no room for comes to nothing: the log would begin before what is there.
    const isPast = write.start !== null && write.start.index <= this.#relievedTo;
    const batch = { ...write, ...(isPast && { start: null }), ...(resumes && { resumes }) };
    this.#init.storage.write(batch, (error) => {
      this.#onTheirWay--;
      this.#completed(write, error);
    });
  }

  #completed(write: Write, error: RaftError | null): void {
    const { durable, fail } = this.#init;
    if (error === null) {
      this.#state = 'open';
      durable(write);
    } else if (error.code !== 'QUOTA_EXCEEDED' || this.#state === 'relieved') {
      fail(error);
    } else {
      // Whatever was written while this was on its way is behind it, and comes back as well.
      const held = this.#state === 'full' ? this.#held : [];
      this.#state = 'full';
      this.#held = [...held, write].sort((a, b) => a.id - b.id);
      if (this.#onTheirWay === 0) this.#relieve();
    }
  }

  #relieve(): void {
    const { storage, compact, fail } = this.#init;
    const start = compact();
    if (start === null) {
      this.#retry();
      return;
    }
    storage.write({ start, hardState: null, truncateFrom: null, entries: [] }, (error) => {
      if (error === null) {
        this.#relievedTo = start.index;
        this.#retry();
      } else {
        fail(error);
      }
    });
  }

  #retry(): void {
    const held = this.#held;
    this.#held = [];
    this.#state = 'relieved';
    held.forEach((write, i) => {
      this.#issue(write, i === 0);
    });
  }
}
