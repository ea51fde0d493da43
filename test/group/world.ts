/**
 * Members in virtual time: real drivers over a network and disks that take as long as the test says. Nothing sleeps; a
 * test lets time pass, or runs until something holds.
 */
import { emptyState } from '../../src/core/raft.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import type { NodeId, PersistentState, Snapshot } from '../../src/core/types.ts';
import { RaftError } from '../../src/errors.ts';
import type { Clock } from '../../src/group/clock.ts';
import type { MemberListener } from '../../src/group/listener.ts';
import { Member } from '../../src/group/member.ts';
import type { MemberOptions } from '../../src/group/member-options.ts';
import { Outbox } from '../../src/group/outbox.ts';
import type { ProposalOutcome } from '../../src/group/pending.ts';
import { defaultProposalLimits } from '../../src/group/proposal-limits.ts';
import { newProposals, type Proposals } from '../../src/group/proposals.ts';
import type { MachineDefinition } from '../../src/machine/machine.ts';
import { MemoryDisk } from '../../src/storage/memory.ts';
import type {
  Batch,
  Durability,
  OutboxContent,
  OutboxChange,
  SnapshotPart,
  Storage,
} from '../../src/storage/storage.ts';
import type { MemberMessage } from '../../src/transport/messages.ts';

/** A queue of things to happen, in the order of their times and then of their making. */
export class VirtualClock implements Clock {
  #now = 0;
  #made = 0;
  readonly #events: { readonly at: number; readonly made: number; readonly run: () => void }[] = [];
  readonly #deferred: (() => void)[] = [];
  /** What has to be added to virtual time to get what the wall clock says. */
  wallOffset = 1_000_000;

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now + this.wallOffset;
  }

  after(milliseconds: number, run: () => void): void {
    this.#events.push({ at: this.#now + milliseconds, made: this.#made++, run });
    this.#events.sort((a, b) => a.at - b.at || a.made - b.made);
  }

  every(milliseconds: number, callback: () => void): () => void {
    let isOn = true;
    const next = (): void => {
      this.after(milliseconds, () => {
        if (!isOn) return;
        callback();
        next();
      });
    };
    next();
    return () => {
      isOn = false;
    };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  later(callback: () => void): void {
    this.after(0, callback);
  }

  settle(): void {
    for (let run = this.#deferred.shift(); run !== undefined; run = this.#deferred.shift()) run();
  }

  /** Deals with the next event; false when there is none up to `limit`. */
  step(limit: number): boolean {
    this.settle();
    const [next] = this.#events;
    if (next === undefined || next.at > limit) return false;
    this.#events.shift();
    this.#now = next.at;
    next.run();
    this.settle();
    return true;
  }

  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    while (this.step(end));
    this.#now = end;
  }

  until(holds: () => boolean, what: string, limit = 60_000): void {
    const end = this.#now + limit;
    while (!holds()) if (!this.step(end)) throw new Error(`${what} did not come to hold within ${limit} ms`);
  }
}

/** Takes a while to write, and fails when told. */
class VirtualStorage implements Storage {
  readonly durability: Durability = 'memory';
  readonly #clock: VirtualClock;
  readonly #disk: MemoryDisk;
  readonly #delay: () => number;
  #last = 0;
  #isClosed = false;
  failure: RaftError | null = null;
  /** Why the store keeps no part of a snapshot. */
  refusesParts: RaftError | null = null;
  /** Why the store changes nothing in the outbox. */
  refusesChanges: RaftError | null = null;
  /** Batches of entries that the store has no room for. */
  refusals = 0;
  #isFull = false;

  constructor(clock: VirtualClock, disk: MemoryDisk, delay: () => number) {
    this.#clock = clock;
    this.#disk = disk;
    this.#delay = delay;
  }

