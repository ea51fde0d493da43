/**
 * The window of appends that are on their way to one follower: bounded in messages and in bytes (R14), freed by
 * acknowledgements in the order of their last indexes. After etcd-io/raft `tracker/inflights.go`.
 */
import type { Index } from './types.ts';

export class Inflights {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #window: { readonly lastIndex: Index; readonly bytes: number }[] = [];
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#window.length;
  }

  /** Bytes of the entries in all messages on their way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** One message is always admitted, whatever its size (R17). */
  get full(): boolean {
    return this.#window.length >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  add(lastIndex: Index, bytes: number): void {
    this.#window.push({ lastIndex, bytes });
    this.#bytes += bytes;
  }

  /** Frees every message whose entries are all acknowledged. */
  freeTo(index: Index): void {
    while ((this.#window[0]?.lastIndex ?? Number.POSITIVE_INFINITY) <= index) {
      this.#bytes -= this.#window.shift()?.bytes ?? 0;
    }
  }

  /** Forgets the messages that reach beyond `index`: they were never sent. */
  dropAfter(index: Index): void {
    while ((this.#window.at(-1)?.lastIndex ?? 0) > index) this.#bytes -= this.#window.pop()?.bytes ?? 0;
  }

  clear(): void {
    this.#window.length = 0;
    this.#bytes = 0;
  }
}
