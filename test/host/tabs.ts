/** Tabs of one network, in virtual time: real hosts, over links and databases within the process. */
import { toBase64Url } from '../../src/encoding/base64url.ts';
import type { Group } from '../../src/host/group.ts';
import { deriveCredentials } from '../../src/identity/access.ts';
import { Host, type HostParts } from '../../src/host/host.ts';
import { makeIdentity } from '../../src/identity/host-keys.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import type { HostId, NodeId } from '../../src/ids.ts';
import { defineMachine, type ReducerMachine } from '../../src/machine/reducer.ts';
import type { Database } from '../../src/storage/database.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { MemoryNetwork } from '../../src/transport/memory.ts';
import type { PeerLink } from '../../src/transport/transport.ts';
import { VirtualClock } from '../group/world.ts';

export const list: ReducerMachine<string[], string, number> = defineMachine({
  name: 'list',
  initial: [] as string[],
  apply: (state: string[], command: string) => ({ state: [...state, command], result: state.length + 1 }),
});

export type List = Group<string[], string, number>;

export const broker = 'ws://broker.example';

/** The hosts have ids in the order of their numbers; nobody asks here whether they have the key of it. */
const { keys } = await makeIdentity();

const patienceMs = 20_000;

export class Tabs {
  /** How long a frame is on its way. */
  delayMs = 1;
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: MemoryNetwork = new MemoryNetwork((run) => {
    this.clock.after(this.delayMs, run);
  });
  readonly databases: Database[] = [];
  #random = 0;

  open(number: number, more: Partial<Pick<HostParts, 'idle'>> = {}): Host {
    const host = toBase64Url(new Uint8Array(16).fill(number + 1)) as HostId;
    const database = (this.databases[number] ??= new MemoryDatabase({ host, keys }));
    return new Host({
      database,
      clock: this.clock,
      connector: this.network.connector(database.host),
      fillRandom: (bytes) => {
        this.#random++;
        bytes.forEach((_, i) => (bytes[i] = (this.#random * 37 + i * 11 + number) & 0xff));
      },
      idle: () => undefined,
      release: () => undefined,
      ...more,
    });
  }

  /**
   * Lets time pass until something holds; storage and promises get their turns in between.
   * @param stepMs milliseconds that pass in each turn
   */
  async until(holds: () => boolean, what: string, stepMs = 5): Promise<void> {
    // Cryptography takes its own time: on a busy machine a second may pass before it is its turn.
    const end = performance.now() + patienceMs;
    while (performance.now() < end) {
      if (holds()) return;
      this.clock.pass(stepMs);
      await new Promise(setImmediate);
    }
    throw new Error(`${what} did not come to hold`);
  }

  async outcome<Value>(promise: Promise<Value>, stepMs?: number): Promise<Value> {
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    promise.then(done, done);
    await this.until(() => isDone, 'an outcome', stepMs);
    return promise;
  }

  /** Keeps what is thrown from now on after an event, which would end the process: a page would report it. */
  catchErrors(): readonly unknown[] {
    const errors: unknown[] = [];
    const defer = this.clock.defer.bind(this.clock);
    this.clock.defer = (run) => {
      defer(() => {
        try {
          run();
        } catch (error) {
          errors.push(error);
        }
      });
    };
    return errors;
  }

  /**
   * The outcome of what derives keys first, while time stands still. Cryptography takes real time: if virtual time went on
   * beside it, a busy machine would make whoever waits for something else meanwhile run out of patience.
   */
  opened<Value>(opening: Promise<Value>): Promise<Value> {
    return this.outcome(opening, 0);
  }

  /** A group of `count` tabs, founded. */
  async found(count: number): Promise<{ hosts: Host[]; groups: List[] }> {
    const hosts = Array.from({ length: count }, (_, i) => this.open(i));
    const [first, ...others] = hosts;
    if (first === undefined) throw new Error('no host');
    const created = await first.create(list, broker, count);
    const joined = await Promise.all(others.map((host) => host.join(list, decodeInvite(created.invite))));
    const groups = [created, ...joined];
    await this.until(() => groups.every((group) => (group.status().member?.leader ?? null) !== null), 'a leader');
    return { hosts, groups };
  }
}

/** Somebody with an invite, who says what he likes. */
export interface Intruder {
  readonly id: HostId;
  readonly member: NodeId;
  readonly received: readonly Uint8Array[];
  /** To everybody whom he has met. */
  readonly links: readonly PeerLink[];
  readonly state: { link: PeerLink | null; isClosed: boolean; readonly refusals: string[] };
}

/** @param minor the minor version of the wire format that he is to be taken for */
export async function intruder(tabs: Tabs, invite: string, minor?: number): Promise<Intruder> {
  const { group, access } = decodeInvite(invite);
  const credentials = await deriveCredentials(group, access);
  const received: Uint8Array[] = [];
  const links: PeerLink[] = [];
  const state = { link: null as PeerLink | null, isClosed: false, refusals: [] as string[] };
  const id = toBase64Url(new Uint8Array(16).fill(99)) as HostId;
  const member = `${id}.IIIIIIIIIII` as NodeId;
  const connector = tabs.network.connector(id, minor)({ received: (_link, frame) => received.push(frame) });
  connector.join(
    { credentials, broker, member, mayEnter: () => null },
    {
      met: (link) => {
        links.push(link);
        state.link ??= link;
      },
      parted: () => (state.isClosed = true),
      refused: ({ reason }) => state.refusals.push(reason),
      signalingChanged: () => undefined,
    },
  );
  await tabs.until(() => state.link !== null, 'the link');
  return { state, received, links, id, member };
}
