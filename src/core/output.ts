/**
 * What a replica hands out and what it hears back. The order of effects is the promise: a batch is written atomically
 * and in order, messages that depend on it are released by its completion and not before (D1 to D7).
 */
import { InvariantViolation } from './errors.ts';
import type { Replica, Write } from './replica.ts';
import { acknowledge, sendAppends } from './replication.ts';
import { step } from './step.ts';
import type { Entry, HardState, Message } from './types.ts';

/** One batch of effects. The parts are independent: none needs to wait for another. */
export interface Ready {
  /** To make durable, in order and atomically; call `persisted` with it when it is. Several may be on their way. */
  readonly write: Write | null;
  /** To send now. What depends on a write is held back, and comes in a later batch once it is durable. */
  readonly messages: readonly Message[];
  /** To apply, in order; call `applied` when done. */
  readonly committed: readonly Entry[];
}

export function hasReady(replica: Replica): boolean {
  if (replica.role.name === 'leader') sendAppends(replica, replica.role);
  return (
    replica.outbox.length > 0 ||
    replica.outboxWhenDurable.length > 0 ||
    replica.log.hasUnwritten ||
    replica.log.hasApplicable ||
    hardStateToWrite(replica) !== null
  );
}

export function takeReady(replica: Replica): Ready | null {
  if (!hasReady(replica)) return null;
  const write = takeWrite(replica);
  const messages = replica.outbox;
  replica.outbox = [];
  const committed = replica.log.takeApplicable(replica.options.maxCommittedBytes);
  return { write, messages, committed };
}

/** A commit index alone is no reason for a write, unless asked for: it is found out again after a restart. */
function hardStateToWrite(replica: Replica): HardState | null {
  const { term, vote, commit } = replica.writtenHardState;
  if (term !== replica.term || vote !== replica.vote) return replica.hardState;
  const mayWriteCommit = replica.log.hasUnwritten || replica.mustSaveCommit;
  return mayWriteCommit && commit !== replica.log.commit ? replica.hardState : null;
}

function takeWrite(replica: Replica): Write | null {
  const hardState = hardStateToWrite(replica);
  const { truncateFrom, entries } = replica.log.takeUnwritten();
  const messages = replica.outboxWhenDurable;
  const isEmpty = hardState === null && entries.length === 0;
  const hasNothingToWaitFor = messages.length === 0 || replica.pendingWrites.length === 0;
  if (isEmpty && hasNothingToWaitFor) {
    release(replica, messages);
    replica.outboxWhenDurable = [];
    return null;
  }
  replica.outboxWhenDurable = [];
  if (hardState !== null) replica.writtenHardState = hardState;
  replica.mustSaveCommit = false;
  replica.writes++;
  const write: Write = { id: replica.writes, hardState, truncateFrom, entries };
  replica.pendingWrites.push({ write, durableTo: entries.at(-1)?.index ?? 0, messages });
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
  if (replica.tracing) {
    replica.emit({ name: 'Persisted', durable: log.durable, hardState: replica.durableHardState });
  }
  if (role.name === 'leader') {
    // D3: a leader counts itself for what is durable here, and for nothing else.
    const own = role.progress.get(replica.id);
    if (own !== undefined && log.durable > own.match) acknowledge(replica, role, own, log.durable);
  }
  release(replica, pending.messages);
}
