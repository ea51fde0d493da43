/** The core's messages on their way to the other members. */
import type { Raft } from '../core/raft.ts';
import type { Message, NodeId } from '../core/types.ts';
import type { Lane, Transport } from '../transport/transport.ts';

/**
 * Sends messages in order, each on its lane. Once the transport has no room for an append, those after it for the same
 * member stay here as well: the core is told, and begins again where that member answers.
 */
export function sendMessages(raft: Raft, transport: Transport, messages: readonly Message[]): void {
  const full: NodeId[] = [];
  for (const message of messages) {
    const isAppend = message.kind === 'AppendEntries';
    if (isAppend && full.includes(message.to)) continue;
    const isSent = transport.send(message.to, message, laneOf(message));
    if (isSent || !isAppend) continue;
    full.push(message.to);
    raft.reportUnsent(message);
  }
}

/**
 * All appends go on one lane: one that overtakes another is refused by the follower, and all is sent again. Snapshots go
 * there as well, so that no heartbeat waits behind them.
 */
function laneOf(message: Message): Lane {
  return message.kind === 'AppendEntries' || message.kind === 'InstallSnapshot' ? 'bulk' : 'control';
}
