/**
 * The loop of a member. An event changes the core, or one of those that bring it something; what follows is carried out once
 * the event is dealt with, until nothing more follows: on the store and over links side by side, and then on the machine. So
 * whatever arrives together travels together.
 */
import { InvariantViolation } from '../core/errors.ts';
import type { Ready } from '../core/output.ts';
import type { Raft } from '../core/raft.ts';
import type { Write } from '../core/replica.ts';
import type { Entry, NodeId } from '../core/types.ts';
import { endingWith, RaftError, type RaftErrorCode } from '../errors.ts';
import type { ReplicatedMachine } from '../machine/replicated.ts';
import type { Storage } from '../storage/storage.ts';
import type { Transport } from '../transport/transport.ts';
import type { Applier } from './applier.ts';
import type { Changes } from './changes.ts';
import type { Clock } from './clock.ts';
import { CommitSaver } from './commit-saver.ts';
import type { Courier } from './courier.ts';
import { type MemberListener, News } from './listener.ts';
import type { MemberMeter } from './member-meter.ts';
import { reportOf } from './member-status.ts';
import type { Newcomers } from './newcomers.ts';
import { Pacer } from './pacer.ts';
import type { Peers } from './peers.ts';
import type { Proposals } from './proposals.ts';
import type { Reads } from './reads.ts';
import { Sending } from './sending.ts';
import type { Snapshots } from './snapshots.ts';
import { Writer } from './writer.ts';

/** What a member is made of. */
export interface DriverParts<State, Command, Result> {
  readonly id: NodeId;
  readonly raft: Raft;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly machine: ReplicatedMachine<State, Command, Result>;
  readonly applier: Applier<State, Command, Result>;
  readonly snapshots: Snapshots;
  readonly proposals: Proposals<Result>;
  readonly courier: Courier<Result>;
  readonly changes: Changes;
  readonly newcomers: Newcomers;
  readonly reads: Reads;
  readonly peers: Peers;
  readonly meter: MemberMeter;
  readonly listener: MemberListener;
  /** Milliseconds of a tick of the core. */
  readonly tickMs: number;
  /** The most that one pause can count for. */
  readonly maxTicks: number;
}

/** Why a member never takes part again, whatever it keeps. */
const endings: readonly RaftErrorCode[] = ['REMOVED', 'BANNED'];

export class Driver<State, Command, Result> {
  readonly #parts: DriverParts<State, Command, Result>;
  readonly #writer: Writer;
  readonly #sending: Sending;
  readonly #commitSaver: CommitSaver;
  readonly #pacer: Pacer;
  readonly #news: News<State>;
  readonly #stopTicking: () => void;
  #isScheduled = false;
  #hasStarted = false;
  #stopped: RaftError | null = null;

