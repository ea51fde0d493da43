/**
 * What a group owes once everything works again: a leader soon, equal states soon after, no endless elections, and no joint
 * configuration for ever (docs/simulation.md, L1, L2, L5 and L8).
 */
import { canLead } from '../core/configuration.ts';
import type { Index } from '../core/types.ts';
import type { AnyProcess } from './fault-context.ts';
import { healedDelayMs } from './faults.ts';
import type { SimGroup } from './group-of-processes.ts';
import type { Operator } from './operator.ts';
import type { Plan } from './plan.ts';

/** Multiples of an election timeout as it may be drawn. */
const leaderWithin = 10;
/** Multiples of the minimum of an election timeout. */
const equalWithin = 20;
/** Looking after the group takes a few rounds of the caretaker, each with elections and snapshots in between. */
const mendedWithin = 60;
const maxTermsAfterHealing = 2;

export interface LivenessGroup {
  readonly group: SimGroup<unknown, unknown, unknown>;
  readonly operator: Operator;
  readonly plan: Plan;
}

/** The members of the newest configuration that anybody has applied. */
export function members({ group }: LivenessGroup): readonly AnyProcess[] {
  const { configuration } = group.watcher.invariants;
  if (configuration === null) return [];
  const ids = [...configuration.voters, ...configuration.outgoing, ...configuration.learners];
  return group.processes.filter(({ id, isGone }) => ids.includes(id) && !isGone);
}

function hasLeader(healed: LivenessGroup): boolean {
  const { leader } = healed.group;
  const term = leader?.raft?.term;
  if (leader === null || term === undefined) return false;
  return members(healed).every(({ raft }) => raft?.leader === leader.id && raft.term === term);
}

/** Milliseconds of an election timeout, if the longest is drawn. */
export function longestElectionMs({ group, plan }: LivenessGroup): number {
  const { campaignDelayTicks = 0, electionTicks = 1 } = plan.options.raft ?? {};
  return (2 + campaignDelayTicks / electionTicks) * group.electionMs;
}

/** L1: one leader, and everybody follows it. */
export function checkLeader(healed: LivenessGroup): void {
  const { group } = healed;
  if (group.until(() => hasLeader(healed), leaderWithin * longestElectionMs(healed))) return;
  const picture = members(healed).map(({ id, raft }) => `${id} ${raft?.role ?? 'down'} of ${raft?.term ?? 0}`);
  group.accuse(
    'L1',
    `no leader that all follow ${leaderWithin} election timeouts after the healing: ${picture.join(', ')}`,
  );
}

/** L8, and what the caretaker has to mend: stores that are lost, configurations that were to be left by hand. */
export function checkMended({ group, operator }: LivenessGroup): void {
  if (group.until(() => operator.isContent, mendedWithin * group.electionMs)) return;
  const { configuration } = group.watcher.invariants;
  group.accuse('L8', `the configuration does not come to rest: ${JSON.stringify(configuration)}`);
}

/** What was so at the healing. */
export interface AtHealing {
  /** Milliseconds. */
  readonly at: number;
  readonly term: number;
  /** Leaders that had died, or been removed, until then. */
  readonly departures: number;
}

/**
 * L5: after the healing nobody begins term after term. Each leader that goes meanwhile costs one, and so does each rival
 * that has begun a term before it could know of another one.
 */
export function checkTerms(healed: LivenessGroup, before: AtHealing): void {
  const { group } = healed;
  const terms = highestTerm(group) - before.term;
  const departures = group.watcher.leadership.departures - before.departures;
  const rivals = rivalsSince(healed, before.at);
  if (terms <= maxTermsAfterHealing + departures + rivals) return;
  group.accuse(
    'L5',
    `${terms} terms since the healing, in which ${departures} leaders went, and ${rivals} rivals came`,
  );
}

/** Election timeouts that somebody is alone for: long enough to begin terms if nothing keeps it from that. */
const timeoutsAlone = 2;

/**
 * L1 and L5 once more: whoever was alone comes back, and follows whoever leads. With pre-votes its term has not grown
 * meanwhile; and with CheckQuorum beside them nobody begins a term for it either.
 */
