/** What one group sends and receives over all links of this host: counted here, because a link may be shared by groups. */
import type { Clock } from '../group/clock.ts';
import { Histogram, type HistogramReading } from '../group/histogram.ts';
import type { MemberMetrics } from '../group/member-meter.ts';
import type { Lane } from '../transport/transport.ts';

export interface FrameCounts {
  readonly frames: number;
  readonly bytes: number;
}

export type LaneCounts = Readonly<Record<Lane, FrameCounts>>;

export interface TrafficMetrics {
  /** Frames of this group that links have taken, by their lane. */
  readonly sent: LaneCounts;
  /** Frames that came for this group, by their lane. */
  readonly received: LaneCounts;
  /** Milliseconds in which each frame was put into the wire format. */
  readonly encoding: HistogramReading;
}

/** What a group has counted since it was opened in this tab: plain data. */
export interface GroupMetrics extends MemberMetrics {
  readonly traffic: TrafficMetrics;
}

/** What is counted of a frame. */
export interface FrameSize {
  readonly bytes: number;
  readonly lane: Lane;
}

interface Counts extends FrameCounts {
  frames: number;
  bytes: number;
}

type Counting = Readonly<Record<Lane, Counts>>;

const noFrames = (): Counting => ({ control: { frames: 0, bytes: 0 }, bulk: { frames: 0, bytes: 0 } });

export class Traffic {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #sent = noFrames();
  readonly #received = noFrames();
  readonly #encoding = new Histogram();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Encodes a frame, and counts how long that takes. */
  encoded(encode: () => Uint8Array): Uint8Array {
    const begun = this.#clock.now();
    const frame = encode();
    this.#encoding.observe(this.#clock.now() - begun);
    return frame;
  }

  sent(frame: FrameSize): void {
    count(this.#sent, frame);
  }

  received(frame: FrameSize): void {
    count(this.#received, frame);
  }

  read(): TrafficMetrics {
    return { sent: copied(this.#sent), received: copied(this.#received), encoding: this.#encoding.read() };
  }
}

function count(counts: Counting, { bytes, lane }: FrameSize): void {
  counts[lane].frames++;
  counts[lane].bytes += bytes;
}

const copied = ({ control, bulk }: LaneCounts): LaneCounts => ({ control: { ...control }, bulk: { ...bulk } });
