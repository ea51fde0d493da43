/** A known bug, put back on purpose: what it changes of the core, of the messages that arrive, or of the storage. */
import type { Raft, RaftInit } from '../core/raft.ts';
import type { Rules } from '../core/rules.ts';
import type { Batch } from '../storage/storage.ts';
import type { MemberMessage } from '../transport/messages.ts';

export interface Mutant {
  readonly name: string;
  /** The bug, and who shipped it. */
  readonly bug: string;
  /** The rules that it breaks, as `docs/rules.md` names them. */
  readonly breaks: string;
  /** Rules of the core that are replaced by wrong versions. */
  readonly rules?: Partial<Rules>;
  readonly createRaft?: (init: RaftInit) => Raft;
  /** What a message becomes on its way into the member; null for as it is. */
  readonly receives?: (message: MemberMessage, raft: Raft | null) => MemberMessage | null;
  /** Whether a batch is acknowledged before it is durable. */
  readonly acknowledgesEarly?: (batch: Batch) => boolean;
  /** A lost store comes back under its old id. */
  readonly forgetsIncarnation?: boolean;
  /** Commands are sent again under a session of their own. */
  readonly loosesSessions?: boolean;
}
