/** The leader's side of snapshots (paper, section 7): to whom they are sent, and when that is given up. */
import type { Progress } from './progress.ts';
import type { Leader, Replica, SnapshotRead } from './replica.ts';
import { SnapshotTransfer } from './snapshot-transfer.ts';
import type { Index, NodeId, Snapshot } from './types.ts';

const noData = new Uint8Array(0);

/** A member needs an entry that is gone: it is sent the newest snapshot, if there is one and it is there (S1). */
export function beginTransfer(replica: Replica, to: NodeId, progress: Progress): void {
  const { log, options, rules } = replica;
  const { recentlyActive } = progress;
  if (!rules.maySendSnapshot({ prevTerm: log.termAt(progress.next - 1), recentlyActive })) return;
  const snapshot = snapshotFor(replica, to);
  if (snapshot === null) return;
  progress.becomeSnapshot(new SnapshotTransfer(snapshot, options.snapshotPartBytes, options.snapshotWindowBytes));
  requestParts(replica, progress, to);
}

/** M16: a witness needs to know how far the group is and who is in it, not what the machine holds. */
export function snapshotFor({ snapshot, configuration }: Replica, to: NodeId): Snapshot | null {
  if (snapshot === null || !configuration.witnesses.includes(to)) return snapshot;
  return { ...snapshot, id: 'witness', bytes: 0, checksum: 0 };
}

/** Asks the driver for the parts that may go now. A part without bytes needs no reading. */
export function requestParts(replica: Replica, progress: Progress, to: NodeId): void {
  const { transfer } = progress;
  if (transfer === null) return;
  const { snapshot } = transfer;
  for (let part = transfer.nextPart(); part !== null; part = transfer.nextPart()) {
    if (part.length === 0) sendPart(replica, to, snapshot, part.offset, noData);
    else replica.snapshotReads.push({ to, snapshot, ...part });
  }
}

function sendPart(replica: Replica, to: NodeId, snapshot: Snapshot, offset: number, data: Uint8Array): void {
  replica.send({ kind: 'InstallSnapshot', from: replica.id, to, term: replica.term, snapshot, offset, data });
}

/** The driver has read a part, for a transfer that may be over by now. */
export function partRead(
  replica: Replica,
  leader: Leader,
  { to, snapshot, offset }: SnapshotRead,
  data: Uint8Array,
): void {
  const transfer = leader.progress.get(to)?.transfer;
  if (transfer?.snapshot !== snapshot) return;
  for (const part of transfer.read(offset, data)) sendPart(replica, to, snapshot, part.offset, part.data);
}

/** What was lost is sent again after a heartbeat or two; a transfer without progress is given up. */
export function tickTransfer(replica: Replica, progress: Progress, to: NodeId): void {
  const { transfer } = progress;
  if (transfer === null) return;
  const { heartbeatTicks, snapshotTimeoutTicks } = replica.options;
  transfer.tick(4 * heartbeatTicks);
  if (transfer.idleTicks >= snapshotTimeoutTicks) abortTransfer(progress);
  else requestParts(replica, progress, to);
}

/** The follower is probed again, when it next answers a heartbeat. */
export function abortTransfer(progress: Progress, next?: Index): void {
  progress.becomeProbe(next);
  progress.sent(0, 0);
}