export function checkReturn(healed: LivenessGroup): void {
  const { group } = healed;
  const { preVote, checkQuorum } = group.limits.raft;
  const { leader } = group;
  const { configuration } = group.watcher.invariants;
  // The others have to be a quorum without it.
  if (configuration === null || configuration.voters.length < 3) return;
  const alone = members(healed).find(({ id }) => id !== leader?.id && canLead(configuration, id));
  if (alone === undefined) return;
  group.watcher.note(`${alone.name} is alone`);
  const term = highestTerm(group);
  const paths = group.network.isolate(alone.name);
  group.pass(timeoutsAlone * longestElectionMs(healed));
  const apart = highestTerm(group);
  for (const path of paths) path.isCut = false;
  group.network.healed();
  if (preVote && apart > term) group.accuse('L5', `${apart - term} terms were begun while ${alone.name} was alone`);
  checkLeader(healed);
  const back = highestTerm(group);
  if (preVote && checkQuorum && back > term) {
    group.accuse('L5', `${back - term} terms were begun when ${alone.name} came back`);
  }
}

/** Candidates who followed another one sooner than that could be elected and tell them: two writes and three ways later. */
function rivalsSince({ group, plan }: LivenessGroup, healedAt: number): number {
  const soon = 2 * plan.disk.maxDelay + 3 * healedDelayMs;
  const since = group.watcher.leadership.candidacies.filter(({ at }) => at >= healedAt);
  return since.filter(({ id, at }, i) => {
    const before = since[i - 1];
    return before !== undefined && before.id !== id && at - before.at <= soon;
  }).length;
}

export function highestTerm(group: SimGroup<unknown, unknown, unknown>): number {
  return Math.max(0, ...group.processes.map(({ raft, disk }) => Math.max(raft?.term ?? 0, disk.hardState.term)));
}

/** L2: what was committed at the healing is applied everywhere, under load. */
export function checkCaughtUp(healed: LivenessGroup, committed: Index): void {
  const isThere = ({ raft }: AnyProcess): boolean => (raft?.appliedIndex ?? -1) >= committed;
  const areThere = (): boolean => members(healed).every(isThere);
  if (untilInTime(healed, areThere)) return;
  healed.group.accuse('L2', `${committed} was committed ${equalWithin} election timeouts ago: ${appliedBy(healed)}`);
}

/** L2: all members have applied the same, and show the same state. */
export function checkAgreement(healed: LivenessGroup, digest: (state: never) => string): void {
  const isSame = (): boolean => {
    const all = members(healed).filter(({ id }) => !isWitness(healed, id));
    const states = new Set(all.map(({ member }) => (member === null ? 'down' : digest(member.state as never))));
    const applied = new Set(all.map(({ raft }) => raft?.appliedIndex ?? -1));
    return states.size === 1 && applied.size === 1 && !states.has('down');
  };
  if (untilInTime(healed, isSame)) return;
  healed.group.accuse('L2', `the states are not equal ${equalWithin} election timeouts later: ${appliedBy(healed)}`);
}

function appliedBy(healed: LivenessGroup): string {
  return members(healed)
    .map(({ id, raft }) => `${id} applied ${raft?.appliedIndex ?? 0}`)
    .join(', ');
}

/**
 * Within twenty election timeouts; and as much longer as the snapshots take that are on their way when these are over,
 * each of them counted once.
 */
function untilInTime(healed: LivenessGroup, holds: () => boolean): boolean {
  const { group } = healed;
  const known = new Set<string>();
  let milliseconds = equalWithin * group.electionMs;
  while (milliseconds > 0) {
    if (group.until(holds, milliseconds)) return true;
    milliseconds = transfersMs(healed, known);
  }
  return false;
}

/** How long those snapshots take that are on their way and not known yet, one after the other. */
function transfersMs({ group, plan }: LivenessGroup, known: Set<string>): number {
  const { leader } = group;
  const { snapshotPartBytes, snapshotWindowBytes } = group.limits.raft;
  const bytesPerTrip = Math.max(snapshotPartBytes, snapshotWindowBytes - snapshotPartBytes);
  const tripMs = 2 * (healedDelayMs + plan.disk.maxDelay);
  let milliseconds = 0;
  for (const [id, { pendingSnapshot }] of leader?.raft?.status().progress ?? []) {
    const name = `${id} ${pendingSnapshot}`;
    if (pendingSnapshot === null || known.has(name)) continue;
    known.add(name);
    milliseconds += Math.ceil((leader?.raft?.snapshot?.bytes ?? 0) / bytesPerTrip + 1) * tripMs;
  }
  return milliseconds;
}

function isWitness({ group }: LivenessGroup, id: string): boolean {
  return group.watcher.invariants.configuration?.witnesses.some((witness) => witness === id) === true;
}
