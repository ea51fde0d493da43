/**
 * L7: a group says no more than it has to. Once everything works, each kind of message is held to what its cause allows:
 * an entry goes to each member once, and so does the news that it is committed; a round of heartbeats goes out each
 * interval, and for each read; whoever is at rest says nothing else.
 */
import type { AnyProcess } from './fault-context.ts';
import type { Counts, MessageKind } from './watcher.ts';
import { healedDelayMs } from './faults.ts';
import { type LivenessGroup, longestElectionMs, members } from './liveness.ts';

/** What clients ask for. */
export interface Demand {
  readonly operations: number;
}

/** What was going on while messages were counted, each as the most that it can have been. */
interface Causes {
  /** Members but for the leader, and processes that have run. */
  readonly others: number;
  readonly processes: number;
  /** Of each of them: also those that are gone, as long as nobody has told it. */
  readonly peers: number;
  readonly ticks: number;
  /** Entries that were new to some member. */
  readonly entries: number;
  readonly reads: number;
  readonly operations: number;
  /** Answers to heartbeats: whoever has not acknowledged all is asked then. */
  readonly answers: number;
  /** Each is acknowledged, or refused. */
  readonly appends: number;
  /** Of snapshots: each may be acknowledged as an append is. */
  readonly parts: number;
  /** Messages of long ago that have come again: each is answered, and that may be, too. */
  readonly late: number;
  /** Snapshots that were taken. */
  readonly snapshots: number;
  /** Processes that were removed, and may not know it yet: they have to ask to be told (M12). */
  readonly strangers: number;
}

type Groups = Readonly<
  Record<string, { readonly kinds: readonly MessageKind[]; readonly most: (of: Causes) => number }>
>;

/** So many entries are committed while messages are counted; and an election timeout passes, or more. */
const entriesCounted = 10;
/** A leader that goes while messages are counted spoils the count: then it is begun anew. */
const attempts = 4;

export function checkTraffic(healed: LivenessGroup, demand: Demand): void {
  const { group } = healed;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const term = group.leader?.raft?.term;
    // From here on nobody has to catch up.
    group.until(() => members(healed).every((member) => isStreaming(healed, member)), 20 * group.electionMs);
    const wrong = count(healed, demand, () => {
      const { committed } = group.watcher.invariants;
      group.pass(group.electionMs);
      group.until(() => group.watcher.invariants.committed >= committed + entriesCounted, 20 * group.electionMs);
    });
    if (wrong === null) return;
    if (group.leader?.raft?.term === term) group.accuse('L7', `under load: ${wrong}`);
  }
}

/** L7, when nobody asks for anything any more: it may take a while until all are told that they have to be silent. */
export function checkIdleTraffic(healed: LivenessGroup): void {
  const { group } = healed;
  const nothing: Demand = { operations: 0 };
  // Whoever stands for election again and again does so within the longest election timeout.
  const pause = longestElectionMs(healed);
  let wrong: string | null = null;
  for (let attempt = 0; attempt < attempts; attempt++) {
    group.pass(2 * heartbeatMs(healed));
    wrong = count(healed, nothing, () => {
      group.pass(pause);
    });
    if (wrong === null) return;
  }
  group.accuse('L7', `at rest: ${wrong ?? ''}`);
}

function heartbeatMs({ group }: LivenessGroup): number {
  return group.tickMs * group.limits.raft.heartbeatTicks;
}

/** Gets entries as they are proposed. */
function isStreaming({ group }: LivenessGroup, { id, raft }: AnyProcess): boolean {
  const leader = group.leader?.raft;
  if (leader === undefined || leader === null || raft === null) return false;
  if (raft === leader) return true;
  const progress = leader.progressOf(id);
  return progress?.state === 'replicate' && progress.match >= leader.commit;
}

