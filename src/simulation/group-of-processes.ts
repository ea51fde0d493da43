/**
 * A simulated group: its processes, its network and its time, from one seed. Faults and operators act on it, clients use
 * it, and the watcher sees everything.
 */
import { raftOptions } from '../core/options.ts';
import { emptyState } from '../core/raft.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { TraceListener } from '../core/trace.ts';
import type { NodeId } from '../core/types.ts';
import { defaultMemberOptions, type MemberOptions } from '../group/member-options.ts';
import type { MachineDefinition } from '../machine/machine.ts';
import { EventQueue } from './event-queue.ts';
import type { MessageChange, Mutant } from './mutants/mutant.ts';
import { Network, type NetworkOptions, nodeId } from './network.ts';
import { SimProcess } from './process.ts';
import type { Limits } from './bounds-checker.ts';
import type { AppliedEffect } from './reference.ts';
import { SimDisk } from './sim-disk.ts';
import type { DiskFaults } from './sim-storage.ts';
import { type Violation, ViolationError } from './violation.ts';
import { Watcher } from './watcher.ts';

export interface DiskOptions {
  readonly minDelay: number;
  readonly maxDelay: number;
}

export interface SimGroupInit<State, Command, Result> {
  readonly seed: number;
  /** How many members found the group. */
  readonly members: number;
  readonly machine: MachineDefinition<State, Command, Result>;
  readonly digest: (state: State) => string;
  readonly describe: (command: Command) => string;
  readonly newEffect?: (effect: AppliedEffect) => void;
  readonly options: Partial<MemberOptions>;
  /** Whether what is proposed outlives its process; false if left out. */
  readonly keepsCommands?: boolean | undefined;
  readonly network: NetworkOptions;
  readonly disk: DiskOptions;
  readonly mutant?: Mutant | null;
  readonly listener?: TraceListener;
  /** Says what is wrong with a state, in the machine's own terms; null for nothing. */
  readonly invariant?: (state: State) => string | null;
  /** Hears, in words, of what happens to the group, and when. */
  readonly narrator?: (at: number, text: string) => void;
}

/** A slow disk takes this long, in milliseconds. */
export interface SlowDisk {
  factor: number;
}

/** Streams of random numbers, one for each purpose. */
const streams = { network: 1, disk: 2, members: 3 } as const;

/** Deferred work of members that never ends is a fault of its own. */
const maxSteps = 20_000_000;

export class SimGroup<State, Command, Result> {
  readonly queue: EventQueue = new EventQueue();
  readonly network: Network;
  readonly watcher: Watcher<State, Command, Result>;
  readonly processes: SimProcess<State, Command, Result>[] = [];
  readonly founders: readonly NodeId[];
  /** What the options of the members say. */
  readonly limits: Limits;
  readonly #init: SimGroupInit<State, Command, Result>;
  readonly #disks: Map<NodeId, SimDisk> = new Map();
  readonly #stations: Map<NodeId, string> = new Map();
  readonly #diskRandom: Random;
  readonly #slow: Map<string, SlowDisk> = new Map();
  readonly #changesMessage: MessageChange | null;
  #runs = 0;
  #violation: ViolationError | null = null;
  steps = 0;

  constructor(init: SimGroupInit<State, Command, Result>) {
    this.#init = init;
    const { raft, proposals, snapshots } = { ...defaultMemberOptions, ...init.options };
    this.limits = { raft: raftOptions(raft), proposals, snapshots };
    this.#changesMessage = init.mutant?.receives?.() ?? null;
    this.#diskRandom = seededRandom(init.seed, streams.disk);
    this.network = new Network(this.queue, seededRandom(init.seed, streams.network), init.network);
    this.watcher = new Watcher({
      accuse: (invariant, message) => this.accuse(invariant, message),
      diskOf: (id) => this.#disks.get(id) ?? null,
      limits: this.limits,
      now: () => this.queue.now,
      leaseHolders: () =>
        this.processes.flatMap(({ id, raft, holdsLease }) =>
          raft !== null && holdsLease ? [{ id, term: raft.term }] : [],
        ),
      initial: init.machine.initial,
      digest: init.digest,
      describe: init.describe,
      newEffect: (effect) => init.newEffect?.(effect),
      ...(init.listener && { listener: init.listener }),
      ...(init.invariant && { invariant: init.invariant }),
      narrator: (text) => init.narrator?.(this.queue.now, text),
    });
    this.founders = Array.from({ length: init.members }, (_, i) => nodeId(`n${i + 1}`));
    for (const id of this.founders) this.addProcess(id).start();
  }

