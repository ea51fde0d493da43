/**
 * Who is here, and what they show of themselves, as an application has it in its hands: names, cursors, whether somebody
 * types. It travels beside the log, and is gone with whoever shows it.
 */
import type { NodeId } from '../core/types.ts';
import type { ReadableStore } from './source.ts';

/** Somebody who shows something. The same object until that is something else. */
export interface Present<Value> {
  readonly member: NodeId;
  readonly isSelf: boolean;
  /** Plain data, frozen, or what the schema made of it. */
  readonly value: Value;
  /** Since when it shows something, and since when this: milliseconds since 1970 on the clock of this tab. */
  readonly since: number;
  readonly updated: number;
}

/** Somebody shows what does not fit the schema: most likely it runs another version of the application. */
export interface Unfit {
  readonly member: NodeId;
  readonly reason: string;
}

/** What happens to the others. */
export interface PresenceEvents<Value> {
  join: Present<Value>;
  update: Present<Value>;
  /** With what it showed last. */
  leave: Present<Value>;
  unfit: Unfit;
}

/** Who shows what at a moment. Each of them is the same object until it changes. */
export interface PresenceSnapshot<Value> {
  /** What this member shows; null when it shows nothing. */
  readonly self: Value | null;
  /** The others that show something, in the order of ids. */
  readonly others: readonly Present<Value>[];
  /** Everybody who shows something, this member included, in the order of ids. */
  readonly all: readonly Present<Value>[];
}

/** A store of the others; `select` makes stores of other parts. */
export interface Presence<Value> extends PresenceSnapshot<Value>, ReadableStore<readonly Present<Value>[]> {
  /**
   * Shows a value to the others, or with null nothing. They see the newest, and are told at most as many times in a second
   * as the definition says; the first at once, the last always.
   * @param value plain data, of at most 4 KiB as MessagePack
   * @throws RaftError INVALID_ARGUMENT, TOO_LARGE, or why the group is closed
   */
  set(value: Value | null): void;
  /**
   * Changes some fields of what this member shows; one that is undefined is taken out.
   * @throws RaftError INVALID_ARGUMENT, also when it shows nothing yet; TOO_LARGE, or why the group is closed
   */
  update(change: Partial<Value>): void;
  /** `others`, as a function that can be given away: with `subscribe` it is what React's `useSyncExternalStore` takes. */
  readonly getSnapshot: () => readonly Present<Value>[];
  /** Calls back with the others, now and after each change of them, until the function that it returns is called. */
  readonly subscribe: (listener: (others: readonly Present<Value>[]) => void) => () => void;
  /**
   * A part of it as a store of its own, whose listeners are called when that part is another one. Keep it.
   * @param selector gives the part; depends on nothing but its argument
   */
  select<Part>(selector: (presence: PresenceSnapshot<Value>) => Part): ReadableStore<Part>;
  /**
   * Calls back on each event of a kind, until the function that it returns is called. Whoever is here already is in
   * `others`.
   */
  on<Event extends keyof PresenceEvents<Value>>(
    event: Event,
    listener: (value: PresenceEvents<Value>[Event]) => void,
  ): () => void;
}
