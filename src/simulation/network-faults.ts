/** What the faults of the network do. */
import { type AnyProcess, type FaultActions, type FaultContext, shuffled } from './fault-context.ts';
import type { PathFaults } from './path.ts';

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

export const networkFaults: FaultActions = {
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
