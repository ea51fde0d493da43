/**
 * The commands that this member has proposed and has no outcome for: in the order in which they were proposed, each with
 * a sequence in our session once it is sent. They are sent again until they take effect; the sessions of the replicated
 * state see to it that this happens once, and in order. With an outbox they survive this run of the member (`keeper.ts`).
 */
import type { Random } from '../core/random.ts';
import type { Index } from '../core/types.ts';
import { type Outcome, RaftError } from '../errors.ts';
import { type SessionId, sessionId } from '../machine/envelope.ts';
import type { Effect, KnownOutcome, SessionMemory } from '../machine/replicated.ts';
import { inOutbox, Keeper } from './keeper.ts';
import type { Outbox } from './outbox.ts';
import { type Metered, Pending, type Proposal, type ProposalOutcome, type RestoredProposal } from './pending.ts';
import { checkRoom, type ProposalLimits } from './proposal-limits.ts';
import type { ProposalMeter } from './proposal-meter.ts';
import { Queue } from './queue.ts';
import { type Shipment, Shipments } from './shipments.ts';

/** Whoever sees to it that commands are sent and kept. */
export interface ProposalsListener {
  /** There is something to be done, or to be told. */
  changed(): void;
  /** The store of the outbox has failed for good. */
  failed(error: RaftError): void;
}

export class Proposals<Result> {
  readonly #limits: ProposalLimits;
  readonly #newSession: (opened: Index) => SessionId;
  /** Null until there is something to send, and again when the session was forgotten. */
  #session: SessionId | null = null;
  /** An earlier run has opened the session: before it is used, this one must have followed the log. */
  #isSessionRestored: boolean;
  /** Those that have a place are sent, or, with an outbox, about to be. */
  readonly #queue: Queue<Result> = new Queue();
  readonly #keeper: Keeper<Result>;
  readonly #shipments: Shipments<Result>;
  /** What an earlier run has left, as it was at the beginning. */
  readonly restored: readonly RestoredProposal<Result>[];
  meter: ProposalMeter | null = null;
  listener: ProposalsListener = { changed: () => undefined, failed: () => undefined };

