/** What the faults of network, processes, clocks and disks do. Those of the cluster are in `operator.ts`. */
import type { FaultKind } from './fault-kinds.ts';
import type { AnyProcess, FaultAction, FaultContext } from './fault-context.ts';
import type { PathFaults } from './network.ts';

type Actions = Readonly<Partial<Record<FaultKind, FaultAction>>>;

/** Two processes that can be told apart; null if there are not two. */
function pickPair({ group, choose }: FaultContext): readonly [AnyProcess, AnyProcess] | null {
  const all = group.processes.filter(({ isGone }) => !isGone);
  const one = all[choose(Math.max(1, all.length))];
  const other = all.filter((process) => process !== one)[choose(Math.max(1, all.length - 1))];
  return one !== undefined && other !== undefined ? [one, other] : null;
}

/** Changes some paths for a while. */
function change(context: FaultContext, paths: readonly PathFaults[], changes: Partial<PathFaults>): void {
  const before = paths.map((path) => ({ ...path }));
  for (const path of paths) Object.assign(path, changes);
  context.later(() => {
    paths.forEach((path, i) => {
      for (const key of Object.keys(changes)) Object.assign(path, { [key]: before[i]?.[key as keyof PathFaults] });
    });
  });
}

/** Cuts every path for which `isCut` holds; they come back when the time is over. */
function cut(context: FaultContext, isCut: (from: AnyProcess, to: AnyProcess) => boolean): void {
  const { group, later } = context;
  const paths: PathFaults[] = [];
  for (const from of group.processes) {
    for (const to of group.processes) {
      if (from === to || !isCut(from, to)) continue;
      group.network.cut(from.name, to.name);
      paths.push(group.network.path(from.name, to.name));
    }
  }
  later(() => {
    for (const path of paths) path.isCut = false;
    group.network.healed();
  });
}

function isolate(context: FaultContext, alone: AnyProcess | null): AnyProcess | null {
  if (alone === null) return null;
  cut(context, (from, to) => from === alone || to === alone);
  return alone;
}

/** In an order that the choices of the fault decide. */
function shuffled({ group, choose }: FaultContext): AnyProcess[] {
  const rest = [...group.processes];
  const order: AnyProcess[] = [];
  while (rest.length > 0) order.push(...rest.splice(choose(rest.length), 1));
  return order;
}

function partition(context: FaultContext): 'group' {
  const { processes } = context.group;
  const size = 1 + context.choose(Math.max(1, Math.floor((processes.length - 1) / 2)));
  const minority = new Set(context.choose(4) === 0 ? leaderAndLearners(context) : shuffled(context).slice(0, size));
  cut(context, (from, to) => minority.has(from) !== minority.has(to));
  return 'group';
}

/** With so many at its side a leader may believe that nothing is wrong. */
function leaderAndLearners({ group }: FaultContext): readonly AnyProcess[] {
  const { leader, processes } = group;
  const { voters, outgoing } = leader?.raft?.configuration ?? { voters: [], outgoing: [] };
  return processes.filter((process) => process === leader || ![...voters, ...outgoing].includes(process.id));
}

/** A bridge that everybody hears between two halves that do not; or a ring, in which each hears its neighbours. */
function partialPartition(context: FaultContext): 'group' | null {
  const order = shuffled(context);
  if (order.length < 3) return null;
  const place = new Map(order.map((process, i) => [process, i]));
  const placeOf = (process: AnyProcess): number => place.get(process) ?? 0;
  const isRing = context.choose(2) === 0;
  const count = order.length;
  cut(context, (from, to) => {
    const [a, b] = [placeOf(from), placeOf(to)];
    if (isRing) return ![1, count - 1].includes(Math.abs(a - b));
    return a !== 0 && b !== 0 && a % 2 !== b % 2;
  });
  return 'group';
}

/** Goes and comes, every half second or so, for as long as the fault lasts. */
function flap(context: FaultContext): AnyProcess | null {
  const pair = pickPair(context);
  if (pair === null) return null;
  const [one, other] = pair;
  const { group, fault, after } = context;
  for (let at = 0; at < fault.duration; at += 500) {
    after(at, () => {
      group.network.cut(one.name, other.name);
    });
    after(at + 250, () => {
      group.network.path(one.name, other.name).isCut = false;
      group.network.healed();
    });
  }
  return one;
}

