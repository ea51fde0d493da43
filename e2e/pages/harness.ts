/** The library in a bare page, within reach of tests. */
import {
  createGroup,
  defineMachine,
  type Group,
  joinGroup,
  listGroups,
  openGroup,
  RaftError,
  type StoredGroup,
  type TabOptions,
} from '../../src/index.ts';
import type { Access } from '../../src/identity/access.ts';
import type { GroupId, HostId } from '../../src/ids.ts';
import type { NodeId } from '../../src/core/types.ts';
import { IndexedDbDatabase } from '../../src/storage/indexeddb.ts';
import { storageAcceptance } from '../../src/testing/storage-acceptance.ts';

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

async function acceptStore(): Promise<string[]> {
  const host = 'HHHHHHHHHHHHHHHHHHHHHH' as HostId;
  const groups = ['GGGGGGGGGGGGGGGGGGGGGG', 'OOOOOOOOOOOOOOOOOOOOOO'] as [GroupId, GroupId];
  let places = 0;
  const cases = storageAcceptance(async () => {
    const name = `acceptance-${++places}`;
    const opened: IndexedDbDatabase[] = [];
    const open = async (): Promise<IndexedDbDatabase> => {
      const database = await IndexedDbDatabase.open(name);
      opened.push(database);
      return database;
    };
    const database = await open();
    for (const group of groups) {
      const member = `${host}.IIIIIIIIIII` as NodeId;
      const access = `f${'S'.repeat(43)}` as Access;
      await database.addGroup({
        group,
        member,
        signaling: 'ws://127.0.0.1:1',
        access,
        machine: 'list',
        founders: null,
      });
    }
    return {
      open: async () => (await open()).storage(groups[0]),
      openOther: async () => (await open()).storage(groups[1]),
      dispose: () => {
        for (const one of opened) one.close();
        return Promise.resolve();
      },
    };
  });
  const results: string[] = [];
  for (const accepted of cases) {
    try {
      await accepted.run();
      results.push(`ok ${accepted.name}`);
    } catch (error) {
      results.push(`FAILED ${accepted.name}: ${String(error)}`);
    }
  }
  return results;
}

export interface Harness {
  group: List | null;
  configure(given: TabOptions): void;
  /** Gives the invite. */
  create(signaling: string, founders: number): Promise<string>;
  join(invite: string): Promise<void>;
  reopen(): Promise<void>;
  list(): Promise<readonly StoredGroup[]>;
  describe(error: unknown): string;
  acceptStore(): Promise<string[]>;
  /** Proposes, and times it; the error's code and outcome instead of an exception. */
  propose(command: string, timeoutMs?: number): Promise<{ result: number | string; ms: number }>;
  /** Resolves as soon as this page knows of a leader. */
  untilLeader(): Promise<void>;
  /** Proposes one command after the other, and gives the milliseconds that each took. */
  timeProposals(command: string, count: number): Promise<number[]>;
}

const harness: Harness = {
  group: null,
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
  acceptStore,
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
