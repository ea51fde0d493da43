/** A tab of a group whose machine has a newer version: which code the tab has says its address, `?version=`. */
import {
  createGroup,
  defineMachine,
  type Group,
  type GroupMetrics,
  type GroupStatus,
  joinGroup,
  openGroup,
  RaftError,
} from '../../src/index.ts';

type Words = readonly string[];
type WordGroup = Group<Words, string, number>;

const first = defineMachine({
  name: 'versions',
  initial: [] as Words,
  apply: (state, word: string) => ({ state: [...state, word], result: state.length + 1 }),
});

/** Shouts, what was said before as well. */
const second = defineMachine({
  name: 'versions',
  version: 2,
  initial: [] as Words,
  apply: (state, word: string) => ({ state: [...state, word.toUpperCase()], result: state.length + 1 }),
  migrate: (state) => (state as Words).map((word) => word.toUpperCase()),
  previous: first,
});

const machine = new URLSearchParams(location.search).get('version') === '2' ? second : first;
const options = { machine, iceServers: [] };

export interface VersionsPage {
  /** Gives the invite. */
  create(signaling: string, founders: number): Promise<string>;
  join(invite: string): Promise<void>;
  reopen(): Promise<void>;
  /** Gives the result, or the error's code and outcome. */
  propose(word: string): Promise<number | string>;
  /** Gives `done`, or the error's code and outcome. */
  upgrade(): Promise<string>;
  state(): Words;
  status(): GroupStatus;
  /** Why the tab applies nothing more, if it does not: the error's code. */
  outgrown(): string | null;
  metrics(): GroupMetrics;
}

let group: WordGroup | null = null;

function opened(): WordGroup {
  if (group === null) throw new Error('no group is open');
  return group;
}

async function outcome<Value>(promise: Promise<Value>): Promise<Value | string> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return `${error.code} ${error.outcome}`;
  }
}

const page: VersionsPage = {
  async create(signaling, founders) {
    group = await createGroup({ ...options, signaling, founders });
    return group.invite;
  },
  async join(invite) {
    group = await joinGroup({ ...options, invite });
  },
  async reopen() {
    group = await openGroup(options);
  },
  propose: (word) => outcome(opened().propose(word)),
  upgrade: async () => (await outcome(opened().upgrade())) ?? 'done',
  state: () => opened().state,
  status: () => opened().status(),
  outgrown: () => opened().status().member?.outgrown?.code ?? null,
  metrics: () => opened().metrics(),
};

Object.assign(globalThis, { versionsPage: page });
