/**
 * Brings what is wanted of the membership, and of who leads, to the leader, which may be us, and watches the log for what
 * comes of it. Each request names the version of the configuration that it is to change (M9): whichever comes first of all
 * that name it takes effect, and no other. So a request may be sent again to any leader, is done once, and whoever sees the
 * next configuration knows whether it was.
 */
import { isJoint } from '../core/configuration.ts';
import { decodeConfiguration } from '../core/membership-change.ts';
import type { Raft } from '../core/raft.ts';
import type { Configuration, Entry, Index, NodeId } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { ChangeRefused, ChangeRequest, Demand, DemandRefusal } from '../transport/messages.ts';
import type { Transport } from '../transport/transport.ts';
import { demandRefusals, failures, isMet, stepsFor } from './demands.ts';

export type ChangeOutcome =
  /** In force here; for a hand-over of leadership, here known. */
  { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: RaftError };

/** Gives up on a change, which may still come about if it was sent. */
export type CancelChange = (code: 'ABORTED' | 'TIMEOUT', reason: string) => void;

interface Pending {
  readonly demand: Demand;
  /** What the change was meant for, if its author said so. */
  readonly ifVersion: Index | null;
  readonly settle: (outcome: ChangeOutcome) => void;
  /** The version that all requests name since the last time that we knew that none of them was done. */
  expected: Index | null;
  /** The request that is not answered. */
  request: { readonly number: number; readonly to: NodeId } | null;
  /** An earlier one may still come about. */
  isLost: boolean;
  /** It is in force, in a configuration that is joint. */
  isTaken: boolean;
  ticksToWait: number;
  refusal: DemandRefusal | null;
}

/** Beyond it they are refused. */
const maxPending = 100;

/** After a refusal, for whatever is in the way. */
const ticksAfterRefusal = 2;

export class Changes {
  readonly #id: NodeId;
  readonly #raft: Raft;
  readonly #transport: Transport;
  readonly #retryTicks: number;
  readonly #pending: Set<Pending> = new Set();
  #requests = 0;
  /** The leadership that our requests went to, to send them again to the next. */
  #askedLeadership = '';

  /** @param retryTicks ticks after which what has no outcome is sent again */
  constructor(id: NodeId, raft: Raft, transport: Transport, retryTicks: number) {
    this.#id = id;
    this.#raft = raft;
    this.#transport = transport;
    this.#retryTicks = retryTicks;
  }