function swizzle(context: FaultContext): 'group' {
  const { group, fault, after } = context;
  const clogged = shuffled(context).slice(0, Math.max(1, Math.floor(group.processes.length / 2)));
  const back = shuffled(context).filter((process) => clogged.includes(process));
  const step = fault.duration / (2 * clogged.length);
  clogged.forEach((process, i) => {
    after(i * step, () => {
      for (const other of group.processes) {
        if (other === process) continue;
        group.network.cut(process.name, other.name);
        group.network.cut(other.name, process.name);
      }
    });
  });
  back.forEach((process, i) => {
    after(fault.duration / 2 + i * step, () => {
      for (const other of group.processes) {
        if (other === process) continue;
        group.network.path(process.name, other.name).isCut = false;
        group.network.path(other.name, process.name).isCut = false;
      }
      group.network.healed();
    });
  });
  return 'group';
}

export const networkFaults: Actions = {
  loss: (context) => {
    change(context, context.group.network.paths, { loss: 50 + context.choose(400) });
    return 'group';
  },
  delay: (context) => {
    const maxDelay = 50 + context.choose(1_500);
    change(context, context.group.network.paths, { maxDelay, heavyTail: context.choose(300) });
    return 'group';
  },
  reorder: (context) => {
    change(context, context.group.network.paths, { reorders: true, maxDelay: 50 + context.choose(300) });
    return 'group';
  },
  duplicate: (context) => {
    change(context, context.group.network.paths, { duplication: 50 + context.choose(300), replay: context.choose(30) });
    return 'group';
  },
  'one-way': (context) => {
    const pair = pickPair(context);
    if (pair === null) return null;
    cut(context, (from, to) => from === pair[0] && to === pair[1]);
    return pair[0];
  },
  partition,
  'partial-partition': partialPartition,
  'isolate-leader': (context) => isolate(context, context.pick('leader')),
  campaign: (context) => {
    const process = context.pick('follower');
    if (process === null) return null;
    if (context.choose(3) > 0) isolate(context, context.pick('leader'));
    process.run(() => process.member?.campaign());
    return process;
  },
  'isolate-follower': (context) => isolate(context, context.pick('follower')),
  flapping: flap,
  swizzle,
  'full-queue': (context) => {
    const pair = pickPair(context);
    if (pair === null) return null;
    change(context, [context.group.network.path(pair[0].name, pair[1].name)], { isFull: true });
    return pair[0];
  },
  'reopened-channel': (context) => {
    const pair = pickPair(context);
    if (pair === null) return null;
    context.group.network.reopen(pair[0].name, pair[1].name);
    return pair[0];
  },
};

/** Comes back at once, or after half, two or twenty election timeouts. */
function restartLater({ group, choose, after }: FaultContext, process: AnyProcess): void {
  const electionMs = group.electionMs;
  const wait = [0, electionMs / 2, 2 * electionMs, 20 * electionMs][choose(4)] ?? 0;
  after(wait, () => {
    process.start();
  });
}

function crash(context: FaultContext, process: AnyProcess, share: number): void {
  const reached = (pending: number): number => Math.floor((pending * share) / 100);
  process.crash({ reached, isAnnounced: context.choose(3) === 0 });
  restartLater(context, process);
}

/** A process dies as soon as it is time for it. */
export function crashWhen(
  context: FaultContext,
  process: AnyProcess | null,
  isTime: (process: AnyProcess) => boolean,
): AnyProcess | null {
  if (process === null) return null;
  const look = (tries: number): void => {
    if (!process.isRunning || tries === 0) return;
    if (isTime(process)) {
      crash(context, process, context.choose(101));
      return;
    }
    context.after(5, () => {
      look(tries - 1);
    });
  };
  look(1_000);
  return process;
}

