/** What a simulation is made of: time, clocks, links, disks, and whether quorums meet. */
import { describe, expect, it } from 'vitest';
import { noMembers } from './pictures.ts';
import type { Configuration, Entry, NodeId } from '../../src/core/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { canonicalText } from '../../src/simulation/canonical-text.ts';
import { EventQueue } from '../../src/simulation/event-queue.ts';
import { Network, type NetworkOptions, nodeId } from '../../src/simulation/network.ts';
import type { Station } from '../../src/simulation/path.ts';
import { ProcessClock } from '../../src/simulation/process-clock.ts';
import { quorumsMeet } from '../../src/simulation/quorums-meet.ts';
import { SimDisk } from '../../src/simulation/sim-disk.ts';
import { type DiskFaults, SimStorage } from '../../src/simulation/sim-storage.ts';
import type { MemberMessage } from '../../src/transport/messages.ts';

function runAll(queue: EventQueue, until = Number.POSITIVE_INFINITY): void {
  while (queue.size > 0 && queue.now < until) queue.step();
}

describe('the event queue', () => {
  it('lets things happen in the order of their moments, and of their making where those are equal', () => {
    const queue = new EventQueue();
    const random = seededRandom(1);
    const expected: (readonly [number, number])[] = [];
    const seen: (readonly [number, number])[] = [];
    for (let i = 0; i < 500; i++) {
      const at = random.below(50);
      expected.push([at, i]);
      queue.after(at, () => seen.push([queue.now, i]));
    }
    runAll(queue);
    expect(seen).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]));
  });

  it('has nothing happen in the past, and says when nothing is left', () => {
    const queue = new EventQueue();
    const seen: number[] = [];
    queue.after(10, () => {
      queue.after(-5, () => seen.push(queue.now));
    });
    runAll(queue);
    expect(seen).toEqual([10]);
    expect(queue.step()).toBe(false);
  });
});

describe('the clock of a process', () => {
  function clockAt(): {
    readonly queue: EventQueue;
    readonly clock: ProcessClock;
    readonly pass: (ms: number) => void;
  } {
    const queue = new EventQueue();
    const clock = new ProcessClock(queue, (action) => {
      action();
    });
    const pass = (ms: number): void => {
      const end = queue.now + ms;
      const alarm = { rings: false };
      queue.after(ms, () => (alarm.rings = true));
      while (!alarm.rings && queue.now <= end) queue.step();
    };
    return { queue, clock, pass };
  }

  it('runs fast, slow, and not at all', () => {
    const { clock, pass } = clockAt();
    pass(1_000);
    clock.setRate(1.1);
    pass(1_000);
    clock.setRate(0);
    pass(1_000);
    clock.setRate(1);
    pass(1_000);
    expect(clock.now()).toBeCloseTo(3_100, 2);
  });

  it('jumps without ticking, is set without the monotonic one moving, and shows coarse steps', () => {
    const { clock, pass } = clockAt();
    pass(105);
    clock.stepWall(-60_000);
    expect(clock.now()).toBeCloseTo(105, 2);
    expect(clock.wallTime()).toBeLessThan(1_700_000_000_000);
    clock.jump(3_600_000);
    expect(clock.now()).toBeCloseTo(3_600_105, 2);
    clock.setResolution(50);
    expect(clock.now()).toBe(3_600_100);
  });

  it('holds timers to one in a second, as those of a hidden tab', () => {
    const { clock, pass } = clockAt();
    let ticks = 0;
    const stop = clock.every(100, () => ticks++);
    pass(1_001);
    expect(ticks).toBe(10);
    clock.clampTimers(1_000);
    pass(5_001);
    expect(ticks).toBe(15);
    stop();
    pass(5_000);
    expect(ticks).toBe(15);
  });
});

class Place implements Station {
  readonly name: string;
  isRunning = true;
  readonly heard: number[] = [];
  readonly peers = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  connected(to: Station): void {
    this.peers.add(to.name);
  }

  disconnected(from: Station): void {
    this.peers.delete(from.name);
  }

