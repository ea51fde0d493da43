/** How links are measured, and bare data channels beside them: the same in a page and in Node. */
import type { Opening } from '../src/testing/link-pairs.ts';
import type { Lane, LinkListener } from '../src/transport/link.ts';

/** Two ends of whatever carries messages on two lanes, as the measurements need them. */
interface Pipe {
  /** False when there is no room; `whenRoom` says when to try again. */
  send(from: 0 | 1, message: Uint8Array<ArrayBuffer>, lane: Lane): boolean;
  whenRoom(from: 0 | 1): Promise<void>;
  onMessage: (at: 0 | 1, message: Uint8Array, lane: Lane) => void;
  close(): void;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

async function linkPipe(open: Opening): Promise<Pipe> {
  const pipe: Pipe = {
    send: () => false,
    // Links have no event for it: those who send try again when they have something to send anyway.
    whenRoom: turn,
    onMessage: () => undefined,
    close: () => undefined,
  };
  const listener = (at: 0 | 1): LinkListener => ({
    received: (frame, lane) => {
      pipe.onMessage(at, frame, lane);
    },
    closed: () => undefined,
  });
  const links = await open(listener(0), listener(1));
  pipe.send = (from, message, lane) => links[from].send(message, lane);
  pipe.close = () => {
    links[0].close();
  };
  return pipe;
}

/** `one`: both lanes on one channel, `two`: a channel for each, `apart`: a connection for each. */
const layouts = ['one', 'two', 'apart'] as const;

export type BareLayout = (typeof layouts)[number];

const capBytes = 64 * 1024;
/** On one channel, what is smaller is control. */
const controlBytes = 1000;

type Ends = [RTCDataChannel, RTCDataChannel];

async function connectBare(
  make: () => RTCPeerConnection,
  labels: readonly string[],
): Promise<{ readonly pairs: Ends[]; close(): void }> {
  const ends = [make(), make()] as const;
  ends.forEach((end, i) => {
    end.onicecandidate = ({ candidate }) => {
      // One that comes when the other end is closed already is of no interest.
      if (candidate !== null) void ends[1 - i]?.addIceCandidate(candidate).catch(() => undefined);
    };
  });
  const pairs = labels.map((label, id) =>
    ends.map((end) => {
      const channel = end.createDataChannel(label, { negotiated: true, id });
      channel.binaryType = 'arraybuffer';
      channel.bufferedAmountLowThreshold = capBytes / 2;
      return channel;
    }),
  ) as Ends[];
  const opened = pairs.flat().map((channel) => new Promise((resolve) => (channel.onopen = resolve)));
  const offer = await ends[0].createOffer();
  await ends[0].setLocalDescription(offer);
  await ends[1].setRemoteDescription(offer);
  const answer = await ends[1].createAnswer();
  await ends[1].setLocalDescription(answer);
  await ends[0].setRemoteDescription(answer);
  await Promise.all(opened);
  return {
    pairs,
    close: () => {
      for (const end of ends) end.close();
    },
  };
}

async function barePipe(make: () => RTCPeerConnection, layout: BareLayout): Promise<Pipe> {
  const groups = { one: [['both']], two: [['control', 'bulk']], apart: [['control'], ['bulk']] }[layout];
  const connections = await Promise.all(groups.map((labels) => connectBare(make, labels)));
  const pairs = connections.flatMap((connection) => connection.pairs);
  const [control, bulk = control] = pairs;
  if (control === undefined || bulk === undefined) throw new Error('no channel');
  const channels: Record<Lane, Ends> = { control, bulk };
  const pipe: Pipe = {
    send: (from, message, lane) => {
      const channel = channels[lane][from];
      if (lane === 'bulk' && channel.bufferedAmount >= capBytes) return false;
      channel.send(message);
      return true;
    },
    whenRoom: (from) =>
      new Promise((resolve) => {
        const channel = channels.bulk[from];
        channel.onbufferedamountlow = () => {
          resolve();
        };
        // Not every stack tells each time.
        setTimeout(resolve, 20);
      }),
    onMessage: () => undefined,
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
  for (const end of [0, 1] as const) {
    for (const lane of ['control', 'bulk'] as const) {
      channels[lane][end].onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        const bytes = new Uint8Array(data);
        const isControl = layout === 'one' ? bytes.byteLength < controlBytes : lane === 'control';
        pipe.onMessage(end, bytes, isControl ? 'control' : 'bulk');
      };
    }
  }
  return pipe;
}

const pingBytes = 64;

function roundTrip(pipe: Pipe): Promise<void> {
  const message = new Uint8Array(pingBytes);
  return new Promise((resolve) => {
    const before = pipe.onMessage;
    pipe.onMessage = (at, bytes, lane) => {
      if (lane !== 'control') {
        before(at, bytes, lane);
      } else if (at === 1) {
        pipe.send(1, message, 'control');
      } else {
        pipe.onMessage = before;
        resolve();
      }
    };
    pipe.send(0, message, 'control');
  });
}

/** Sends so many bytes in frames of a size; gives the milliseconds until the last has arrived. */
async function flood(pipe: Pipe, bytes: number, frameBytes: number): Promise<number> {
  const start = performance.now();
  const count = Math.ceil(bytes / frameBytes);
  let received = 0;
  const arrived = new Promise<void>((resolve) => {
    pipe.onMessage = (_at, _message, lane) => {
      if (lane === 'bulk' && ++received === count) resolve();
    };
  });
  const frame = new Uint8Array(frameBytes).fill(7);
  for (let i = 0; i < count; i++) while (!pipe.send(0, frame, 'bulk')) await pipe.whenRoom(0);
  await arrived;
  return performance.now() - start;
}

export interface Measurable {
  /** Links, by name. */
  readonly link: Readonly<Record<string, Opening>>;
  /** Makes an end of a bare connection. */
  readonly connection: () => RTCPeerConnection;
}

/** Browsers round the time to a tenth of a millisecond: so many round trips make one sample, which is their mean. */
const tripsPerSample = 20;
const settleMs = 300;
const betweenHeartbeatsMs = 20;

export interface LinkMeasures {
  /** Milliseconds from the first call until both ends are open. */
  connectTimes(what: string, count: number): Promise<number[]>;
  /** Milliseconds of a round trip of 64 bytes, one after the other. */
  roundTrips(what: string, samples: number): Promise<number[]>;
  /** Bytes a second, on the bulk lane. */
  throughput(what: string, bytes: number, frameBytes: number): Promise<number>;
  /** Milliseconds of a round trip of 64 bytes while bulk flows. */
  heartbeats(what: string, count: number, frameBytes: number): Promise<number[]>;
}

export function linkMeasures({ link, connection }: Measurable): LinkMeasures {
  const open = (what: string): Promise<Pipe> => {
    const layout = layouts.find((name) => name === what);
    if (layout !== undefined) return barePipe(connection, layout);
    const opening = link[what];
    if (opening === undefined) throw new Error(`there is no link called ${what}`);
    return linkPipe(opening);
  };
  return {
    async connectTimes(what, count) {
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        const start = performance.now();
        const pipe = await open(what);
        times.push(performance.now() - start);
        pipe.close();
      }
      return times;
    },
    async roundTrips(what, samples) {
      const pipe = await open(what);
      const times: number[] = [];
      for (let i = 0; i < 2 * tripsPerSample; i++) await roundTrip(pipe);
      for (let sample = 0; sample < samples; sample++) {
        const start = performance.now();
        for (let i = 0; i < tripsPerSample; i++) await roundTrip(pipe);
        times.push((performance.now() - start) / tripsPerSample);
      }
      pipe.close();
      return times;
    },
    async throughput(what, bytes, frameBytes) {
      const pipe = await open(what);
      await flood(pipe, bytes / 8, frameBytes);
      const ms = await flood(pipe, bytes, frameBytes);
      pipe.close();
      return (bytes / ms) * 1000;
    },
    async heartbeats(what, count, frameBytes) {
      const pipe = await open(what);
      const pouringIs = { on: true };
      const frame = new Uint8Array(frameBytes).fill(7);
      const pouring = (async () => {
        while (pouringIs.on) if (!pipe.send(0, frame, 'bulk')) await pipe.whenRoom(0);
      })();
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        const start = performance.now();
        await roundTrip(pipe);
        times.push(performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, betweenHeartbeatsMs));
      }
      pouringIs.on = false;
      await pouring;
      pipe.close();
      return times;
    },
  };
}
