/** The library in a bare page, within reach of tests. */
import { drawPlan } from '../../src/simulation/plan.ts';
import { runPlan } from '../../src/simulation/run.ts';
import {
  createGroup,
  defineMachine,
  forgetGroup,
  type Group,
  joinGroup,
  listGroups,
  type MemberEntry,
  type NodeId,
  openGroup,
  RaftError,
  type StoredGroup,
  type TabOptions,
} from '../../src/index.ts';

/** Appends what it is told; a command of any size does. The Node members of the tests have the same. */
const list = defineMachine({
  name: 'e2e list',
  initial: [] as readonly string[],
  apply(state: readonly string[], command: string | Uint8Array) {
    // Bytes are shown as a machine sees them: they must look alike in every tab.
    const item = typeof command === 'string' ? command : `${command.constructor.name} ${String(command)}`;
    return { state: [...state, item], result: state.length + 1 };
  },
});

type List = Group<readonly string[], string | Uint8Array, number>;

/** Of the tab; changed before the first use. */
let tabOptions: TabOptions = { iceServers: [] };

const options = () => ({ machine: list, ...tabOptions });

function describe(error: unknown): string {
  return error instanceof RaftError ? `${error.code} ${error.outcome}` : String(error);
}

export interface Harness {
  /** Runs a seed of the simulator; gives the hash of everything that happened. */
  simulate(seed: number): string;
  group: List | null;
  configure(given: TabOptions): void;
  /** Gives the invite. */
  create(signaling: string, founders: number): Promise<string>;
  join(invite: string): Promise<void>;
  reopen(): Promise<void>;
  list(): Promise<readonly StoredGroup[]>;
  describe(error: unknown): string;
  /** Proposes, and times it; the error's code and outcome instead of an exception. */
  propose(command: string, timeoutMs?: number): Promise<{ result: number | string; ms: number }>;
  members(): readonly MemberEntry[];
  /** Calls `group.members`; gives `done`, or the error's code and outcome. */
  change(call: 'promote' | 'demote' | 'remove' | 'ban' | 'unban' | 'transferLeadership', id: NodeId): Promise<string>;
  /** Closes the group, and forgets it. */
  forget(): Promise<void>;
  /** Resolves as soon as this page knows of a leader. */
  untilLeader(): Promise<void>;
  /** Proposes one command after the other, and gives the milliseconds that each took. */
  timeProposals(command: string, count: number): Promise<number[]>;
}

const harness: Harness = {
  group: null,
  simulate: (seed) => runPlan(drawPlan(seed)).hash,
  configure(given) {
    tabOptions = { ...tabOptions, ...given };
  },
  async create(signaling, founders) {
    harness.group = await createGroup({ ...options(), signaling, founders });
    return harness.group.invite;
  },
  async join(invite) {
    harness.group = await joinGroup({ ...options(), invite });
  },
  async reopen() {
    harness.group = await openGroup(options());
  },
  list: () => listGroups(tabOptions),
  describe,
  async propose(command, timeoutMs = 20_000) {
    const start = performance.now();
    try {
      if (harness.group === null) throw new Error('no group');
      const result = await harness.group.propose(command, { timeoutMs });
      return { result, ms: performance.now() - start };
    } catch (error) {
      return { result: describe(error), ms: performance.now() - start };
    }
  },
  members: () => harness.group?.members.list ?? [],
  async change(call, id) {
    try {
      if (harness.group === null) throw new Error('no group');
      const { members } = harness.group;
      if (call === 'ban') await members.remove(id, { ban: true });
      else await members[call](id);
      return 'done';
    } catch (error) {
      return describe(error);
    }
  },
  async forget() {
    const { group } = harness;
    if (group === null) return;
    group.close();
    harness.group = null;
    await forgetGroup(group.id, tabOptions);
  },
  untilLeader: () =>
    new Promise((resolve) => {
      const look = (): void => {
        if ((harness.group?.status().member?.leader ?? null) !== null) resolve();
      };
      harness.group?.on('status', look);
      look();
    }),
  async timeProposals(command, count) {
    const samples: number[] = [];
    for (let i = 0; i < count; i++) {
      const { result, ms } = await harness.propose(command);
      if (typeof result !== 'number') throw new Error(`a command ended as ${result}`);
      samples.push(ms);
    }
    return samples;
  },
};

Object.assign(globalThis, { harness });
