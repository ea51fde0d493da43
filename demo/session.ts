/** What this tab is in: no group yet, on its way into one, or in one. Kept outside of React, which comes and goes. */
import {
  createGroup,
  type Group,
  type GroupId,
  hasInvite,
  joinGroup,
  listGroups,
  openGroup,
  RaftError,
  type StoredGroup,
} from 'flotilla';
import { type Command, type Table, table } from './machine.ts';

export type DemoGroup = Group<Table, Command, string>;

export type Session =
  | { readonly kind: 'none'; readonly stored: readonly StoredGroup[]; readonly error: string | null }
  | { readonly kind: 'opening' }
  | { readonly kind: 'in'; readonly group: DemoGroup };

export const founders = 3;

/** On loopback and in a local network members find each other without the help of others. */
const iceServers: RTCIceServer[] = [];

function signalingAddress(): string {
  const asked = new URLSearchParams(location.search).get('signaling');
  const configured = import.meta.env.VITE_SIGNALING as string | undefined;
  return asked ?? configured ?? `ws://${location.hostname}:8787`;
}

let session: Session = { kind: 'opening' };
const listeners = new Set<() => void>();

function enter(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

function sentence(error: unknown): string {
  return error instanceof RaftError ? error.message : String(error);
}

async function showStored(error: string | null): Promise<void> {
  try {
    const stored = await listGroups({ iceServers });
    enter({ kind: 'none', stored: stored.filter(({ machine }) => machine === table.name), error });
  } catch (cause) {
    enter({ kind: 'none', stored: [], error: error ?? sentence(cause) });
  }
}

async function go(open: () => Promise<DemoGroup>): Promise<void> {
  enter({ kind: 'opening' });
  try {
    const group = await open();
    // The address of the page is the invite from now on: reloading comes back, sharing it lets others in.
    history.replaceState(null, '', group.invite);
    enter({ kind: 'in', group });
  } catch (error) {
    await showStored(sentence(error));
  }
}

export const demoSession = {
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  get: (): Session => session,
  create: (): Promise<void> =>
    go(() => createGroup({ machine: table, signaling: signalingAddress(), founders, iceServers })),
  reopen: (id: GroupId): Promise<void> => go(() => openGroup({ machine: table, id, iceServers })),
  /** Leaves the group in this tab; its member stays stored. */
  async leave(group: DemoGroup): Promise<void> {
    group.close();
    history.replaceState(null, '', location.pathname + location.search);
    await showStored(null);
  },
};

// A link with an invite that is opened in this very tab changes the fragment only.
addEventListener('hashchange', () => {
  if (hasInvite(location.hash)) location.reload();
});

if (hasInvite(location.hash)) void go(() => joinGroup({ machine: table, invite: location.hash, iceServers }));
else void showStored(null);