export const processFaults: Actions = {
  'crash-at-effect': (context) => {
    const process = context.pick(context.choose(2) === 0 ? 'leader' : 'any');
    if (process === null) return null;
    process.crashAfterEffects(context.choose(12));
    const wait = (): void => {
      if (process.isRunning) context.after(50, wait);
      else restartLater(context, process);
    };
    context.after(50, wait);
    return process;
  },
  'crash-in-write': (context) =>
    crashWhen(
      context,
      context.pick(context.choose(2) === 0 ? 'leader' : 'any'),
      ({ pendingWrites }) => pendingWrites > 0,
    ),
  'crash-majority': (context) => {
    const running = shuffled(context).filter(({ isRunning }) => isRunning);
    for (const process of running.slice(0, Math.floor(context.group.processes.length / 2) + 1))
      crash(context, process, 50);
    return 'group';
  },
  'crash-loop': (context) => {
    const process = context.pick();
    if (process === null) return null;
    const every = 50 + context.choose(1_000);
    for (let at = 0; at < context.fault.duration; at += every) {
      context.after(at, () => {
        process.crash({ reached: (pending) => pending, isAnnounced: true });
        process.start();
      });
    }
    return process;
  },
  freeze: (context) => {
    const process = context.pick(context.choose(2) === 0 ? 'leader' : 'any');
    process?.freeze();
    context.later(() => process?.thaw());
    return process;
  },
  'frozen-hours': (context) => {
    const process = context.pick();
    process?.freeze();
    context.later(() => process?.thaw());
    // What is hours for the tab is made short for everybody else: its clock jumps.
    context.later(() => process?.clock.jump(3_600_000 * (1 + context.choose(10))));
    return process;
  },
  'slow-cpu': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.eventCost = 1 + context.choose(8);
    context.later(() => {
      process.eventCost = 0;
    });
    return process;
  },
  'blocked-loop': (context) => {
    const process = context.pick(context.choose(2) === 0 ? 'leader' : 'any');
    process?.blockNext(100 + context.choose(4_000));
    return process;
  },
  'background-timers': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.clock.clampTimers(1_000);
    context.after(context.fault.duration / 2, () => {
      process.clock.clampTimers(60_000);
    });
    context.later(() => {
      process.clock.clampTimers(0);
    });
    return process;
  },
  'duplicated-tab': (context) => {
    const process = context.pick();
    process?.openElsewhere();
    return process;
  },
};

export const clockFaults: Actions = {
  'clock-skew': (context) => {
    const process = context.pick();
    process?.clock.setRate(0.9 + context.choose(201) / 1000);
    context.later(() => process?.clock.setRate(1));
    return process;
  },
  'clock-step': (context) => {
    const process = context.pick();
    process?.clock.stepWall(context.choose(7_200_000) - 3_600_000);
    return process;
  },
  'clock-frozen': (context) => {
    const process = context.pick();
    process?.clock.setRate(0);
    context.later(() => process?.clock.setRate(1));
    return process;
  },
  'clock-coarse': (context) => {
    const process = context.pick();
    process?.clock.setResolution([0.005, 0.1, 1, 16, 50][context.choose(5)] ?? 1);
    context.later(() => process?.clock.setResolution(0.001));
    return process;
  },
};

/** A store is lost, for good. Not while that could cost the group what it has agreed on. */
function loseStore(context: FaultContext, lose: (process: AnyProcess) => boolean): AnyProcess | null {
  const process = context.pick();
  if (process === null || !context.caretaker.canLose(process)) return null;
  const isLost = lose(process);
  process.crash({ reached: () => 0, isAnnounced: true });
  if (isLost) context.caretaker.lost(process);
  else process.start();
  return process;
}

export const storageFaults: Actions = {
  'slow-disk': (context) => {
    const process = context.pick();
    if (process === null) return null;
    const { group, choose, later } = context;
    group.slowDown(process.name, 2 + choose(40));
    later(() => {
      group.slowDown(process.name, 1);
    });
    return process;
  },
  'write-error': (context) => withDisk(context, 'failingWrites'),
  'aborted-write': (context) => withDisk(context, 'failingAfterWrites'),
  'read-error': (context) => {
    const process = withDisk(context, 'failingReads');
    if (process !== null) crash(context, process, 100);
    return process;
  },
  'torn-tail': (context) => {
    const process = context.pick();
    if (process === null) return null;
    context.group.slowDown(process.name, 20);
    const isTime = ({ pendingWrites }: AnyProcess): boolean => pendingWrites > 1;
    context.later(() => {
      context.group.slowDown(process.name, 1);
    });
    return crashWhen(context, process, isTime);
  },
  'half-snapshot': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.run(() => process.member?.takeSnapshot());
    return crashWhen(context, process, ({ isStaging }) => isStaging);
  },
  'blocked-open': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.diskFaults.openDelay = 10_000 + context.choose(120_000);
    crash(context, process, 100);
    context.later(() => {
      process.diskFaults.openDelay = 0;
    });
    return process;
  },
  eviction: (context) =>
    loseStore(context, (process) => {
      process.disk.isEvicted = true;
      return true;
    }),
  'corrupt-store': (context) =>
    loseStore(context, (process) => {
      process.disk.isDamaged = true;
      return true;
    }),
  'stores-disagree': (context) => loseStore(context, (process) => process.disk.loseSnapshots()),
};

function withDisk(
  { pick }: FaultContext,
  fault: 'failingWrites' | 'failingReads' | 'failingAfterWrites',
): AnyProcess | null {
  const process = pick();
  if (process !== null) process.diskFaults[fault]++;
  return process;
}
