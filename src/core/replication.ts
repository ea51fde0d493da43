/**
 * The leader's side of log replication and commitment (paper, sections 5.3 and 5.4). Proposals and answers only mark
 * followers as worth a look; appends are built when output is taken, so that everything proposed until then travels
 * together.
 */
import type { Progress } from './progress.ts';
import { isMajority, majorityIndex } from './quorum.ts';
import type { Leader, Replica } from './replica.ts';
import { becomeFollower } from './roles.ts';
import type { AppendEntries, AppendEntriesResponse, HeartbeatResponse, NodeId } from './types.ts';
import { entryBytes } from './types.ts';

export function tickLeader(replica: Replica, leader: Leader): void {
  leader.ticksSinceHeartbeat++;
  leader.ticksSinceQuorumCheck++;
  if (leader.ticksSinceQuorumCheck >= replica.options.electionTicks) {
    leader.ticksSinceQuorumCheck = 0;
    if (replica.options.checkQuorum && !checkQuorum(replica, leader)) {
      becomeFollower(replica, replica.term, null);
      return;
    }
  }
  if (leader.ticksSinceHeartbeat >= replica.options.heartbeatTicks) {
    leader.ticksSinceHeartbeat = 0;
    broadcastHeartbeat(replica, leader);
  }
}

/** Whether a majority was heard from since the last check (dissertation, section 6.2). */
function checkQuorum(replica: Replica, leader: Leader): boolean {
  const quorumIsActive = isMajority(
    replica.configuration.voters,
    (id) => id === replica.id || leader.progress.get(id)?.recentlyActive === true,
  );
  for (const progress of leader.progress.values()) progress.recentlyActive = false;
  return replica.rules.mayGoOnLeading({ quorumIsActive });
}

function broadcastHeartbeat(replica: Replica, leader: Leader): void {
  for (const [to, progress] of leader.progress) {
    if (to === replica.id) continue;
    const commit = replica.rules.heartbeatCommit({ commit: replica.log.commit, match: progress.match });
    replica.send({ kind: 'Heartbeat', from: replica.id, to, term: replica.term, commit });
  }
}

/** Builds the appends that followers are ready for. */
export function sendAppends(replica: Replica, leader: Leader): void {
  for (const [to, progress] of leader.progress) {
    if (!progress.dirty || to === replica.id) continue;
    progress.dirty = false;
    let evenIfEmpty = progress.nudge || (!progress.paused && progress.wantsCommit(replica.log.commit));
    progress.nudge = false;
    while (sendAppend(replica, to, progress, evenIfEmpty)) evenIfEmpty = false;
  }
}

/** Sends one append if there is anything to send and room for it; says whether it did. */
function sendAppend(replica: Replica, to: NodeId, progress: Progress, evenIfEmpty: boolean): boolean {
  if (progress.state === 'probe' && progress.paused) return false;
  const { log, options } = replica;
  // R15: a full window still lets an empty append through, whose answer shows what was lost.
  const entries = progress.paused ? [] : log.slice(progress.next, log.lastIndex, options.maxMessageBytes);
  if (entries.length === 0 && !evenIfEmpty) return false;
  const prevIndex = progress.next - 1;
  replica.send({
    kind: 'AppendEntries',
    from: replica.id,
    to,
    term: replica.term,
    prevIndex,
    prevTerm: log.termAt(prevIndex) ?? 0,
    entries,
    commit: log.commit,
  });
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  progress.sent(entries.length, bytes);
  progress.sentCommit(log.commit);
  return true;
}

export function handleAppendEntriesResponse(replica: Replica, leader: Leader, message: AppendEntriesResponse): void {
  const progress = leader.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  const { log, rules } = replica;
  if (!rules.isPossibleAcknowledgement({ index: message.index, lastIndex: log.lastIndex })) return;
  if (message.conflict === null) {
    acknowledge(replica, leader, progress, message.index);
  } else {
    const { index, term } = message.conflict;
    // R12: the follower skipped its own entries above the term of ours; we skip ours above the term of its.
    const mayAgree = term > 0 ? log.lastAtOrBelowTerm(index, term).index : index;
    if (progress.reject(message.index, mayAgree)) {
      progress.dirty = true;
      progress.nudge = true;
    }
  }
}

/** A member, or we ourselves, holds our log durably up to `index`. */
export function acknowledge(replica: Replica, leader: Leader, progress: Progress, index: number): void {
  const isNews = progress.acknowledge(index);
  // R16: an answer that only confirms the match still ends probing.
  if (progress.state === 'probe' && (isNews || progress.match === index)) progress.becomeReplicate();
  progress.dirty = true;
  if (isNews) advanceCommit(replica, leader);
}

export function handleHeartbeatResponse(replica: Replica, leader: Leader, message: HeartbeatResponse): void {
  const progress = leader.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  progress.allowNext();
  if (progress.match < replica.log.lastIndex || progress.state === 'probe') {
    progress.dirty = true;
    progress.nudge = true;
  }
}

/** Appends ahead of answers make no sense on a path that loses them: back to one probe for each heartbeat (R13). */
export function reportUnreachable(leader: Leader, id: NodeId): void {
  const progress = leader.progress.get(id);
  if (progress?.state === 'replicate') progress.becomeProbe();
}

/** The transport refused an append: it, and what was built after it, waits for the next answer of the follower (R13). */
export function reportUnsent(leader: Leader, { to, prevIndex }: AppendEntries): void {
  leader.progress.get(to)?.unsent(prevIndex);
}

/** Commits what a majority holds, if that is of our own term (R6, R22). */
function advanceCommit(replica: Replica, leader: Leader): void {
  const { log, rules } = replica;
  const before = log.commit;
  const index = majorityIndex(replica.configuration.voters, (id) => leader.progress.get(id)?.match ?? 0);
  if (index <= before) return;
  if (!rules.mayCommitByCounting({ entryTerm: log.termAt(index), term: replica.term })) return;
  log.commitTo(index);
  if (replica.tracing) replica.emit({ name: 'Commit' });
  for (let i = before + 1; i <= index; i++) {
    const entry = log.entryAt(i);
    if (entry?.kind === 'command' && entry.term === replica.term) leader.uncommittedBytes -= entryBytes(entry);
  }
  for (const progress of leader.progress.values()) progress.dirty = true;
}
