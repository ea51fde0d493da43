/**
 * Brings messages to the end of a path: late, twice, again, out of order, or in pieces, as its faults have it. What a message
 * meets on its way is drawn when it is sent; whether it arrives is seen when it is there.
 */
import type { Random } from '../core/random.ts';
import type { GroupId } from '../ids.ts';
import { decodeFrame, encodeFrame } from '../transport/codec.ts';
import { fragments, maxMessageBytes, Reassembler } from '../transport/framing.ts';
import type { MemberMessage } from '../transport/messages.ts';
import type { Lane } from '../transport/transport.ts';
import { between, happens } from './chances.ts';
import type { EventQueue } from './event-queue.ts';
import { messageBytes } from './message-bytes.ts';
import { arrives, type Path, type PathFaults } from './path.ts';

export interface CarrierInit {
  readonly queue: EventQueue;
  readonly random: Random;
  /** Messages travel as bytes in fragments, as on a real channel. */
  readonly asBytes: boolean;
  /** The connection of a path has carried what makes no sense. */
  readonly broken: (path: Path) => void;
}

const group = 'simulated-group-000000' as GroupId;

const replayMs = 120_000;
/** Milliseconds after which a message is late. */
export const lateMs = 1_000;

export class Carrier {
  readonly #init: CarrierInit;
  /** Messages that have arrived. */
  delivered = 0;
  /** Those that have arrived after more than `lateMs`, be it again. */
  late = 0;

  constructor(init: CarrierInit) {
    this.#init = init;
  }

  carry(path: Path, lane: Lane, message: MemberMessage): void {
    if (this.#init.asBytes) {
      this.#carryBytes(path, lane, message);
    } else {
      this.#carry(path, lane, messageBytes(message), () => {
        this.#arrived(path, () => message);
      });
    }
  }

  #carry(path: Path, lane: Lane, bytes: number, deliver: () => void): void {
    const { faults, load } = path;
    const delay = this.#arrival(path, lane) - this.#init.queue.now;
    load[lane] += bytes;
    this.#later(delay, () => {
      load[lane] -= bytes;
      deliver();
    });
    if (happens(this.#init.random, faults.duplication)) this.#later(delay + this.#delay(faults), deliver);
    if (happens(this.#init.random, faults.replay)) this.#later(this.#init.random.below(replayMs), deliver);
  }

  #later(delay: number, deliver: () => void): void {
    if (delay <= lateMs) {
      this.#init.queue.after(delay, deliver);
      return;
    }
    this.#init.queue.after(delay, () => {
      this.late++;
      deliver();
    });
  }

  /** What happens to a fragment on a reliable channel is that the channel ends: fragments are only delayed. */
  #carryBytes(path: Path, lane: Lane, message: MemberMessage): void {
    const frame = encodeFrame(group, message);
    if (frame.byteLength < maxMessageBytes) {
      this.#carry(path, lane, frame.byteLength, () => {
        this.#arrived(path, () => messageOf(frame));
      });
      return;
    }
    const { load } = path;
    for (const piece of fragments(frame, lane)) {
      const arrival = this.#arrival(path, 'bulk', true);
      load.bulk += piece.byteLength;
      this.#later(arrival - this.#init.queue.now, () => {
        load.bulk -= piece.byteLength;
        if (!arrives(path)) {
          path.reassembler = new Reassembler();
          return;
        }
        const whole = take(path.reassembler, piece);
        if (whole === 'broken') {
          this.#init.broken(path);
        } else if (whole !== null) {
          this.#arrived(path, () => messageOf(whole));
        }
      });
    }
  }

  #arrived(path: Path, message: () => MemberMessage): void {
    if (!arrives(path)) return;
    this.delivered++;
    path.to.received(message());
  }

  #arrival(path: Path, lane: Lane, inOrder = false): number {
    const at = this.#init.queue.now + this.#delay(path.faults);
    if (path.faults.reorders && !inOrder) return at;
    path.lastArrival[lane] = Math.max(path.lastArrival[lane], at);
    return path.lastArrival[lane];
  }

  /** Uniform, and now and then doubled again and again: whole milliseconds, the same on every engine. */
  #delay({ minDelay, maxDelay, heavyTail }: PathFaults): number {
    let delay = between(this.#init.random, { min: minDelay, max: maxDelay });
    while (delay < 10_000 && happens(this.#init.random, heavyTail)) delay = 2 * delay + 1;
    return delay;
  }
}

function messageOf(frame: Uint8Array): MemberMessage {
  return decodeFrame(frame).message as MemberMessage;
}

function take(reassembler: Reassembler, piece: Uint8Array): Uint8Array | null | 'broken' {
  try {
    return reassembler.take(piece);
  } catch {
    return 'broken';
  }
}
