/**
 * Brings commands to the leader: ours, which it sends again until they have an outcome, and, when we lead, those of the
 * others, which it takes into the log.
 */
import type { Raft } from '../core/raft.ts';
import type { Index, NodeId, Term } from '../core/types.ts';
import { type Outcome, RaftError } from '../errors.ts';
import { encodeEnvelope, type SessionId } from '../machine/envelope.ts';
import type { Propose, ProposeRefused, RefusalReason } from '../transport/messages.ts';
import type { Transport } from '../transport/transport.ts';
import type { Clock } from './clock.ts';
import { Intake } from './intake.ts';
import type { Proposals } from './proposals.ts';
import type { Shipment } from './shipments.ts';

/** Bytes of commands in one message to the leader, if it is more than one command. */
const maxShipmentBytes = 64 * 1024;

/** After a refusal, for a leader that is busy or none any more. */
const ticksAfterRefusal = 2;

/** What the replicated state knows of sessions. */
interface SessionState {
  lastOf(session: SessionId): number;
}

export interface CourierInit<Result> {
  readonly id: NodeId;
  readonly raft: Raft;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly machine: SessionState;
  readonly proposals: Proposals<Result>;
  /** Ticks after which what has no outcome is sent again. */
  readonly retryTicks: number;
  readonly maxCommandBytes: number;
  /** Calls back once: with true when all that was committed before is applied here, with false when nobody can say. */
  readonly untilCaughtUp: (done: (isCaughtUp: boolean) => void) => void;
}

export class Courier<Result> {
  readonly #id: NodeId;
  readonly #raft: Raft;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #machine: SessionState;
  readonly #proposals: Proposals<Result>;
  readonly #retryTicks: number;
  readonly #maxCommandBytes: number;
  readonly #untilCaughtUp: CourierInit<Result>['untilCaughtUp'];
  #isCatchingUp = false;
  #ticksSinceShipment = 0;
  #ticksToWait = 0;
  #intake = new Intake(0);
  /** Of each other member, the last entry with a command of its, until it is told that this is committed. */
  readonly #awaited = new Map<NodeId, Index>();
  /** The leadership that our commands went to, to send them again to the next. */
  #shippedTo: { readonly leader: NodeId | null; readonly term: Term } = { leader: null, term: 0 };

  constructor(init: CourierInit<Result>) {
    const { id, raft, transport, clock, machine, proposals, retryTicks, maxCommandBytes, untilCaughtUp } = init;
    this.#id = id;
    this.#raft = raft;
    this.#transport = transport;
    this.#clock = clock;
    this.#machine = machine;
    this.#proposals = proposals;
    this.#retryTicks = retryTicks;
    this.#maxCommandBytes = maxCommandBytes;
    this.#untilCaughtUp = untilCaughtUp;
  }

  tick(ticks: number): void {
    this.#ticksToWait = Math.max(0, this.#ticksToWait - ticks);
    this.#ticksSinceShipment += ticks;
    if (this.#proposals.isAwaitingOutcome && this.#ticksSinceShipment >= this.#retryTicks) this.#proposals.rewind();
  }

  /** Sends our commands to the leader, if there is one, and it is not known to be unwilling. */
  ship(): void {
    const { leader, term, configuration, isRemoved } = this.#raft;
    // Whoever was removed would never hear what comes of it.
    if (leader === null || (isRemoved && leader !== this.#id)) return;
    this.#proposals.expire(this.#clock.wallTime());
    if (configuration.witnesses.includes(this.#id)) {
      // M16: it will never see what comes of them.
      const error = (outcome: Outcome): RaftError =>
        new RaftError('NOT_SUPPORTED', 'a witness cannot propose', { outcome });
      this.#proposals.failWhatCannotWait(error, false);
      return;
    }
    if (leader !== this.#shippedTo.leader || term !== this.#shippedTo.term) {
      this.#shippedTo = { leader, term };
      this.#ticksToWait = 0;
      this.#proposals.rewind();
    }
    if (this.#proposals.wantsToContinue) {
      this.#catchUp();
      return;
    }
    if (this.#proposals.wantsSession && !this.#openSession()) return;
    this.#proposals.place();
    while (this.#ticksToWait === 0) {
      const shipment = this.#proposals.next(maxShipmentBytes);
      if (shipment === null) return;
      if (this.#shipTo(leader, shipment)) {
        this.#proposals.shipped(shipment);
        this.#ticksSinceShipment = 0;
      } else {
        this.#ticksToWait = 1;
      }
    }
  }

  /**
   * A session says which index was committed when it was opened, and is refused if that is long ago. So whoever is behind
   * comes up to the present leadership first.
   */
  #openSession(): boolean {
    const { commit, term } = this.#raft;
    if (this.#raft.snapshotPoint()?.term !== term) return false;
    this.#proposals.openSession(commit);
    return true;
  }

  /** Before a session of an earlier run is continued, this one applies all that was committed. */
  #catchUp(): void {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    this.#untilCaughtUp((isCaughtUp) => {
      this.#isCatchingUp = false;
      if (isCaughtUp) this.#proposals.continueSession();
    });
  }

  /** False when the commands are certainly still here. */
  #shipTo(leader: NodeId, shipment: Shipment): boolean {
    if (leader === this.#id) return this.#take(shipment, this.#id) === null;
    return this.#transport.send(leader, { kind: 'Propose', from: this.#id, to: leader, ...shipment }, 'bulk');
  }

  /** Takes commands into the log, if we lead; says why not. */
  #take({ session, sequence, known: outcomesKnown, commands }: Shipment, proposer: NodeId): RefusalReason | null {
    if (this.#raft.role !== 'leader') return 'not-leader';
    if (this.#intake.term !== this.#raft.term) {
      this.#intake = new Intake(this.#raft.term);
      this.#awaited.clear();
    }
    const known = this.#intake.known(session, sequence, this.#machine.lastOf(session));
    if (known === null) return 'early';
    const time = Math.max(0, Math.floor(this.#clock.wallTime()));
    const envelopes = commands
      .slice(known)
      .map((call, i) =>
        encodeEnvelope({ time, proposer, session, sequence: sequence + known + i, known: outcomesKnown, call }),
      );
    if (envelopes.length === 0) return null;
    const proposed = this.#raft.propose(envelopes);
    if (!proposed.accepted) return 'busy';
    this.#intake.took(session, sequence, sequence + commands.length);
    if (proposer !== this.#id) this.#awaited.set(proposer, proposed.lastIndex);
    return null;
  }

  /**
   * Whether a member, which is about to be told the commit index, waits for commands that it sent us; forgets those that are
   * committed.
   */
  awaits(member: NodeId, commit: Index): boolean {
    const last = this.#awaited.get(member);
    if (last !== undefined && last <= commit) this.#awaited.delete(member);
    return last !== undefined;
  }

  /** Another member has commands for the leader. One that is larger than it could have proposed is a fault of its own. */
  receive(message: Propose): void {
    if (message.commands.some(({ byteLength }) => byteLength > this.#maxCommandBytes)) return;
    const reason = this.#take(message, message.from);
    if (reason === null) return;
    const { from: to, session, sequence } = message;
    this.#transport.send(to, { kind: 'ProposeRefused', from: this.#id, to, session, sequence, reason }, 'control');
  }

  /** The leader did not take ours. */
  receiveRefusal({ from, session, sequence, reason }: ProposeRefused): void {
    if (from !== this.#raft.leader) return;
    if (reason === 'early') {
      this.#proposals.rewind();
    } else {
      this.#proposals.rewindTo(session, sequence);
      this.#ticksToWait = ticksAfterRefusal;
    }
  }
}
