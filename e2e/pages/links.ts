/** Links in a bare page, both ends in it: the acceptance suite, and what the benchmark measures. */
import { linkAcceptance } from '../../src/testing/link-acceptance.ts';
import { broadcastPair, linkHarness, webRtcPair } from '../../src/testing/link-pairs.ts';
import { barePeer } from '../../src/transport/bare-connection.ts';
import { BroadcastLink } from '../../src/transport/broadcast-link.ts';
import type { Lane, Link, LinkListener } from '../../src/transport/link.ts';
import { simplePeer } from '../../src/transport/simple-peer-connection.ts';

const openers = {
  'simple-peer': webRtcPair(simplePeer()),
  bare: webRtcPair(barePeer()),
  broadcast: broadcastPair(navigator.locks),
};

export type LinkKind = keyof typeof openers;

async function accept(kind: LinkKind): Promise<string[]> {
  const results: string[] = [];
  for (const accepted of linkAcceptance(() => Promise.resolve(linkHarness(openers[kind])))) {
    try {
      await accepted.run();
      results.push(`ok ${accepted.name}`);
    } catch (error) {
      results.push(`FAILED ${accepted.name}: ${String(error)}`);
    }
  }
  return results;
}

/** Two ends of whatever carries messages on two lanes, as the measurements need them. */
interface Pipe {
  /** False when there is no room; `whenRoom` says when to try again. */
  send(from: 0 | 1, message: Uint8Array<ArrayBuffer>, lane: Lane): boolean;
  whenRoom(from: 0 | 1): Promise<void>;
  onMessage: (at: 0 | 1, message: Uint8Array, lane: Lane) => void;
  close(): void;
}

async function linkPipe(kind: LinkKind): Promise<Pipe> {
  const pipe: Pipe = {
    send: () => false,
    // Links have no event for it: those who send try again when they have something to send anyway.
    whenRoom: () => new Promise((resolve) => setTimeout(resolve, 0)),
    onMessage: () => undefined,
    close: () => undefined,
  };
  const listener = (at: 0 | 1): LinkListener => ({
    received: (frame, lane) => {
      pipe.onMessage(at, frame, lane);
    },
    closed: () => undefined,
  });
  const links: readonly [Link, Link] = await openers[kind](listener(0), listener(1));
  pipe.send = (from, message, lane) => links[from].send(message, lane);
  pipe.close = () => {
    links[0].close();
  };
  return pipe;
}

/** `one`: both lanes on one channel, `two`: a channel for each, `apart`: a connection for each. */
export type BareLayout = 'one' | 'two' | 'apart';

const bareCapBytes = 64 * 1024;

async function barePipe(layout: BareLayout, capBytes = bareCapBytes): Promise<Pipe> {
  const connections: RTCPeerConnection[] = [];
  const connect = async (labels: readonly string[]): Promise<[RTCDataChannel, RTCDataChannel][]> => {
    const ends = [new RTCPeerConnection(), new RTCPeerConnection()] as const;
    connections.push(...ends);
    ends.forEach((end, i) => {
      end.onicecandidate = ({ candidate }) => void ends[1 - i]?.addIceCandidate(candidate ?? undefined);
    });
    const pairs = labels.map((label, id) =>
      ends.map((end) => {
        const channel = end.createDataChannel(label, { negotiated: true, id });
        channel.binaryType = 'arraybuffer';
        channel.bufferedAmountLowThreshold = capBytes / 2;
        return channel;
      }),
    ) as [RTCDataChannel, RTCDataChannel][];
    const opened = pairs.flat().map((channel) => new Promise((resolve) => (channel.onopen = resolve)));
    await ends[0].setLocalDescription();
    await ends[1].setRemoteDescription(ends[0].localDescription as RTCSessionDescription);
    await ends[1].setLocalDescription();
    await ends[0].setRemoteDescription(ends[1].localDescription as RTCSessionDescription);
    await Promise.all(opened);
    return pairs;
  };
  const made =
    layout === 'apart'
      ? [...(await connect(['control'])), ...(await connect(['bulk']))]
      : await connect(layout === 'two' ? ['control', 'bulk'] : ['both']);
  const channels = { control: made[0], bulk: made.at(-1) };
  const of = (lane: Lane, end: 0 | 1): RTCDataChannel => {
    const channel = channels[lane]?.[end];
    if (channel === undefined) throw new Error('no channel');
    return channel;
  };
  const pipe: Pipe = {
    send: (from, message, lane) => {
      const channel = of(lane, from);
      if (lane === 'bulk' && channel.bufferedAmount >= capBytes) return false;
      channel.send(message);
      return true;
    },
    whenRoom: (from) => new Promise((resolve) => (of('bulk', from).onbufferedamountlow = () => resolve())),
    onMessage: () => undefined,
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
  for (const end of [0, 1] as const) {
    for (const lane of ['control', 'bulk'] as const) {
      of(lane, end).onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        const bytes = new Uint8Array(data);
        // On one channel, what is small is control.
        pipe.onMessage(end, bytes, layout === 'one' ? (bytes.byteLength < 1000 ? 'control' : 'bulk') : lane);
      };
    }
  }
  return pipe;
}

