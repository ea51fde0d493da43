/**
 * The follower's side of snapshots (paper, section 7), and compaction. A snapshot comes in parts, which the driver keeps;
 * when all are there, it takes the place of the log, and of the configuration, in one step (S6).
 */
import { commitTo } from './following.ts';
import type { IncomingSnapshot, Replica } from './replica.ts';
import { entryBytes, type Index, type InstallSnapshot, type NodeId, type Snapshot } from './types.ts';

export function handleInstallSnapshot(replica: Replica, message: InstallSnapshot): void {
  const { snapshot, offset, data } = message;
  if (isOfNoUse(replica, snapshot)) {
    acknowledgeCommit(replica, message.from);
    return;
  }
  const incoming = incomingFor(replica, snapshot);
  if (incoming === null) return;
  const isNext = offset === incoming.received && offset + data.byteLength <= snapshot.bytes;
  if (!isNext) {
    answerPart(replica, incoming, incoming.received);
    return;
  }
  incoming.received += data.byteLength;
  replica.stagedParts.push({ snapshot: incoming.snapshot, offset, data });
}

/** S3: a snapshot that tells us nothing, or no more than that our own log is committed so far. */
function isOfNoUse(replica: Replica, { index, term }: Snapshot): boolean {
  const { log, rules } = replica;
  if (rules.isSnapshotNews({ snapshotIndex: index, commit: log.commit })) {
    if (!rules.holdsSnapshot({ snapshotTerm: term, ownTerm: log.termAt(index) })) return false;
    commitTo(replica, index);
  }
  if (replica.incoming !== null && replica.incoming.snapshot.index <= log.commit) dropIncoming(replica);
  return true;
}

/** What is committed agrees with every leader: an answer that ends its sending of a snapshot (S2). */
function acknowledgeCommit(replica: Replica, to: NodeId): void {
  const { id: from, term, log } = replica;
  replica.sendWhenDurable({ kind: 'AppendEntriesResponse', from, to, term, index: log.commit, conflict: null });
}

/**
 * What we hold of a snapshot; it begins anew when another one was being received before. S7: in one leadership an older
 * one comes from a stream that is over. From another leader it may be all that there is, and nobody goes on with ours.
 */
function incomingFor(replica: Replica, snapshot: Snapshot): IncomingSnapshot | null {
  const { incoming, term } = replica;
  if (incoming !== null) {
    if (isSame(incoming.snapshot, snapshot)) {
      incoming.term = term;
      return incoming;
    }
    if (incoming.term === term && incoming.snapshot.index > snapshot.index) return null;
  }
  dropIncoming(replica);
  // A copy: whatever the driver still says about an earlier attempt at the same snapshot is not about this one.
  replica.incoming = { snapshot: { ...snapshot }, term, received: 0 };
  return replica.incoming;
}

function dropIncoming(replica: Replica): void {
  replica.incoming = null;
  replica.stagedParts = [];
}

/** S7: only equal bytes can be put together. */
function isSame(one: Snapshot, other: Snapshot): boolean {
  return one.index === other.index && one.term === other.term && one.id === other.id && one.bytes === other.bytes;
}

/** Tells the leader, if we follow one, where to go on. */
function answerPart(replica: Replica, { snapshot }: IncomingSnapshot, offset: number): void {
  const { id: from, term, role } = replica;
  const to = role.name === 'follower' ? role.leader : null;
  if (to === null) return;
  const { index: snapshotIndex, id: snapshotId } = snapshot;
  replica.answer({ kind: 'InstallSnapshotResponse', from, to, term, snapshotIndex, snapshotId, offset });
}

