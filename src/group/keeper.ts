/**
 * Keeps the commands of a queue in the outbox, so that they survive this run of the member. A command has its sequence before
 * it is sent, because that has to be durable first; and it is forgotten here before anybody is told that it was withdrawn, and
 * before the group is told that its outcome is known.
 */
import { RaftError } from '../errors.ts';
import type { SessionId } from '../machine/envelope.ts';
import type { KeptCommand } from '../storage/storage.ts';
import type { Outbox } from './outbox.ts';
import type { Pending } from './pending.ts';
import type { Queue } from './queue.ts';

/** How far the outbox has come with the sequences of one session. */
interface Progress {
  /** The last one that is durable. */
  durableTo: number;
  /** The last one that it has forgotten. */
  removedTo: number;
}

export interface KeeperInit<Result> {
  readonly queue: Queue<Result>;
  /** Null where nothing is to be kept, and nothing was. */
  readonly outbox: Outbox | null;
  /** There is something to be stored, or to be told. */
  readonly changed: () => void;
  /** The store has failed for good. */
  readonly failed: (error: RaftError) => void;
  /** All that an earlier run has left is done, and nothing is kept from now on: its session is of no more use. */
  readonly emptied: () => void;
}

/** What an earlier run has left. */
interface Restored<Result> {
  /** Under which it sent commands; null when it sent none. */
  readonly session: SessionId | null;
  readonly commands: Pending<Result>[];
}

export class Keeper<Result> {
  readonly #init: KeeperInit<Result>;
  readonly #queue: Queue<Result>;
  #outbox: Outbox | null;
  /** Of the present session: what is on its way for an earlier one tells that one's. */
  #progress: Progress = { durableTo: 0, removedTo: 0 };
  /** Withdrawn, and not out of the outbox yet. */
  readonly #leaving: Set<Pending<Result>> = new Set();

  constructor(init: KeeperInit<Result>) {
    this.#init = init;
    this.#queue = init.queue;
    this.#outbox = init.outbox;
  }

  /** Whether something is kept, or still to be forgotten. */
  get isKeeping(): boolean {
    return this.#outbox !== null;
  }

  /** Takes up what an earlier run has left: its commands, in order, in their places. */
  restore(newPending: (kept: KeptCommand) => Pending<Result>): Restored<Result> {
    if (this.#outbox === null) return { session: null, commands: [] };
    const { placement, commands: kept } = this.#outbox.restored;
    const commands = kept.map((one) => {
      const pending = newPending(one);
      pending.number = one.number;
      pending.keeping = 'kept';
      return pending;
    });
    const { session = null, next = 1, last = 0 } = placement ?? {};
    const placed = kept.filter(({ number }) => number <= last).length;
    this.#queue.begin(next - 1 - placed);
    for (const one of commands) this.#queue.push(one);
    this.#queue.place(placed);
    this.#progress = { durableTo: next - 1, removedTo: this.#queue.settledTo };
    return { session: session as SessionId | null, commands };
  }

  /** A command has come into the queue. */
  add(pending: Pending<Result>): void {
    if (this.#outbox?.keepsNew !== true) return;
    pending.keeping = 'on-its-way';
    const { call, expires } = pending;
    const kept = { call, time: Math.floor(pending.time), expires: expires === null ? null : Math.ceil(expires) };
    pending.number = this.#outbox.add(kept, (error) => {
      this.#queue.changes++;
      if (error === null) pending.keeping = 'kept';
      else if (this.#queue.takeUnplaced(pending)) pending.settle({ kind: 'failed', error });
    });
  }

  /**
   * A command was taken out of the queue before it had a place.
   * @param done called once it cannot come back: whoever is told that it was not done must not find it done after a crash
   */
  withdraw(pending: Pending<Result>, done: () => void): void {
    const { number } = pending;
    if (number === null || this.#outbox === null || this.#outbox.cancel(number)) {
      done();
      return;
    }
    this.#leaving.add(pending);
    this.#outbox.remove(number, true, () => {
      if (this.#leaving.delete(pending)) done();
    });
    this.#init.changed();
  }

  /** Those that were withdrawn, and would come back after a crash; nobody is told of them here any more. */
  takeLeaving(): readonly Pending<Result>[] {
    const leaving = [...this.#leaving];
    this.#leaving.clear();
    return leaving;
  }

  /** Gives whatever is kept, and has none, a place in the session, so that it can be sent once that is durable. */
  place(session: SessionId): void {
    const outbox = this.#outbox;
    if (outbox?.mayPlace !== true) return;
    const { unplaced } = this.#queue;
    const end = unplaced.findIndex(({ number }) => number === null);
    const count = end === -1 ? unplaced.length : end;
    const last = unplaced[count - 1]?.number ?? null;
    if (last === null) return;
    this.#queue.place(count);
    const next = this.#queue.placedTo + 1;
    const progress = this.#progress;
    outbox.place({ session, next, last }, (error) => {
      if (this.#progress !== progress) return;
      if (error === null) progress.durableTo = next - 1;
      else this.#queue.displace(progress.durableTo);
    });
  }

  /** Whether the command in that place may be sent: what comes after a crash knows of it. */
  maySend(sequence: number): boolean {
    return this.#outbox === null || sequence <= this.#progress.durableTo;
  }

  /** Takes the places back from which nothing was sent. */
  displaceUnsent(): void {
    if (this.#outbox !== null) this.#queue.displace(this.#progress.durableTo);
  }

  /** A command has its outcome, and need not be kept any more. */
  forget({ number, sequence }: Pending<Result>): void {
    if (number === null) return;
    const progress = this.#progress;
    this.#outbox?.remove(number, false, () => {
      progress.removedTo = Math.max(progress.removedTo, sequence ?? 0);
    });
  }

  /** The last sequence of which the group may be told that its outcome is known here. */
  get known(): number {
    return this.#outbox === null ? this.#queue.settledTo : this.#progress.removedTo;
  }

  /** The session has ended: nothing has a place any more. */
  endSession(): void {
    this.#progress = { durableTo: 0, removedTo: 0 };
  }

  /** The next run must not go on with the session. */
  dropSession(): void {
    this.#outbox?.place(null, () => undefined);
  }

  /** Stores what somebody waits for. */
  flush(): void {
    this.#outbox?.flush(this.#changed, this.#init.failed);
  }

  /** Time has passed: stores whatever has gathered. */
  tick(): void {
    this.#outbox?.tick(this.#changed, this.#init.failed);
  }

  readonly #changed = (): void => {
    this.#leaveIfDone();
    this.#init.changed();
  };

  /** An outbox that is only to be emptied is of no more use then: new commands are kept nowhere. */
  #leaveIfDone(): void {
    const outbox = this.#outbox;
    if (outbox === null || outbox.keepsNew || !outbox.isIdle || this.#queue.placedLength > 0) return;
    if (this.#leaving.size > 0 || this.#queue.unplaced.some(({ number }) => number !== null)) return;
    this.#outbox = null;
    this.#init.emptied();
  }
}

/** What becomes of a command that is kept when its member ends. */
export function inOutbox({ code, message, cause }: RaftError): RaftError {
  const more = 'the command is in the outbox, and goes on when this tab opens the group again';
  return new RaftError(code, `${message}; ${more}`, { outcome: 'unknown', cause });
}
