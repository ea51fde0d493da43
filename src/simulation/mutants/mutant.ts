/** A known bug, put back on purpose: what it changes of the core, of the messages that arrive, or of the storage. */
import type { Raft, RaftInit } from '../../core/raft.ts';
import type { Rules } from '../../core/rules.ts';
import type { Batch, OutboxChange } from '../../storage/storage.ts';
import type { MemberMessage } from '../../transport/messages.ts';

/** What a message becomes on its way into a member; null for nothing. */
export type MessageChange = (message: MemberMessage, raft: Raft | null) => MemberMessage | null;

export interface Mutant {
  readonly name: string;
  /** The bug, and who shipped it. */
  readonly bug: string;
  /** Where it stands in the tables of docs/rules.md, as `A1`; nothing for a rule that is broken without a known case. */
  readonly known: readonly string[];
  /** The rules that it breaks, as docs/rules.md names them; empty for what only the limits of the options forbid. */
  readonly breaks: string;
  /** Rules of the core that are replaced by wrong versions. */
  readonly rules?: Partial<Rules>;
  readonly createRaft?: (init: RaftInit) => Raft;
  /** Made anew for each run, so that whatever it counts begins at nothing. */
  readonly receives?: () => MessageChange;
  /** Whether a batch is acknowledged before it is durable. */
  readonly acknowledgesEarly?: (batch: Batch) => boolean;
  /** What a batch becomes on its way to the disk. */
  readonly writes?: (batch: Batch) => Batch;
  /** The same of a change of the outbox. */
  readonly keeps?: (change: OutboxChange) => OutboxChange;
  /** A lost store comes back under its old id. */
  readonly forgetsIncarnation?: boolean;
}