  /**
   * @param newSession names a session, given an index that is committed now
   * @param outbox keeps commands; null where none is kept, and none was
   */
  constructor(newSession: (opened: Index) => SessionId, limits: ProposalLimits, outbox: Outbox | null = null) {
    this.#newSession = newSession;
    this.#limits = limits;
    this.#keeper = new Keeper({
      queue: this.#queue,
      outbox,
      changed: () => {
        this.listener.changed();
      },
      failed: (error) => {
        this.listener.failed(error);
      },
      emptied: () => {
        this.#endSession();
      },
    });
    this.#shipments = new Shipments(this.#queue, this.#keeper);
    const { session, commands } = this.#keeper.restore(({ call, time, expires }) =>
      this.#newPending(call, time, expires),
    );
    this.restored = commands;
    this.#session = session;
    this.#isSessionRestored = session !== null;
  }

  #newPending(call: Uint8Array, time: number, expires: number | null): Pending<Result> {
    return new Pending({ call, time, expires, owner: this });
  }

  get pending(): number {
    return this.#queue.length;
  }

  /** Everything without an outcome, in the order of proposing: the same list until it is another one. */
  get list(): readonly Proposal[] {
    return this.#queue.list;
  }

  /** Counts what has changed in `list`. */
  get changes(): number {
    return this.#queue.changes;
  }

  /** Under which our commands are sent; null while there is nothing to send. */
  get session(): SessionId | null {
    return this.#session;
  }

  /** Bytes of the commands that are pending. */
  get pendingBytes(): number {
    return this.#queue.bytes;
  }

  get isAwaitingOutcome(): boolean {
    return this.#shipments.areOnTheirWay;
  }

  /**
   * Takes a command; `settle` is called once, later, with its outcome.
   * @param call what `encodeCall` gives
   * @param time now, in milliseconds since 1970
   * @param expires when it is not to be sent any more, in milliseconds since 1970; null for never
   * @throws RaftError TOO_LARGE, BUSY
   */
  add(
    call: Uint8Array,
    time: number,
    settle: (outcome: ProposalOutcome<Result>) => void,
    expires: number | null = null,
  ): Proposal {
    checkRoom(this.#limits, call.byteLength, this.#queue);
    const pending = this.#newPending(call, time, expires);
    this.meter?.proposed(pending);
    pending.follow(settle);
    this.#queue.push(pending);
    this.#keeper.add(pending);
    return pending;
  }

  /** See `Proposal.withdraw`. */
  withdraw(pending: Proposal, error: RaftError): boolean {
    const withdrawn = this.#queue.takeUnplaced(pending);
    if (withdrawn === undefined) return false;
    this.#keeper.withdraw(withdrawn, () => {
      withdrawn.settle({ kind: 'failed', error });
    });
    return true;
  }

  /** Takes back what was to be sent before now, and was not. Call it before anything is sent. */
  expire(now: number): void {
    const expired = this.#queue.unplaced.filter(({ expires }) => expires !== null && expires <= now);
    const message = 'the time in which the command was to be sent is over, and it was not sent';
    for (const pending of expired) this.withdraw(pending, new RaftError('EXPIRED', message));
  }

  /** Something is to be sent, and there is no session that it could have a place in. */
  get wantsSession(): boolean {
    return this.#session === null && this.pending > 0;
  }

  /** @param opened an index that is known to be committed now */
  openSession(opened: Index): void {
    this.#session = this.#newSession(opened);
  }

  /** Something is to be sent under the session of an earlier run, once this one has come as far as the group. */
  get wantsToContinue(): boolean {
    return this.#isSessionRestored && this.pending > 0;
  }

  /**
   * Everything that was committed before this run is applied here. What was done of our commands has its outcome now, and a
   * session that the group has forgotten is ours no more, before anything else has a place in it.
   */
  continueSession(): void {
    this.#isSessionRestored = false;
  }

  /** Gives whatever is kept, and has none, a place in the session, so that it can be sent once that is durable. */
  place(): void {
    if (this.#session !== null && !this.#isSessionRestored) this.#keeper.place(this.#session);
  }

  /** Stores what somebody waits for. */
  flush(): void {
    this.#keeper.flush();
  }

  /** Time has passed. */
  tick(now: number): void {
    this.expire(now);
    this.#keeper.tick();
  }

  /** The next commands to send, up to a number of bytes but at least one; null when all are on their way. */
  next(maxBytes: number): Shipment | null {
    if (this.#session === null || this.#isSessionRestored) return null;
    return this.#shipments.next(this.#session, maxBytes);
  }

  /** The shipment that `next` gave is on its way: from now on its commands may take effect. */
  shipped({ commands }: Shipment): void {
    for (const pending of this.#shipments.shipped(commands.length)) this.meter?.sent(pending);
  }

  /** For a command that was pending here. */
  ended(pending: Metered, outcome: ProposalOutcome<unknown>): void {
    this.meter?.ended(pending, outcome);
  }

  /** Everything without an outcome is to be sent again. */
  rewind(): void {
    this.#shipments.rewind();
  }

  /** The commands from this one on were not taken. */
  rewindTo(session: SessionId, sequence: number): void {
    if (session === this.#session) this.#shipments.rewind(sequence);
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
    if (verdict.kind === 'repeated' || sequence !== this.#queue.settledTo + 1) return;
    this.#settle({ index, verdict });
  }

  /**
   * Learns from a state that was not reached by applying entries here what came of our commands meanwhile. If our session
   * was forgotten meanwhile, nobody knows, and to send them again could do them twice.
   */
  recover(memory: SessionMemory<Result>): void {
    const session = this.#session;
    if (session === null) return;
    while (this.#queue.placedLength > 0) {
      const outcome = memory.outcomeOf(session, this.#queue.settledTo + 1);
      if (outcome === null) break;
      this.#settle(outcome);
    }
    if (!memory.isForgotten(session)) return;
    this.#keeper.displaceUnsent();
    const message = 'this member was away, and the group has forgotten whether it did the command: look at the state';
    for (let lost = this.#queue.settle(); lost !== undefined; lost = this.#queue.settle()) {
      this.#keeper.forget(lost);
      lost.settle({ kind: 'failed', error: new RaftError('SESSION_FORGOTTEN', message, { outcome: 'unknown' }) });
    }
    this.#leaveSession();
  }

  #settle({ index, verdict }: KnownOutcome<Result>): void {
    const pending = this.#queue.settle();
    if (pending === undefined) return;
    this.#shipments.settled();
    this.#keeper.forget(pending);
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
    this.#endSession();
    this.#keeper.dropSession();
  }

  #endSession(): void {
    this.#queue.restart();
    this.#session = null;
    this.#isSessionRestored = false;
    this.#shipments.rewind();
    this.#keeper.endSession();
  }

  /**
   * Ends everything here: what was never sent is certainly not done, unless it is kept, and this member comes back.
   * @param comesBack whether it may
   */
  failAll(error: (outcome: Outcome) => RaftError, comesBack = true): void {
    const { placed, unplaced } = this.#queue.clear();
    const unsent = [...this.#keeper.takeLeaving(), ...unplaced];
    // The places of those that were sent are taken for ever.
    this.#endSession();
    for (const pending of placed) pending.settle({ kind: 'failed', error: error('unknown') });
    for (const pending of unsent) {
      const isDone = pending.number === null || !comesBack;
      pending.settle({ kind: 'failed', error: isDone ? error('not-done') : inOutbox(error('unknown')) });
    }
  }

  /**
   * Ends what cannot wait here: with an outbox everything can, for another run of this member.
   * @param mayWait whether what was not sent may wait for it as well
   */
  failWhatCannotWait(error: (outcome: Outcome) => RaftError, mayWait: boolean): void {
    if (!this.#keeper.isKeeping) {
      this.failAll(error);
      return;
    }
    const ended = this.#queue.unplaced.filter(({ number }) => number === null || !mayWait);
    for (const pending of ended) pending.withdraw(error('not-done'));
  }
}

/**
 * The commands of one run of a member. A session that it opens is 64 random bits, so that no two runs of any member share one,
 * unless one continues that of another through its outbox.
 */
export function newProposals<Result>(
  random: Random,
  limits: ProposalLimits,
  outbox: Outbox | null = null,
): Proposals<Result> {
  const part = (): string => random.below(0x1_0000_0000).toString(16).padStart(8, '0');
  return new Proposals((opened) => sessionId(`${part()}${part()}`, opened), limits, outbox);
}
