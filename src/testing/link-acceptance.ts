/**
 * What every link must do, as cases that any test runner, or a page, can run: each is a name and a function that throws
 * when the promise is broken.
 */
import {
  highWaterBytes,
  type Lane,
  lanes,
  type Link,
  type LinkEnd,
  type LinkListener,
  maxFrameBytes,
} from '../transport/link.ts';
import type { AcceptanceCase } from './acceptance.ts';

/** One fresh link for each case. */
export interface LinkHarness {
  /** Gives both ends of an open link; each tells its listener, the first end the first one. */
  open(one: LinkListener, other: LinkListener): Promise<readonly [Link, Link]>;
  dispose(): Promise<void>;
}

/** Writes down what an end tells, and lets a case wait for it. */
class Witness implements LinkListener {
  readonly frames: Record<Lane, Uint8Array[]> = { control: [], bulk: [] };
  readonly ends: LinkEnd[] = [];
  heardAfterEnd = 0;
  onFrame: (frame: Uint8Array) => void = () => undefined;

  received(frame: Uint8Array, lane: Lane): void {
    if (this.ends.length > 0) this.heardAfterEnd++;
    this.frames[lane].push(frame.slice());
    this.onFrame(frame);
  }

  closed(end: LinkEnd): void {
    this.ends.push(end);
  }
}

interface Scene {
  readonly links: readonly [Link, Link];
  readonly witnesses: readonly [Witness, Witness];
}

const patienceMs = 20_000;

/** One turn of the event loop, in which whatever is on its way comes nearer. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

async function until(holds: () => boolean, what: string): Promise<void> {
  const start = performance.now();
  while (!holds()) {
    if (performance.now() - start > patienceMs) throw new Error(`${what} did not come to hold`);
    await turn();
  }
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** The number of a frame is in its first four bytes, its length in all of them. */
function numbered(number: number, length: number): Uint8Array {
  const frame = new Uint8Array(Math.max(4, length));
  for (let i = 4; i < frame.length; i++) frame[i] = (number * 31 + i * 7) & 0xff;
  new DataView(frame.buffer).setUint32(0, number);
  return frame;
}

const numberOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(0);

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && one.every((byte, i) => byte === other[i]);
}

function inOrder(frames: readonly Uint8Array[], what: string): void {
  frames.forEach((frame, i) => {
    check(numberOf(frame) === i, `${what}: frame ${numberOf(frame)} came in place ${i}`);
  });
}

/** Sends, and tries again for as long as the lane is full. */
async function sendAll(link: Link, count: number, length: number, lane: Lane): Promise<void> {
  for (let number = 0; number < count; number++) {
    const frame = numbered(number, length);
    await until(() => link.send(frame, lane), `the ${lane} lane to take frame ${number}`);
  }
}

const sizes = [4, 1000, 16_383, 16_384, 16_385, 100_000, 1_000_000, maxFrameBytes];

