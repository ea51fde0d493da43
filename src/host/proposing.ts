/**
 * Proposals as an application sees them: a promise for each call, which ends in time, and one for each command, which ends
 * when its outcome is known. A call ends in one of three ways (C1). It was done, and this is its result; it was certainly not
 * done; or that is unknown, and the second promise will tell: the command stays in its place, and is sent again until it has
 * an outcome, whoever still waits for it.
 */
import { RaftError } from '../errors.ts';
import type { Proposal, ProposalOutcome, RestoredProposal } from '../group/pending.ts';
import type { CallOptions, Calls, GivenUp } from './calls.ts';
import type { GroupMember } from './group-member.ts';

/** What `propose` takes beside. */
export interface CommandOptions extends CallOptions {
  /**
   * Milliseconds within which the command is to be sent: if it was not by then, because nobody leads or this tab is offline, it
   * is taken back, and ends as EXPIRED. Left out, it may be sent however late. Counts on while the tab is closed.
   */
  readonly expiresInMs?: number;
}

/** A call of `propose`: resolves with the result of the command. */
export interface Proposed<Result> extends Promise<Result> {
  /**
   * Resolves or rejects when the outcome of the command is known, however long that takes and whatever has become of the
   * call: with `unknown` only if nobody will ever know it here. Nobody needs to look at it.
   */
  readonly settled: Promise<Result>;
}

/** A command that was proposed here and has no outcome yet. */
export interface PendingCommand<Command, Result> {
  /** Counts up in the order of proposing; the same while the command is pending. */
  readonly id: number;
  /** As it was proposed: as the machine's schema made it. Frozen. */
  readonly command: Command;
  /** `sent`: it may take effect from now on, and cannot be withdrawn any more. */
  readonly phase: 'waiting' | 'sent';
  /** It is in the outbox, durably: it survives a reload of this tab. */
  readonly isKept: boolean;
  /** See `Proposed`. */
  readonly settled: Promise<Result>;
}

/** What a proposal is for whoever made it. */
interface Own<Result> {
  readonly id: number;
  readonly settled: Promise<Result>;
}

export interface ProposingInit<Command, Result> {
  readonly member: () => Pick<
    GroupMember<unknown, Command, Result>,
    'propose' | 'proposeUpgrade' | 'pending' | 'commandOf'
  >;
  readonly calls: Calls;
  /** There are others pending than before. */
  readonly changed: () => void;
}

export class Proposing<Command, Result> {
  readonly #init: ProposingInit<Command, Result>;
  readonly #own = new WeakMap<Proposal, Own<Result>>();
  readonly #entries = new WeakMap<Proposal, PendingCommand<Command, Result>>();
  #lastId = 0;
  /** What an earlier run has left, as it was when this one began. */
  restored: readonly PendingCommand<Command, Result>[] = [];
  #list: readonly PendingCommand<Command, Result>[] = [];
  #listOf: readonly Proposal[] = [];

  constructor(init: ProposingInit<Command, Result>) {
    this.#init = init;
  }

