/**
 * The commands that this member has proposed and has no outcome for: in the order in which they were proposed, each with
 * a sequence in our session once it is sent. They are sent again until they take effect; the sessions of the replicated
 * state see to it that this happens once, and in order.
 *
 * With an outbox they survive this run of the member. Then a command has its sequence before it is sent, because that has to be
 * durable first; and it is forgotten here before anybody is told that it was withdrawn, and before the group is told that its
 * outcome is known.
 */
import type { Random } from '../core/random.ts';
import type { Index } from '../core/types.ts';
import { type Outcome, RaftError } from '../errors.ts';
import { type SessionId, sessionId } from '../machine/envelope.ts';
import type { Effect, KnownOutcome, SessionMemory } from '../machine/replicated.ts';
import type { Outbox } from './outbox.ts';
import { type Metered, Pending, type Proposal, type ProposalOutcome, type RestoredProposal } from './pending.ts';
import { checkRoom, type ProposalLimits } from './proposal-limits.ts';
import type { ProposalMeter } from './proposal-meter.ts';
import { Queue } from './queue.ts';

/** Consecutive commands of one session, ready for the leader. */
export interface Shipment {
  readonly session: SessionId;
  readonly sequence: number;
  /** The last command of the session whose outcome we know. */
  readonly known: number;
  readonly commands: readonly Uint8Array[];
}

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
  #outbox: Outbox | null;
  /** Null until there is something to send, and again when the session was forgotten. */
  #session: SessionId | null = null;
  /** An earlier run has opened the session: before it is used, this one must have followed the log. */
  #isSessionRestored = false;
  /** Those that have a place are sent, or, with an outbox, about to be. */
  readonly #queue: Queue<Result> = new Queue();
  /** Withdrawn, and not out of the outbox yet. */
  readonly #leaving: Set<Pending<Result>> = new Set();
  /** What an earlier run has left, as it was at the beginning. */
  readonly restored: readonly RestoredProposal<Result>[];
  meter: ProposalMeter | null = null;
  listener: ProposalsListener = { changed: () => undefined, failed: () => undefined };
  /** With an outbox: the last sequence that is durable. */
  #durableTo = 0;
  /** With an outbox: the last sequence that it has forgotten. */
  #removedTo = 0;
  /** How many of those that have a place are on their way; those behind are to be sent again. */
  #shipped = 0;

  /**
   * @param newSession names a session, given an index that is committed now
   * @param outbox keeps commands; null where none is kept, and none was
   */
  constructor(newSession: (opened: Index) => SessionId, limits: ProposalLimits, outbox: Outbox | null = null) {
    this.#newSession = newSession;
    this.#limits = limits;
    this.#outbox = outbox;
    this.restored = outbox === null ? [] : this.#restore(outbox);
  }

  /** Takes up what an earlier run has left: its commands, in order, in their places. */
  #restore({ restored: { placement, commands } }: Outbox): Pending<Result>[] {
    const pending = commands.map(({ number, time, expires, call }) => {
      const one = this.#newPending(call, time, expires);
      one.number = number;
      one.keeping = 'kept';
      return one;
    });
    const { session = null, next = 1, last = 0 } = placement ?? {};
    const placed = commands.filter(({ number }) => number <= last).length;
    this.#queue.begin(next - 1 - placed);
    for (const one of pending) this.#queue.push(one);
    this.#queue.place(placed);
    this.#session = session as SessionId | null;
    this.#isSessionRestored = session !== null;
    this.#durableTo = next - 1;
    this.#removedTo = this.#queue.settledTo;
    return pending;
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
    return this.#shipped > 0;
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
    if (this.#outbox?.keepsNew === true) this.#keep(pending, this.#outbox);
    return pending;
  }

  #keep(pending: Pending<Result>, outbox: Outbox): void {
    pending.keeping = 'on-its-way';
    const { call, expires } = pending;
    const kept = { call, time: Math.floor(pending.time), expires: expires === null ? null : Math.ceil(expires) };
    pending.number = outbox.add(kept, (error) => {
      this.#queue.changes++;
      if (error === null) pending.keeping = 'kept';
      else if (this.#queue.takeUnplaced(pending)) pending.settle({ kind: 'failed', error });
    });
  }

  /** See `Proposal.withdraw`. */
  withdraw(pending: Proposal, error: RaftError): boolean {
    const withdrawn = this.#queue.takeUnplaced(pending);
    if (withdrawn === undefined) return false;
    const { number } = withdrawn;
    if (number === null || this.#outbox === null || this.#outbox.cancel(number)) {
      withdrawn.settle({ kind: 'failed', error });
      return true;
    }
    // Whoever is told that it was not done must not find it done after a crash.
    this.#leaving.add(withdrawn);
    this.#outbox.remove(number, true, () => {
      if (this.#leaving.delete(withdrawn)) withdrawn.settle({ kind: 'failed', error });
    });
    this.listener.changed();
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
    const [outbox, session] = [this.#outbox, this.#session];
    if (outbox === null || session === null || this.#isSessionRestored || !outbox.mayPlace) return;
    const { unplaced } = this.#queue;
    const end = unplaced.findIndex(({ number }) => number === null);
    const count = end === -1 ? unplaced.length : end;
    const last = unplaced[count - 1]?.number ?? null;
    if (last === null) return;
    this.#queue.place(count);
    const next = this.#queue.placedTo + 1;
    outbox.place({ session, next, last }, (error) => {
      if (this.#session !== session) return;
      if (error === null) this.#durableTo = next - 1;
      else this.#queue.displace(this.#durableTo);
    });
  }

  /** Stores what somebody waits for. */
  flush(): void {
    this.#outbox?.flush(this.#outboxChanged, this.#outboxFailed);
  }

  /** Time has passed. */
  tick(now: number): void {
    this.expire(now);
    this.#outbox?.tick(this.#outboxChanged, this.#outboxFailed);
  }

  readonly #outboxChanged = (): void => {
    this.#leaveOutboxIfDone();
    this.listener.changed();
  };

  readonly #outboxFailed = (error: RaftError): void => {
    this.listener.failed(error);
  };

  /** An outbox that is only to be emptied is of no more use then, nor is its session: new commands are kept nowhere. */
  #leaveOutboxIfDone(): void {
    const outbox = this.#outbox;
    if (outbox === null || outbox.keepsNew || !outbox.isIdle || this.#queue.placedLength > 0) return;
    if (this.#leaving.size > 0 || this.#queue.unplaced.some(({ number }) => number !== null)) return;
    this.#outbox = null;
    this.#endSession();
  }

  /** The next commands to send, up to a number of bytes but at least one; null when all are on their way. */
  next(maxBytes: number): Shipment | null {
    const session = this.#session;
    if (session === null || this.#isSessionRestored) return null;
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
    const { settledTo } = this.#queue;
    const known = this.#outbox === null ? settledTo : this.#removedTo;
    return { session, sequence: settledTo + this.#shipped + 1, known, commands };
  }

  /** The command that may be sent as that one, counted from the first without an outcome. */
  #readyAt(i: number): Pending<Result> | undefined {
    const isDurable = this.#outbox === null || this.#queue.settledTo + 1 + i <= this.#durableTo;
    return isDurable ? this.#queue.at(i) : undefined;
  }

  /** The shipment that `next` gave is on its way: from now on its commands may take effect. */
  shipped({ commands }: Shipment): void {
    this.#meterSent(commands.length);
    this.#shipped += commands.length;
    const unplaced = this.#shipped - this.#queue.placedLength;
    if (unplaced > 0) this.#queue.place(unplaced);
  }

  #meterSent(count: number): void {
    if (this.meter === null) return;
    for (let i = this.#shipped; i < this.#shipped + count; i++) {
      const pending = this.#queue.at(i);
      if (pending !== undefined) this.meter.sent(pending);
    }
  }

  /** For a command that was pending here. */
  ended(pending: Metered, outcome: ProposalOutcome<unknown>): void {
    this.meter?.ended(pending, outcome);
  }

  /** Everything without an outcome is to be sent again. */
  rewind(): void {
    this.#shipped = 0;
  }

  /** The commands from this one on were not taken. */
  rewindTo(session: SessionId, sequence: number): void {
    if (session !== this.#session) return;
    this.#shipped = Math.min(this.#shipped, Math.max(0, sequence - this.#queue.settledTo - 1));
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
    // What has no durable place was never sent.
    if (this.#outbox !== null) this.#queue.displace(this.#durableTo);
    const message = 'this member was away, and the group has forgotten whether it did the command: look at the state';
    for (let lost = this.#queue.settle(); lost !== undefined; lost = this.#queue.settle()) {
      this.#forget(lost);
      lost.settle({ kind: 'failed', error: new RaftError('SESSION_FORGOTTEN', message, { outcome: 'unknown' }) });
    }
    this.#leaveSession();
  }

  #settle({ index, verdict }: KnownOutcome<Result>): void {
    const pending = this.#queue.settle();
    if (pending === undefined) return;
    this.#shipped = Math.max(0, this.#shipped - 1);
    this.#forget(pending);
    if (verdict.kind === 'applied') {
      pending.settle({ kind: 'applied', result: verdict.result, index });
    } else {
      const message = `the machine rejected the command: ${verdict.reason}`;
      pending.settle({ kind: 'failed', error: new RaftError('REJECTED', message, { cause: verdict.cause }) });
    }
  }

  /** The outbox need not keep it any more. */
  #forget({ number, sequence }: Pending<Result>): void {
    const session = this.#session;
    if (number === null) return;
    this.#outbox?.remove(number, false, () => {
      if (this.#session === session) this.#removedTo = Math.max(this.#removedTo, sequence ?? 0);
    });
  }

  /**
   * Our session was forgotten. What is on its way under it can never have its turn again, so all that has no outcome starts
   * over under a new one, and may be taken back until then.
   */
  #leaveSession(): void {
    this.#endSession();
    this.#outbox?.place(null, () => undefined);
  }

  #endSession(): void {
    this.#queue.restart();
    this.#session = null;
    this.#isSessionRestored = false;
    this.#shipped = 0;
    this.#durableTo = 0;
    this.#removedTo = 0;
  }

  /**
   * Ends everything here: what was never sent is certainly not done, unless it is kept, and this member comes back.
   * @param comesBack whether it may
   */
  failAll(error: (outcome: Outcome) => RaftError, comesBack = true): void {
    const { placed, unplaced } = this.#queue.clear();
    const unsent = [...this.#leaving, ...unplaced];
    this.#leaving.clear();
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
    if (this.#outbox === null) {
      this.failAll(error);
      return;
    }
    const ended = this.#queue.unplaced.filter(({ number }) => number === null || !mayWait);
    for (const pending of ended) pending.withdraw(error('not-done'));
  }
}

function inOutbox({ code, message, cause }: RaftError): RaftError {
  const more = 'the command is in the outbox, and goes on when this tab opens the group again';
  return new RaftError(code, `${message}; ${more}`, { outcome: 'unknown', cause });
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
