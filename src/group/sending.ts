/** The core's messages on their way to the other members. */
import type { Raft } from '../core/raft.ts';
import type { BulkMessage, Message, NodeId } from '../core/types.ts';
import type { Transport } from '../transport/transport.ts';

/**
 * Sends messages in order, each on its lane. Once the transport has no room for an append, or a part of a snapshot, those
 * after it for the same member stay here as well: the core is told, and begins again where that member answers.
 */
export function sendMessages(raft: Raft, transport: Transport, messages: readonly Message[]): void {
  const full: NodeId[] = [];
  for (const message of messages) {
    if (!isBulk(message)) {
      transport.send(message.to, message, 'control');
    } else if (!full.includes(message.to) && !transport.send(message.to, message, 'bulk')) {
      full.push(message.to);
      raft.reportUnsent(message);
    }
  }
}

/**
 * All appends go on one lane: one that overtakes another is refused by the follower, and all is sent again. Snapshots go
 * there as well, so that no heartbeat waits behind them.
 */
function isBulk(message: Message): message is BulkMessage {
  return message.kind === 'AppendEntries' || message.kind === 'InstallSnapshot';
}