  load(done: (result: PersistentState | null) => void): void {
    this.#clock.after(0, () => {
      done(this.#disk.state);
    });
  }

  write(batch: Batch, done: (error: RaftError | null) => void): void {
    this.#perform(
      () => {
        this.#disk.perform(batch);
      },
      (error) => {
        done(error);
      },
      batch,
    );
  }

  /**
   * Once full, a store takes only what makes room, until somebody resumes.
   * @param wasFull whether that was known when the batch was issued
   */
  #hasNoRoom(batch: Batch, wasFull: boolean): boolean {
    if (batch.resumes === true) this.#isFull = false;
    const makesRoom = batch.hardState === null && batch.entries.length === 0 && Boolean(batch.start);
    const isRelief = wasFull && makesRoom;
    if (!isRelief && !this.#isFull && this.refusals > 0 && batch.entries.length > 0) {
      this.refusals--;
      this.#isFull = true;
    }
    return this.#isFull && !isRelief;
  }

  get outbox(): OutboxContent {
    return this.#disk.outbox.content;
  }

  keep(change: OutboxChange, done: (error: RaftError | null) => void): void {
    const refusal = this.refusesChanges;
    this.#perform(
      () => {
        if (refusal === null) this.#disk.outbox.change(change);
      },
      (error) => {
        done(error ?? refusal);
      },
    );
  }

  stage(part: SnapshotPart, done: (error: RaftError | null) => void): void {
    this.#perform(
      () => {
        if (this.refusesParts === null) this.#disk.stage(part);
      },
      (error) => {
        done(error ?? this.refusesParts);
      },
    );
  }

  readSnapshot(
    snapshot: Snapshot,
    offset: number,
    length: number,
    done: (result: Uint8Array | RaftError) => void,
  ): void {
    this.#clock.after(this.#delay(), () => {
      if (!this.#isClosed) done(this.#disk.read(snapshot, offset, length) ?? new RaftError('STORAGE_FAILED', 'gone'));
    });
  }

  #perform(action: () => void, done: (error: RaftError | null) => void, batch: Batch | null = null): void {
    const wasFull = this.#isFull;
    const at = Math.max(this.#last, this.#clock.now() + this.#delay());
    this.#last = at;
    this.#clock.after(at - this.#clock.now(), () => {
      if (this.#isClosed) return;
      if (batch !== null && this.#hasNoRoom(batch, wasFull)) {
        done(new RaftError('QUOTA_EXCEEDED', 'there is no room'));
        return;
      }
      if (this.failure === null) action();
      done(this.failure);
    });
  }

  close(): void {
    this.#isClosed = true;
  }
}

export interface Seat<State, Command, Result> {
  readonly id: NodeId;
  readonly disk: MemoryDisk;
  storage: VirtualStorage;
  member: Member<State, Command, Result>;
  stateChanges: number;
  statusChanges: number;
  /** Hears of everything that the member tells. */
  listener: MemberListener | null;
}

export class World<State, Command, Result> {
  readonly clock: VirtualClock = new VirtualClock();
  readonly seats: Map<string, Seat<State, Command, Result>> = new Map();
  /** The code that a member runs when it is started next; all run the same, unless a test says otherwise. */
  readonly code: Map<string, MachineDefinition<State, Command, Result>> = new Map();
  readonly #machine: MachineDefinition<State, Command, Result>;
  readonly #options: Partial<MemberOptions>;
  readonly #cut: Set<string> = new Set();
  /** Whether members that are started from now on keep what is proposed in them. */
  keepsCommands: boolean;
  #runs = 0;
  networkDelay: () => number = () => 5;
  diskDelay: () => number = () => 2;
  /** Says of each message whether it is lost. */
  loses: (message: MemberMessage) => boolean = () => false;
  /** Says of each message whether the transport refuses it. */
  refuses: (message: MemberMessage) => boolean = () => false;
  readonly sent: MemberMessage[] = [];

  constructor(
    machine: MachineDefinition<State, Command, Result>,
    names: readonly string[] = ['a', 'b', 'c'],
    options: Partial<MemberOptions> = {},
    keepsCommands = false,
  ) {
    this.#machine = machine;
    this.#options = options;
    this.keepsCommands = keepsCommands;
    for (const name of names) this.#found(name, names);
  }