async function open(what: LinkKind | BareLayout): Promise<Pipe> {
  return what === 'one' || what === 'two' || what === 'apart' ? barePipe(what) : linkPipe(what);
}

/** Milliseconds from the first call until both ends are open. */
async function connectTimes(what: LinkKind | BareLayout, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    const pipe = await open(what);
    times.push(performance.now() - start);
    pipe.close();
  }
  return times;
}

/** Round trips of a small message, one after the other, in milliseconds. */
async function roundTrips(pipe: Pipe, count: number, pauseMs = 0): Promise<number[]> {
  const times: number[] = [];
  const message = new Uint8Array(64);
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await new Promise<void>((resolve) => {
      const before = pipe.onMessage;
      pipe.onMessage = (at, bytes, lane) => {
        if (lane !== 'control') before(at, bytes, lane);
        else if (at === 1) pipe.send(1, message, 'control');
        else {
          pipe.onMessage = before;
          resolve();
        }
      };
      pipe.send(0, message, 'control');
    });
    times.push(performance.now() - start);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return times;
}

/** Sends so many bytes in frames of a size. Resolves with the milliseconds until the last has arrived. */
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

async function measureRoundTrips(what: LinkKind | BareLayout, count: number): Promise<number[]> {
  const pipe = await open(what);
  await roundTrips(pipe, 50);
  const times = await roundTrips(pipe, count);
  pipe.close();
  return times;
}

/** Bytes a second. */
async function measureThroughput(what: LinkKind | BareLayout, bytes: number, frameBytes: number): Promise<number> {
  const pipe = await open(what);
  await flood(pipe, bytes / 8, frameBytes);
  const ms = await flood(pipe, bytes, frameBytes);
  pipe.close();
  return (bytes / ms) * 1000;
}

/** Round trips of a heartbeat while bulk flows the same way. */
async function measureHeartbeats(what: LinkKind | BareLayout, count: number, frameBytes: number): Promise<number[]> {
  const pipe = await open(what);
  let isOn = true;
  const frame = new Uint8Array(frameBytes).fill(7);
  const pouring = (async () => {
    while (isOn) if (!pipe.send(0, frame, 'bulk')) await pipe.whenRoom(0);
  })();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const times = await roundTrips(pipe, count, 20);
  isOn = false;
  await pouring;
  pipe.close();
  return times;
}

const tabEnds: string[] = [];
let tabFrames = 0;

/** Opens one end of a link to another tab, and says hello on it until the other end does. */
function watchTab(here: string, there: string): void {
  const link = new BroadcastLink(
    { name: 'between two tabs', here, there, locks: navigator.locks },
    {
      received: () => tabFrames++,
      closed: ({ reason }) => tabEnds.push(reason),
    },
  );
  const timer = setInterval(() => {
    link.send(new Uint8Array(8), 'control');
    if (link.state === 'closed') clearInterval(timer);
  }, 50);
}

const linksPage = {
  watchTab,
  tabEnds,
  get tabFrames() {
    return tabFrames;
  },
  accept,
  connectTimes,
  measureRoundTrips,
  measureThroughput,
  measureHeartbeats,
};

export type LinksPage = typeof linksPage;

Object.assign(globalThis, { linksPage });
