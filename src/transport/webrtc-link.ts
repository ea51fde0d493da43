/**
 * A link over one WebRTC data channel, through simple-peer. Frames are cut to what every browser carries. When too much
 * waits to leave, frames are refused instead of queued: some WebRTC stacks lose messages, or close, when flooded, and
 * whoever sends can try again.
 */
import type SimplePeer from 'simple-peer';
import type { HostId } from '../ids.ts';
import { fragments, Reassembler } from './framing.ts';
import { type Lane, type Link, maxFrameBytes } from './transport.ts';

/**
 * Bytes waiting to leave, beyond which a lane takes no frames. Bulk waits in a queue of ours, from which simple-peer feeds
 * the channel as it drains, so that a control frame has only the 64 KiB before it that the channel holds at a time.
 */
const highWaterBytes: Readonly<Record<Lane, number>> = { control: 1024 * 1024, bulk: 256 * 1024 };

export interface WebRtcLinkListener {
  received(frame: Uint8Array): void;
  closed(): void;
}

export class WebRtcLink implements Link {
  readonly peer: HostId;
  readonly #connection: SimplePeer.Instance;
  readonly #listener: WebRtcLinkListener;
  readonly #reassembler = new Reassembler();
  #queuedBytes = 0;
  #isOpen = true;

  /** @param connection one that is connected, with nobody listening to its data yet */
  constructor(peer: HostId, connection: SimplePeer.Instance, listener: WebRtcLinkListener) {
    this.peer = peer;
    this.#connection = connection;
    this.#listener = listener;
    connection.on('data', (message: unknown) => {
      this.#receive(message);
    });
    connection.on('close', () => {
      this.close();
    });
  }

  get bufferedBytes(): number {
    return this.#connection.bufferSize + this.#queuedBytes;
  }

  send(frame: Uint8Array, lane: Lane): boolean {
    if (!this.#isOpen || !this.#connection.connected) return false;
    const waiting = lane === 'control' ? this.#connection.bufferSize : this.bufferedBytes;
    if (frame.byteLength > maxFrameBytes || waiting >= highWaterBytes[lane]) return false;
    try {
      for (const message of fragments(frame, lane)) {
        if (lane === 'control') this.#connection.send(message);
        else this.#enqueue(message);
      }
      return true;
    } catch {
      // The channel closed under us, possibly in the middle of a frame: nothing more can be sent on it.
      this.close();
      return false;
    }
  }

  #enqueue(message: Uint8Array): void {
    this.#queuedBytes += message.byteLength;
    this.#connection.write(message, () => {
      this.#queuedBytes -= message.byteLength;
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#connection.destroy();
    this.#listener.closed();
  }

  #receive(message: unknown): void {
    if (!this.#isOpen) return;
    let frame: Uint8Array | null;
    try {
      if (!(message instanceof Uint8Array)) throw new RangeError('a message that is no bytes');
      // simple-peer gives a Buffer, which behaves otherwise in the hands of a machine: here it becomes plain bytes.
      frame = this.#reassembler.take(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
    } catch {
      // What comes after a broken frame cannot be told from its rest.
      this.close();
      return;
    }
    if (frame !== null) this.#listener.received(frame);
  }
}
