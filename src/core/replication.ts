/**
 * The leader's side of log replication (paper, sections 5.3 and 7). Proposals and answers only mark members as worth a
 * look; appends are built when output is taken, so that everything proposed until then travels together.
 */
import { advanceCommit } from './commitment.ts';
import type { Progress } from './progress.ts';
import { confirmReads } from './reading.ts';
import type { Leader, Replica } from './replica.ts';
import { abortTransfer, beginTransfer, requestParts, snapshotFor } from './sending-snapshots.ts';
import { handOver } from './transfers.ts';
import type {
  AppendEntriesResponse,
  BulkMessage,
  Entry,
  HeartbeatResponse,
  Index,
  InstallSnapshotResponse,
  NodeId,
} from './types.ts';
import { entryBytes } from './types.ts';

const noData = new Uint8Array(0);
const noBatch: Batch = { first: 0, last: 0, entries: [], bytes: 0 };

/** A heartbeat to everybody. All reads that wait go with it. */
export function beginRound(replica: Replica, leader: Leader): void {
  leader.ticksSinceHeartbeat = 0;
  const round = leader.reads.begin();
  for (const [to, progress] of leader.progress) {
    if (to === replica.id) {
      progress.round = round;
      continue;
    }
    const commit = replica.rules.heartbeatCommit({ commit: replica.log.commit, match: progress.match });
    replica.send({ kind: 'Heartbeat', from: replica.id, to, term: replica.term, commit, round });
  }
  // Whoever is a quorum alone needs no answers.
  confirmReads(replica, leader);
}

/** Whether `sendToMembers` has anything to build. */
export function hasWordForMembers(replica: Replica, leader: Leader): boolean {
  if (leader.reads.wantsRound) return true;
  for (const [to, progress] of leader.progress) {
    if (progress.dirty && to !== replica.id && isDue(replica, to, progress)) return true;
  }
  return false;
}

function isDue(replica: Replica, to: NodeId, progress: Progress): boolean {
  if (!maySend(progress)) return false;
  const { log } = replica;
  if (log.termAt(progress.next - 1) === undefined) {
    return progress.recentlyActive && snapshotFor(replica, to) !== null;
  }
  return wordFor(replica, progress) !== null || (!progress.paused && progress.next <= lastFor(replica, to));
}

/**
 * The last entry that a member may be sent. M16: a witness gets nothing that no voter holds durably who could lead with
 * it. If a crash took it from the only one, the witness would refuse everybody its vote from then on.
 */
function lastFor({ role, configuration, log }: Replica, to: NodeId): Index {
  const { voters, witnesses } = configuration;
  if (role.name !== 'leader' || !witnesses.includes(to)) return log.lastIndex;
  let held = 0;
  for (const id of voters) {
    if (!witnesses.includes(id)) held = Math.max(held, role.progress.get(id)?.match ?? 0);
  }
  return held;
}

/** A probe goes one at a time, and a member that is sent a snapshot is sent nothing else. */
function maySend(progress: Progress): boolean {
  return progress.state === 'replicate' || (progress.state === 'probe' && !progress.paused);
}

/** What an append would be good for that carries no entries: to ask how far the member is, or to tell it the commit index. */
type Word = 'question' | 'news';

function wordFor({ log }: Replica, progress: Progress): Word | null {
  if (progress.nudge) return 'question';
  return !progress.paused && progress.wantsCommit(log.commit) ? 'news' : null;
}

/** Builds whatever is to go to the members: a round for reads that wait, and the appends that members are ready for. */
export function sendToMembers(replica: Replica, leader: Leader): void {
  if (leader.reads.wantsRound) beginRound(replica, leader);
  let batch: Batch | null = null;
  for (const [to, progress] of leader.progress) {
    if (!progress.dirty || to === replica.id) continue;
    progress.dirty = false;
    const word = wordFor(replica, progress);
    progress.nudge = false;
    let sent = sendAppend(replica, to, progress, word, batch);
    while (sent !== null) {
      batch = sent;
      sent = sendAppend(replica, to, progress, null, batch);
    }
  }
}

