/** One run of a member, from a start to a crash, and what it has shown so far. */
import type { Raft } from '../core/raft.ts';
import type { Index, NodeId, Term } from '../core/types.ts';

export class Run {
  readonly id: NodeId;
  readonly raft: Raft;
  commit: Index;
  applied: Index;
  /** How many effects its machine has shown, or was restored with. */
  effects = 0;
  /** While it leads: its term and the end of its log. */
  leading: { readonly term: Term; last: Index } | null = null;

  constructor(id: NodeId, raft: Raft) {
    this.id = id;
    this.raft = raft;
    this.commit = raft.commit;
    this.applied = raft.appliedIndex;
  }
}
