/**
 * Clients that know nothing but `Group`, while members crash, are cut off and come back: whatever they were told can be
 * explained by one order of all that was done, each command once (C1 to C4).
 */
import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { defaultSnapshotOptions } from '../../src/group/snapshots.ts';
import { type RegisterCommand, type Registers, registers } from '../../src/simulation/registers.ts';
import type { KeyValueOutput } from '../../src/simulation/key-value-model.ts';
import { ask } from '../../scripts/histories/ask.ts';
import { Clients, type Service } from '../../scripts/histories/clients.ts';
import { Groups, turns } from './groups.ts';

const troubleMs = 12_000;

/** A group to which something happens all the time. */
class TroubledGroup {
  readonly groups: Groups<Registers, RegisterCommand, KeyValueOutput>;
  readonly names: readonly string[];
  readonly #random: Random;
  /** Members that are gone, and will come back. */
  readonly #gone = new Set<string>();
  readonly leaders = new Set<string>();
  #isOver = false;
  restarts = 0;

  constructor(random: Random) {
    this.#random = random;
    this.names = random.below(2) === 0 ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'd', 'e'];
    const snapshots = { ...defaultSnapshotOptions, entries: 40 };
    this.groups = new Groups(registers, this.names, { snapshots });
    const { world } = this.groups;
    world.networkDelay = () => 1 + random.below(30);
    world.diskDelay = () => 1 + random.below(10);
    world.loses = () => !this.#isOver && random.below(30) === 0;
    this.#next();
  }

  #next(): void {
    this.groups.world.clock.after(100 + this.#random.below(1_500), () => {
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
        // What was on its way to the disk is lost.
        world.seat(victim).storage.close();
        this.#leave(victim);
        break;
      case 1:
        this.#leave(victim);
        break;
      case 2:
        world.isolate(victim);
        break;
      default:
        world.heal();
    }
  }

  #leave(name: string): void {
    const { world } = this.groups;
    world.close(name);
    this.#gone.add(name);
    world.clock.after(50 + this.#random.below(3_000), () => {
      if (this.#gone.has(name)) this.#comeBack(name);
    });
  }

  #comeBack(name: string): void {
    this.#gone.delete(name);
    this.restarts++;
    this.groups.reopen(name);
  }

  /** Everything works from here on. */
  heal(): void {
    this.#isOver = true;
    this.groups.world.heal();
    for (const name of this.#gone) this.#comeBack(name);
  }

  /** Each tab that is open. */
  services(): Service[] {
    const { clock } = this.groups.world;
    const asks = ask((milliseconds, action) => {
      clock.after(milliseconds, action);
    });
    return this.names
      .filter((name) => !this.#gone.has(name))
      .map((name) => {
        const group = this.groups.group(name);
        return {
          write: (command, patience) => asks.write(group, command, patience),
          read: (key, patience) => asks.read(group, key, patience),
        };
      });
  }

  get areEqual(): boolean {
    return new Set(this.names.map((name) => this.groups.group(name).state.digest)).size === 1;
  }
}

/** @param service what clients make of what a tab offers */
async function examine(seed: number, service: (of: Service) => Service = (of) => of) {
  const troubled = new TroubledGroup(seededRandom(seed, 1));
  const { groups } = troubled;
  const { clock } = groups.world;
  const clients = new Clients({
    random: seededRandom(seed, 2),
    clients: 4,
    thinkMs: 120,
    pause: (milliseconds) =>
      new Promise((resolve) => {
        clock.after(milliseconds, resolve);
      }),
    services: () => troubled.services().map(service),
  });
  while (clock.now() < troubleMs) {
    await turns();
    clock.pass(5);
  }
  troubled.heal();
  await groups.ended(clients.stop());
  await groups.until(() => troubled.areEqual, 'equal states');
  return { clients, troubled };
}

test('C1 C2 every history of clients of Group is linearizable, each effect there once, through retries, aborts, restarts and new leaders', async () => {
  const total = { done: 0, unknown: 0, notDone: 0, restarts: 0, changes: 0 };
  for (let seed = 1; seed <= 25; seed++) {
    const { clients, troubled } = await examine(seed);
    expect(clients.verdict(), `seed ${seed}`).toBeNull();
    const { history, notDone } = clients;
    const unknown = history.filter(({ returned }) => returned === null).length;
    total.done += history.length - unknown;
    total.unknown += unknown;
    total.notDone += notDone;
    total.restarts += troubled.restarts;
    total.changes += troubled.leaders.size - 1;
  }
  // None of it was an empty exam.
  expect(total.done).toBeGreaterThan(2_000);
  expect(total.unknown).toBeGreaterThan(100);
  expect(total.notDone).toBeGreaterThan(50);
  expect(total.restarts).toBeGreaterThan(50);
  expect(total.changes).toBeGreaterThan(25);
}, 60_000);

test('C1 whoever proposes again what may have been done is found out: the checker is not blind', async () => {
  const again = ({ write: once, read: look }: Service): Service => ({
    read: look,
    async write(command, patience) {
      const answer = await once(command, { ...patience, waitsOn: false });
      return answer.kind === 'unknown' ? once(command, { ...patience, timeoutMs: 20_000, abortMs: null }) : answer;
    },
  });
  for (let seed = 1; seed <= 10; seed++) {
    const { clients } = await examine(seed, again);
    if (clients.verdict() !== null) return;
  }
  throw new Error('nothing was noticed');
}, 60_000);