  /** Follows what an earlier run has left. */
  adopt(restored: readonly RestoredProposal<Result>[]): void {
    for (const proposal of restored) {
      const { promise: settled, resolve, reject } = deferred<Result>();
      // Nobody need look at it.
      settled.catch(() => undefined);
      proposal.follow((ending) => {
        if (ending.kind === 'applied') resolve(ending.result);
        else reject(ending.error);
      });
      this.#own.set(proposal, { id: ++this.#lastId, settled });
    }
    this.restored = restored.flatMap((proposal) => this.#entryOf(proposal) ?? []);
  }

  propose(command: Command, options: CommandOptions): Proposed<Result> {
    return this.#call<Result>(options, (settle, settled) => {
      const proposal = this.#init.member().propose(command, settle, checkedExpiry(options));
      this.#own.set(proposal, { id: ++this.#lastId, settled });
      return proposal;
    });
  }

  /** Proposes that the group runs the version of this code. It is no command, and in no list of commands. */
  upgrade(options: CallOptions): Proposed<void> {
    return this.#call(options, (settle: (outcome: ProposalOutcome<void>) => void) =>
      this.#init.member().proposeUpgrade((ending) => {
        settle(ending.kind === 'applied' ? { ...ending, result: undefined } : ending);
      }),
    );
  }

  /** @param make proposes; `settle` is to be called once, later, with the outcome, which is that of `settled` */
  #call<Value>(
    options: CallOptions,
    make: (settle: (outcome: ProposalOutcome<Value>) => void, settled: Promise<Value>) => Proposal,
  ): Proposed<Value> {
    const { calls, changed } = this.#init;
    const outcome = deferred<Value>();
    const call = deferred<Value>();
    const settled = outcome.promise;
    // Whoever waits for the call hears of it there.
    settled.catch(() => undefined);
    let proposal: Proposal | null = null;
    let callEnded = (): void => undefined;
    const settle = (ending: ProposalOutcome<Value>): void => {
      callEnded();
      if (ending.kind === 'applied') {
        outcome.resolve(ending.result);
        call.resolve(ending.result);
      } else {
        outcome.reject(ending.error);
        call.reject(withHandle(ending.error, settled));
      }
    };
    const giveUp = ({ code, reason, cause }: GivenUp): void => {
      // That nobody waits any more is what an outbox is for; that somebody does not want it is another matter.
      const mayWithdraw = code === 'ABORTED' || proposal?.keeping === 'not-kept';
      const withdrawn = new RaftError(code, `${reason}; the command was not sent`, { cause });
      if (mayWithdraw && proposal?.withdraw(withdrawn) === true) {
        changed();
        return;
      }
      const isSent = (proposal?.sequence ?? null) !== null;
      const where = isSent ? 'was sent, and may still take effect' : 'is in the outbox, and will be sent';
      const message = `${reason}; the command ${where}: \`settled\` will tell`;
      call.reject(new RaftError(code, message, { outcome: 'unknown', cause, settled }));
    };
    try {
      callEnded = calls.watch(options, giveUp);
      proposal = make(settle, settled);
      changed();
    } catch (cause) {
      callEnded();
      outcome.reject(cause);
      call.reject(cause);
    }
    return Object.assign(call.promise, { settled });
  }

  /** In the order of proposing: the same list until it is another one. */
  get pending(): readonly PendingCommand<Command, Result>[] {
    const { pending } = this.#init.member();
    if (pending !== this.#listOf) {
      this.#listOf = pending;
      this.#list = pending.flatMap((proposal) => this.#entryOf(proposal) ?? []);
    }
    return this.#list;
  }

  /** The same object until its phase is another one; null for what is no command. */
  #entryOf(proposal: Proposal): PendingCommand<Command, Result> | null {
    const own = this.#own.get(proposal);
    const known = this.#entries.get(proposal);
    const phase = proposal.sequence === null ? 'waiting' : 'sent';
    const isKept = proposal.keeping === 'kept';
    if (known?.phase === phase && known.isKept === isKept) return known;
    const read = known ?? this.#init.member().commandOf(proposal);
    if (own === undefined || read === null) return null;
    const entry: PendingCommand<Command, Result> = { ...own, command: read.command, phase, isKept };
    this.#entries.set(proposal, entry);
    return entry;
  }
}

/** @throws RaftError INVALID_ARGUMENT */
function checkedExpiry({ expiresInMs = Infinity }: CommandOptions): number | null {
  if (!(expiresInMs >= 0)) {
    throw new RaftError('INVALID_ARGUMENT', `expiresInMs must be a number of milliseconds, not ${expiresInMs}`);
  }
  return expiresInMs === Infinity ? null : expiresInMs;
}

interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<Value>(): Deferred<Value> {
  let resolve: Deferred<Value>['resolve'] = () => undefined;
  let reject: Deferred<Value>['reject'] = () => undefined;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** An unknown outcome comes with the promise of a known one. */
function withHandle(error: RaftError, settled: Promise<unknown>): RaftError {
  if (error.outcome === 'not-done') return error;
  const { code, message, cause } = error;
  return new RaftError(code, message, { outcome: 'unknown', cause, settled });
}
