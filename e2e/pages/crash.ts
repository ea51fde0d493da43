/** A member of a group under load, in a page that is going to be killed. What it was told is told on at once. */
import { createGroup, defineMachine, type Group, joinGroup, openGroup } from '../../src/index.ts';

/** A command that was acknowledged, and the place that it has in the replicated list, counted from 1. */
export interface Acknowledgement {
  readonly command: string;
  readonly place: number;
}

/** Who leads a term, as a member knows it. */
export interface Leadership {
  readonly term: number;
  readonly leader: string;
}

/** What the test outside is told by; it outlives the page. */
export interface Witness {
  readonly acknowledged: (acknowledgement: Acknowledgement, leadership: Leadership | null) => Promise<void>;
}

export interface CrashPage {
  create(signaling: string): Promise<string>;
  join(invite: string): Promise<void>;
  reopen(): Promise<void>;
  /** Proposes without end, so many at a time. */
  flood(name: string, inFlight: number): void;
  member(): string | null;
  leader(): string | null;
  state(): readonly string[];
  /** Appends one more command, which needs a leader and a quorum. */
  propose(command: string): Promise<string>;
  /** Every hard state that lies in this origin's databases, with the name of its database. */
  hardStates(): Promise<{ database: string; records: number[][] }[]>;
}

const list = defineMachine({
  name: 'crash list',
  initial: [] as readonly string[],
  apply: (state: readonly string[], command: string) => ({ state: [...state, command], result: state.length + 1 }),
});

let group: Group<readonly string[], string, number> | null = null;

function opened(): Group<readonly string[], string, number> {
  if (group === null) throw new Error('no group is open');
  return group;
}

function leadership(): Leadership | null {
  const { term, leader } = opened().status().member ?? {};
  return term === undefined || leader === null || leader === undefined ? null : { term, leader };
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error('the request failed'));
    };
  });
}

/** Proposes one after the other, until the page is no more. */
async function proposeWithoutEnd(name: string): Promise<void> {
  const { acknowledged } = globalThis as unknown as Witness;
  for (let n = 0; ; n++) {
    const command = `${name}.${n}`;
    try {
      const place = await opened().propose(command, { timeoutMs: Infinity });
      // No faster than it is heard: the flood must not drown those who watch it.
      await acknowledged({ command, place }, leadership());
    } catch {
      return;
    }
  }
}

const page: CrashPage = {
  async create(signaling) {
    group = await createGroup({ machine: list, iceServers: [], signaling, founders: 3 });
    return group.invite;
  },
  async join(invite) {
    group = await joinGroup({ machine: list, iceServers: [], invite });
  },
  async reopen() {
    group = await openGroup({ machine: list, iceServers: [] });
  },
  flood(name, inFlight) {
    for (let lane = 0; lane < inFlight; lane++) void proposeWithoutEnd(`${name}.${lane}`);
  },
  member: () => group?.memberId ?? null,
  leader: () => leadership()?.leader ?? null,
  state: () => opened().state,
  async propose(command) {
    try {
      return String(await opened().propose(command, { timeoutMs: 60_000 }));
    } catch (error) {
      return String(error);
    }
  },
  async hardStates() {
    const found: { database: string; records: number[][] }[] = [];
    for (const { name = '' } of await indexedDB.databases()) {
      const database = await resultOf(indexedDB.open(name));
      if (database.objectStoreNames.contains('hardStates')) {
        const records = (await resultOf(
          database.transaction('hardStates').objectStore('hardStates').getAll(),
        )) as Uint8Array[];
        found.push({ database: name, records: records.map((record) => [...record]) });
      }
      database.close();
    }
    return found;
  },
};

Object.assign(globalThis, { crashPage: page });