  constructor(parts: DriverParts<State, Command, Result>) {
    const { raft, storage, transport, clock, machine, courier, listener, tickMs, maxTicks } = parts;
    this.#parts = parts;
    this.#writer = new Writer({
      storage,
      durable: (write) => {
        this.#written(write);
      },
      compact: () => raft.compactWholly(),
      fail: (error) => {
        this.stop(error);
      },
    });
    this.#sending = new Sending({
      raft,
      transport,
      later: (action) => {
        clock.later(() => {
          this.react(action);
        });
      },
      isAwaited: (news) => courier.awaits(news.to, news.commit),
    });
    this.#commitSaver = new CommitSaver(raft);
    this.#news = new News(listener, machine.state);
    this.#pacer = new Pacer(tickMs, maxTicks, clock.now());
    this.#stopTicking = clock.every(tickMs, () => {
      this.#tick();
    });
  }

  /** Why this member takes no further part; null while it does. */
  get stopped(): RaftError | null {
    return this.#stopped;
  }

  /** See `Member.close`. */
  stop(reason: RaftError): void {
    if (this.#stopped !== null) return;
    this.#stopped = reason;
    this.#stopTicking();
    const { storage, proposals, changes, reads, listener } = this.#parts;
    storage.close();
    const ended = endingWith(reason);
    proposals.failAll(ended, !endings.includes(reason.code));
    changes.failAll(ended);
    reads.failAll(reason);
    listener.statusChanged();
  }

  /**
   * The machine stays as it is from now on. Changes of membership take effect here as everywhere, and this member votes and
   * acknowledges, so that the group does not lose it; but it leads no more, because it cannot answer anybody.
   */
  outgrown(error: RaftError): void {
    const { snapshots, raft, proposals, reads } = this.#parts;
    snapshots.end();
    raft.standAside();
    proposals.failWhatCannotWait(endingWith(error), true);
    reads.failAll(error);
  }

  /**
   * Does something that has an answer, then whatever follows from it.
   * @throws RaftError why the member stopped
   */
  answer<Answer>(question: () => Answer): Answer {
    if (this.#stopped !== null) throw this.#stopped;
    const answer = question();
    this.schedule();
    return answer;
  }

  /** Does something, then, once this event is dealt with, whatever follows from it. */
  react(action: () => void): void {
    this.#guard(action);
    this.schedule();
  }

  /** A broken invariant stops this member, and only it. */
  #guard(action: () => void): void {
    if (this.#stopped !== null) return;
    try {
      action();
    } catch (cause) {
      if (!(cause instanceof InvariantViolation)) throw cause;
      const message = `this member found a rule of the algorithm broken and stopped (${cause.message})`;
      this.stop(new RaftError('INVARIANT_VIOLATED', message, { cause }));
    }
  }

  /** Whatever there is to do is done once this event is dealt with. */
  schedule(): void {
    if (this.#isScheduled || this.#stopped !== null) return;
    this.#isScheduled = true;
    this.#parts.clock.defer(this.#workOnce);
  }

  readonly #workOnce = (): void => {
    this.#isScheduled = false;
    this.#work();
  };

  #tick(): void {
    const { raft, clock, applier, courier, changes, proposals, reads, snapshots, peers, transport } = this.#parts;
    this.#voidLateLease();
    const ticks = this.#pacer.advance(clock.now());
    if (ticks === 0 || applier.isStarting) return;
    this.react(() => {
      for (let i = 0; i < ticks; i++) raft.tick();
      this.#commitSaver.tick(ticks);
      courier.tick(ticks);
      changes.tick(ticks);
      proposals.tick(clock.wallTime());
      reads.tick(ticks);
      snapshots.takeIfDue();
      peers.tell(reportOf(raft), transport);
    });
  }

  /** Whether a read on a lease would be answered now, without asking anybody. */
  get holdsLease(): boolean {
    return this.#parts.raft.holdsLease && !this.#isLate;
  }

  /** Q7: after a pause nobody knows whether a lease still holds, until the time that has passed is counted. */
  #voidLateLease(): void {
    if (this.#isLate) this.#parts.raft.voidLease();
  }

  get #isLate(): boolean {
    return this.#pacer.isBehind(this.#parts.clock.now());
  }

  /** Carries out all that there is to do, and tells of what has changed by it. */
  #work(): void {
    const { raft, applier, listener } = this.#parts;
    if (applier.isStarting) return;
    this.#guard(() => {
      this.#voidLateLease();
      this.#ship();
      for (let ready = raft.ready(); ready !== null; ready = raft.ready()) {
        this.#carryOut(ready);
        this.#ship();
      }
    });
    this.#tell();
    if (this.#hasStarted || this.#stopped !== null) return;
    this.#hasStarted = true;
    listener.started?.();
  }

  #tell(): void {
    const { raft, storage, machine, applier, proposals, peers, meter } = this.#parts;
    const { role, term, leader, commit, appliedIndex, durableIndex, lastIndex } = raft;
    meter.knows(leader, term);
    const replica = [role, term, leader, commit, appliedIndex, durableIndex, lastIndex];
    const membership = [raft.configuration.version, raft.isRemoved];
    const changes = [proposals.changes, peers.changes];
    this.#news.tell(machine.state, [...replica, ...membership, storage.durability, ...changes, applier.outgrown]);
  }

  #ship(): void {
    const { newcomers, changes, applier, courier, proposals, reads } = this.#parts;
    newcomers.admit();
    changes.ship();
    // Whoever cannot follow the group would never hear what came of it.
    if (applier.outgrown === null) courier.ship();
    proposals.flush();
    reads.ship();
  }

  #carryOut({ write, messages, committed, reads, failedReads, snapshotParts, snapshotReads }: Ready): void {
    const { id, meter, snapshots, reads: asked } = this.#parts;
    // Parts first: a batch that makes a snapshot the newest one finds all of it in the store.
    for (const part of snapshotParts) snapshots.keep(part);
    if (write !== null) {
      this.#commitSaver.writing();
      meter.writing(write, id);
      this.#writer.write(write);
    }
    this.#sending.send(messages);
    for (const read of snapshotReads) snapshots.read(read);
    // The state is what it was when these were handed out; what is committed comes after them.
    asked.ready(reads);
    asked.failed(failedReads);
    this.#apply(committed);
  }

  #apply(committed: readonly Entry[]): void {
    if (committed.length === 0) return;
    const { applier, snapshots, changes } = this.#parts;
    applier.apply(committed);
    snapshots.applied(committed);
    changes.applied(committed);
  }

  #written(write: Write): void {
    const { raft, meter, snapshots } = this.#parts;
    meter.written(write, raft.appliedIndex);
    this.react(() => {
      raft.persisted(write);
      if (write.snapshot !== null) snapshots.promoted(write.snapshot, raft.appliedIndex);
    });
    this.#tellIfSaved();
  }

  /** See `Member.saveCommit`. */
  saveCommit(saved: () => void): void {
    this.react(() => {
      this.#commitSaver.save(saved);
    });
    this.#tellIfSaved();
  }

  #tellIfSaved(): void {
    if (this.#stopped === null) this.#commitSaver.tell();
  }
}
