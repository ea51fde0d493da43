/** Two ends of a link within one process. A frame that is sent is delivered once the present event is dealt with. */
import {
  type ChannelBinding,
  closedHere,
  highWaterBytes,
  type Lane,
  type LinkEnd,
  type LinkListener,
  type LinkPath,
  noBinding,
} from './link.ts';
import { LinkEndpoint } from './link-endpoint.ts';

/** Runs something later, in the order in which it was given. */
export type Defer = (run: () => void) => void;

export class MemoryLink extends LinkEndpoint {
  override readonly binding: ChannelBinding = noBinding;
  readonly #defer: Defer;
  readonly #waiting: Record<Lane, number> = { control: 0, bulk: 0 };
  #far: MemoryLink | null = null;

  private constructor(listener: LinkListener, defer: Defer) {
    super(listener);
    this.#defer = defer;
  }

  static pair(one: LinkListener, other: LinkListener, defer: Defer = queueMicrotask): [MemoryLink, MemoryLink] {
    const ends: [MemoryLink, MemoryLink] = [new MemoryLink(one, defer), new MemoryLink(other, defer)];
    ends[0].#far = ends[1];
    ends[1].#far = ends[0];
    return ends;
  }

  override bufferedBytes(lane: Lane): number {
    return this.#waiting[lane];
  }

  protected override hasRoom(lane: Lane): boolean {
    return this.#waiting[lane] < highWaterBytes[lane];
  }

  protected override pass(frame: Uint8Array, lane: Lane): void {
    const copy = frame.slice();
    this.#waiting[lane] += copy.byteLength;
    this.#defer(() => {
      this.#waiting[lane] -= copy.byteLength;
      this.#far?.receive(copy, lane);
    });
  }

  override close(end: LinkEnd = closedHere): void {
    const wasOpen = this.state === 'open';
    super.close(end);
    if (!wasOpen) return;
    // After what is on its way: the other end hears of it in that order.
    this.#defer(() => {
      this.#far?.close({ reason: 'closed-by-peer', detail: 'the other end closed the link' });
    });
  }

  protected override release(): void {
    // Nothing is held.
  }

  protected override tellEnd(tell: () => void): void {
    this.#defer(tell);
  }

  override path(): Promise<LinkPath> {
    return Promise.resolve({ kind: 'memory', local: null, remote: null, rttMs: null });
  }
}