const cases: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'carries frames of every size whole, on both lanes and in both directions': async ({ links, witnesses }) => {
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      for (const lane of lanes) {
        for (const [number, size] of sizes.entries()) {
          const frame = numbered(number, size);
          await until(() => links[from].send(frame, lane), `room for ${size} bytes`);
        }
        const { frames } = witnesses[to];
        await until(() => frames[lane].length === sizes.length, `${sizes.length} frames on ${lane}`);
        sizes.forEach((size, i) => {
          check(
            same(frames[lane][i] ?? new Uint8Array(), numbered(i, size)),
            `${size} bytes on ${lane} came otherwise`,
          );
        });
      }
    }
  },

  'carries an empty frame': async ({ links, witnesses }) => {
    check(links[0].send(new Uint8Array(), 'control'), 'it was refused');
    await until(() => witnesses[1].frames.control.length === 1, 'the frame');
    check(witnesses[1].frames.control[0]?.byteLength === 0, 'it is not empty any more');
  },

  'sends a frame as it is when it is sent': async ({ links, witnesses }) => {
    for (const lane of lanes) {
      const frame = numbered(7, 50_000);
      links[0].send(frame, lane);
      frame.fill(0);
      await until(() => witnesses[1].frames[lane].length === 1, 'the frame');
      check(same(witnesses[1].frames[lane][0] ?? frame, numbered(7, 50_000)), `it changed on its way on ${lane}`);
    }
  },

  'keeps the order of a lane, and loses nothing, when both are used in both directions at once': async ({
    links,
    witnesses,
  }) => {
    await Promise.all([
      sendAll(links[0], 300, 300, 'control'),
      sendAll(links[0], 120, 40_000, 'bulk'),
      sendAll(links[1], 300, 300, 'control'),
      sendAll(links[1], 120, 40_000, 'bulk'),
    ]);
    for (const { frames } of witnesses) {
      await until(() => frames.control.length === 300 && frames.bulk.length === 120, 'all frames');
      for (const lane of lanes) inOrder(frames[lane], lane);
    }
  },

  'refuses a frame that is too large, and goes on': async ({ links, witnesses }) => {
    for (const lane of lanes) check(!links[0].send(new Uint8Array(maxFrameBytes + 1), lane), `${lane} took it`);
    check(links[0].send(numbered(0, 10), 'control'), 'the next one was refused');
    await until(() => witnesses[1].frames.control.length === 1, 'the next one');
  },

  'refuses instead of queueing without end, delivers all that it took, and takes control when bulk is full': async ({
    links,
    witnesses,
  }) => {
    const length = 64 * 1024;
    let taken = 0;
    while (taken < 1000 && links[0].send(numbered(taken, length), 'bulk')) taken++;
    check(taken < 1000, 'the bulk lane took 64 MB at once');
    check(links[0].bufferedBytes('bulk') <= highWaterBytes.bulk + 2 * length, 'more waits than the mark allows');
    check(links[0].send(numbered(0, 100), 'control'), 'control is refused because bulk is full');
    await until(() => witnesses[1].frames.control.length === 1, 'the control frame');
    await until(() => witnesses[1].frames.bulk.length === taken, 'what was taken');
    inOrder(witnesses[1].frames.bulk, 'bulk');
    await until(() => links[0].send(numbered(taken, length), 'bulk'), 'room again');
  },

  'refuses on the control lane as well, when the other end does not listen, and delivers all that it took': async ({
    links,
    witnesses,
  }) => {
    // Nobody listens before this turn of the event loop is over.
    const length = 64 * 1024;
    let taken = 0;
    while (taken < 1000 && links[0].send(numbered(taken, length), 'control')) taken++;
    check(taken < 1000, 'the control lane took 64 MB at once');
    check(links[0].bufferedBytes('control') <= highWaterBytes.control + 2 * length, 'more waits than the mark allows');
    await until(() => witnesses[1].frames.control.length === taken, 'what was taken');
    inOrder(witnesses[1].frames.control, 'control');
    await until(() => links[0].send(numbered(taken, length), 'control'), 'room again');
  },

  'tells both ends of its end, once, and takes nothing any more': async ({ links, witnesses }) => {
    links[0].close();
    links[0].close();
    await until(() => witnesses.every(({ ends }) => ends.length > 0), 'both to be told');
    check(witnesses[0].ends[0]?.reason === 'closed', `this end says ${String(witnesses[0].ends[0]?.reason)}`);
    check(witnesses[1].ends[0]?.reason === 'closed-by-peer', `the other says ${String(witnesses[1].ends[0]?.reason)}`);
    for (const link of links) {
      check(link.state === 'closed', 'an end is open');
      for (const lane of lanes) check(!link.send(numbered(0, 10), lane), 'an end took a frame');
      link.close();
    }
    for (let i = 0; i < 20; i++) await turn();
    check(
      witnesses.every(({ ends }) => ends.length === 1),
      'an end was told twice',
    );
  },

  'gives whoever closes the reason that it gave': async ({ links, witnesses }) => {
    links[1].close({ reason: 'refused', detail: 'for a test' });
    await until(() => witnesses[1].ends.length > 0, 'the end');
    check(witnesses[1].ends[0]?.detail === 'for a test', 'the reason is another one');
  },

  'that closes in the middle of a stream has lost no frame from its middle, and says that it is closed': async ({
    links,
    witnesses,
  }) => {
    const [sender, receiver] = [links[0], witnesses[1]];
    let sent = 0;
    receiver.onFrame = () => {
      if (receiver.frames.bulk.length === 5) sender.close();
    };
    while (sender.state === 'open') {
      if (sender.send(numbered(sent, 50_000), 'bulk')) sent++;
      else await turn();
    }
    await until(() => receiver.ends.length === 1, 'the receiver to be told');
    inOrder(receiver.frames.bulk, 'bulk');
    check(receiver.frames.bulk.length >= 5, 'fewer frames than were seen');
    check(receiver.heardAfterEnd === 0, 'a frame came after the end');
  },

  'may be closed by whoever is told of a frame': async ({ links, witnesses }) => {
    witnesses[1].onFrame = () => {
      links[1].close();
    };
    for (let i = 0; i < 5; i++) links[0].send(numbered(i, 1000), 'control');
    await until(() => witnesses.every(({ ends }) => ends.length === 1), 'both to be told');
    check(witnesses[1].frames.control.length === 1, 'frames were told of after the close');
  },

  'counts what it carries and what it refuses': async ({ links, witnesses }) => {
    for (let i = 0; i < 3; i++) links[0].send(numbered(i, 1000), 'control');
    links[0].send(new Uint8Array(maxFrameBytes + 1), 'control');
    await until(() => witnesses[1].frames.control.length === 3, 'the frames');
    const [sent, received] = [links[0].statistics(), links[1].statistics()];
    check(sent.framesSent === 3 && sent.bytesSent === 3000 && sent.framesRefused === 1, JSON.stringify(sent));
    check(received.framesReceived === 3 && received.bytesReceived === 3000, JSON.stringify(received));
  },

  'has ends that agree on what binds them, and know their way': async ({ links }) => {
    const [one, other] = links;
    check(one.binding.local === other.binding.remote, 'the first end shows another face than the second one sees');
    check(one.binding.remote === other.binding.local, 'the second end shows another face than the first one sees');
    const [here, there] = [await one.path(), await other.path()];
    check(here.kind === there.kind, `one way is ${here.kind}, the other ${there.kind}`);
  },
};

/** @param fresh makes a harness, for each case anew */
export function linkAcceptance(fresh: () => Promise<LinkHarness>): readonly AcceptanceCase[] {
  return Object.entries(cases).map(([name, play]) => ({
    name,
    run: async () => {
      const harness = await fresh();
      try {
        const witnesses = [new Witness(), new Witness()] as const;
        const links = await harness.open(...witnesses);
        await play({ links, witnesses });
      } finally {
        await harness.dispose();
      }
    },
  }));
}