/** What one append carries. Members that have come equally far are sent the same. */
interface Batch {
  readonly first: Index;
  readonly last: Index;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

/** The entries from `first` on, not behind `last`, as many as one message holds. */
function batchFor({ log, options }: Replica, first: Index, last: Index, built: Batch | null): Batch {
  if (built?.first === first && built.last === last) return built;
  const entries = log.slice(first, last, options.maxMessageBytes);
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return { first, last, entries, bytes };
}

/** A member that leaves is told so, if it takes what is sent (M12). */
export function sendFarewell(replica: Replica, to: NodeId, progress: Progress): void {
  progress.allowNext();
  sendAppend(replica, to, progress, 'question', null);
}

/**
 * Sends one append if there is anything to send and room for it.
 * @param word why it goes out even without entries
 * @param built a batch that may fit, built since the log last changed
 * @returns what was sent, null if nothing was
 */
function sendAppend(
  replica: Replica,
  to: NodeId,
  progress: Progress,
  word: Word | null,
  built: Batch | null,
): Batch | null {
  if (!maySend(progress)) return null;
  const { log } = replica;
  const prevIndex = progress.next - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined) {
    beginTransfer(replica, to, progress);
    return null;
  }
  // R15: a full window still lets an empty append through, whose answer shows what was lost.
  const batch = progress.paused ? noBatch : batchFor(replica, progress.next, lastFor(replica, to), built);
  const { entries, bytes } = batch;
  if (entries.length === 0 && word === null) return null;
  // A probe is there for its answer, whatever it tells.
  const needsNoAnswer = entries.length === 0 && word === 'news' && progress.state === 'replicate';
  replica.send({
    kind: 'AppendEntries',
    from: replica.id,
    to,
    term: replica.term,
    prevIndex,
    prevTerm,
    entries: replica.configuration.witnesses.includes(to) ? entries.map(withoutCommand) : entries,
    commit: log.commit,
    ...(needsNoAnswer && { needsNoAnswer }),
  });
  progress.sent(entries.length, bytes);
  progress.sentCommit(log.commit);
  return batch;
}

/** M16: what a witness holds of an entry. */
function withoutCommand(entry: Entry): Entry {
  return entry.kind === 'command' ? { ...entry, data: noData } : entry;
}

export function handleAppendEntriesResponse(replica: Replica, leader: Leader, message: AppendEntriesResponse): void {
  const progress = leader.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  const { log, rules } = replica;
  if (!rules.isPossibleAcknowledgement({ index: message.index, lastIndex: log.lastIndex })) return;
  if (message.conflict === null) {
    acknowledge(replica, leader, progress, message.index);
    if (replica.role === leader) handOver(replica, leader);
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
  const { log } = replica;
  const isNews = progress.acknowledge(index);
  progress.catchUp?.reached(progress.match, log.lastIndex);
  if (progress.state === 'probe') {
    // R16: an answer that only confirms the match still ends probing.
    if (isNews || progress.match === index) progress.becomeReplicate();
  } else if (progress.state === 'snapshot' && isNews && progress.match >= log.startIndex) {
    // S2: any acknowledgement that reconnects with our log ends the transfer, even below the snapshot's index.
    progress.becomeReplicate();
  }
  progress.dirty = true;
  if (!isNews) return;
  for (const witness of replica.configuration.witnesses) {
    const waiting = leader.progress.get(witness);
    if (waiting !== undefined) waiting.dirty = true;
  }
  if (index > log.commit) advanceCommit(replica, leader);
}

export function handleHeartbeatResponse(replica: Replica, leader: Leader, message: HeartbeatResponse): void {
  const progress = leader.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  progress.round = Math.max(progress.round, message.round);
  progress.allowNext();
  progress.transfer?.allowNext();
  if (progress.match < replica.log.lastIndex || progress.state === 'probe') {
    progress.dirty = true;
    progress.nudge = true;
  }
  confirmReads(replica, leader);
}

export function handleInstallSnapshotResponse(
  replica: Replica,
  leader: Leader,
  message: InstallSnapshotResponse,
): void {
  const progress = leader.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  const { transfer } = progress;
  // S7: an answer about another snapshot than the one on its way is stale.
  const { snapshotIndex, snapshotId } = message;
  if (transfer?.snapshot.index !== snapshotIndex || transfer.snapshot.id !== snapshotId) return;
  transfer.acknowledge(message.offset);
  requestParts(replica, progress, message.from);
}

/** Appends ahead of answers make no sense on a path that loses them: back to one probe for each heartbeat (R13). */
export function reportUnreachable(leader: Leader, id: NodeId): void {
  const progress = leader.progress.get(id);
  if (progress?.state === 'replicate') progress.becomeProbe();
}

/** The transport refused a message: it, and what was built after it, waits for the next answer of the follower (R13). */
export function reportUnsent(leader: Leader, message: BulkMessage): void {
  const progress = leader.progress.get(message.to);
  if (message.kind === 'AppendEntries') progress?.unsent(message.prevIndex);
  else if (progress?.transfer?.snapshot === message.snapshot) progress.transfer.unsent(message.offset);
}

/**
 * The driver sends snapshots by other means, or could not read one: the transfer to a member is over. What comes next it
 * is asked when it answers a heartbeat (S1).
 */
export function reportSnapshot(leader: Leader, id: NodeId, outcome: 'finished' | 'failed'): void {
  const progress = leader.progress.get(id);
  const transfer = progress?.transfer ?? null;
  if (progress === undefined || transfer === null) return;
  abortTransfer(progress, outcome === 'finished' ? transfer.snapshot.index + 1 : undefined);
}
