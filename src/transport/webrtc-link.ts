/**
 * A link over one WebRTC connection, with a data channel for each lane, so that control frames pass those that wait. Frames
 * are cut to what every browser carries. Control goes straight to its channel, bulk waits in a queue of ours.
 */
import { BulkQueue } from './bulk-queue.ts';
import type { Connection } from './connection.ts';
import { fragments, laneOf, Reassembler } from './framing.ts';
import {
  type ChannelBinding,
  highWaterBytes,
  type Lane,
  type LinkEnd,
  type LinkListener,
  type LinkPath,
} from './link.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import { type LaneChannel, Outlet } from './outlet.ts';
import type { Timers } from './timers.ts';
import { readBinding, readPath } from './webrtc-facts.ts';

export interface WebRtcLinkInit {
  readonly connection: Connection;
  readonly channels: Readonly<Record<Lane, LaneChannel>>;
  readonly timers: Timers;
}

/** What the other end has to answer that it has heard of the end. */
const farewellMs = 2000;

export class WebRtcLink extends LinkEndpoint {
  override readonly binding: ChannelBinding;
  readonly #init: WebRtcLinkInit;
  readonly #reassembler = new Reassembler();
  readonly #control: Outlet;
  readonly #bulk: BulkQueue;

  /** @param init a connection whose channels are open */
  constructor(init: WebRtcLinkInit, listener: LinkListener) {
    super(listener);
    this.#init = init;
    this.binding = readBinding(init.connection.peerConnection);
    const { channels, timers } = init;
    this.#control = new Outlet(channels.control);
    this.#bulk = new BulkQueue(new Outlet(channels.bulk), timers, (error) => {
      this.#refused('bulk', error);
    });
  }

  override bufferedBytes(lane: Lane): number {
    return (lane === 'bulk' ? this.#bulk : this.#control).bufferedBytes;
  }

  protected override hasRoom(lane: Lane): boolean {
    const most = highWaterBytes[lane];
    return lane === 'bulk' ? this.#bulk.atMostBytes < most : this.#control.holdsLessThan(most);
  }

  protected override pass(frame: Uint8Array, lane: Lane): void {
    if (lane === 'bulk') {
      for (const message of fragments(frame, lane)) this.#bulk.push(message);
      this.#bulk.feed();
      return;
    }
    try {
      for (const message of fragments(frame, lane)) this.#control.send(message);
    } catch (error) {
      this.#refused(lane, error);
    }
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
    if (this.state === 'closed') return;
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
    if (frame !== null) this.receive(frame, laneOf(bytes));
  }

  protected override release({ reason }: LinkEnd): void {
    this.#bulk.close();
    const { connection, timers } = this.#init;
    // What waits for an end that stands still, or was sent by us before we did, is stale: none of it is to arrive any more.
    if (reason === 'silent' || reason === 'asleep') {
      connection.destroy();
      return;
    }
    // Cut at once, in the middle of a stream, the last word may be lost, and the other end would wait for it for 15 s.
    const stopWaiting = timers.after(farewellMs, () => {
      connection.destroy();
    });
    connection.hangUp(stopWaiting);
  }

  override path(): Promise<LinkPath> {
    return readPath(this.#init.connection.peerConnection);
  }
}

/** @throws RangeError for anything else than bytes */
function plainBytes(message: unknown): Uint8Array {
  if (message instanceof ArrayBuffer) return new Uint8Array(message);
  // simple-peer gives a Buffer, which behaves otherwise in the hands of a machine.
  if (ArrayBuffer.isView(message)) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  throw new RangeError('a message that is no bytes');
}