  received(message: MemberMessage): void {
    if (message.kind === 'TimeoutNow') this.heard.push(message.term);
  }
}

describe('the network', () => {
  const calm = { loss: 0, duplication: 0, replay: 0, minDelay: 1, maxDelay: 20, heavyTail: 0, reorders: false };

  function connect(faults: Partial<NetworkOptions['faults']> = {}, asBytes = false) {
    const queue = new EventQueue();
    const network = new Network(queue, seededRandom(3), {
      asBytes,
      highWaterBytes: 1_000,
      faults: { ...calm, ...faults },
    });
    const [a, b] = [new Place('a'), new Place('b')];
    network.add(a);
    network.add(b);
    runAll(queue);
    const send = (count: number): boolean[] =>
      Array.from({ length: count }, (_, i) => {
        const message: MemberMessage = { kind: 'TimeoutNow', from: nodeId('a'), to: nodeId('b'), term: i + 1 };
        return network.send('a', 'b', message, 'control');
      });
    return { queue, network, a, b, send };
  }

  const inOrder = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

  it.each([false, true])('delivers what is sent, in order (as bytes: %s)', (asBytes) => {
    const { queue, a, b, send } = connect({}, asBytes);
    expect(a.peers).toEqual(new Set(['b']));
    expect(send(50)).not.toContain(false);
    runAll(queue);
    expect(b.heard).toEqual(inOrder(50));
  });

  it('loses, repeats and reorders, each when it is told to', () => {
    const losing = connect({ loss: 300 });
    losing.send(200);
    runAll(losing.queue);
    expect(losing.b.heard.length).toBeLessThan(180);
    expect(losing.b.heard).toEqual(losing.b.heard.toSorted((x, y) => x - y));

    const repeating = connect({ duplication: 300 });
    repeating.send(200);
    runAll(repeating.queue);
    expect(repeating.b.heard.length).toBeGreaterThan(220);

    const reordering = connect({ reorders: true });
    reordering.send(200);
    runAll(reordering.queue);
    expect(reordering.b.heard).not.toEqual(inOrder(200));
    expect(reordering.b.heard.toSorted((x, y) => x - y)).toEqual(inOrder(200));
  });

  it('cuts one direction without a word, and both with one after a while', () => {
    const { queue, network, a, b, send } = connect();
    network.cut('a', 'b');
    expect(send(3)).not.toContain(false);
    runAll(queue);
    expect(b.heard).toEqual([]);
    expect(network.isConnected('a', 'b')).toBe(true);
    network.cut('b', 'a');
    runAll(queue);
    expect(network.isConnected('a', 'b')).toBe(false);
    expect([...a.peers, ...b.peers]).toEqual([]);
  });

  it('takes nothing while a queue is full, and loses what is on its way when a link ends', () => {
    const { queue, network, a, b, send } = connect();
    network.path('a', 'b').isFull = true;
    expect(send(1)).toEqual([false]);
    network.path('a', 'b').isFull = false;
    send(5);
    a.isRunning = false;
    network.left(a, true);
    runAll(queue);
    expect(b.heard).toEqual([]);
    expect([...b.peers]).toEqual([]);
  });
});

