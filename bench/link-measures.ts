/**
 * How links are measured, and bare data channels beside them: the same in a page and in Node. Whatever is compared is
 * measured in turns, sample by sample, each time in another order: a machine that has other work has it for all of them.
 */
import type { Opening } from '../src/testing/link-pairs.ts';
import { type BareLayout, bareLayouts, barePipe } from './bare-pipe.ts';
import { linkPipe } from './link-pipe.ts';
import type { Pipe } from './pipe.ts';

export interface Measurable {
  /** Links, by name. */
  readonly link: Readonly<Record<string, Opening>>;
  /** Makes an end of a bare connection. */
  readonly connection: () => RTCPeerConnection;
}

/** The samples of each, by its name: those of the same place were taken one after the other. */
export type Compared = Readonly<Record<string, readonly number[]>>;

export interface LinkMeasures {
  /** Milliseconds from the first call until both ends are open. */
  connectTimes(what: readonly string[], samples: number): Promise<Compared>;
  /** Milliseconds of a round trip of 64 bytes on the control lane: each sample is the mean of some, one after the other. */
  roundTrips(what: readonly string[], samples: number): Promise<Compared>;
  /** Bytes a second on the bulk lane; each sample sends so many. */
  throughput(what: readonly string[], samples: number, bytes: number): Promise<Compared>;
  /** Milliseconds of a round trip of 64 bytes on the control lane while bulk flows. */
  heartbeats(what: readonly string[], samples: number): Promise<Compared>;
}

/** What every browser carries: the bare channel has no fragments of its own. */
const bareMessageBytes = 16 * 1024;
/** A part of a snapshot: the largest frame that is sent again and again. */
const frameBytes = 60 * 1024;
const pingBytes = 64;
/** Browsers round the time to a tenth of a millisecond. */
const tripsPerSample = 20;
const warmUpTrips = 100;
const settleMs = 300;
const betweenHeartbeatsMs = 20;
const heartbeatsPerTurn = 10;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function roundTrip(pipe: Pipe): Promise<void> {
  const message = new Uint8Array(pingBytes);
  return new Promise((resolve) => {
    pipe.onControl = (at) => {
      if (at === 1) pipe.send(1, message, 'control');
      else resolve();
    };
    pipe.send(0, message, 'control');
  });
}

/** Sends so many bytes; gives the milliseconds until the last has arrived. */
async function flood(pipe: Pipe, bytes: number): Promise<number> {
  const frame = new Uint8Array(pipe.bulkBytes).fill(7);
  const count = Math.ceil(bytes / frame.byteLength);
  let received = 0;
  const arrived = new Promise<void>((resolve) => {
    pipe.onBulk = () => {
      if (++received === count) resolve();
    };
  });
  const start = performance.now();
  for (let i = 0; i < count; i++) while (!pipe.send(0, frame, 'bulk')) await pipe.whenRoom(0);
  await arrived;
  return performance.now() - start;
}

/** Pours bulk while it is on; resolves when the last of it has arrived. */
function pour(pipe: Pipe): { off(): Promise<void> } {
  const frame = new Uint8Array(pipe.bulkBytes).fill(7);
  const pouringIs = { on: true };
  let [sent, received] = [0, 0];
  let check = (): void => undefined;
  pipe.onBulk = () => {
    received++;
    check();
  };
  const pouring = (async () => {
    for (; pouringIs.on; sent++) while (!pipe.send(0, frame, 'bulk')) await pipe.whenRoom(0);
  })();
  return {
    async off() {
      pouringIs.on = false;
      await pouring;
      await new Promise<void>((resolve) => {
        check = () => {
          if (received === sent) resolve();
        };
        check();
      });
    },
  };
}

export function linkMeasures({ link, connection }: Measurable): LinkMeasures {
  const open = (what: string): Promise<Pipe> => {
    if (bareLayouts.includes(what as BareLayout)) return barePipe(connection, what as BareLayout, bareMessageBytes);
    const opening = link[what];
    if (opening === undefined) throw new Error(`there is no link called ${what}`);
    return linkPipe(opening, frameBytes);
  };

  /** Opens all, takes samples of each in turns, and closes all. */
  async function inTurns(
    what: readonly string[],
    turns: number,
    warmUp: (pipe: Pipe) => Promise<unknown>,
    sample: (pipe: Pipe) => Promise<readonly number[]>,
  ): Promise<Compared> {
    const samples: Record<string, number[]> = {};
    const pipes: (readonly [string, Pipe])[] = [];
    for (const each of what) {
      samples[each] = [];
      const pipe = await open(each);
      pipes.push([each, pipe]);
      await warmUp(pipe);
    }
    for (let turn = 0; turn < turns; turn++) {
      for (const [each, pipe] of pipes) samples[each]?.push(...(await sample(pipe)));
      // Whoever comes first comes last next time.
      pipes.push(...pipes.splice(0, 1));
    }
    for (const [, pipe] of pipes) pipe.close();
    return samples;
  }

  return {
    async connectTimes(what, samples) {
      const times: Record<string, number[]> = Object.fromEntries(what.map((each) => [each, []]));
      const order = [...what];
      for (let i = 0; i < samples; i++) {
        for (const each of order) {
          const start = performance.now();
          const pipe = await open(each);
          times[each]?.push(performance.now() - start);
          pipe.close();
        }
        order.push(...order.splice(0, 1));
      }
      return times;
    },
    roundTrips: (what, samples) =>
      inTurns(
        what,
        samples,
        async (pipe) => {
          for (let i = 0; i < warmUpTrips; i++) await roundTrip(pipe);
        },
        async (pipe) => {
          const start = performance.now();
          for (let i = 0; i < tripsPerSample; i++) await roundTrip(pipe);
          return [(performance.now() - start) / tripsPerSample];
        },
      ),
    throughput: (what, samples, bytes) =>
      inTurns(
        what,
        samples,
        (pipe) => flood(pipe, bytes),
        async (pipe) => [(bytes / (await flood(pipe, bytes))) * 1000],
      ),
    heartbeats: (what, samples) =>
      inTurns(
        what,
        Math.ceil(samples / heartbeatsPerTurn),
        () => Promise.resolve(),
        async (pipe) => {
          const pouring = pour(pipe);
          await pause(settleMs);
          const times: number[] = [];
          for (let i = 0; i < heartbeatsPerTurn; i++) {
            const start = performance.now();
            await roundTrip(pipe);
            times.push(performance.now() - start);
            await pause(betweenHeartbeatsMs);
          }
          await pouring.off();
          return times;
        },
      ),
  };
}
