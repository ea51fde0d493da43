/** Two ends of a link within one process. A frame that is sent is delivered once the present event is dealt with. */
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
  noBinding,
} from './link.ts';

/** Runs something later, in the order in which it was given. */
export type Defer = (run: () => void) => void;

export class MemoryLink implements Link {
  readonly binding: ChannelBinding = noBinding;
  readonly #listener: LinkListener;
  readonly #defer: Defer;
  readonly #counter = new LinkCounter();
  readonly #waiting: Record<Lane, number> = { control: 0, bulk: 0 };
  #far: MemoryLink | null = null;
  #state: 'open' | 'closed' = 'open';

  private constructor(listener: LinkListener, defer: Defer) {
    this.#listener = listener;
    this.#defer = defer;
  }

  static pair(one: LinkListener, other: LinkListener, defer: Defer = queueMicrotask): [MemoryLink, MemoryLink] {
    const ends: [MemoryLink, MemoryLink] = [new MemoryLink(one, defer), new MemoryLink(other, defer)];
    ends[0].#far = ends[1];
    ends[1].#far = ends[0];
    return ends;
  }

  get state(): 'open' | 'closed' {
    return this.#state;
  }

  bufferedBytes(lane: Lane): number {
    return this.#waiting[lane];
  }

  send(frame: Uint8Array, lane: Lane): boolean {
    return this.#counter.sent(frame, this.#send(frame, lane));
  }

  #send(frame: Uint8Array, lane: Lane): boolean {
    const far = this.#far;
    if (this.#state === 'closed' || far === null) return false;
    if (frame.byteLength > maxFrameBytes || this.#waiting[lane] >= highWaterBytes[lane]) return false;
    const copy = frame.slice();
    this.#waiting[lane] += copy.byteLength;
    this.#defer(() => {
      this.#waiting[lane] -= copy.byteLength;
      far.#receive(copy, lane);
    });
    return true;
  }

  #receive(frame: Uint8Array, lane: Lane): void {
    if (this.#state === 'closed') return;
    this.#counter.received(frame);
    this.#listener.received(frame, lane);
  }

  close(end: LinkEnd = closedHere): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#defer(() => {
      this.#listener.closed(end);
    });
    const far = this.#far;
    // After what is on its way: the other end hears of it in that order.
    this.#defer(() => {
      far?.close({ reason: 'closed-by-peer', detail: 'the other end closed the link' });
    });
  }

  statistics(): LinkStatistics {
    return this.#counter.read();
  }

  path(): Promise<LinkPath> {
    return Promise.resolve({ kind: 'memory', local: null, remote: null, rttMs: null });
  }
}