/** The driver holds the parts of a snapshot up to `offset`. With the last one it is installed. */
export function partStaged(replica: Replica, snapshot: Snapshot, offset: number): void {
  const { incoming, role } = replica;
  // Identity, not equality: of an attempt that was given up, completions may still come.
  if (incoming?.snapshot !== snapshot || offset > incoming.received) return;
  answerPart(replica, incoming, offset);
  if (offset < snapshot.bytes) return;
  dropIncoming(replica);
  // The log may have come as far by itself meanwhile.
  if (!isOfNoUse(replica, snapshot)) {
    replica.restore(snapshot);
    if (replica.tracing) replica.emit({ name: 'SnapshotInstalled', snapshot });
  }
  if (role.name === 'follower' && role.leader !== null) acknowledgeCommit(replica, role.leader);
}

/** What was received of a snapshot is of no use: it begins anew. */
export function partsDamaged(replica: Replica, snapshot: Snapshot): void {
  const { incoming } = replica;
  if (incoming?.snapshot !== snapshot) return;
  dropIncoming(replica);
  answerPart(replica, incoming, 0);
}

/**
 * The driver keeps a snapshot of our own state. It counts when the next write has made it the newest one. Says whether it
 * is wanted: one that is no newer than another is not, nor one for which a snapshot would have to go that is being sent.
 */
export function snapshotTaken(replica: Replica, snapshot: Snapshot): boolean {
  const newest = newestSnapshot(replica);
  if (snapshot.index > replica.log.applied) return false;
  if (newest !== null && (snapshot.index <= newest.index || isSendingOneBefore(replica, newest))) return false;
  replica.snapshotToWrite = snapshot;
  if (replica.tracing) replica.emit({ name: 'SnapshotTaken', snapshot });
  return true;
}

/** Only the newest and the one before it are kept (S9): with two more, a slow transfer would chase them for ever. */
function isSendingOneBefore({ role }: Replica, newest: Snapshot): boolean {
  if (role.name !== 'leader') return false;
  for (const { transfer } of role.progress.values()) {
    if (transfer !== null && transfer.snapshot.bytes > 0 && transfer.snapshot.index < newest.index) return true;
  }
  return false;
}

/** Durable or not: one that came from a leader may be further on than the one that we were taking (S9). */
function newestSnapshot({ snapshotToWrite, pendingWrites, snapshot }: Replica): Snapshot | null {
  return snapshotToWrite ?? pendingWrites.findLast(({ write }) => write.snapshot !== null)?.write.snapshot ?? snapshot;
}

/**
 * Drops entries that the newest snapshot holds, up to `index` at the most, but leaves a tail, and what members need that
 * are receiving a snapshot now (S8). Gives the index of the last entry that is gone.
 */
export function compact(replica: Replica, index: Index, keepsTail: boolean): Index {
  const { log, rules, snapshot } = replica;
  if (snapshot === null) return log.startIndex;
  const tail = keepsTail ? tailStart(replica, snapshot.index) : snapshot.index;
  const to = Math.min(index, tail, neededByTransfers(replica));
  const term = log.termAt(to);
  if (term === undefined || to <= log.startIndex) return log.startIndex;
  if (!rules.mayCompact({ index: to, applied: log.applied, snapshotIndex: snapshot.index })) return log.startIndex;
  log.compact(to);
  replica.startToWrite = { index: to, term, configuration: snapshot.configuration };
  return to;
}

/** Where the tail before `end` begins: so many entries of it, or so many bytes, if those are fewer. */
function tailStart({ log, options }: Replica, end: Index): Index {
  const first = Math.max(log.startIndex, end - options.trailingEntries);
  let start = end;
  let bytes = 0;
  while (start > first) {
    const entry = log.entryAt(start);
    bytes += entry === undefined ? 0 : entryBytes(entry);
    if (bytes > options.trailingBytes) break;
    start--;
  }
  return start;
}

function neededByTransfers({ role }: Replica): Index {
  let needed = Number.POSITIVE_INFINITY;
  if (role.name !== 'leader') return needed;
  for (const { transfer } of role.progress.values()) {
    if (transfer !== null) needed = Math.min(needed, transfer.snapshot.index);
  }
  return needed;
}
