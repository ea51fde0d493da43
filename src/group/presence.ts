/**
 * What the members of a group show of themselves while they are there: small values beside the log, never in it. They are
 * sent over direct links only, to whoever is linked to us, member or about to be one, and nothing is decided by them.
 */
import type { NodeId } from '../core/types.ts';
import type { RaftError } from '../errors.ts';
import { type HostId, hostOf } from '../ids.ts';
import type { PresenceMessage } from '../transport/messages.ts';
import { PresenceBoard, type Shown } from './presence-board.ts';
import { PresenceSender, type PresenceSenderInit } from './presence-sender.ts';

/** How often we look for values that are over their time. */
const lookMs = 500;

export class MemberPresence {
  readonly #init: PresenceSenderInit;
  readonly #sender: PresenceSender;
  readonly #board: PresenceBoard;
  #changed: () => void = () => undefined;
  #stopLooking: (() => void) | null = null;
  #closed: RaftError | null = null;

  constructor(init: PresenceSenderInit) {
    this.#init = init;
    this.#sender = new PresenceSender(init);
    this.#board = new PresenceBoard(init.clock);
  }

  /** Calls back when others show something else. One callback: a later one takes its place. */
  whenChanged(changed: () => void): void {
    this.#changed = changed;
  }

  /** What the others show, in the order of their ids. */
  others(): readonly Shown[] {
    return this.#board.list();
  }

  /** Why nothing is shown any more; null while it is. */
  get closed(): RaftError | null {
    return this.#closed;
  }

  /**
   * Shows something, or with null nothing.
   * @param value MessagePack of plain data, of at most `maxPresenceBytes`
   */
  set(value: Uint8Array | null): void {
    if (this.#closed !== null) throw this.#closed;
    this.#sender.set(value);
  }

  /** There is a link, which takes what we send from now on, to whoever is or may become a member. */
  connected(peer: NodeId): void {
    if (this.#closed !== null) return;
    this.#board.connected(peer);
    this.#sender.connected(peer);
  }

  /** The link to a host is gone, and whoever is there most likely as well. */
  disconnected(host: HostId): void {
    for (const peer of this.#sender.peers) {
      if (hostOf(peer) !== host) continue;
      this.#sender.disconnected(peer);
      this.#board.disconnected(peer);
    }
  }

  /** False for what no honest member sends. */
  receive(message: PresenceMessage): boolean {
    if (message.to !== this.#init.id) return false;
    const isTaken = this.#closed !== null || this.#board.take(message);
    this.#tell();
    return isTaken;
  }

  #tell(): void {
    if (!this.#board.tellChanged()) return;
    if (this.#board.list().length === 0) {
      this.#stopLooking?.();
      this.#stopLooking = null;
    } else {
      this.#stopLooking ??= this.#init.clock.every(lookMs, () => {
        this.#board.expire();
        this.#tell();
      });
    }
    this.#changed();
  }

  /** Says that this member is gone, as far as that is possible, and forgets the others. */
  close(reason: RaftError): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#sender.close();
    this.#board.clear();
    this.#stopLooking?.();
    this.#stopLooking = null;
    this.#changed();
  }
}
