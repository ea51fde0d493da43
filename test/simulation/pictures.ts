/** Hand-made pictures of members and disks: for states that a right member never comes into. */
import { foundingConfiguration } from '../../src/core/configuration.ts';
import type { Raft } from '../../src/core/raft.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import type { Configuration, Entry, HardState, Index, Term } from '../../src/core/types.ts';
import { nodeId } from '../../src/simulation/network.ts';
import { type Home, Run } from '../../src/simulation/run-of-member.ts';
import type { DiskView } from '../../src/simulation/sim-disk.ts';

export const noMembers: Configuration = foundingConfiguration([]);

export const threeVoters: Configuration = { ...noMembers, voters: ['n1', 'n2', 'n3'].map(nodeId) };

export function entryOf(index: Index, term: Term, text = ''): Entry {
  return { index, term, kind: 'command', data: new TextEncoder().encode(text) };
}

const nothingAtHome: Home = {
  pendingCommands: 0,
  pendingCommandBytes: 0,
  isKeepingSnapshot: false,
  bytesBeingRead: 0,
};

export interface Picture {
  readonly terms?: readonly Term[];
  readonly commit?: Index;
  readonly applied?: Index;
  readonly configuration?: Configuration;
  readonly kinds?: readonly Entry['kind'][];
  /** Whatever else it shows. */
  readonly raft?: Readonly<Record<string, unknown>>;
  readonly home?: Partial<Home>;
}

/** A member whose log has entries of these terms, from index 1. */
export function runOf(
  name: string,
  { terms = [], commit = 0, applied = 0, configuration, kinds, raft: shown, home }: Picture,
): Run {
  const raft = {
    commit,
    appliedIndex: applied,
    lastIndex: terms.length,
    configuration: configuration ?? threeVoters,
    entryAt: (index: Index) => {
      const term = terms[index - 1];
      return term === undefined ? undefined : { ...entryOf(index, term), kind: kinds?.[index - 1] ?? 'command' };
    },
    startIndex: 0,
    status: () => ({ startIndex: 0, progress: new Map() }),
    snapshot: null,
    ...shown,
  };
  return new Run(nodeId(name), raft as unknown as Raft, { ...nothingAtHome, ...home });
}

export function diskOf(terms: readonly Term[], hardState: Partial<HardState> = {}): DiskView {
  return {
    hardState: { term: 0, vote: null, commit: 0, ...hardState },
    start: { index: 0, term: 0, configuration: threeVoters },
    lastIndex: terms.length,
    termAt: (index) => (index === 0 ? 0 : terms[index - 1]),
  };
}

export function eventOf(
  run: Run,
  detail: { readonly name: TraceEvent['name'] } & Readonly<Record<string, unknown>>,
  term: Term,
  role: 'leader' | 'follower' = 'leader',
): TraceEvent {
  const { commit, lastIndex: last } = run.raft;
  const state: HardState = { term, vote: null, commit };
  return { node: run.id, role, state, last, conf: [[], []], learners: [], ...detail } as unknown as TraceEvent;
}
