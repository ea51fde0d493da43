/**
 * Who is here, and what they show of themselves, as an application has it in its hands: names, cursors, whether somebody
 * types. It travels beside the log, and is gone with whoever shows it.
 */
import type { NodeId } from '../core/types.ts';

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

export interface Presence<Value> {
  /** What this member shows; null when it shows nothing. */
  readonly self: Value | null;
  /** The others that show something, in the order of ids: the same array until something in it changes. */
  readonly others: readonly Present<Value>[];
  /** Everybody who shows something, this member included, in the order of ids: the same array until something changes. */
  readonly all: readonly Present<Value>[];
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
  /**
   * Calls back with the others, now and after each change, also of what this member shows, until the function that it
   * returns is called: the contract of a Svelte store.
   */
  readonly subscribe: (subscriber: (others: readonly Present<Value>[]) => void) => () => void;
  /** `others`, for React: `useSyncExternalStore(presence.subscribe, presence.getSnapshot)`. */
  readonly getSnapshot: () => readonly Present<Value>[];
  /**
   * Calls back on each event of a kind, until the function that it returns is called. Whoever is here already is in
   * `others`.
   */
  on<Event extends keyof PresenceEvents<Value>>(
    event: Event,
    listener: (value: PresenceEvents<Value>[Event]) => void,
  ): () => void;
}
