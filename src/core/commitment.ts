/** When an entry is committed (paper, sections 5.3 and 5.4.2): what a leader concludes from acknowledgements. */
import { quorumIndex } from './quorum.ts';
import type { Leader, Replica } from './replica.ts';
import { entryBytes } from './types.ts';

/** Commits what a quorum holds, if that is of our own term (R6, R22); says whether the commit index moved. */
export function advanceCommit(replica: Replica, leader: Leader): boolean {
  const { log, rules } = replica;
  const before = log.commit;
  const index = quorumIndex(replica.configuration, (id) => leader.progress.get(id)?.match ?? 0);
  if (index <= before) return false;
  if (!rules.mayCommitByCounting({ entryTerm: log.termAt(index), term: replica.term })) return false;
  log.commitTo(index);
  if (replica.tracing) replica.emit({ name: 'Commit' });
  for (let i = before + 1; i <= index; i++) {
    const entry = log.entryAt(i);
    if (entry?.kind === 'command' && entry.term === replica.term) leader.uncommittedBytes -= entryBytes(entry);
  }
  for (const progress of leader.progress.values()) progress.dirty = true;
  if (knowsCommit(replica)) leader.reads.commitKnown(index);
  return true;
}

/** Whether the commit index is known, and not just a part of it (Q1). */
export function knowsCommit({ rules, log, term }: Replica): boolean {
  return rules.knowsCommit({ commitTerm: log.termAt(log.commit), term });
}
