/**
 * One process of a simulation: a real member with its store and its clock, which crashes, freezes, is slow, and comes
 * back with what its disk holds. Whatever happens to it goes through `run`, so that it happens only while it is awake.
 */
import { Raft, type RaftInit } from '../core/raft.ts';
import { seededRandom } from '../core/random.ts';
import { standardRules } from '../core/rules.ts';
import type { NodeId, PersistentState } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import { Member } from '../group/member.ts';
import { defaultMemberOptions, type MemberOptions } from '../group/member-options.ts';
import { Outbox } from '../group/outbox.ts';
import { newProposals, type Proposals } from '../group/proposals.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import type { MemberMessage } from '../transport/messages.ts';
import { EventLoop } from './event-loop.ts';
import type { EventQueue } from './event-queue.ts';
import { LastEffects } from './last-effects.ts';
import type { MessageChange, Mutant } from './mutants/mutant.ts';
import type { Network } from './network.ts';
import type { Station } from './path.ts';
import { ProcessClock } from './process-clock.ts';
import type { Run } from './run-of-member.ts';
import type { SimDisk } from './sim-disk.ts';
import { type DiskFaults, SimStorage } from './sim-storage.ts';
import type { Watcher } from './watcher.ts';

export interface ProcessInit<State, Command, Result> {
  readonly name: string;
  readonly id: NodeId;
  readonly disk: SimDisk;
  readonly queue: EventQueue;
  readonly network: Network;
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly options: Partial<MemberOptions>;
  /** Whether what is proposed outlives the process. */
  readonly keepsCommands: boolean;
  readonly diskFaults: DiskFaults;
  /** Another number for each run of each process. */
  readonly nextSeed: () => readonly number[];
  readonly mutant: Mutant | null;
  /** What the mutant makes of messages on their way in; null for nothing. The same for all processes of a run. */
  readonly changesMessage: MessageChange | null;
  readonly watcher: Watcher<State, Command, Result>;
  readonly duplicate: (process: SimProcess<State, Command, Result>) => void;
  /** The process holding a member now. */
  readonly stationOf: (member: NodeId) => string | null;
}

/** What is known of a run of a process when it goes. */
export interface CrashOptions {
  /** Of the operations on their way to the disk, how many still reach it. */
  readonly reached: (pending: number) => number;
  /** The page says goodbye: its links close at once. */
  readonly isAnnounced: boolean;
}

type Life = 'down' | 'loading' | 'up';

export class SimProcess<State, Command, Result> implements Station {
  readonly name: string;
  readonly id: NodeId;
  readonly disk: SimDisk;
  readonly diskFaults: DiskFaults;
  readonly #init: ProcessInit<State, Command, Result>;
  #life: Life = 'down';
  /** Of the present run: what belongs to an earlier one is of no interest any more. */
  #loop: EventLoop;
  #clock: ProcessClock;
  #storage: SimStorage | null = null;
  #member: Member<State, Command, Result> | null = null;
  #proposals: Proposals<Result> | null = null;
  #watched: Run | null = null;
  readonly #lastEffects: LastEffects = new LastEffects();
  /** Milliseconds that each event takes. */
  eventCost = 0;
  /** Why it stopped by itself, if it did. */
  stoppedBy: RaftError | null = null;
  crashes = 0;
  /** It is not to come back: its store is lost, or it was removed for good. */
  isGone = false;
  /** Its store is lost or damaged: if it comes back all the same, something is wrong. */
  isLost = false;

  constructor(init: ProcessInit<State, Command, Result>) {
    this.#init = init;
    this.name = init.name;
    this.id = init.id;
    this.disk = init.disk;
    this.diskFaults = init.diskFaults;
    this.#loop = this.#newLoop();
    this.#clock = this.#newClock(this.#loop);
  }

  get member(): Member<State, Command, Result> | null {
    return this.#member;
  }

  get raft(): Raft | null {
    return this.#watched?.raft ?? null;
  }

  get #here(): Run {
    if (this.#watched === null) throw new Error(`${this.name} is not running`);
    return this.#watched;
  }

