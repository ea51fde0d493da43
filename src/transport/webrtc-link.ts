/**
 * A link over one WebRTC connection, with a data channel for each lane, so that control frames pass those that wait. Frames
 * are cut to what every browser carries. Control goes straight to its channel, bulk waits in a queue of ours.
 */
import { BulkQueue } from './bulk-queue.ts';
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
import { type LaneChannel, Outlet } from './outlet.ts';
import type { Timers } from './timers.ts';
import { readBinding, readPath } from './webrtc-facts.ts';

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
  readonly #control: Outlet;
  readonly #bulk: BulkQueue;
  #state: 'open' | 'closed' = 'open';

  /** @param init a connection whose channels are open */
  constructor(init: WebRtcLinkInit, listener: LinkListener) {
    this.#init = init;
    this.#listener = listener;
    this.binding = readBinding(init.connection);
    const { channels, timers } = init;
    this.#control = new Outlet(channels.control);
    this.#bulk = new BulkQueue(new Outlet(channels.bulk), timers, (error) => {
      this.#refused('bulk', error);
    });
  }

  get state(): 'open' | 'closed' {
    return this.#state;
  }

  bufferedBytes(lane: Lane): number {
    return (lane === 'bulk' ? this.#bulk : this.#control).bufferedBytes;
  }

  send(frame: Uint8Array, lane: Lane): boolean {
    return this.#counter.sent(frame, this.#send(frame, lane));
  }

  #send(frame: Uint8Array, lane: Lane): boolean {
    if (this.#state === 'closed' || frame.byteLength > maxFrameBytes) return false;
    return lane === 'bulk' ? this.#sendBulk(frame) : this.#sendControl(frame);
  }

  #sendControl(frame: Uint8Array): boolean {
    if (!this.#control.holdsLessThan(highWaterBytes.control)) return false;
    try {
      for (const message of fragments(frame, 'control')) this.#control.send(message);
    } catch (error) {
      this.#refused('control', error);
    }
    return this.#isOpen();
  }

  #sendBulk(frame: Uint8Array): boolean {
    if (this.#bulk.atMostBytes >= highWaterBytes.bulk) return false;
    for (const message of fragments(frame, 'bulk')) this.#bulk.push(message);
    this.#bulk.feed();
    return this.#isOpen();
  }

  /** The bulk channel has room. */
  drained(): void {
    this.#bulk.feed();
  }

  /** A channel took no message, possibly in the middle of a frame: nothing more can be sent. */
  #refused(lane: Lane, error: unknown): void {
    this.close({ reason: 'failed', detail: `the ${lane} channel took no message: ${String(error)}` });
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
    this.#bulk.close();
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
