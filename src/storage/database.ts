/** The contract of a host's database: who the host is, which groups it has members of, and a store for each of them. */
import type { NodeId } from '../core/types.ts';
import type { Access } from '../identity/access.ts';
import type { HostIdentity } from '../identity/host-keys.ts';
import type { GroupId } from '../ids.ts';
import type { Storage } from './storage.ts';

/** What a host remembers of a group that it has a member of. Made once, before anybody hears of the member. */
export interface GroupRecord {
  readonly group: GroupId;
  readonly member: NodeId;
  /** The address of the broker through which the members find each other; null for tabs of one browser. */
  readonly signaling: string | null;
  /** The secret that opens the group. */
  readonly access: Access;
  /** The name of the machine that the group replicates. */
  readonly machine: string;
  /** The room that the group was found in; left out where it was none. */
  readonly room?: GroupId;
  /** In the founder's record, how many members found the group; null in every other. */
  readonly founders: number | null;
}

/** What may change of it. */
export type GroupChange = Partial<Pick<GroupRecord, 'signaling' | 'access' | 'room'>>;

/** Identity and stores lie in one database, so that whoever loses the one loses the other. */
export interface Database extends HostIdentity {
  groups(): Promise<readonly GroupRecord[]>;
  /** @throws RaftError when the group is there already */
  addGroup(record: GroupRecord): Promise<void>;
  /** The members of a group meet at another broker from now on, or in a room, or we have another secret of it. */
  updateGroup(group: GroupId, change: GroupChange): Promise<void>;
  /** Forgets a group that was never founded here. */
  removeGroup(group: GroupId): Promise<void>;
  storage(group: GroupId): Storage;
  /** Closes every store with it. Others may open it when this has resolved. */
  close(): Promise<void>;
}