  #found(name: string, founders: readonly string[]): void {
    const { start } = emptyState(founders as NodeId[]);
    const disk = new MemoryDisk();
    disk.perform({ start, hardState: null, truncateFrom: null, entries: [] });
    this.#seat(name, disk);
  }

  /** Somebody is there who knows nothing of the group, and can be added to it. */
  join(name: string): void {
    this.#found(name, []);
  }

  #seat(name: string, disk: MemoryDisk): void {
    const id = name as NodeId;
    const storage = new VirtualStorage(this.clock, disk, () => this.diskDelay());
    const persistent = disk.state;
    if (persistent === null) throw new Error('the disk is empty');
    const listener = this.seats.get(name)?.listener ?? null;
    const random = seededRandom(++this.#runs);
    const counts = { stateChanges: 0, statusChanges: 0 };
    const seat = { id, disk, storage, listener, ...counts } as Seat<State, Command, Result>;
    this.seats.set(name, seat);
    seat.member = new Member<State, Command, Result>({
      id,
      persistent,
      storage,
      clock: this.clock,
      random,
      proposals: this.#newProposals(storage, random),
      machine: this.code.get(name) ?? this.#machine,
      options: this.#options,
      transport: { send: (_to, message) => this.#send(message) },
      listener: {
        stateChanged: () => {
          seat.stateChanges++;
          seat.listener?.stateChanged();
        },
        statusChanged: () => {
          seat.statusChanges++;
          seat.listener?.statusChanged();
        },
      },
    });
    for (const [other, { member }] of this.seats) {
      if (other !== name && member.stopped === null) this.#link(name, other);
    }
  }

  #newProposals(storage: VirtualStorage, random: Random): Proposals<Result> {
    const isUsed = this.keepsCommands || storage.outbox.commands.length > 0;
    const outbox = isUsed ? new Outbox({ storage, keepsNew: this.keepsCommands }) : null;
    return newProposals(random, this.#options.proposals ?? defaultProposalLimits, outbox);
  }

  #link(one: string, other: string): void {
    this.member(one).peerConnected(other as NodeId);
    this.member(other).peerConnected(one as NodeId);
  }

  #send(message: MemberMessage): boolean {
    const path = [message.from, message.to].sort().join();
    if (this.#cut.has(path) || this.refuses(message)) return false;
    this.sent.push(message);
    if (this.loses(message)) return true;
    const receiver = this.seats.get(message.to);
    this.clock.after(this.networkDelay(), () => {
      // A message finds the member that it was sent to, not the one that was started in its place.
      if (receiver !== undefined && this.seats.get(message.to) === receiver) receiver.member.receive(message);
    });
    return true;
  }

  seat(name: string): Seat<State, Command, Result> {
    const seat = this.seats.get(name);
    if (seat === undefined) throw new Error(`no member ${name}`);
    return seat;
  }

  member(name: string): Member<State, Command, Result> {
    return this.seat(name).member;
  }

  /** Links break without a word: sending fails, and nobody is told. */
  isolate(name: string): void {
    for (const other of this.seats.keys()) if (other !== name) this.#cut.add([name, other].sort().join());
  }

  heal(): void {
    this.#cut.clear();
  }

  /** The tab is closed: its links end, and the others notice. */
  close(name: string): void {
    this.member(name).close();
    for (const other of this.seats.keys()) if (other !== name) this.member(other).peerDisconnected(name as NodeId);
  }

  /** The tab is there again, with what its disk holds. */
  reopen(name: string): void {
    this.#seat(name, this.seat(name).disk);
  }

  get leader(): string | null {
    const leaders = [...this.seats.values()].filter(({ member }) => {
      const { role, stopped } = member.status();
      return role === 'leader' && stopped === null;
    });
    return leaders.sort((a, b) => b.member.status().term - a.member.status().term)[0]?.id ?? null;
  }

  elect(): string {
    this.clock.until(() => this.leader !== null, 'a leader');
    this.clock.until(
      () => [...this.seats.values()].every(({ member }) => member.status().leader === this.leader),
      'agreement on the leader',
    );
    return this.leader ?? '';
  }

  followers(): string[] {
    return [...this.seats.keys()].filter((name) => name !== this.leader);
  }

  /** Proposes, and remembers the outcome under the number that it returns. */
  propose(name: string, command: Command): Proposal<Result> {
    const proposal: Proposal<Result> = {
      outcome: null,
      withdraw: () => made.withdraw(new RaftError('TIMEOUT', 'nobody waits any more')),
      get sequence() {
        return made.sequence;
      },
    };
    const made = this.member(name).propose(command, (outcome) => {
      if (proposal.outcome !== null) throw new Error('a proposal ended twice');
      proposal.outcome = outcome;
    });
    return proposal;
  }
}

export interface Proposal<Result> {
  outcome: ProposalOutcome<Result> | null;
  readonly sequence: number | null;
  /** Takes it back, if it was not sent. */
  readonly withdraw: () => boolean;
}
