/** Who may be in a group, and what those who may only read may say in it. */
import type { NodeId } from '../core/types.ts';
import type { HostId } from '../ids.ts';
import type { GroupMessage } from '../transport/messages.ts';
import type { Exclusion } from '../transport/transport.ts';

/** What the group has committed about those who may not come in. */
export interface Exclusions {
  /** Members that were removed: one incarnation of a host each. */
  readonly removed: ReadonlySet<NodeId>;
  /** Keys, by the ids of their hosts: no incarnation of them may enter. */
  readonly banned: ReadonlySet<HostId>;
}

export const nobodyExcluded: Exclusions = { removed: new Set(), banned: new Set() };

/** Null for whoever may enter. */
export function exclusionOf({ removed, banned }: Exclusions, host: HostId, member: NodeId): Exclusion | null {
  if (banned.has(host)) return 'banned-key';
  return removed.has(member) ? 'removed-incarnation' : null;
}

/**
 * What a learner says when it does as it should, and what it shows of itself. Whoever may only read says nothing else: no
 * proposal, no vote, nothing that only leaders and voters say.
 */
export function mayReaderSend({ kind }: GroupMessage): boolean {
  switch (kind) {
    case 'Join':
    case 'Report':
    case 'Presence':
    case 'AppendEntriesResponse':
    case 'HeartbeatResponse':
    case 'InstallSnapshotResponse':
    case 'ReadIndex':
      return true;
    case 'RequestVote':
    case 'RequestVoteResponse':
    case 'RequestPreVote':
    case 'RequestPreVoteResponse':
    case 'AppendEntries':
    case 'Heartbeat':
    case 'InstallSnapshot':
    case 'TimeoutNow':
    case 'ReadIndexResponse':
    case 'Propose':
    case 'ProposeRefused':
    case 'Founded':
      return false;
  }
}
