/**
 * A link over one WebRTC connection, with a data channel for each lane, so that control frames pass those that wait. Frames
 * are cut to what every browser carries. Bulk waits in a queue of ours, from which its channel is fed as it drains: some
 * WebRTC stacks lose messages, or close, when flooded.
 */
import { fragments, laneOf, Reassembler } from './framing.ts';
import {
  type ChannelBinding,
  closedHere,
  highWaterBytes,
  type Lane,
  type Link,
  LinkCounter,
  type LinkEnd,
  type LinkListener,
  type LinkPath,
  type LinkStatistics,
  maxFrameBytes,
} from './link.ts';
import type { Timers } from './timers.ts';
import { readBinding, readPath } from './webrtc-facts.ts';

/** What a link needs of a data channel. */
export interface LaneChannel {
  /** Bytes that the channel has taken and that have not left. */
  readonly bufferedBytes: number;
  /** @throws Error when the channel is not open, or cannot hold the message */
  send(message: Uint8Array<ArrayBuffer>): void;
}

/** What a channel holds at a time: enough to keep it busy, and little to lose or to wait for. */
export const channelBytes: number = 64 * 1024;

/** The channel asks for more when it holds no more than this. */
export const channelLowBytes: number = 32 * 1024;

/** Not every stack tells each time that a channel has drained: while bulk waits, we look ourselves. */
const drainCheckMs = 20;

export interface WebRtcLinkInit {
  readonly connection: RTCPeerConnection;
  readonly channels: Readonly<Record<Lane, LaneChannel>>;
  readonly destroy: () => void;
  readonly timers: Timers;
}

export class WebRtcLink implements Link {
  readonly binding: ChannelBinding;
  readonly #init: WebRtcLinkInit;
  readonly #listener: LinkListener;
  readonly #counter = new LinkCounter();
  readonly #reassembler = new Reassembler();
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queuedBytes = 0;
  #stopChecking: () => void = () => undefined;
  #state: 'open' | 'closed' = 'open';

  /** @param init a connection whose channels are open */
  constructor(init: WebRtcLinkInit, listener: LinkListener) {
    this.#init = init;
    this.#listener = listener;
    this.binding = readBinding(init.connection);
  }

  get state(): 'open' | 'closed' {
    return this.#state;
  }

  bufferedBytes(lane: Lane): number {
    const { bufferedBytes } = this.#init.channels[lane];
    return lane === 'bulk' ? bufferedBytes + this.#queuedBytes : bufferedBytes;
  }

  send(frame: Uint8Array, lane: Lane): boolean {
    return this.#counter.sent(frame, this.#send(frame, lane));
  }

  #send(frame: Uint8Array, lane: Lane): boolean {
    if (this.#state === 'closed' || frame.byteLength > maxFrameBytes) return false;
    if (this.bufferedBytes(lane) >= highWaterBytes[lane]) return false;
    for (const message of fragments(frame, lane)) {
      if (lane === 'bulk') this.#enqueue(message);
      else if (!this.#pass(message, lane)) return false;
    }
    if (lane === 'bulk') this.drained();
    return this.#isOpen();
  }

  #enqueue(message: Uint8Array<ArrayBuffer>): void {
    this.#queue.push(message);
    this.#queuedBytes += message.byteLength;
  }

  /** The bulk channel has room. */
  drained(): void {
    const { bulk } = this.#init.channels;
    let next = 0;
    while (this.#state === 'open' && bulk.bufferedBytes < channelBytes) {
      const message = this.#queue[next];
      if (message === undefined) break;
      next++;
      this.#queuedBytes -= message.byteLength;
      this.#pass(message, 'bulk');
    }
    if (next > 0) this.#queue.splice(0, next);
    this.#stopChecking();
    if (this.#queue.length === 0) return;
    this.#stopChecking = this.#init.timers.after(drainCheckMs, () => {
      this.drained();
    });
  }

  #pass(message: Uint8Array<ArrayBuffer>, lane: Lane): boolean {
    try {
      this.#init.channels[lane].send(message);
      return true;
    } catch (error) {
      // Possibly in the middle of a frame: nothing more can be sent.
      this.close({ reason: 'failed', detail: `the ${lane} channel took no message: ${String(error)}` });
      return false;
    }
  }

  /** A message came out of either channel. */
  take(message: unknown): void {
    if (this.#state === 'closed') return;
    let bytes: Uint8Array;
    let frame: Uint8Array | null;
    try {
      bytes = plainBytes(message);
      frame = this.#reassembler.take(bytes);
    } catch (error) {
      // What comes after a broken frame cannot be told from its rest.
      this.close({ reason: 'broken', detail: error instanceof Error ? error.message : String(error) });
      return;
    }
    if (frame === null) return;
    this.#counter.received(frame);
    this.#listener.received(frame, laneOf(bytes));
  }

  close(end: LinkEnd = closedHere): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#stopChecking();
    this.#init.destroy();
    this.#listener.closed(end);
  }

  /** Asked again after calls out, which may have closed the link. */
  #isOpen(): boolean {
    return this.#state === 'open';
  }

  statistics(): LinkStatistics {
    return this.#counter.read();
  }

  path(): Promise<LinkPath> {
    return readPath(this.#init.connection);
  }
}

/** @throws RangeError for anything else than bytes */
function plainBytes(message: unknown): Uint8Array {
  if (message instanceof ArrayBuffer) return new Uint8Array(message);
  // simple-peer gives a Buffer, which behaves otherwise in the hands of a machine.
  if (ArrayBuffer.isView(message)) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  throw new RangeError('a message that is no bytes');
}
