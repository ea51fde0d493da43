/** The library in a bare page, within reach of tests. */
import { drawPlan } from '../../src/simulation/plan.ts';
import { runPlan } from '../../src/simulation/run.ts';
import {
  createGroup,
  defineMachine,
  exportStore,
  forgetGroup,
  type Group,
  type GroupId,
  importStore,
  inspectStorage,
  inspectStoreFile,
  joinGroup,
  listGroups,
  type MemberEntry,
  type NodeId,
  openGroup,
  openRoom,
  RaftError,
  type RestoreAs,
  type RoomOptions,
  type RoomWaiting,
  type StoredGroup,
  type StoreReport,
  type TabOptions,
} from '../../src/index.ts';

/** Put here by a test, before anything of the page runs. */
const { webrtcOfTest = 'simple-peer' } = globalThis as { readonly webrtcOfTest?: NonNullable<TabOptions['webrtc']> };

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

/** Of the tab; changed before the first use. Over WebRTC, unless a test says otherwise: that is what goes between machines. */
let tabOptions: TabOptions = { iceServers: [], tabLinks: false, webrtc: webrtcOfTest };

/** Whether what is proposed here survives the page. */
let outbox = false;

const options = () => ({ machine: list, outbox, ...tabOptions });

function describe(error: unknown): string {
  return error instanceof RaftError ? `${error.code} ${error.outcome}` : String(error);
}

function fileOf(base64: string): Blob {
  return new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))]);
}

export type Room = Pick<
  RoomOptions<readonly string[], string, number>,
  'name' | 'password' | 'signaling' | 'founders' | 'id'
>;

const conflicts: string[] = [];

export interface Harness {
  /** Runs a seed of the simulator; gives the hash of everything that happened. */
  simulate(seed: number): string;
  group: List | null;
  configure(given: TabOptions): void;
  /** From the next opening on. */
  keepCommands(): void;
  /** Proposes, and waits for nothing. */
  post(...commands: readonly string[]): void;
  /** What has no outcome yet. */
  pending(): { command: string; phase: string; isKept: boolean }[];
  /** What became of the commands of an earlier page: result, or the error's code and outcome. */
  restored(): Promise<(number | string)[]>;
  /** Gives the invite. @param signaling null for a group of tabs of this browser */
  create(signaling: string | null, founders: number): Promise<string>;
  join(invite: string): Promise<void>;
  /** @param id if this tab has several groups */
  reopen(id?: GroupId): Promise<void>;
  /** The store of the group that is open, as a file in base64. */
  backUp(): Promise<string>;
  /** What is in such a file. */
  lookInto(file: string): Promise<StoreReport>;
  /** Restores such a file; gives the id of the group. */
  restore(file: string, as: RestoreAs): Promise<GroupId>;
  /** Gives the id of the room's group, or what went wrong. */
  enter(room: Room): Promise<string>;
  /** What the waiting for the room's group was told last. */
  waiting: RoomWaiting | null;
  /** What was told of other groups under the room's name. */
  readonly conflicts: readonly string[];
  list(): Promise<readonly StoredGroup[]>;
  describe(error: unknown): string;
  /** Proposes, and times it; the error's code and outcome instead of an exception. */
  propose(command: string, timeoutMs?: number): Promise<{ result: number | string; ms: number }>;
  /** Proposes a text of so many characters that cannot be compressed much. */
  proposeNoise(length: number): Promise<{ result: number | string; ms: number }>;
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
  keepCommands() {
    outbox = true;
  },
  post(...commands) {
    for (const command of commands) {
      harness.group?.propose(command, { timeoutMs: Infinity }).catch(() => undefined);
    }
  },
  pending: () =>
    (harness.group?.pending ?? []).map(({ command, phase, isKept }) => ({ command: String(command), phase, isKept })),
  restored: () => Promise.all((harness.group?.restored ?? []).map(({ settled }) => settled.catch(describe))),
  async create(signaling, founders) {
    harness.group = await createGroup({ ...options(), founders, ...(signaling !== null && { signaling }) });
    return harness.group.invite;
  },
  async join(invite) {
    harness.group = await joinGroup({ ...options(), invite });
  },
  async reopen(id) {
    harness.group = await openGroup({ ...options(), ...(id !== undefined && { id }) });
  },
  async backUp() {
    const stored = await inspectStorage();
    const report = stored.find(({ record }) => record.member === harness.group?.memberId);
    if (report === undefined) throw new Error('nothing is stored');
    const bytes = new Uint8Array(await (await exportStore(report.database, report.record.group)).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  },
  lookInto: (file) => inspectStoreFile(fileOf(file)),
  async restore(file, as) {
    const { id } = await importStore(fileOf(file), { ...tabOptions, as });
    return id;
  },
  waiting: null,
  conflicts,
  async enter(room) {
    try {
      const waiting = (state: RoomWaiting): void => {
        harness.waiting = state;
      };
      harness.group = await openRoom({ ...options(), ...room, waiting });
      harness.group.on('conflict', ({ code, message }) => conflicts.push(`${code} ${message}`));
      return harness.group.id;
    } catch (error) {
      const ids = error instanceof RaftError && error.code === 'ROOM_CONFLICT' ? ` ${String(error.cause)}` : '';
      return describe(error) + ids;
    }
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
  proposeNoise(length) {
    const bytes = crypto.getRandomValues(new Uint8Array(Math.min(length, 65_536)));
    const text = Array.from(bytes, (byte) => String.fromCharCode(33 + (byte % 90))).join('');
    return harness.propose(text.repeat(Math.ceil(length / text.length)).slice(0, length));
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
