/** A command that was proposed here and has no outcome yet, as the queue has it and as everybody else sees it. */
import type { Index } from '../core/types.ts';
import type { RaftError } from '../errors.ts';

export type ProposalOutcome<Result> =
  | { readonly kind: 'applied'; readonly result: Result; readonly index: Index }
  | { readonly kind: 'failed'; readonly error: RaftError };

/** Whether a command survives this run of its member: `kept` once it is durable in the outbox. */
export type Keeping = 'not-kept' | 'on-its-way' | 'kept';

/** A command that was proposed here, and is followed until it has an outcome. */
export interface Proposal {
  /** The command as the machine wrote it: what `encodeCall` gives. */
  readonly call: Uint8Array;
  /** When it was proposed, in milliseconds since 1970 on our clock. */
  readonly time: number;
  /** Its place in our session; null while it was not sent, and so cannot take effect. */
  readonly sequence: number | null;
  readonly keeping: Keeping;
  /**
   * Takes it back: it ends with this error, which says that it was not done; at once, or as soon as the outbox has forgotten it.
   * False for one that was sent, or has ended: what was sent keeps its place, and its outcome is told when it is known.
   */
  withdraw(error: RaftError): boolean;
}

/** A proposal of an earlier run, which nobody in this one has made. */
export interface RestoredProposal<Result> extends Proposal {
  /** Calls back once with the outcome: when there is one, or at once. */
  follow(settled: (outcome: ProposalOutcome<Result>) => void): void;
}

/** What a proposal remembers for the meter: milliseconds on its clock. */
export interface Metered {
  /** Null for one of an earlier run. */
  proposedAt: number | null;
  /** When it went to the leader for the first time, or into the log; null before. */
  sentAt: number | null;
}

/** Where a command is pending. */
interface PendingOwner {
  withdraw(pending: Proposal, error: RaftError): boolean;
  /** It has its outcome. */
  ended(pending: Metered, outcome: ProposalOutcome<unknown>): void;
}

interface PendingInit {
  readonly call: Uint8Array;
  readonly time: number;
  readonly expires: number | null;
  readonly owner: PendingOwner;
}

export class Pending<Result> implements RestoredProposal<Result>, Metered {
  readonly call: Uint8Array;
  readonly time: number;
  /** When it is not to be sent any more, in milliseconds since 1970; null for never. */
  readonly expires: number | null;
  sequence: number | null = null;
  keeping: Keeping = 'not-kept';
  /** In the outbox; null for one that is not kept. */
  number: number | null = null;
  proposedAt: number | null = null;
  sentAt: number | null = null;
  readonly #owner: PendingOwner;
  #outcome: ProposalOutcome<Result> | null = null;
  readonly #followers: ((outcome: ProposalOutcome<Result>) => void)[] = [];

  constructor({ call, time, expires, owner }: PendingInit) {
    this.call = call;
    this.time = time;
    this.expires = expires;
    this.#owner = owner;
  }

  withdraw(error: RaftError): boolean {
    return this.#owner.withdraw(this, error);
  }

  settle(outcome: ProposalOutcome<Result>): void {
    this.#outcome = outcome;
    this.#owner.ended(this, outcome);
    for (const follower of this.#followers.splice(0)) follower(outcome);
  }

  follow(settled: (outcome: ProposalOutcome<Result>) => void): void {
    if (this.#outcome === null) this.#followers.push(settled);
    else settled(this.#outcome);
  }
}
