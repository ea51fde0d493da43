/**
 * A run drawn from its seed: the options of the members, the kinds of faults that it has, and the faults themselves, each
 * at its moment. Some runs have no partitions, some nothing else ("swarm testing", Groce et al. 2012). A plan is data, so
 * that a failing one can be made shorter.
 */
import { type Random, seededRandom } from '../core/random.ts';
import type { MemberOptions } from '../group/member-options.ts';
import { defaultProposalLimits } from '../group/proposal-limits.ts';
import { highWaterBytes } from '../transport/link.ts';
import { allFaultKinds, type FaultKind, faultKinds } from './fault-kinds.ts';
import type { DiskOptions } from './group-of-processes.ts';
import type { NetworkOptions } from './network.ts';

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Milliseconds from the beginning. */
  readonly at: number;
  /** For how long, in milliseconds. */
  readonly duration: number;
  /** Whole numbers in [0, 2^31), for the choices that the fault makes when it comes. */
  readonly choices: readonly number[];
}

export interface Plan {
  readonly seed: number;
  readonly members: number;
  /** So many newcomers become learners at the beginning. */
  readonly learners: number;
  readonly options: Partial<MemberOptions>;
  readonly network: NetworkOptions;
  readonly disk: DiskOptions;
  readonly clients: number;
  /** At the end somebody is alone once more, for some election timeouts. */
  readonly endsAlone: boolean;
  /** Milliseconds between the operations of a client, at most. */
  readonly thinkMs: number;
  readonly keys: number;
  /** Milliseconds after which a client gives up. */
  readonly patienceMs: number;
  /** How long things go wrong, in milliseconds. */
  readonly chaosMs: number;
  readonly kinds: readonly FaultKind[];
  readonly faults: readonly PlannedFault[];
  /** Whether members keep what is proposed in them in their outbox; in plans of before they do not. */
  readonly keepsCommands?: boolean;
}

export interface PlanOptions {
  /** Drawn if left out: three, five or seven. */
  readonly members?: number | undefined;
  readonly faults?: readonly FaultKind[] | undefined;
  readonly chaosMs?: number | undefined;
  readonly clients?: number | undefined;
}

const planStream = 0;
const choicesPerFault = 6;

export function drawPlan(seed: number, given: PlanOptions = {}): Plan {
  const random = seededRandom(seed, planStream);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const between = (min: number, max: number): number => min + random.below(max - min + 1);
  const members = given.members ?? [3, 3, 5, 5, 5, 7][random.below(6)] ?? 3;
  const chaosMs = given.chaosMs ?? between(20_000, 60_000);
  const drawn = drawKinds(random, given.faults ?? allFaultKinds, chance);
  const options = drawOptions(chance, between, !isNothingButFrozenClocks(drawn));
  // A lease trusts that clocks run: one that stands still is beyond every bound of drift.
  const kinds = options.raft?.leaseReads === true ? drawn.filter((kind) => kind !== 'clock-frozen') : drawn;
  // Whoever wants no faults wants none of these either.
  const isFaultless = given.faults?.length === 0;
  const isCalmNetwork = chance(40) || isFaultless;
  return {
    seed,
    members,
    learners: chance(50) && !isFaultless ? between(1, 2) : 0,
    options,
    network: {
      asBytes: chance(20),
      highWaterBytes: chance(25) && !isFaultless ? between(100, 4_000) : highWaterBytes.bulk,
      faults: {
        loss: isCalmNetwork ? 0 : random.below(30),
        duplication: isCalmNetwork ? 0 : random.below(20),
        replay: chance(30) && !isFaultless ? random.below(5) : 0,
        minDelay: between(0, 5),
        maxDelay: between(5, 60),
        heavyTail: chance(50) && !isFaultless ? random.below(60) : 0,
        reorders: chance(50),
      },
    },
    disk: { minDelay: random.below(3), maxDelay: between(3, 30) },
    clients: given.clients ?? between(2, 6),
    endsAlone: chance(30),
    thinkMs: between(20, 400),
    keys: between(1, 6),
    patienceMs: between(2_000, 10_000),
    chaosMs,
    kinds,
    faults: drawFaults(random, kinds, chaosMs, between),
    keepsCommands: chance(40),
  };
}

function drawOptions(
  chance: (percent: number) => boolean,
  between: (min: number, max: number) => number,
  mayLease: boolean,
): Partial<MemberOptions> {
  const electionTicks = between(6, 14);
  const checkQuorum = chance(90);
  return {
    tickMs: chance(70) ? 100 : between(40, 150),
    raft: {
      electionTicks,
      heartbeatTicks: between(1, 2),
      campaignDelayTicks: chance(20) ? between(0, electionTicks - 1) : 0,
      preVote: chance(85),
      checkQuorum,
      leaseReads: checkQuorum && mayLease && chance(60),
      clockDriftTicks: 1 + Math.ceil(electionTicks / 4),
      maxMessageBytes: chance(30) ? between(1, 500) : 64 * 1024,
      maxInflightMessages: chance(30) ? between(1, 4) : 64,
      maxInflightBytes: chance(20) ? between(1, 2_000) : 1024 * 1024,
      maxUncommittedBytes: chance(30) ? between(50, 1_000) : 8 * 1024 * 1024,
      maxCommittedBytes: chance(30) ? between(1, 1_000) : 1024 * 1024,
      maxPendingReads: chance(20) ? between(1, 4) : 10_000,
      trailingEntries: chance(50) ? between(0, 5) : between(0, 40),
      trailingBytes: chance(20) ? between(0, 1_000) : 1024 * 1024,
      snapshotPartBytes: chance(50) ? between(50, 1_000) : between(1_000, 60 * 1024),
      snapshotWindowBytes: between(50, 5_000),
      snapshotTimeoutTicks: between(20, 60),
    },
    proposals: chance(20)
      ? { ...defaultProposalLimits, maxPending: between(1, 8), maxPendingBytes: between(20, 400) }
      : defaultProposalLimits,
    snapshots: {
      entries: chance(50) ? between(10, 40) : between(15, 120),
      bytes: chance(20) ? between(500, 5_000) : 1e9,
    },
  };
}

function isNothingButFrozenClocks(kinds: readonly FaultKind[]): boolean {
  return kinds.length > 0 && kinds.every((kind) => kind === 'clock-frozen');
}

/** Most runs have some kinds of faults, a few have one or all, so that each is seen with and without each other. */
function drawKinds(
  random: Random,
  kinds: readonly FaultKind[],
  chance: (percent: number) => boolean,
): readonly FaultKind[] {
  if (chance(10)) return kinds;
  if (chance(10)) return kinds.slice(random.below(kinds.length)).slice(0, 1);
  const share = 15 + random.below(60);
  const some = kinds.filter(() => chance(share));
  return some.length > 0 ? some : kinds;
}

function drawFaults(
  random: Random,
  kinds: readonly FaultKind[],
  chaosMs: number,
  between: (min: number, max: number) => number,
): PlannedFault[] {
  if (kinds.length === 0) return [];
  const weighted = kinds.flatMap((kind) => Array.from({ length: faultKinds[kind].weight }, () => kind));
  const meanGapMs = between(500, 4_000);
  const faults: PlannedFault[] = [];
  // The first leader comes before the first fault.
  let at = between(1_000, 5_000);
  while (at < chaosMs) {
    const kind = weighted[random.below(weighted.length)] ?? 'loss';
    const choices = Array.from({ length: choicesPerFault }, () => random.below(2 ** 31));
    faults.push({ kind, at, duration: between(300, 12_000), choices });
    at += 1 + random.below(2 * meanGapMs);
  }
  return faults;
}