  get #isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  /**
   * Takes a demand; `settle` is called once, later. One that nobody can meet waits; the function that is returned gives up.
   * @param ifVersion the version of the configuration that it is meant for; null for whichever is in force
   * @throws RaftError BUSY, MEMBERS_CHANGED
   */
  add(demand: Demand, ifVersion: Index | null, settle: (outcome: ChangeOutcome) => void): CancelChange {
    if (this.#pending.size >= maxPending) {
      throw new RaftError('BUSY', `${maxPending} changes wait already: try again when some have ended`);
    }
    if (ifVersion !== null && ifVersion < this.#raft.configuration.version) throw failure('outdated');
    const fresh = { expected: null, request: null, isLost: false, isTaken: false, ticksToWait: 0, refusal: null };
    const pending: Pending = { demand, ifVersion, settle, ...fresh };
    this.#pending.add(pending);
    return (code, reason) => {
      if (this.#pending.has(pending)) this.#fail(pending, givenUp(pending, code, reason));
    };
  }

  tick(ticks: number): void {
    for (const pending of this.#pending) pending.ticksToWait = Math.max(0, pending.ticksToWait - ticks);
  }

  /** Asks the leader for whatever is wanted, if there is one. */
  ship(): void {
    const { leader, term } = this.#raft;
    if (leader === null || !this.#isWaiting) return;
    const leadership = `${leader} ${term}`;
    const isAnother = leadership !== this.#askedLeadership;
    this.#askedLeadership = leadership;
    for (const pending of [...this.#pending]) {
      const { demand } = pending;
      if (demand.kind === 'transfer' && demand.id === leader) this.#settle(pending, { kind: 'done' });
      else if (!pending.isTaken && (isAnother || pending.ticksToWait === 0)) this.#ask(pending, leader);
    }
  }

  #ask(pending: Pending, to: NodeId): void {
    const { demand } = pending;
    if (demand.kind !== 'transfer') pending.expected ??= pending.ifVersion ?? this.#raft.configuration.version;
    const { expected } = pending;
    const number = ++this.#requests;
    pending.ticksToWait = this.#retryTicks;
    const isOurs = to === this.#id;
    const request = { kind: 'ChangeRequest', from: this.#id, to, number, demand, expected } as const;
    if (!isOurs && !this.#transport.send(to, request, 'control')) {
      pending.ticksToWait = 1;
      return;
    }
    if (pending.request !== null) pending.isLost = true;
    pending.request = { number, to };
    const refusal = isOurs ? this.#take(demand, expected) : null;
    if (refusal !== null) this.#refused(pending, refusal);
  }

  /** Takes a demand into the log, if we lead; says why not. */
  #take(demand: Demand, expected: Index | null): DemandRefusal | null {
    const raft = this.#raft;
    if (raft.role !== 'leader') return 'not-leader';
    if (demand.kind === 'transfer') {
      const result = raft.transferLeadership(demand.id);
      return result.accepted || result.reason === 'is-leader' ? null : result.reason;
    }
    if (expected !== raft.configuration.version) return 'outdated';
    const steps = stepsFor(demand, raft.configuration);
    if (typeof steps === 'string') return steps;
    const result = raft.proposeMembership(steps, { ifVersion: expected });
    return result.accepted ? null : demandRefusals[result.reason];
  }

  /** Another member wants something of the leader. What comes of it, it sees in the log. */
  receive({ from: to, number, demand, expected }: ChangeRequest): void {
    const reason = this.#take(demand, expected);
    if (reason === null) return;
    this.#transport.send(to, { kind: 'ChangeRefused', from: this.#id, to, number, reason }, 'control');
  }

  /** The leader did not take what we want. */
  receiveRefusal({ from, number, reason }: ChangeRefused): void {
    const pending = [...this.#pending].find(({ request }) => request?.number === number && request.to === from);
    if (pending !== undefined) this.#refused(pending, reason);
  }

  #refused(pending: Pending, reason: DemandRefusal): void {
    pending.request = null;
    pending.refusal = reason;
    pending.ticksToWait = ticksAfterRefusal;
    // What is final follows from the configuration that all our requests name: no leader can have taken one of them.
    if (!failures[reason].isTransient) this.#fail(pending, failure(reason));
  }

  /** Entries have taken effect here: those who wait see every configuration, also one that is in force no more. */
  applied(entries: readonly Entry[]): void {
    if (!this.#isWaiting) return;
    for (const { kind, index, data } of entries) {
      const configuration = kind === 'configuration' ? decodeConfiguration(data, index) : null;
      if (configuration !== null) this.#lookAll(configuration, true);
    }
  }

  /** A configuration is in force here now, and there may have been others in between. */
  restored(configuration: Configuration): void {
    this.#lookAll(configuration, false);
  }

  /** @param isNext whether we have seen the configuration before it */
  #lookAll(configuration: Configuration, isNext: boolean): void {
    for (const pending of [...this.#pending]) this.#look(pending, configuration, isNext);
  }

  #look(pending: Pending, configuration: Configuration, isNext: boolean): void {
    const { demand, expected, ifVersion } = pending;
    if (demand.kind === 'transfer' || expected === null || configuration.version <= expected) return;
    if (pending.isTaken) {
      // Nothing follows a joint configuration but the one that leaves it.
      this.#settle(pending, { kind: 'done' });
    } else if (isMet(demand, configuration)) {
      pending.isTaken = true;
      if (!isJoint(configuration)) this.#settle(pending, { kind: 'done' });
    } else if (!isNext && isOpen(pending)) {
      const message = 'this member was away while the members changed, and cannot tell by whose demand: look at them';
      this.#fail(pending, new RaftError('MEMBERS_CHANGED', message, { outcome: 'unknown' }));
    } else if (ifVersion !== null) {
      this.#fail(pending, failure('outdated'));
    } else {
      // Another change was made to the version that we named: none of our requests can be done any more.
      Object.assign(pending, { expected: null, request: null, isLost: false, ticksToWait: 0 });
    }
  }

  #settle(pending: Pending, outcome: ChangeOutcome): void {
    this.#pending.delete(pending);
    pending.settle(outcome);
  }

  #fail(pending: Pending, error: RaftError): void {
    this.#settle(pending, { kind: 'failed', error });
  }

  /** Ends everything: what was never sent, or refused, is certainly not done. */
  failAll(error: (outcome: 'not-done' | 'unknown') => RaftError): void {
    for (const pending of [...this.#pending]) this.#fail(pending, error(isOpen(pending) ? 'unknown' : 'not-done'));
  }
}

/** Whether it may still come about, whatever we do. */
function isOpen({ request, isLost, isTaken }: Pending): boolean {
  return request !== null || isLost || isTaken;
}

function failure(reason: DemandRefusal): RaftError {
  const { code, message } = failures[reason];
  return new RaftError(code, message);
}

function givenUp(pending: Pending, code: 'ABORTED' | 'TIMEOUT', reason: string): RaftError {
  if (isOpen(pending)) {
    return new RaftError(code, `${reason}; it was asked for, and may still come about`, { outcome: 'unknown' });
  }
  if (code === 'ABORTED' || pending.refusal === null) return new RaftError(code, `${reason}; it is not done`);
  const refusal = failures[pending.refusal];
  return new RaftError(refusal.code, `${reason}: ${refusal.message}`);
}
