/**
 * The core's messages on their way to the other members, each on its lane. What the next message says as well is not sent.
 */
import type { Raft } from '../core/raft.ts';
import type { AppendEntries, AppendEntriesResponse, BulkMessage, Message, NodeId } from '../core/types.ts';
import type { Transport } from '../transport/transport.ts';

export interface SendingInit {
  readonly raft: Pick<Raft, 'role' | 'term' | 'reportUnsent'>;
  readonly transport: Transport;
  /** Does something in an event of its own; see `Clock`. */
  readonly later: (action: () => void) => void;
  /** Whether somebody at that member waits for what it says, as far as we know. Asked once, before it is sent. */
  readonly isAwaited: (news: AppendEntries) => boolean;
}

export class Sending {
  readonly #init: SendingInit;
  /**
   * News of the commit index that nobody waits for. Whoever hears here that a command is done often has the next one at
   * once: then the append that brings it tells the others, too, and half of all messages are never sent.
   */
  readonly #news = new Map<NodeId, AppendEntries>();
  #willTell = false;

  constructor(init: SendingInit) {
    this.#init = init;
  }

  /**
   * Sends messages in order. Once the transport has no room for an append, or a part of a snapshot, those after it for the
   * same member stay here as well: the core is told, and begins again where that member answers.
   */
  send(messages: readonly Message[]): void {
    const full: NodeId[] = [];
    messages.forEach((message, i) => {
      if (!isBulk(message)) {
        // Several writes may become durable at once: the last acknowledgement says what those before it do.
        if (!repeats(messages[i + 1], message)) this.#init.transport.send(message.to, message, 'control');
      } else if (!full.includes(message.to) && !this.#holdsBack(message) && !this.#pass(message)) {
        full.push(message.to);
      }
    });
    // Only now: it costs about a third of a message, for which somebody may be waiting.
    this.#tellLater();
  }

  /**
   * Keeps news that nobody waits for, in place of what was kept for that member, until an append makes it needless or its turn
   * has come. False for what is to be sent now.
   */
  #holdsBack(message: BulkMessage): boolean {
    if (message.kind !== 'AppendEntries') return false;
    this.#news.delete(message.to);
    if (message.needsNoAnswer !== true || this.#init.isAwaited(message)) return false;
    this.#news.set(message.to, message);
    return true;
  }

  #tellLater(): void {
    if (this.#news.size === 0 || this.#willTell) return;
    this.#willTell = true;
    this.#init.later(() => {
      this.#willTell = false;
      const { role, term } = this.#init.raft;
      for (const news of this.#news.values()) {
        if (role === 'leader' && news.term === term) this.#pass(news);
      }
      this.#news.clear();
    });
  }

  #pass(message: BulkMessage): boolean {
    const isSent = this.#init.transport.send(message.to, message, 'bulk');
    if (!isSent) this.#init.raft.reportUnsent(message);
    return isSent;
  }
}

/**
 * All appends go on one lane: one that overtakes another is refused by the follower, and all is sent again. Snapshots go
 * there as well, so that no heartbeat waits behind them.
 */
function isBulk(message: Message): message is BulkMessage {
  return message.kind === 'AppendEntries' || message.kind === 'InstallSnapshot';
}

/** Whether `next` says all that an acknowledgement before it does. */
function repeats(next: Message | undefined, message: Message): boolean {
  if (next === undefined || !isAcknowledgement(next) || !isAcknowledgement(message)) return false;
  return next.to === message.to && next.term === message.term && next.index >= message.index;
}

function isAcknowledgement(message: Message): message is AppendEntriesResponse {
  return message.kind === 'AppendEntriesResponse' && message.conflict === null;
}
