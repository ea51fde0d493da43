/** One end of a link between two tabs, for `npm run bench:tabs`: the second tab sends back what the first one measures with. */
import { BroadcastLink } from '../../src/transport/broadcast-link.ts';
import { barePeer } from '../../src/transport/bare-connection.ts';
import type { Signal } from '../../src/transport/introduction.ts';
import type { Lane, Link, LinkListener } from '../../src/transport/link.ts';
import { simplePeer } from '../../src/transport/simple-peer-connection.ts';
import { plainTimers } from '../../src/transport/timers.ts';
import { defaultStageTimeouts } from '../../src/transport/attempt.ts';
import { WebRtcAttempt } from '../../src/transport/webrtc-attempt.ts';

export type TabLinkKind = 'broadcast' | 'simple-peer' | 'bare';

/** Browsers round the time to a tenth of a millisecond: so many round trips make one sample, which is their mean. */
const tripsPerSample = 20;
const pingBytes = 64;
const frameBytes = 64 * 1024;

let link: Link | null = null;
let onFrame: (frame: Uint8Array, lane: Lane) => void = () => undefined;

const listener: LinkListener = {
  received: (frame, lane) => {
    onFrame(frame, lane);
  },
  closed: () => undefined,
};

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function openWebRtc(kind: 'simple-peer' | 'bare', name: string, isFirst: boolean): Promise<Link> {
  const connect = kind === 'bare' ? barePeer() : simplePeer();
  const signaling = new BroadcastChannel(`bench ${name}`);
  return new Promise((resolve, reject) => {
    const attempt = new WebRtcAttempt(
      {
        number: 1,
        initiator: isFirst,
        connect,
        configuration: {},
        timers: plainTimers,
        timeouts: defaultStageTimeouts,
      },
      {
        signal: (signal) => {
          signaling.postMessage(signal);
        },
        opened: (made) => {
          resolve(made);
          return listener;
        },
        failed: ({ reason, detail }) => {
          reject(new Error(`${reason}: ${detail}`));
        },
      },
    );
    signaling.onmessage = ({ data }: MessageEvent<Signal>) => {
      attempt.signal(data);
    };
  });
}

async function pings(count: number): Promise<void> {
  const current = link;
  if (current === null) throw new Error('no link');
  const frame = new Uint8Array(pingBytes);
  let left = count;
  await new Promise<void>((resolve) => {
    onFrame = (_frame, lane) => {
      if (lane === 'bulk') return;
      left--;
      if (left === 0) resolve();
      else current.send(frame, 'control');
    };
    current.send(frame, 'control');
  });
}

export interface TabsBench {
  /** @param isFirst the other end sends back what comes on the control lane, and counts what comes in bulk */
  open(kind: TabLinkKind, name: string, isFirst: boolean): Promise<void>;
  /** Milliseconds of a round trip of 64 bytes. */
  roundTrips(samples: number): Promise<number[]>;
  /** Bytes a second, on the bulk lane, in frames of 64 KiB, until the other end has all. */
  throughput(bytes: number): Promise<number>;
  close(): void;
}

const bench: TabsBench = {
  async open(kind, name, isFirst) {
    const ends = isFirst ? (['a', 'b'] as const) : (['b', 'a'] as const);
    link =
      kind === 'broadcast'
        ? new BroadcastLink({ name, here: ends[0], there: ends[1], locks: navigator.locks }, listener)
        : await openWebRtc(kind, name, isFirst);
    if (isFirst) return;
    const end = link;
    let received = 0;
    let expected = 0;
    onFrame = (frame, lane) => {
      if (lane === 'bulk') {
        received += frame.byteLength;
        if (received < expected) return;
        received = 0;
        end.send(new Uint8Array(pingBytes), 'control');
        return;
      }
      // A ping asks for an answer at once, or says after how many bytes of bulk it wants one.
      const wanted = new DataView(frame.buffer, frame.byteOffset).getUint32(0);
      if (wanted === 0) end.send(frame, 'control');
      else expected = wanted;
    };
  },
  async roundTrips(samples) {
    await pings(2 * tripsPerSample);
    const times: number[] = [];
    for (let sample = 0; sample < samples; sample++) {
      const start = performance.now();
      await pings(tripsPerSample);
      times.push((performance.now() - start) / tripsPerSample);
    }
    return times;
  },
  async throughput(bytes) {
    const current = link;
    if (current === null) throw new Error('no link');
    const count = Math.ceil(bytes / frameBytes);
    const arrived = new Promise<void>((resolve) => {
      onFrame = () => {
        resolve();
      };
    });
    const order = new Uint8Array(pingBytes);
    new DataView(order.buffer).setUint32(0, count * frameBytes);
    current.send(order, 'control');
    const start = performance.now();
    const frame = new Uint8Array(frameBytes).fill(7);
    for (let i = 0; i < count; i++) while (!current.send(frame, 'bulk')) await turn();
    await arrived;
    return (bytes / (performance.now() - start)) * 1000;
  },
  close() {
    link?.close();
    link = null;
  },
};

Object.assign(globalThis, { bench });
