/** A group in virtual time to which something happens all the time, with outboxes or without. */
import { ask, type RegisterGroup } from '../../scripts/histories/ask.ts';
import type { Answer, Service } from '../../scripts/histories/clients.ts';
import type { Random } from '../../src/core/random.ts';
import { defaultSnapshotOptions } from '../../src/group/snapshots.ts';
import type { KeyValueOutput } from '../../src/simulation/key-value-model.ts';
import { type RegisterCommand, type Registers, registers } from '../../src/simulation/registers.ts';
import { Groups } from './groups.ts';

/** Hears what came of a command that an earlier run of its tab has left. */
type Learned = (id: number, answer: Answer) => void;

export interface TroubledGroupInit {
  readonly random: Random;
  /** Tabs ask for an outbox, mostly: one in four, when it is loaded, does not, and finds what the run before has kept. */
  readonly outbox?: boolean;
}

export class TroubledGroup {
  readonly groups: Groups<Registers, RegisterCommand, KeyValueOutput>;
  readonly names: readonly string[];
  readonly #random: Random;
  readonly #asks: ReturnType<typeof ask>;
  readonly #hasOutbox: boolean;
  /** Members that are gone, and will come back. */
  readonly #gone = new Set<string>();
  readonly leaders: Set<string> = new Set<string>();
  /** Commands that were on the disk of their tab when it went, by their ids: none of these may be forgotten. */
  readonly kept: Set<number> = new Set();
  /** Where each command was proposed, by its id. */
  readonly proposedAt: Map<number, string> = new Map();
  learned: Learned = () => undefined;
  #isOver = false;
  restarts = 0;

  constructor({ random, outbox = false }: TroubledGroupInit) {
    this.#random = random;
    this.#hasOutbox = outbox;
    this.names = random.below(2) === 0 ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'd', 'e'];
    // Who was away for a while learns what came of its commands from a snapshot.
    const snapshots = { ...defaultSnapshotOptions, entries: outbox ? 10 : 40 };
    const raft = outbox ? { trailingEntries: 2 } : {};
    this.groups = new Groups(registers, this.names, { snapshots, raft }, outbox);
    const { world } = this.groups;
    this.#asks = ask((milliseconds, action) => {
      world.clock.after(milliseconds, action);
    });
    world.networkDelay = () => 1 + random.below(30);
    // Slow with an outbox, so that crashes hit every step of it.
    world.diskDelay = () => 1 + random.below(outbox ? 80 : 10);
    world.loses = () => !this.#isOver && random.below(30) === 0;
    this.#next();
  }

  #next(): void {
    this.groups.world.clock.after(100 + this.#random.below(this.#hasOutbox ? 700 : 1_500), () => {
      if (this.#isOver) return;
      this.#trouble();
      this.#next();
    });
  }

  #trouble(): void {
    const { world } = this.groups;
    const { leader } = world;
    if (leader !== null) this.leaders.add(leader);
    const here = this.names.filter((name) => !this.#gone.has(name));
    const victim = this.#random.below(2) === 0 ? leader : here[this.#random.below(Math.max(1, here.length))];
    if (victim === null || victim === undefined || this.#gone.has(victim)) return;
    switch (this.#random.below(4)) {
      case 0:
        this.#crash(victim);
        break;
      case 1:
        this.#leave(victim);
        break;
      case 2:
        world.isolate(victim);
        // Before its outbox has forgotten what is withdrawn now.
        if (this.#hasOutbox) world.clock.after(this.#random.below(500), () => this.#crash(victim));
        break;
      default:
        world.heal();
    }
  }

  /** What was on its way to the disk is lost. */
  #crash(name: string): void {
    if (this.#isOver || this.#gone.has(name)) return;
    this.groups.world.seat(name).storage.close();
    this.#leave(name);
  }

  #leave(name: string): void {
    const { world } = this.groups;
    for (const { command, isKept } of this.groups.group(name).pending) if (isKept) this.kept.add(command.id);
    world.close(name);
    this.#gone.add(name);
    world.clock.after(50 + this.#random.below(3_000), () => {
      if (this.#gone.has(name)) this.#comeBack(name);
    });
  }

  #comeBack(name: string): void {
    this.#gone.delete(name);
    this.restarts++;
    if (this.#hasOutbox) this.groups.world.keepsCommands = this.#isOver || this.#random.below(4) > 0;
    this.#follow(this.groups.reopen(name));
  }

  #follow({ restored }: RegisterGroup): void {
    for (const { command, settled } of restored) {
      void this.#asks.outcome(settled).then((answer) => {
        this.learned(command.id, answer);
      });
    }
  }

  /** Everything works from here on. */
  heal(): void {
    this.#isOver = true;
    this.groups.world.heal();
    for (const name of this.#gone) this.#comeBack(name);
  }

  /** Each tab that is open. */
  services(): Service[] {
    return this.names
      .filter((name) => !this.#gone.has(name))
      .map((name) => {
        const group = this.groups.group(name);
        return {
          write: (command, patience) => {
            this.proposedAt.set(command.id, name);
            return this.#asks.write(group, command, patience);
          },
          read: (key, patience) => this.#asks.read(group, key, patience),
        };
      });
  }

  /** What the group has come to. */
  get values(): Registers['values'] {
    return this.groups.group('a').state.values;
  }

  /** Nothing is pending anywhere, and all have the same state. */
  get isSettled(): boolean {
    const groups = this.names.map((name) => this.groups.group(name));
    return groups.every(({ pending }) => pending.length === 0) && new Set(groups.map((g) => g.state.digest)).size === 1;
  }
}
