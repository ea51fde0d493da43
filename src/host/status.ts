/** How a group is doing, as plain data. */
import type { RaftError } from '../errors.ts';
import type { MemberStatus } from '../group/member-status.ts';
import type { GroupId } from '../ids.ts';
import type { StorageUse } from '../storage/browser-quota.ts';
import type { SignalingState } from '../transport/transport.ts';

/** How a group is doing, as its member here sees it. */
export interface HostedStatus {
  /**
   * `founding` until the group is founded; `joining` while it has not let this member in yet; then `running`; `stopped` for
   * good.
   */
  readonly phase: 'founding' | 'joining' | 'running' | 'stopped';
  readonly signaling: SignalingState;
  /** Members that the founder still waits for; null when we are not the founder, or the group is founded. */
  readonly missing: number | null;
  /** Null before the group is founded. */
  readonly member: MemberStatus | null;
  /** What all groups of this site store, as of half a minute ago; null where the browser does not say. */
  readonly storage: StorageUse | null;
  readonly stopped: RaftError | null;
}

export interface GroupStatus extends HostedStatus {
  /** Other groups that were founded under the name of the room that this one was found in. */
  readonly conflicts: readonly GroupId[];
}