  /** Ends the run: an invariant is broken. */
  accuse(invariant: string, message: string): never {
    const violation: Violation = { invariant, message, at: this.queue.now, step: this.steps };
    this.#violation ??= new ViolationError(violation);
    throw this.#violation;
  }

  /** A process with an empty store. It takes part once it is a member of the group. */
  addProcess(name: string, id: NodeId = nodeId(name)): SimProcess<State, Command, Result> {
    return this.#add(name, id, new SimDisk(emptyState(this.founders).start));
  }

  #add(name: string, id: NodeId, store: SimDisk): SimProcess<State, Command, Result> {
    const { machine, options, keepsCommands = false, mutant = null, disk } = this.#init;
    const slow: SlowDisk = { factor: 1 };
    this.#slow.set(name, slow);
    const diskFaults: DiskFaults = {
      delay: () => slow.factor * (disk.minDelay + this.#diskRandom.below(disk.maxDelay - disk.minDelay + 1)),
      openDelay: 0,
      failingWrites: 0,
      failingReads: 0,
      failingAfterWrites: 0,
    };
    this.#disks.set(id, store);
    this.#stations.set(id, name);
    const process = new SimProcess<State, Command, Result>({
      name,
      id,
      disk: store,
      queue: this.queue,
      network: this.network,
      machine,
      options,
      keepsCommands,
      diskFaults,
      nextSeed: () => [this.#init.seed, streams.members, ++this.#runs],
      mutant,
      changesMessage: this.#changesMessage,
      watcher: this.watcher,
      stationOf: (member) => this.#stations.get(member) ?? null,
      duplicate: (itself) => {
        this.duplicate(itself);
      },
    });
    this.processes.push(process);
    this.network.add(process);
    return process;
  }

  /** A second process opens the store of a member: the first one has lost it, and does not know it yet. */
  duplicate(process: SimProcess<State, Command, Result>): void {
    const name = `${process.name}'`;
    process.isGone = true;
    this.#add(name, process.id, process.disk).start();
  }

  get tickMs(): number {
    return this.#init.options.tickMs ?? defaultMemberOptions.tickMs;
  }

  /** Milliseconds of a minimum election timeout. */
  get electionMs(): number {
    return this.tickMs * this.limits.raft.electionTicks;
  }

  slowDown(name: string, factor: number): void {
    const slow = this.#slow.get(name);
    if (slow !== undefined) slow.factor = factor;
  }

  process(id: NodeId): SimProcess<State, Command, Result> | null {
    return this.processes.findLast((process) => process.id === id) ?? null;
  }

  /** The process that leads in the latest term, as far as anybody does. */
  get leader(): SimProcess<State, Command, Result> | null {
    let best: SimProcess<State, Command, Result> | null = null;
    for (const process of this.processes) {
      const { raft } = process;
      if (raft?.role === 'leader' && raft.term > (best?.raft?.term ?? -1)) best = process;
    }
    return best;
  }

  /** Lets the next event happen. */
  step(): void {
    if (++this.steps > maxSteps) this.accuse('L3', 'the run does not come to an end');
    this.queue.step();
    // Whoever catches what an accused machine throws does not stop the run from ending.
    if (this.#violation !== null) throw this.#violation;
  }

  /** Lets time pass, for so many milliseconds. */
  pass(milliseconds: number): void {
    const alarm = this.#alarmAfter(milliseconds);
    while (!alarm.rings) this.step();
  }

  /** Lets time pass until something holds; false when it does not within so many milliseconds. */
  until(holds: () => boolean, milliseconds: number): boolean {
    const alarm = this.#alarmAfter(milliseconds);
    while (!alarm.rings && !holds()) this.step();
    return holds();
  }

  #alarmAfter(milliseconds: number): { readonly rings: boolean } {
    const alarm = { rings: false };
    this.queue.after(milliseconds, () => {
      alarm.rings = true;
    });
    return alarm;
  }
}
