/** Groups, as applications have them, over members in virtual time whose network and disks do what a test says. */
import { Group } from '../../src/host/group.ts';
import type { GroupMember } from '../../src/host/group-member.ts';
import { HostedMember } from '../../src/host/hosted-member.ts';
import { definePresence } from '../../src/host/presence-definition.ts';
import { Traffic } from '../../src/host/traffic.ts';
import { fullAccess } from '../../src/identity/access.ts';
import type { GroupId } from '../../src/ids.ts';
import type { MachineDefinition } from '../../src/machine/machine.ts';
import type { MemberOptions } from '../../src/group/member-options.ts';
import { MemberPresence } from '../../src/group/presence.ts';
import { defaultPresenceTiming } from '../../src/group/presence-sender.ts';
import { World } from '../group/world.ts';

export class Groups<State, Command, Result> {
  readonly world: World<State, Command, Result>;
  readonly #machine: MachineDefinition<State, Command, Result>;
  readonly #groups = new Map<string, Group<State, Command, Result>>();

  constructor(
    machine: MachineDefinition<State, Command, Result>,
    names: readonly string[] = ['a', 'b', 'c'],
    options: Partial<MemberOptions> = {},
    keepsCommands = false,
  ) {
    this.#machine = machine;
    this.world = new World(machine, names, options, keepsCommands);
    for (const name of names) this.#open(name);
  }

  #open(name: string): void {
    const { clock } = this.world;
    const group = new Group<State, Command, Result>({
      id: 'AAAAAAAAAAAAAAAAAAAAAA' as GroupId,
      memberId: this.world.seat(name).id,
      invite: '',
      readOnlyInvite: '',
      clock,
      presence: definePresence(),
      actions: { leave: () => undefined, forget: () => undefined, diagnose: () => Promise.reject(new Error()) },
    });
    group.attach(this.#memberOf(name));
    this.world.seat(name).listener = group.listener;
    this.#groups.set(name, group);
  }

  /** What a group needs of the member that runs under a name when this is called. */
  #memberOf(name: string): GroupMember<State, Command, Result> {
    const { clock } = this.world;
    const member = this.world.member(name);
    return new HostedMember({
      access: fullAccess(new Uint8Array(32)),
      machine: this.world.code.get(name) ?? this.#machine,
      storage: { durability: 'memory' },
      presence: new MemberPresence({ id: member.id, clock, timing: defaultPresenceTiming, send: () => false }),
      traffic: new Traffic(clock),
      atWork: () => member,
      entering: () => ({ signaling: 'connected', missing: null, isJoining: false }),
      storageUse: () => null,
      ended: () => null,
      stop: (reason) => {
        member.close(reason);
      },
    });
  }

  group(name: string): Group<State, Command, Result> {
    const group = this.#groups.get(name);
    if (group === undefined) throw new Error(`no group ${name}`);
    return group;
  }

  /** Waits for a leader that everybody has followed to its first entry; gives its name, and those of the others. */
  elect(): { leader: string; followers: string[] } {
    const leader = this.world.elect();
    const seats = [...this.world.seats.values()];
    this.world.clock.until(() => seats.every(({ member }) => member.appliedIndex > 0), 'everybody to be up to date');
    return { leader, followers: this.world.followers() };
  }

  /** The tab is there again, with what its disk holds. */
  reopen(name: string): Group<State, Command, Result> {
    this.world.reopen(name);
    this.#open(name);
    return this.group(name);
  }

  /** Lets time pass until something holds; promises get their turns in between. */
  async until(holds: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 20_000; i++) {
      await turns();
      if (holds()) return;
      this.world.clock.pass(5);
    }
    throw new Error(`${what} did not come to hold`);
  }

  /** Lets time pass until a promise has ended. */
  async ended(promise: Promise<unknown>): Promise<void> {
    let isEnded = false;
    const end = (): void => {
      isEnded = true;
    };
    promise.then(end, end);
    await this.until(() => isEnded, 'an end');
  }

  async value<Value>(promise: Promise<Value>): Promise<Value> {
    await this.ended(promise);
    return promise;
  }

  /** What a promise is rejected with. */
  async error(promise: Promise<unknown>): Promise<unknown> {
    await this.ended(promise);
    return promise.then(
      (value) => {
        throw new Error(`it was fulfilled with ${String(value)}`);
      },
      (error: unknown) => error,
    );
  }
}

/** Everything that follows from what has happened, without time passing. */
export const turns = (): Promise<void> => new Promise(setImmediate);

/** Whether a promise has ended by now. */
export async function hasEnded(promise: Promise<unknown>): Promise<boolean> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  promise.then(end, end);
  await turns();
  return ended;
}
