/** Which commands of a queue are on their way to the leader, and which go next: in the order of the queue, with no gap. */
import type { SessionId } from '../machine/envelope.ts';
import type { Keeper } from './keeper.ts';
import type { Pending } from './pending.ts';
import type { Queue } from './queue.ts';

/** Consecutive commands of one session, ready for the leader. */
export interface Shipment {
  readonly session: SessionId;
  readonly sequence: number;
  /** The last command of the session whose outcome we know. */
  readonly known: number;
  readonly commands: readonly Uint8Array[];
}

export class Shipments<Result> {
  readonly #queue: Queue<Result>;
  readonly #keeper: Pick<Keeper<Result>, 'maySend' | 'known'>;
  /** How many of those that have a place are on their way; those behind are to be sent again. */
  #shipped = 0;

  constructor(queue: Queue<Result>, keeper: Pick<Keeper<Result>, 'maySend' | 'known'>) {
    this.#queue = queue;
    this.#keeper = keeper;
  }

  get areOnTheirWay(): boolean {
    return this.#shipped > 0;
  }

  /** The next commands to send, up to a number of bytes but at least one; null when all are on their way. */
  next(session: SessionId, maxBytes: number): Shipment | null {
    const commands: Uint8Array[] = [];
    let bytes = 0;
    for (let i = this.#shipped; ; i++) {
      const pending = this.#readyAt(i);
      if (pending === undefined) break;
      bytes += pending.call.byteLength;
      if (bytes > maxBytes && commands.length > 0) break;
      commands.push(pending.call);
    }
    if (commands.length === 0) return null;
    const sequence = this.#queue.settledTo + this.#shipped + 1;
    return { session, sequence, known: this.#keeper.known, commands };
  }

  /** The command that may be sent as that one, counted from the first without an outcome. */
  #readyAt(i: number): Pending<Result> | undefined {
    return this.#keeper.maySend(this.#queue.settledTo + 1 + i) ? this.#queue.at(i) : undefined;
  }

  /** So many more are on their way, and have their places for ever: gives them. */
  shipped(count: number): readonly Pending<Result>[] {
    const shipped: Pending<Result>[] = [];
    for (let i = this.#shipped; i < this.#shipped + count; i++) {
      const pending = this.#queue.at(i);
      if (pending !== undefined) shipped.push(pending);
    }
    this.#shipped += count;
    const unplaced = this.#shipped - this.#queue.placedLength;
    if (unplaced > 0) this.#queue.place(unplaced);
    return shipped;
  }

  /** The first of the queue was taken out, with its outcome. */
  settled(): void {
    this.#shipped = Math.max(0, this.#shipped - 1);
  }

  /** Everything from a sequence on is to be sent again; everything without an outcome if you do not say. */
  rewind(sequence = 0): void {
    this.#shipped = Math.min(this.#shipped, Math.max(0, sequence - this.#queue.settledTo - 1));
  }
}