/** Counts messages while time passes; says what is too much, or null. */
function count(healed: LivenessGroup, demand: Demand, pass: () => void): string | null {
  const { group, plan } = healed;
  const { watcher, network, queue } = group;
  const running = new Set(group.processes.filter(({ isRunning }) => isRunning));
  const counts: Counts = new Map();
  const before = {
    at: queue.now,
    operations: demand.operations,
    late: network.late,
    snapshots: watcher.snapshots,
  };
  const begun = { entries: watcher.bounds.replicated, reads: watcher.reads.begun };
  const behind = entriesBehind(healed);
  watcher.counts = counts;
  // What is on its way now has its cause before: causes are counted for so much longer than what they lead to.
  group.pass(2 * healedDelayMs + plan.disk.maxDelay);
  const earlier: Counts = new Map(counts);
  pass();
  watcher.counts = null;
  for (const process of group.processes) if (process.isRunning) running.add(process);
  // Each client may have had something on its way.
  const underWay = demand.operations === 0 ? 0 : plan.clients;
  const causes: Causes = {
    others: members(healed).length - 1,
    processes: running.size,
    peers: group.processes.length - 1,
    ticks: Math.ceil((queue.now - before.at) / group.tickMs) + 1,
    entries: watcher.bounds.replicated - begun.entries + behind,
    reads: watcher.reads.begun - begun.reads + underWay,
    operations: demand.operations - before.operations + underWay,
    answers: counts.get('HeartbeatResponse') ?? 0,
    appends: counts.get('AppendEntries') ?? 0,
    parts: counts.get('InstallSnapshot') ?? 0,
    late: network.late - before.late,
    snapshots: watcher.snapshots - before.snapshots,
    strangers: demand.operations === 0 ? 0 : strangers(healed, running),
  };
  for (const [name, { kinds, most }] of Object.entries(groupsOf(healed))) {
    const sent = kinds.reduce((sum, kind) => sum + (counts.get(kind) ?? 0) - (earlier.get(kind) ?? 0), 0);
    const allowed = most(causes);
    if (sent > allowed) return `${sent} ${name}, where ${allowed} are enough for ${JSON.stringify(causes)}`;
  }
  return null;
}

function strangers(healed: LivenessGroup, running: ReadonlySet<AnyProcess>): number {
  const known = new Set(members(healed));
  return [...running].filter((process) => !known.has(process)).length;
}

/** Entries that the member furthest behind has not acknowledged. */
function entriesBehind({ group }: LivenessGroup): number {
  const leader = group.leader?.raft ?? null;
  if (leader === null) return 0;
  const matches = [...leader.status().progress.values()].map(({ match }) => match);
  return leader.lastIndex - Math.min(leader.lastIndex, ...matches);
}

function groupsOf({ group }: LivenessGroup): Groups {
  const { heartbeatTicks, electionTicks } = group.limits.raft;
  const rounds = ({ ticks, reads }: Causes): number => Math.ceil(ticks / heartbeatTicks) + reads;
  const heartbeats = (of: Causes): number => of.others * rounds(of) + of.late;
  // After a heartbeat whoever has not acknowledged all is asked.
  const appends = (of: Causes): number => {
    const questions = of.entries > 0 ? of.answers : 0;
    return of.others * of.entries + questions + 2 * of.late;
  };
  const unasked = ({ late, strangers: some, processes }: Causes): number => late + 2 * some * processes;
  // Refused by a leader that has too much to do, a member tries again after two ticks.
  const refusals = ({ processes, ticks, operations }: Causes): number => (operations === 0 ? 0 : processes * ticks);
  return {
    heartbeats: { kinds: ['Heartbeat'], most: heartbeats },
    'answers to heartbeats': { kinds: ['HeartbeatResponse'], most: heartbeats },
    appends: { kinds: ['AppendEntries'], most: appends },
    'news of commits': { kinds: ['News'], most: ({ others, entries, late }) => others * entries + late },
    acknowledgements: { kinds: ['AppendEntriesResponse'], most: (of) => of.appends + of.parts + of.late },
    'questions for reads': { kinds: ['ReadIndex'], most: ({ reads, late }) => reads + late },
    'answers for reads': { kinds: ['ReadIndexResponse'], most: ({ reads, late }) => reads + late },
    proposals: {
      kinds: ['Propose'],
      most: (of) => {
        const repetitions = of.operations === 0 ? 0 : of.processes * Math.ceil(of.ticks / electionTicks);
        return of.operations + repetitions + refusals(of) + of.late;
      },
    },
    refusals: { kinds: ['ProposeRefused'], most: (of) => refusals(of) + of.late },
    // Each tells all others how it is doing, once a tick, if that is news.
    reports: {
      kinds: ['Report'],
      most: ({ processes, peers, ticks, operations }) => (operations === 0 ? 0 : processes * peers * ticks),
    },
    // Who has not acknowledged yet what a new snapshot holds needs it, where the log keeps too little behind it.
    'parts of snapshots': {
      kinds: ['InstallSnapshot', 'InstallSnapshotResponse'],
      most: (of) => (of.snapshots > 0 ? Number.POSITIVE_INFINITY : unasked(of)),
    },
    votes: {
      kinds: ['RequestVote', 'RequestVoteResponse', 'RequestPreVote', 'RequestPreVoteResponse', 'TimeoutNow'],
      most: unasked,
    },
  };
}
