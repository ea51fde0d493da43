/**
 * What a group owes once everything works again: a leader soon, equal states soon after, an end to every operation, no
 * endless elections, and no joint configuration for ever (docs/simulation.md, L1 to L8).
 */
import type { SimGroup } from './group-of-processes.ts';
import type { Operator } from './operator.ts';
import type { Plan } from './plan.ts';

/** Multiples of an election timeout. */
const leaderWithin = 10;
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
function members({ group }: LivenessGroup): SimGroup<unknown, unknown, unknown>['processes'] {
  const { configuration } = group.watcher.invariants;
  if (configuration === null) return [];
  const ids = [...configuration.voters, ...configuration.outgoing, ...configuration.learners];
  return group.processes.filter(({ id, isGone }) => ids.includes(id) && !isGone);
}

function hasLeader(healed: LivenessGroup): boolean {
  const { leader } = healed.group;
  if (leader?.raft == null) return false;
  const { term } = leader.raft;
  return members(healed).every(({ raft, id }) => raft?.leader === leader.id && raft.term === term && id !== '');
}

/** L1: one leader, and everybody follows it. */
export function checkLeader(healed: LivenessGroup): void {
  const { group, plan } = healed;
  const electionMs = 2 * group.electionMs + delayOf(plan, group.electionMs);
  if (group.until(() => hasLeader(healed), leaderWithin * electionMs)) return;
  const picture = members(healed).map(({ id, raft }) => `${id} ${raft?.role ?? 'down'} of ${raft?.term ?? 0}`);
  group.accuse(
    'L1',
    `no leader that all follow ${leaderWithin} election timeouts after the healing: ${picture.join(', ')}`,
  );
}

function delayOf(plan: Plan, electionMs: number): number {
  const { campaignDelayTicks = 0, electionTicks = 1 } = plan.options.raft ?? {};
  return (campaignDelayTicks / electionTicks) * electionMs;
}

/** L8, and what the caretaker has to mend: stores that are lost, configurations that were to be left by hand. */
export function checkMended({ group, operator }: LivenessGroup): void {
  if (group.until(() => operator.isContent, mendedWithin * group.electionMs)) return;
  const { configuration } = group.watcher.invariants;
  group.accuse('L8', `the configuration does not come to rest: ${JSON.stringify(configuration)}`);
}

/** L5: after the healing nobody begins term after term. */
export function checkTerms({ group }: LivenessGroup, termAtHealing: number): void {
  const term = highestTerm(group);
  // Whoever was looked after meanwhile may have been the leader, and been removed.
  if (term - termAtHealing > maxTermsAfterHealing + 2) {
    group.accuse('L5', `${term - termAtHealing} terms since the healing`);
  }
}

export function highestTerm(group: SimGroup<unknown, unknown, unknown>): number {
  return Math.max(0, ...group.processes.map(({ raft, disk }) => Math.max(raft?.term ?? 0, disk.hardState.term)));
}

/** L2: all members have applied the same, and show the same state. */
export function checkAgreement(healed: LivenessGroup, digest: (state: never) => string): void {
  const { group } = healed;
  const isSame = (): boolean => {
    const all = members(healed).filter(({ id }) => !isWitness(healed, id));
    const states = new Set(all.map(({ member }) => (member === null ? 'down' : digest(member.state as never))));
    const applied = new Set(all.map(({ raft }) => raft?.appliedIndex ?? -1));
    return states.size === 1 && applied.size === 1 && !states.has('down');
  };
  if (group.until(isSame, equalWithin * 2 * group.electionMs)) return;
  const picture = members(healed).map(({ id, raft }) => `${id} applied ${raft?.appliedIndex ?? 0}`);
  group.accuse('L2', `the states are not equal ${equalWithin} election timeouts later: ${picture.join(', ')}`);
}

function isWitness({ group }: LivenessGroup, id: string): boolean {
  return group.watcher.invariants.configuration?.witnesses.some((witness) => witness === id) === true;
}
