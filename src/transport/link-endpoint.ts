/**
 * What every end of a link is, whatever carries the frames: open or closed, with a listener that is told of its end once,
 * and counts of what has passed. A link is made of it and of three things: how frames leave, whether a lane has room for
 * one more, and what is to be let go at the end.
 */
import {
  type ChannelBinding,
  closedHere,
  type Lane,
  type Link,
  type LinkEnd,
  type LinkListener,
  type LinkPath,
  type LinkStatistics,
  maxFrameBytes,
} from './link.ts';

export abstract class LinkEndpoint implements Link {
  abstract readonly binding: ChannelBinding;
  readonly #listener: LinkListener;
  readonly #counts = { framesSent: 0, framesReceived: 0, framesRefused: 0, bytesSent: 0, bytesReceived: 0 };
  #state: 'open' | 'closed' = 'open';

  constructor(listener: LinkListener) {
    this.#listener = listener;
  }

  get state(): 'open' | 'closed' {
    return this.#state;
  }

  abstract bufferedBytes(lane: Lane): number;

  abstract path(): Promise<LinkPath>;

  /** Whether a lane takes another frame. */
  protected abstract hasRoom(lane: Lane): boolean;

  /** Sends a frame that there is room for; may close the link instead. */
  protected abstract pass(frame: Uint8Array, lane: Lane): void;

  /** The link is closed, for that reason: what it holds is to be let go. */
  protected abstract release(end: LinkEnd): void;

  send(frame: Uint8Array, lane: Lane): boolean {
    const counts = this.#counts;
    if (this.#isOpen() && frame.byteLength <= maxFrameBytes && this.hasRoom(lane)) {
      this.pass(frame, lane);
      if (this.#isOpen()) {
        counts.framesSent++;
        counts.bytesSent += frame.byteLength;
        return true;
      }
    }
    counts.framesRefused++;
    return false;
  }

  /** A frame has come whole. */
  protected receive(frame: Uint8Array, lane: Lane): void {
    if (!this.#isOpen()) return;
    this.#counts.framesReceived++;
    this.#counts.bytesReceived += frame.byteLength;
    this.#listener.received(frame, lane);
  }

  close(end: LinkEnd = closedHere): void {
    if (!this.#isOpen()) return;
    this.#state = 'closed';
    this.release(end);
    this.tellEnd(() => {
      this.#listener.closed(end);
    });
  }

  /** Tells the listener, at once or, where nothing is told at once, later. */
  protected tellEnd(tell: () => void): void {
    tell();
  }

  /** Asked again after calls out, which may have closed the link. */
  #isOpen(): boolean {
    return this.#state === 'open';
  }

  statistics(): LinkStatistics {
    return { ...this.#counts };
  }
}
