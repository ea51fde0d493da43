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
  type LinkEnd,
  type LinkListener,
  type LinkPath,
  maxFrameBytes,
  noBinding,
} from './link.ts';
import { LinkEndpoint } from './link-endpoint.ts';

type Content =
  | { readonly kind: 'frame'; readonly lane: Lane; readonly frame: Uint8Array }
  | { readonly kind: 'taken'; readonly lane: Lane; readonly bytes: number }
  | { readonly kind: 'bye' };

type Parcel = Content & {
  readonly to: string;
  /** The end that sends it holds its lock: whoever asks for it from now on waits until it is gone. */
  readonly isHeld: boolean;
};

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

export class BroadcastLink extends LinkEndpoint {
  override readonly binding: ChannelBinding = noBinding;
  readonly #init: BroadcastLinkInit;
  readonly #channel: BroadcastChannel;
  readonly #waiting: Record<Lane, number> = { control: 0, bulk: 0 };
  readonly #letGo = new AbortController();
  #release: () => void = () => undefined;
  #isHeld = false;
  #isWatching = false;

  constructor(init: BroadcastLinkInit, listener: LinkListener) {
    super(listener);
    this.#init = init;
    this.#channel = new BroadcastChannel(channelOf(init.name));
    this.#channel.onmessage = ({ data }: { readonly data: unknown }) => {
      this.#take(data);
    };
    if (init.locks) this.#holdLock(init.locks);
  }

  #holdLock(locks: LockManager): void {
    const { here } = this.#init;
    void locks.request(`${channelOf(this.#init.name)}.${here}`, () => {
      if (this.state === 'closed') return undefined;
      this.#isHeld = true;
      this.#acknowledge('control', 0);
      return new Promise<void>((resolve) => (this.#release = resolve));
    });
  }

  #acknowledge(lane: Lane, bytes: number): void {
    this.#post({ kind: 'taken', lane, bytes });
  }

  /** Gets the other end's lock when its tab is gone, however it went. */
  #awaitEnd(): void {
    const { locks, there } = this.#init;
    this.#isWatching = true;
    const { signal } = this.#letGo;
    locks
      ?.request(`${channelOf(this.#init.name)}.${there}`, { signal }, () => {
        this.close({ reason: 'closed-by-peer', detail: 'the tab at the other end is gone' });
      })
      .catch(() => undefined);
  }

  override bufferedBytes(lane: Lane): number {
    return this.#waiting[lane];
  }

  protected override hasRoom(lane: Lane): boolean {
    return this.#waiting[lane] < highWaterBytes[lane];
  }

  protected override pass(frame: Uint8Array, lane: Lane): void {
    this.#waiting[lane] += frame.byteLength;
    this.#post({ kind: 'frame', lane, frame });
  }

  #post(content: Content): void {
    if (this.state !== 'open') return;
    const parcel: Parcel = { to: this.#init.there, isHeld: this.#isHeld, ...content };
    this.#channel.postMessage(parcel);
  }

  #take(data: unknown): void {
    if (this.state === 'closed') return;
    const parcel = readParcel(data);
    if (parcel === null) {
      this.close({ reason: 'broken', detail: 'a message that no link sends' });
      return;
    }
    if (parcel.to !== this.#init.here) return;
    if (parcel.isHeld && !this.#isWatching) this.#awaitEnd();
    switch (parcel.kind) {
      case 'bye':
        this.close({ reason: 'closed-by-peer', detail: 'the other end closed the link' });
        break;
      case 'taken':
        this.#waiting[parcel.lane] = Math.max(0, this.#waiting[parcel.lane] - parcel.bytes);
        break;
      case 'frame':
        this.#acknowledge(parcel.lane, parcel.frame.byteLength);
        this.receive(parcel.frame, parcel.lane);
        break;
    }
  }

  override close(end: LinkEnd = closedHere): void {
    // Who has gone already does not listen to it.
    this.#post({ kind: 'bye' });
    super.close(end);
  }

  protected override release(): void {
    this.#channel.close();
    this.#letGo.abort();
    this.#release();
  }

  override path(): Promise<LinkPath> {
    return Promise.resolve({ kind: 'broadcast-channel', local: null, remote: null, rttMs: null });
  }
}

/** Any script of the origin may write to the channel. */
function readParcel(data: unknown): Parcel | null {
  if (typeof data !== 'object' || data === null) return null;
  const { to, kind, lane, frame, bytes, isHeld: held } = data as Readonly<Record<string, unknown>>;
  const isHeld = held === true;
  if (typeof to !== 'string') return null;
  if (kind === 'bye') return { to, isHeld, kind };
  if (lane !== 'control' && lane !== 'bulk') return null;
  if (kind === 'frame' && frame instanceof Uint8Array && frame.byteLength <= maxFrameBytes) {
    return { to, isHeld, kind, lane, frame };
  }
  if (kind === 'taken' && typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) {
    return { to, isHeld, kind, lane, bytes };
  }
  return null;
}
