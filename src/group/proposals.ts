/**
 * The commands that this member has proposed and has no outcome for: in the order in which they were proposed, each with
 * a sequence in our session once it is sent. They are sent again until they take effect; the sessions of the replicated
 * state see to it that this happens once, and in order.
 */
import type { Random } from '../core/random.ts';
import type { Index } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { type SessionId, sessionId } from '../machine/envelope.ts';
import type { Effect, KnownOutcome, SessionMemory } from '../machine/replicated.ts';

export type ProposalOutcome<Result> =
  | { readonly kind: 'applied'; readonly result: Result; readonly index: Index }
  | { readonly kind: 'failed'; readonly error: RaftError };

export interface ProposalLimits {
  readonly maxPending: number;
  readonly maxPendingBytes: number;
  readonly maxCommandBytes: number;
}

export const defaultProposalLimits: ProposalLimits = {
  maxPending: 10_000,
  maxPendingBytes: 16 * 1024 * 1024,
  maxCommandBytes: 1024 * 1024,
};

/** A command that was proposed here, and is followed until it has an outcome. */
export interface Proposal {
  /** The command as the machine wrote it: what `encodeCall` gives. */
  readonly call: Uint8Array;
  /** When it was proposed, in milliseconds since 1970 on our clock. */
  readonly time: number;
  /** Its place in our session; null while it was not sent, and so cannot take effect. */
  readonly sequence: number | null;
  /**
   * Takes it back: it ends with this error, which says that it was not done. False for one that was sent, or has ended:
   * what was sent keeps its place, and its outcome is told when it is known.
   */
  withdraw(error: RaftError): boolean;
}

class Pending<Result> implements Proposal {
  readonly call: Uint8Array;
  readonly time: number;
  readonly settle: (outcome: ProposalOutcome<Result>) => void;
  readonly #queue: Proposals<Result>;
  sequence: number | null = null;

  constructor(
    queue: Proposals<Result>,
    call: Uint8Array,
    time: number,
    settle: (outcome: ProposalOutcome<Result>) => void,
  ) {
    this.#queue = queue;
    this.call = call;
    this.time = time;
    this.settle = settle;
  }

  withdraw(error: RaftError): boolean {
    return this.#queue.withdraw(this, error);
  }
}

/** Consecutive commands of one session, ready for the leader. */
export interface Shipment {
  readonly session: SessionId;
  readonly sequence: number;
  /** The last command of the session whose outcome we know. */
  readonly known: number;
  readonly commands: readonly Uint8Array[];
}

export class Proposals<Result> {
  readonly #limits: ProposalLimits;
  readonly #newSession: (opened: Index) => SessionId;
  /** Null until there is something to send, and again when the session was forgotten. */
  #session: SessionId | null = null;
  /** Those with a sequence; the first one's is `#settledTo + 1`. */
  readonly #sent: Pending<Result>[] = [];
  readonly #unsent: Pending<Result>[] = [];
  #settledTo = 0;
  /** How many of `#sent` are on their way; those behind are to be sent again. */
  #shipped = 0;
  #bytes = 0;
  /** Counts what has changed in `list`. */
  changes = 0;
  #list: readonly Proposal[] = [];
  #listedAt = 0;

  /** @param newSession names a session, given an index that is committed now */
  constructor(newSession: (opened: Index) => SessionId, limits: ProposalLimits) {
    this.#newSession = newSession;
    this.#limits = limits;
  }

  get pending(): number {
    return this.#sent.length + this.#unsent.length;
  }

  /** Everything without an outcome, in the order of proposing: the same list until it is another one. */
  get list(): readonly Proposal[] {
    if (this.#listedAt !== this.changes) {
      this.#list = [...this.#sent, ...this.#unsent];
      this.#listedAt = this.changes;
    }
    return this.#list;
  }

  /** Under which our commands are sent; null while there is nothing to send. */
  get session(): SessionId | null {
    return this.#session;
  }

