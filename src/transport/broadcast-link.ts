/**
 * A link between two tabs of one browser, over a BroadcastChannel of its own: no server and no WebRTC. The channel has no
 * limits and tells nothing of its other end, so the ends acknowledge what they have taken, which bounds what is on its way,
 * and hold a lock each, which the browser gives to the other end when the tab is gone.
 */
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

type Parcel =
  | { readonly to: string; readonly kind: 'frame'; readonly lane: Lane; readonly frame: Uint8Array }
  | {
      readonly to: string;
      readonly kind: 'taken';
      readonly lane: Lane;
      readonly bytes: number;
      /** The end that says so holds its lock: whoever asks for it from now on waits until it is gone. */
      readonly isHeld: boolean;
    }
  | { readonly to: string; readonly kind: 'bye' };

export interface BroadcastLinkInit {
  /** Names the link; the same at both ends, and at no other link. */
  readonly name: string;
  /** Name the ends: two different texts. */
  readonly here: string;
  readonly there: string;
  /** Watches over the tab at the other end; left out where there are no locks. */
  readonly locks?: LockManager;
}

const channelOf = (name: string): string => `flotilla.link.${name}`;

export class BroadcastLink implements Link {
  readonly binding: ChannelBinding = noBinding;
  readonly #init: BroadcastLinkInit;
  readonly #listener: LinkListener;
  readonly #channel: BroadcastChannel;
  readonly #counter = new LinkCounter();
  readonly #waiting: Record<Lane, number> = { control: 0, bulk: 0 };
  readonly #letGo = new AbortController();
  #release: () => void = () => undefined;
  #isHeld = false;
  #isWatching = false;
  #state: 'open' | 'closed' = 'open';

  constructor(init: BroadcastLinkInit, listener: LinkListener) {
    this.#init = init;
    this.#listener = listener;
    this.#channel = new BroadcastChannel(channelOf(init.name));
    this.#channel.onmessage = ({ data }: { readonly data: unknown }) => {
      this.#take(data);
    };
    if (init.locks) this.#holdLock(init.locks);
  }

  #holdLock(locks: LockManager): void {
    const { here } = this.#init;
    void locks.request(`${channelOf(this.#init.name)}.${here}`, () => {
      if (this.#state === 'closed') return undefined;
      this.#isHeld = true;
      this.#acknowledge('control', 0);
      return new Promise<void>((resolve) => (this.#release = resolve));
    });
  }

  #acknowledge(lane: Lane, bytes: number): void {
    this.#post({ to: this.#init.there, kind: 'taken', lane, bytes, isHeld: this.#isHeld });
  }

  /** Gets the other end's lock when its tab is gone, however it went. */
  #awaitEnd(): void {
    const { locks, there } = this.#init;
    this.#isWatching = true;
    const { signal } = this.#letGo;
    locks
      ?.request(`${channelOf(this.#init.name)}.${there}`, { signal }, () => {
        this.#end({ reason: 'closed-by-peer', detail: 'the tab at the other end is gone' });
      })
      .catch(() => undefined);
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
    if (this.#state === 'closed' || frame.byteLength > maxFrameBytes) return false;
    if (this.#waiting[lane] >= highWaterBytes[lane]) return false;
    this.#waiting[lane] += frame.byteLength;
    this.#post({ to: this.#init.there, kind: 'frame', lane, frame });
    return true;
  }

  #post(parcel: Parcel): void {
    if (this.#state === 'open') this.#channel.postMessage(parcel);
  }

  #take(data: unknown): void {
    if (this.#state === 'closed') return;
    const parcel = readParcel(data);
    if (parcel === null) {
      this.close({ reason: 'broken', detail: 'a message that no link sends' });
      return;
    }
    if (parcel.to !== this.#init.here) return;
    switch (parcel.kind) {
      case 'bye':
        this.#end({ reason: 'closed-by-peer', detail: 'the other end closed the link' });
        break;
      case 'taken':
        this.#waiting[parcel.lane] = Math.max(0, this.#waiting[parcel.lane] - parcel.bytes);
        if (parcel.isHeld && !this.#isWatching) this.#awaitEnd();
        break;
      case 'frame':
        this.#acknowledge(parcel.lane, parcel.frame.byteLength);
        this.#counter.received(parcel.frame);
        this.#listener.received(parcel.frame, parcel.lane);
        break;
    }
  }

  close(end: LinkEnd = closedHere): void {
    if (this.#state === 'closed') return;
    this.#post({ to: this.#init.there, kind: 'bye' });
    this.#end(end);
  }

  #end(end: LinkEnd): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#channel.close();
    this.#letGo.abort();
    this.#release();
    this.#listener.closed(end);
  }

  statistics(): LinkStatistics {
    return this.#counter.read();
  }

  path(): Promise<LinkPath> {
    return Promise.resolve({ kind: 'broadcast-channel', local: null, remote: null, rttMs: null });
  }
}

/** Any script of the origin may write to the channel. */
function readParcel(data: unknown): Parcel | null {
  if (typeof data !== 'object' || data === null) return null;
  const { to, kind, lane, frame, bytes, isHeld } = data as Readonly<Record<string, unknown>>;
  if (typeof to !== 'string') return null;
  if (kind === 'bye') return { to, kind };
  if (lane !== 'control' && lane !== 'bulk') return null;
  if (kind === 'frame' && frame instanceof Uint8Array && frame.byteLength <= maxFrameBytes) {
    return { to, kind, lane, frame };
  }
  if (kind === 'taken' && typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) {
    return { to, kind, lane, bytes, isHeld: isHeld === true };
  }
  return null;
}
