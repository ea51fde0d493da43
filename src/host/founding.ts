/** The founder's part of a founding: counts those who ask to be in, each host once, and says when all are there. */
import type { NodeId } from '../core/types.ts';
import type { HostId } from '../ids.ts';
import type { GroupRecord } from '../storage/database.ts';

export class Founding {
  readonly #record: GroupRecord;
  readonly #candidates = new Map<HostId, NodeId>();

  constructor(record: GroupRecord) {
    this.#record = record;
  }

  /** Members that the founder still waits for; null when somebody else founds the group. */
  get missing(): number | null {
    const { founders } = this.#record;
    return founders === null ? null : Math.max(0, founders - 1 - this.#candidates.size);
  }

  /** The founding members, once all are there; null before, and when somebody else founds the group. */
  get members(): readonly NodeId[] | null {
    const { founders, member } = this.#record;
    if (founders === null || this.missing !== 0) return null;
    return [member, ...[...this.#candidates.values()].slice(0, founders - 1)];
  }

  joined(host: HostId, member: NodeId): void {
    this.#candidates.set(host, member);
  }

  parted(host: HostId): void {
    this.#candidates.delete(host);
  }
}
