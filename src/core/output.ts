/**
 * What a replica hands out and what it hears back. The order of effects is the promise: a batch is written atomically
 * and in order, messages that depend on it are released by its completion and not before (D1 to D7).
 */
import { InvariantViolation } from './errors.ts';
import { applyChange, leaveJointIfDue } from './membership.ts';
import { askForReads, hasReadyReads, takeReadyReads } from './reading.ts';
import type { FailedRead, ReadyRead, Replica, SnapshotRead, StagedPart, Write } from './replica.ts';
import { acknowledge, hasWordForMembers, sendToMembers } from './replication.ts';
import { step } from './step.ts';
import type { Entry, Index, Message } from './types.ts';

/** One batch of effects. The parts are independent: none needs to wait for another. */
export interface Ready {
  /** To make durable, in order and atomically; call `persisted` with it when it is. Several may be on their way. */
  readonly write: Write | null;
  /** To send now. What depends on a write is held back, and comes in a later batch once it is durable. */
  readonly messages: readonly Message[];
  /** To apply, in order; call `applied` when done. */
  readonly committed: readonly Entry[];
  /** May be served from the state as it is applied now. */
  readonly reads: readonly ReadyRead[];
  /** Will not be served. */
  readonly failedReads: readonly FailedRead[];
  /** Received parts of a snapshot to keep, in order; call `partStaged` for each that is durable. */
  readonly snapshotParts: readonly StagedPart[];
  /** Parts of a snapshot to read for others; call `partRead` with each, or `reportSnapshot` if it cannot be read. */
  readonly snapshotReads: readonly SnapshotRead[];
}

export function hasReady(replica: Replica): boolean {
  const { role } = replica;
  return (
    hasOutput(replica) ||
    (role.name === 'leader' && hasWordForMembers(replica, role)) ||
    (role.name === 'follower' && role.newReads.length > 0)
  );
}

/** Whether there is anything to hand out, beside messages that are built when output is taken. */
function hasOutput(replica: Replica): boolean {
  const { log } = replica;
  return (
    replica.outbox.length > 0 ||
    replica.outboxWhenDurable.length > 0 ||
    log.hasUnwritten ||
    log.hasApplicable ||
    replica.failedReads.length > 0 ||
    replica.stagedParts.length > 0 ||
    replica.snapshotReads.length > 0 ||
    replica.snapshotToWrite !== null ||
    replica.startToWrite !== null ||
    mustWriteHardState(replica) ||
    hasReadyReads(replica)
  );
}

export function takeReady(replica: Replica): Ready | null {
  const { role } = replica;
  if (role.name === 'leader') sendToMembers(replica, role);
  else if (role.name === 'follower') askForReads(replica, role);
  if (!hasOutput(replica)) return null;
  const write = takeWrite(replica);
  const reads = takeReadyReads(replica);
  const { outbox: messages, failedReads, stagedParts: snapshotParts, snapshotReads } = replica;
  replica.outbox = [];
  replica.failedReads = [];
  replica.stagedParts = [];
  replica.snapshotReads = [];
  const committed = replica.log.takeApplicable(replica.options.maxCommittedBytes);
  return { write, messages, committed, reads, failedReads, snapshotParts, snapshotReads };
}

/** A commit index alone is no reason for a write, unless asked for: it is found out again after a restart. */
function mustWriteHardState(replica: Replica): boolean {
  const { term, vote, commit } = replica.writtenHardState;
  if (term !== replica.term || vote !== replica.vote) return true;
  const { log, mustSaveCommit, startToWrite, snapshotToWrite } = replica;
  const mayWriteCommit = mustSaveCommit || log.hasUnwritten || startToWrite !== null || snapshotToWrite !== null;
  return mayWriteCommit && commit !== log.commit;
}

function takeWrite(replica: Replica): Write | null {
  const hardState = mustWriteHardState(replica) ? replica.hardState : null;
  const { truncateFrom, entries } = replica.log.takeUnwritten();
  const { outboxWhenDurable: messages, snapshotToWrite: snapshot, startToWrite: start } = replica;
  replica.outboxWhenDurable = [];
  const isLogTheSame = entries.length === 0 && truncateFrom === null && start === null;
  const isEmpty = isLogTheSame && hardState === null && snapshot === null;
  const hasNothingToWaitFor = messages.length === 0 || replica.pendingWrites.length === 0;
  if (isEmpty && hasNothingToWaitFor) {
    release(replica, messages);
    return null;
  }
  if (hardState !== null) replica.writtenHardState = hardState;
  replica.mustSaveCommit = false;
  replica.snapshotToWrite = null;
  replica.startToWrite = null;
  replica.writes++;
  const write: Write = { id: replica.writes, hardState, snapshot, start, truncateFrom, entries };
  replica.pendingWrites.push({ write, durableTo: entries.at(-1)?.index ?? start?.index ?? 0, messages });
  return write;
}

function release(replica: Replica, messages: readonly Message[]): void {
  for (const message of messages) {
    if (message.to === replica.id) step(replica, message);
    else replica.send(message);
  }
}

/** A write is durable, and with it all that came before it. Completions come in the order of the writes (D5). */
export function persisted(replica: Replica, write: Write): void {
  const pending = replica.pendingWrites.shift();
  if (pending?.write.id !== write.id) {
    throw new InvariantViolation(
      'D5',
      `write ${write.id} completed, but the oldest on its way is ${pending?.write.id ?? 'none'}`,
    );
  }
  const { log, role } = replica;
  log.durableTo(pending.durableTo);
  if (write.hardState !== null) replica.durableHardState = write.hardState;
  if (write.snapshot !== null) replica.snapshot = write.snapshot;
  if (replica.tracing) {
    replica.emit({ name: 'Persisted', durable: log.durable, hardState: replica.durableHardState });
  }
  if (role.name === 'leader') {
    // D3: a leader counts itself for what is durable here, and for nothing else.
    const own = role.progress.get(replica.id);
    if (own !== undefined && log.durable > own.match) {
      if (replica.tracing) replica.emit({ name: 'ReceiveSelfAppend', ackIndex: log.durable });
      acknowledge(replica, role, own, log.durable);
    }
  }
  release(replica, pending.messages);
}

/** The machine has come as far as `index`, in which changes of membership take effect, one by one. */
export function applied(replica: Replica, index: Index): void {
  const { log } = replica;
  const before = log.applied;
  log.appliedTo(index);
  for (let i = before + 1; i <= index; i++) {
    const entry = log.entryAt(i);
    if (entry?.kind === 'configuration') applyChange(replica, entry);
  }
  const { role } = replica;
  if (role.name === 'leader') leaveJointIfDue(replica, role);
}
