/** What one group sends and receives over all links of this host: counted here, because a link may be shared by groups. */
import type { Clock } from '../group/clock.ts';
import { Histogram, type HistogramReading } from '../group/histogram.ts';
import type { MemberMetrics } from '../group/member-meter.ts';
import type { Lane } from '../transport/transport.ts';

export interface FrameCounts {
  readonly frames: number;
  readonly bytes: number;
}

export interface TrafficMetrics {
  /** Frames of this group that links have taken, by their lane. */
  readonly sent: Readonly<Record<Lane, FrameCounts>>;
  readonly received: FrameCounts;
  /** Milliseconds in which each frame was put into the wire format. */
  readonly encoding: HistogramReading;
}

/** What a group has counted since it was opened in this tab: plain data. */
export interface GroupMetrics extends MemberMetrics {
  readonly traffic: TrafficMetrics;
}

interface Counts extends FrameCounts {
  frames: number;
  bytes: number;
}

export class Traffic {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #sent: Readonly<Record<Lane, Counts>> = { control: { frames: 0, bytes: 0 }, bulk: { frames: 0, bytes: 0 } };
  readonly #received: Counts = { frames: 0, bytes: 0 };
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

  sent(bytes: number, lane: Lane): void {
    this.#sent[lane].frames++;
    this.#sent[lane].bytes += bytes;
  }

  received(bytes: number): void {
    this.#received.frames++;
    this.#received.bytes += bytes;
  }

  read(): TrafficMetrics {
    const { control, bulk } = this.#sent;
    return {
      sent: { control: { ...control }, bulk: { ...bulk } },
      received: { ...this.#received },
      encoding: this.#encoding.read(),
    };
  }
}
