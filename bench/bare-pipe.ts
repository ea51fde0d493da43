/** Bare data channels, beside which links are measured. */
import type { Lane } from '../src/transport/link.ts';
import type { Pipe } from './pipe.ts';

/** `one`: both lanes on one channel, `two`: a channel for each, `apart`: a connection for each. */
export const bareLayouts = ['one', 'two', 'apart'] as const;

export type BareLayout = (typeof bareLayouts)[number];

const capBytes = 64 * 1024;
/** On one channel, what is smaller is control. */
const controlBytes = 1000;
/** Not every stack tells each time that there is room again. */
const lookMs = 20;

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

export async function barePipe(make: () => RTCPeerConnection, layout: BareLayout, bulkBytes: number): Promise<Pipe> {
  const groups = { one: [['both']], two: [['control', 'bulk']], apart: [['control'], ['bulk']] }[layout];
  const connections = await Promise.all(groups.map((labels) => connectBare(make, labels)));
  const pairs = connections.flatMap((connection) => connection.pairs);
  const [control, bulk = control] = pairs;
  if (control === undefined || bulk === undefined) throw new Error('no channel');
  const channels: Record<Lane, Ends> = { control, bulk };
  const pipe: Pipe = {
    bulkBytes,
    send: (from, message, lane) => {
      const channel = channels[lane][from];
      if (lane === 'bulk' && channel.bufferedAmount >= capBytes) return false;
      channel.send(message);
      return true;
    },
    whenRoom: (from) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        channels.bulk[from].onbufferedamountlow = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    onControl: () => undefined,
    onBulk: () => undefined,
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
  for (const end of [0, 1] as const) {
    for (const lane of ['control', 'bulk'] as const) {
      channels[lane][end].onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        const isControl = layout === 'one' ? data.byteLength < controlBytes : lane === 'control';
        if (isControl) pipe.onControl(end);
        else pipe.onBulk();
      };
    }
  }
  return pipe;
}