describe('the disk', () => {
  const entry = (index: number, term = 1): Entry => ({ index, term, kind: 'command', data: new Uint8Array([index]) });
  const batch = (...entries: Entry[]) => ({ hardState: null, truncateFrom: null, entries });

  function open(disk: SimDisk, delay = 10, faults: Partial<DiskFaults> = {}) {
    const queue = new EventQueue();
    const diskFaults = { delay: () => delay, failingWrites: 0, failingReads: 0, failingAfterWrites: 0, ...faults };
    const storage = new SimStorage({
      queue,
      disk,
      faults: diskFaults as DiskFaults,
      tell: (action) => {
        action();
      },
      writing: () => undefined,
      writes: (batch) => batch,
      keeps: (change) => change,
      acknowledgesEarly: () => false,
    });
    return { queue, storage };
  }

  const emptyDisk = (): SimDisk => new SimDisk({ index: 0, term: 0, configuration: noMembers });

  it('acknowledges a write when it is on it, in order, and not before', () => {
    const disk = emptyDisk();
    const { queue, storage } = open(disk);
    const seen: number[] = [];
    storage.write(batch(entry(1)), () => seen.push(disk.lastIndex));
    storage.write(batch(entry(2), entry(3)), () => seen.push(disk.lastIndex));
    expect(disk.lastIndex).toBe(0);
    runAll(queue);
    expect(seen).toEqual([1, 3]);
  });

  it('keeps of what was on its way in a crash as many operations as are said to have reached it', () => {
    for (const reached of [0, 1, 2, 3]) {
      const disk = emptyDisk();
      const { queue, storage } = open(disk);
      let acknowledged = 0;
      for (const index of [1, 2, 3]) storage.write(batch(entry(index)), () => acknowledged++);
      storage.crash(() => reached);
      runAll(queue);
      expect([disk.lastIndex, acknowledged]).toEqual([reached, 0]);
    }
  });

  it('is written by the last who opened it, and by nobody else', () => {
    const disk = emptyDisk();
    const first = open(disk);
    const second = open(disk);
    const codes: (string | null)[] = [];
    first.storage.write(batch(entry(1)), (error) => codes.push(error?.code ?? null));
    runAll(first.queue);
    second.storage.write(batch(entry(1, 2)), (error) => codes.push(error?.code ?? null));
    runAll(second.queue);
    expect(codes).toEqual(['STORAGE_FAILED', null]);
    expect(disk.termAt(1)).toBe(2);
  });

  it('fails when it is told to, before or after it has written, and takes nothing more', () => {
    for (const [faults, last] of [
      [{ failingWrites: 1 }, 0],
      [{ failingAfterWrites: 1 }, 1],
    ] as const) {
      const disk = emptyDisk();
      const { queue, storage } = open(disk, 10, faults);
      const codes: (string | null)[] = [];
      for (const index of [1, 2]) storage.write(batch(entry(index)), (error) => codes.push(error?.code ?? null));
      runAll(queue);
      expect(codes).toEqual(['STORAGE_FAILED', 'STORAGE_FAILED']);
      expect(disk.lastIndex).toBe(last);
    }
  });
});

describe('whether quorums meet', () => {
  const voters = (...names: string[]): Configuration => ({ ...noMembers, voters: names.map(nodeId) });
  const joint = (incoming: readonly string[], outgoing: readonly string[]): Configuration => ({
    ...voters(...incoming),
    outgoing: outgoing.map((name): NodeId => nodeId(name)),
  });

  it('is so for neighbours, and for a joint configuration and each of its halves', () => {
    expect(quorumsMeet(voters('a', 'b', 'c'), voters('a', 'b', 'c', 'd'))).toBe(true);
    expect(quorumsMeet(voters('a', 'b', 'c'), joint(['d', 'e', 'f'], ['a', 'b', 'c']))).toBe(true);
    expect(quorumsMeet(joint(['d', 'e', 'f'], ['a', 'b', 'c']), voters('d', 'e', 'f'))).toBe(true);
  });

  it('is not so for two steps at once', () => {
    expect(quorumsMeet(voters('a', 'b', 'c'), voters('c', 'd', 'e'))).toBe(false);
    expect(quorumsMeet(voters('a', 'b', 'c'), voters('a', 'd', 'e'))).toBe(false);
    expect(quorumsMeet(voters('a', 'b', 'c'), voters('a', 'b', 'c', 'd', 'e', 'f'))).toBe(false);
  });
});

describe('canonical text', () => {
  it('is equal for equal values, however they came about, and for no others', () => {
    expect(canonicalText({ b: 1, a: [true, null] })).toBe(canonicalText({ a: [true, null], b: 1 }));
    const others = [
      0,
      '0',
      null,
      undefined,
      Number.NaN,
      [],
      {},
      [0],
      ['0'],
      { a: 0 },
      { a: undefined },
      new Uint8Array([0]),
      new Date(0),
    ];
    expect(new Set(others.map(canonicalText)).size).toBe(others.length);
  });
});
