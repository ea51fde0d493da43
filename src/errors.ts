/** Every error that a user of Flotilla meets: one class, a literal code, and a sentence that says what to do. */

export type RaftErrorCode =
  /** The call was given up through its `AbortSignal`. */
  | 'ABORTED'
  /** The host of this member, or of the one named, is banned from the group, under whatever member it comes. */
  | 'BANNED'
  /** More commands are waiting than this member holds; try again when some have ended. */
  | 'BUSY'
  /** Leadership can go to voters only, and the member named is none. */
  | 'CANNOT_LEAD'
  /** Another change of the members has not ended yet; try again when it has. */
  | 'CHANGE_IN_PROGRESS'
  /** The group, or this member, is closed. */
  | 'CLOSED'
  /** What is asked for is not kept any more; `firstIndex` says from where on it is. */
  | 'COMPACTED'
  /** The time in which the command was to be sent is over, and it was not sent. */
  | 'EXPIRED'
  /** The group has as many learners as it takes, and this tab is none of them. */
  | 'GROUP_FULL'
  /** An argument does not have the form that the call takes. */
  | 'INVALID_ARGUMENT'
  /** The text is no invite, or one of a newer version. */
  | 'INVALID_INVITE'
  /** This member stopped, because a rule of the algorithm was found broken; `cause` names it. */
  | 'INVARIANT_VIOLATED'
  /** The change would leave nobody who can lead. */
  | 'LAST_VOTER'
  /** The members are others than those that the change was meant for; look at them, and ask again. */
  | 'MEMBERS_CHANGED'
  /** There is no such member in the group; or this tab is none yet. */
  | 'NOT_A_MEMBER'
  /** The learner that is to vote does not keep up with the log yet; try again when it does. */
  | 'NOT_CAUGHT_UP'
  /** This tab has no such group. */
  | 'NO_SUCH_GROUP'
  /** The environment lacks something that is needed, named in the message. */
  | 'NOT_SUPPORTED'
  /** There is no room for what has to be stored, and none could be made; this member stopped, others go on. */
  | 'QUOTA_EXCEEDED'
  /** This tab has a read-only invite, and may not propose; or the member named has one, and may not vote. */
  | 'READ_ONLY'
  /** The machine threw: the command changed nothing, on every member alike. */
  | 'REJECTED'
  /** This member was removed from the group, for good: its tab may join again, as another member. */
  | 'REMOVED'
  /**
   * Two groups were founded under the name of one room, by hosts that did not see each other then. They are not merged: open
   * one of them by its id. `cause` is the list of their ids.
   */
  | 'ROOM_CONFLICT'
  /** This member was away for so long that the group has forgotten its session: whether the command was done is unknown. */
  | 'SESSION_FORGOTTEN'
  /** A stored record cannot be right; `cause` or the message names it. */
  | 'STORAGE_CORRUPT'
  /** Reading or writing the storage failed; this member stopped. */
  | 'STORAGE_FAILED'
  /** Another tab has this storage open. */
  | 'STORAGE_IN_USE'
  /** The storage was deleted, or another tab took it over, while this member had it; this member stopped. */
  | 'STORAGE_LOST'
  /** No answer in time. */
  | 'TIMEOUT'
  /** The group holds as many bans as it can; lift one first. */
  | 'TOO_MANY_BANNED'
  /** The command, or what a member shows of itself, is larger than one may be. */
  | 'TOO_LARGE'
  /** The group runs a newer version of the machine than this code: this member stopped; reload with newer code. */
  | 'UPGRADE_REQUIRED'
  /** The group runs an older version of the machine than the one this code proposes for: move the group first. */
  | 'VERSION_NOT_IN_FORCE'
  /** The group replicates another machine than the one given. */
  | 'WRONG_MACHINE';

/** `not-done`: the call had no effect and never will. `unknown`: it may have had one, or have one later. */
export type Outcome = 'not-done' | 'unknown';

export interface RaftErrorOptions {
  readonly outcome?: Outcome;
  readonly cause?: unknown;
  readonly settled?: Promise<unknown>;
  readonly firstIndex?: number;
}

export class RaftError extends Error {
  override readonly name = 'RaftError';
  readonly code: RaftErrorCode;
  readonly outcome: Outcome;
  /**
   * Of a proposal that ended with an unknown outcome: what its outcome is, once it is known, as the call itself would have
   * told it. A command that was sent stays in its place and is sent again, so it can be awaited here as often as one likes.
   * Rejects when nobody will ever know. Null for every other error. `propose` gives the same promise with its type.
   */
  readonly settled: Promise<unknown> | null;
  /** With COMPACTED, the first index from which on everything is there; null with every other code. */
  readonly firstIndex: number | null;

  constructor(
    code: RaftErrorCode,
    message: string,
    { outcome = 'not-done', cause, settled, firstIndex }: RaftErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.outcome = outcome;
    this.settled = settled ?? null;
    this.firstIndex = firstIndex ?? null;
  }
}

/** What ends many calls at once gives each of them an error of its own, which says whether that one may have had an effect. */
export function endingWith({ code, message, cause }: RaftError): (outcome: Outcome) => RaftError {
  return (outcome) => new RaftError(code, message, { outcome, cause });
}
