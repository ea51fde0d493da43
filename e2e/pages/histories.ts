/** A tab of a group of registers, which clients outside ask for things. */
import { ask, type RegisterGroup } from '../../scripts/histories/ask.ts';
import type { Answer, Patience } from '../../scripts/histories/clients.ts';
import { createGroup, joinGroup, openGroup, type TabOptions } from '../../src/index.ts';
import { type RegisterCommand, registers } from '../../src/simulation/registers.ts';

export interface LateAnswer {
  /** Of the command. */
  readonly id: number;
  readonly answer: Answer;
}

export interface HistoriesPage {
  create(signaling: string, founders: number): Promise<string>;
  join(invite: string): Promise<void>;
  reopen(): Promise<void>;
  write(command: RegisterCommand, patience: Patience): Promise<Answer>;
  read(key: string, patience: Patience): Promise<Answer>;
  /** What came of the commands that the page before had in its outbox. */
  restored(): Promise<readonly LateAnswer[]>;
  role(): string | null;
  digest(): string;
  /** Commands that have no outcome yet. */
  pending(): number;
}

const outbox = new URLSearchParams(location.search).has('outbox');
const options: TabOptions & { readonly outbox: boolean } = { iceServers: [], outbox };

let group: RegisterGroup | null = null;

function opened(): RegisterGroup {
  if (group === null) throw new Error('no group is open');
  return group;
}

const asks = ask((milliseconds, action) => setTimeout(action, milliseconds));

const page: HistoriesPage = {
  async create(signaling, founders) {
    group = await createGroup({ machine: registers, signaling, founders, ...options });
    return group.invite;
  },
  async join(invite) {
    group = await joinGroup({ machine: registers, invite, ...options });
  },
  async reopen() {
    group = await openGroup({ machine: registers, ...options });
  },
  write: (command, patience) => asks.write(opened(), command, patience),
  read: (key, patience) => asks.read(opened(), key, patience),
  restored: () =>
    Promise.all(
      opened().restored.map(async ({ command, settled }) => ({ id: command.id, answer: await asks.outcome(settled) })),
    ),
  role: () => group?.status().member?.role ?? null,
  digest: () => opened().state.digest,
  pending: () => opened().pending.length,
};

Object.assign(globalThis, { historiesPage: page });