  get clock(): ProcessClock {
    return this.#clock;
  }

  /** It would answer a read on a lease now: it leads, for all that it knows, and is not asleep. */
  get holdsLease(): boolean {
    return this.#loop.isAwake && this.#member?.holdsLease === true;
  }

  /** Has a member, which may be frozen. */
  get isRunning(): boolean {
    return this.#life === 'up';
  }

  #newLoop(): EventLoop {
    const loop: EventLoop = new EventLoop(
      this.#init.queue,
      () => {
        this.#settle();
      },
      () => this.eventCost,
    );
    return loop;
  }

  #newClock(loop: EventLoop): ProcessClock {
    return new ProcessClock(this.#init.queue, (action) => {
      loop.run(action);
    });
  }

  /** Loads what is on disk, and begins. */
  start(): void {
    if (this.#life !== 'down' || this.isGone) return;
    const loop = this.#newLoop();
    this.#loop = loop;
    this.#clock = this.#newClock(loop);
    this.#life = 'loading';
    this.stoppedBy = null;
    const { queue, disk, diskFaults, watcher, mutant } = this.#init;
    const storage = new SimStorage({
      queue,
      disk,
      faults: diskFaults,
      tell: (action) => {
        loop.run(action);
      },
      writing: (batch) => {
        watcher.writing(this.id, disk, batch);
      },
      writes: (batch) => mutant?.writes?.(batch) ?? batch,
      keeps: (change) => mutant?.keeps?.(change) ?? change,
      acknowledgesEarly: (batch) => mutant?.acknowledgesEarly?.(batch) === true,
    });
    this.#storage = storage;
    storage.load((result) => {
      if (result instanceof RaftError) this.#refuse(result);
      else if (result !== null) this.#begin(result, storage);
    });
  }

  /** What is on disk cannot be started from, now or ever. */
  #refuse(error: RaftError): void {
    if (error.code === 'STORAGE_CORRUPT' && !this.isLost) {
      this.#init.watcher.refused(this.id, error);
    }
    this.stoppedBy = error;
    this.crash({ reached: () => 0, isAnnounced: true });
  }

  #begin(persistent: PersistentState, storage: SimStorage): void {
    try {
      this.#makeMember(persistent, storage);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#refuse(error);
      return;
    }
    if (this.isLost) this.#init.watcher.startedLost(this.id);
    this.#init.network.reconnect(this);
  }

  #makeMember(persistent: PersistentState, storage: SimStorage): void {
    const { machine, options, keepsCommands, watcher, nextSeed, mutant } = this.#init;
    const random = seededRandom(...nextSeed());
    this.#life = 'up';
    const loop = this.#loop;
    const cores: Raft[] = [];
    const guarded = this.#lastEffects.guarded(storage);
    const outbox = keepsCommands ? new Outbox({ storage: guarded, keepsNew: true }) : null;
    this.#proposals = newProposals(random, options.proposals ?? defaultMemberOptions.proposals, outbox);
    this.#member = new Member<State, Command, Result>({
      id: this.id,
      persistent,
      storage: guarded,
      transport: { send: (to, message, lane) => this.#lastEffects.leaves() && this.#send(to, message, lane) },
      clock: this.#clock,
      random,
      machine: watcher.observed(machine, () => this.#here),
      options,
      proposals: this.#proposals,
      listener: {
        stateChanged: () => undefined,
        restored: (index) => {
          if (this.#member !== null && this.#watched !== null)
            watcher.restored(this.#watched, index, this.#member.state);
        },
        statusChanged: () => {
          const stopped = this.#loop === loop ? (this.#member?.stopped ?? null) : null;
          if (stopped !== null && this.stoppedBy === null) this.#stopped(stopped);
        },
      },
      trace: (event) => {
        watcher.traced(this.#loop === loop ? this.#watched : null, event);
      },
      createRaft: (init: RaftInit) => {
        const make = mutant?.createRaft ?? ((given: RaftInit) => new Raft(given));
        const rules = { ...standardRules, ...mutant?.rules };
        const core = make({ ...init, rules, traceDecisions: watcher.wantsDecisions });
        cores.push(core);
        return core;
      },
    });
    const [raft] = cores;
    this.#watched = raft === undefined ? null : watcher.started(this.id, raft, this);
  }

  /** A member that stopped by itself: its process ends, and may be started again. */
  #stopped(error: RaftError): void {
    this.stoppedBy = error;
    this.#init.watcher.stopped(this.id, error);
    this.#lastEffects.limit(0);
  }

  /** Commands that wait here for an outcome, and their bytes. */
  get pendingCommands(): number {
    return this.#proposals?.pending ?? 0;
  }

  get pendingCommandBytes(): number {
    return this.#proposals?.pendingBytes ?? 0;
  }

  #send(to: NodeId, message: MemberMessage, lane: 'control' | 'bulk'): boolean {
    const { network, watcher, stationOf } = this.#init;
    watcher.sending(this.id, this.disk, message);
    const station = stationOf(to);
    const isSent = station !== null && network.send(this.name, station, message, lane);
    if (isSent) watcher.sent(message);
    return isSent;
  }

  received(message: MemberMessage): void {
    this.run(() => {
      const { changesMessage } = this.#init;
      const arrived = changesMessage === null ? message : changesMessage(message, this.raft);
      if (arrived !== null) this.#member?.receive(arrived);
    });
  }

  connected(to: Station): void {
    if (!(to instanceof SimProcess)) return;
    const { id } = to;
    this.run(() => {
      this.#member?.peerConnected(id);
    });
  }

  disconnected(from: Station): void {
    if (!(from instanceof SimProcess)) return;
    const { id } = from;
    this.run(() => {
      this.#member?.peerDisconnected(id);
    });
  }

  /** Something happens in the process: now, or as soon as it is awake. */
  run(action: () => void): void {
    this.#loop.run(action);
  }

  /** The end of an event. */
  #settle(): void {
    this.#clock.settle();
    if (this.#watched !== null) this.#init.watcher.settled(this.#watched);
    if (this.#lastEffects.areOver) this.crash({ reached: (pending) => pending, isAnnounced: this.stoppedBy !== null });
  }

  /** Memory is kept, nothing runs. */
  freeze(): void {
    this.#loop.freeze();
  }

  thaw(): void {
    this.#loop.thaw();
  }

  /** The next event blocks for so many milliseconds between what comes in and what goes out. */
  blockNext(milliseconds: number): void {
    this.#loop.nextBlock = milliseconds;
  }

  /** Dies after so many more effects (messages and writes) have left it, at the end of the event. */
  crashAfterEffects(effects: number): void {
    if (this.#life === 'up') this.#lastEffects.limit(effects);
  }

  /** It is not to die, nor to be blocked, after all. */
  spare(): void {
    this.#lastEffects.spare();
    this.#loop.nextBlock = 0;
    this.eventCost = 0;
  }

  crash({ reached, isAnnounced }: CrashOptions): void {
    if (this.#life === 'down') return;
    const wasUp = this.#life === 'up';
    this.#life = 'down';
    this.#loop.end();
    this.crashes++;
    this.#lastEffects.spare();
    this.#storage?.crash(reached);
    const member = this.#member;
    const watched = this.#watched;
    this.#member = null;
    this.#proposals = null;
    this.#watched = null;
    if (wasUp) this.#init.network.left(this, isAnnounced);
    this.#init.watcher.crashed(this.id, watched);
    member?.close(new RaftError('CLOSED', 'the process is gone'));
  }

  /** A second process opens the same store. */
  openElsewhere(): void {
    if (!this.isGone) this.#init.duplicate(this);
  }

  /** Writes on their way to the disk. */
  get pendingWrites(): number {
    return this.#storage?.pendingWrites ?? 0;
  }

  get isKeepingSnapshot(): boolean {
    return this.#storage?.isKeepingSnapshot ?? false;
  }

  get bytesBeingRead(): number {
    return this.#storage?.bytesBeingRead ?? 0;
  }

  /** Parts of a snapshot are on their way to the disk. */
  get isStaging(): boolean {
    return this.#storage?.isStaging ?? false;
  }
}