  /** Bytes of the commands that are pending. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  get isAwaitingOutcome(): boolean {
    return this.#shipped > 0;
  }

  /**
   * Takes a command; `settle` is called once, later, with its outcome.
   * @param call what `encodeCall` gives
   * @param time now, in milliseconds since 1970
   * @throws RaftError TOO_LARGE, BUSY
   */
  add(call: Uint8Array, time: number, settle: (outcome: ProposalOutcome<Result>) => void): Proposal {
    const { maxPending, maxPendingBytes, maxCommandBytes } = this.#limits;
    const size = call.byteLength;
    if (size > maxCommandBytes) {
      throw new RaftError(
        'TOO_LARGE',
        `the command has ${size} bytes, more than ${maxCommandBytes}: propose less at once`,
      );
    }
    if (this.pending >= maxPending || (this.pending > 0 && this.#bytes + size > maxPendingBytes)) {
      throw new RaftError('BUSY', `${this.pending} commands wait already: propose again when some have ended`);
    }
    const pending = new Pending(this, call, time, settle);
    this.#unsent.push(pending);
    this.#bytes += size;
    this.changes++;
    return pending;
  }

  /** See `Proposal.withdraw`. */
  withdraw(pending: Proposal, error: RaftError): boolean {
    const place = this.#unsent.findIndex((one) => one === pending);
    const [withdrawn] = place === -1 ? [] : this.#unsent.splice(place, 1);
    if (withdrawn === undefined) return false;
    this.#bytes -= withdrawn.call.byteLength;
    this.changes++;
    withdrawn.settle({ kind: 'failed', error });
    return true;
  }

  /** Something is to be sent, and there is no session that it could have a place in. */
  get wantsSession(): boolean {
    return this.#session === null && this.pending > 0;
  }

  /** @param opened an index that is known to be committed now */
  openSession(opened: Index): void {
    this.#session = this.#newSession(opened);
  }

  /** The next commands to send, up to a number of bytes but at least one; null when all are on their way. */
  next(maxBytes: number): Shipment | null {
    const session = this.#session;
    if (session === null) return null;
    const commands: Uint8Array[] = [];
    let bytes = 0;
    for (let i = this.#shipped; ; i++) {
      const pending = this.#sent[i] ?? this.#unsent[i - this.#sent.length];
      if (pending === undefined) break;
      bytes += pending.call.byteLength;
      if (bytes > maxBytes && commands.length > 0) break;
      commands.push(pending.call);
    }
    if (commands.length === 0) return null;
    const known = this.#settledTo;
    return { session, sequence: known + this.#shipped + 1, known, commands };
  }

  /** The shipment that `next` gave is on its way: from now on its commands may take effect. */
  shipped({ commands }: Shipment): void {
    this.#shipped += commands.length;
    const moved = this.#shipped - this.#sent.length;
    if (moved <= 0) return;
    for (const pending of this.#unsent.splice(0, moved)) {
      this.#sent.push(pending);
      pending.sequence = this.#settledTo + this.#sent.length;
    }
    this.changes++;
  }

  /** Everything without an outcome is to be sent again. */
  rewind(): void {
    this.#shipped = 0;
  }

  /** The commands from this one on were not taken. */
  rewindTo(session: SessionId, sequence: number): void {
    if (session !== this.#session) return;
    this.#shipped = Math.min(this.#shipped, Math.max(0, sequence - this.#settledTo - 1));
  }

  /** Looks whether an entry that took effect, or failed to, is ours. */
  observe({ session, sequence, verdict }: Effect<Result>, index: Index): void {
    if (session !== this.#session) return;
    if (verdict.kind === 'early') {
      this.rewind();
      return;
    }
    if (verdict.kind === 'forgotten') {
      // We have seen every entry since these were sent, or been told of those that we missed: none of them took effect.
      this.#leaveSession();
      return;
    }
    if (verdict.kind === 'repeated' || sequence !== this.#settledTo + 1) return;
    this.#settle({ index, verdict });
  }

  /**
   * Learns from a state that was not reached by applying entries here what came of our commands meanwhile. If our session
   * was forgotten meanwhile, nobody knows, and to send them again could do them twice.
   */
  recover(memory: SessionMemory<Result>): void {
    const session = this.#session;
    if (session === null) return;
    while (this.#sent.length > 0) {
      const outcome = memory.outcomeOf(session, this.#settledTo + 1);
      if (outcome === null) break;
      this.#settle(outcome);
    }
    if (!memory.isForgotten(session)) return;
    const message = 'this member was away, and the group has forgotten whether it did the command: look at the state';
    this.changes++;
    for (const { call, settle } of this.#sent.splice(0)) {
      this.#bytes -= call.byteLength;
      settle({ kind: 'failed', error: new RaftError('SESSION_FORGOTTEN', message, { outcome: 'unknown' }) });
    }
    this.#leaveSession();
  }

  #settle({ index, verdict }: KnownOutcome<Result>): void {
    const pending = this.#sent.shift();
    if (pending === undefined) return;
    this.#settledTo++;
    this.#shipped = Math.max(0, this.#shipped - 1);
    this.#bytes -= pending.call.byteLength;
    this.changes++;
    if (verdict.kind === 'applied') {
      pending.settle({ kind: 'applied', result: verdict.result, index });
    } else {
      const message = `the machine rejected the command: ${verdict.reason}`;
      pending.settle({ kind: 'failed', error: new RaftError('REJECTED', message, { cause: verdict.cause }) });
    }
  }

  /**
   * Our session was forgotten. What is on its way under it can never have its turn again, so all that has no outcome starts
   * over under a new one, and may be taken back until then.
   */
  #leaveSession(): void {
    for (const pending of this.#sent) pending.sequence = null;
    this.#unsent.unshift(...this.#sent.splice(0));
    this.changes++;
    this.#session = null;
    this.#settledTo = 0;
    this.#shipped = 0;
  }

  /** Ends everything: what was never sent is certainly not done. */
  failAll(error: (outcome: 'not-done' | 'unknown') => RaftError): void {
    const [sent, unsent] = [this.#sent.splice(0), this.#unsent.splice(0)];
    this.#shipped = 0;
    this.#bytes = 0;
    this.changes++;
    for (const { settle } of sent) settle({ kind: 'failed', error: error('unknown') });
    for (const { settle } of unsent) settle({ kind: 'failed', error: error('not-done') });
  }
}

/** The commands of one run of a member. Its session is 64 random bits, so that no two runs of any member share one. */
export function newProposals<Result>(random: Random, limits: ProposalLimits): Proposals<Result> {
  const part = (): string => random.below(0x1_0000_0000).toString(16).padStart(8, '0');
  return new Proposals((opened) => sessionId(`${part()}${part()}`, opened), limits);
}
