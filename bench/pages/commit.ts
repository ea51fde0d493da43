/** What `bench:commit` measures, in each of three tabs: a group through its public face, and beside it a bare quorum. */
import { createGroup, defineMachine, type Group, type GroupMetrics, joinGroup } from '../../src/index.ts';
import { BareQuorum } from './bare-quorum.ts';

const commandBytes = 128;

/** Counts: what it costs to apply is not what is measured. */
const counter = defineMachine({
  name: 'bench counter',
  initial: 0,
  apply: (count: number, _command: Uint8Array) => ({ state: count + 1, result: count + 1 }),
});

export interface CommitBench {
  /** Gives the invite. The group before is closed. */
  create(signaling: string, outbox: boolean): Promise<string>;
  join(invite: string, outbox: boolean): Promise<void>;
  role(): string | null;
  metrics(): GroupMetrics;
  /** Milliseconds that each command took, one after the other. */
  commits(count: number): Promise<number[]>;
  /** Milliseconds that all commands took, with so many in flight. */
  saturate(count: number, inFlight: number): Promise<number>;
  readonly bare: {
    offer(to: string): Promise<string>;
    answer(offer: string): Promise<string>;
    accept(from: string, answer: string): Promise<void>;
    /** Milliseconds that each write on a quorum took, one after the other. */
    commits(count: number): Promise<number[]>;
    /** The same, each after a write here. */
    keptCommits(count: number): Promise<number[]>;
    /** Milliseconds that all commands took, so many together in a record and so many records in flight. */
    saturate(count: number, together: number, inFlight: number): Promise<number>;
    /** Milliseconds of each round trip to another tab. */
    roundTrips(count: number): Promise<number[]>;
  };
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

async function timeEach(count: number, action: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await action();
    samples.push(performance.now() - start);
  }
  return samples;
}

/** Milliseconds of so many actions, of which so many run side by side. */
async function timeAll(count: number, inFlight: number, action: () => Promise<unknown>): Promise<number> {
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun++ < count) await action();
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  return performance.now() - start;
}

let group: Group<number, Uint8Array, number> | null = null;
const options = { machine: counter, iceServers: [] };
const quorum = BareQuorum.open();

function here(): Group<number, Uint8Array, number> {
  if (group === null) throw new Error('there is no group yet');
  return group;
}

function propose(): Promise<number> {
  return here().propose(randomBytes(commandBytes));
}

const bench: CommitBench = {
  async create(signaling, outbox) {
    group?.close();
    group = await createGroup({ ...options, outbox, signaling, founders: 3 });
    return group.invite;
  },
  async join(invite, outbox) {
    group?.close();
    group = await joinGroup({ ...options, outbox, invite });
  },
  role: () => group?.status().member?.role ?? null,
  metrics: () => here().metrics(),
  commits: (count) => timeEach(count, propose),
  saturate: (count, inFlight) => timeAll(count, inFlight, propose),
  bare: {
    offer: async (to) => (await quorum).offer(to),
    answer: async (offer) => (await quorum).answer(offer),
    accept: async (from, answer) => (await quorum).accept(from, answer),
    async commits(count) {
      const bare = await quorum;
      return timeEach(count, () => bare.write(randomBytes(commandBytes)));
    },
    async keptCommits(count) {
      const bare = await quorum;
      return timeEach(count, () => bare.keepAndWrite(randomBytes(commandBytes)));
    },
    async saturate(count, together, inFlight) {
      const bare = await quorum;
      return timeAll(count / together, inFlight, () => bare.write(randomBytes(together * commandBytes)));
    },
    async roundTrips(count) {
      const bare = await quorum;
      return timeEach(count, () => bare.ping());
    },
  },
};

Object.assign(globalThis, { bench });
