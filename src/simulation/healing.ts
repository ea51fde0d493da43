/**
 * The end of a run: everything is healed, the group shows that it works again, and then that it comes to rest. The order
 * matters: each thing that a group owes needs those before it.
 */
import type { AnyGroup } from './fault-context.ts';
import type { Faults } from './faults.ts';
import {
  checkAgreement,
  checkCaughtUp,
  checkLeader,
  checkMended,
  checkReturn,
  checkTerms,
  highestTerm,
  type LivenessGroup,
} from './liveness.ts';
import { lateMs } from './carrier.ts';
import { checkIdleTraffic, checkTraffic, type Demand } from './traffic-checker.ts';

/** The part of a workload that does not depend on what is replicated. */
export interface Clients extends Demand {
  readonly acknowledged: number;
  readonly openOperations: number;
  stop(): void;
}

export function heal(healed: LivenessGroup, clients: Clients, faults: Faults, digest: (state: never) => string): void {
  const { group, operator, plan } = healed;
  group.watcher.note('everything works again from here on');
  operator.heal();
  faults.heal();
  const healedAt = group.queue.now;
  const term = highestTerm(group);
  const { departures } = group.watcher.leadership;
  const { committed } = group.watcher.invariants;
  checkLeader(healed);
  checkCaughtUp(healed, committed);
  depose(group);
  checkMended(healed);
  checkLeader(healed);
  checkCommits(group, clients);
  // What was delayed for longer than this is counted as late.
  group.pass(Math.max(0, healedAt + lateMs - group.queue.now));
  checkTraffic(healed, clients);
  clients.stop();
  // L3: whatever was begun comes to an end.
  if (!group.until(() => clients.openOperations === 0, plan.patienceMs + 4 * group.electionMs)) {
    group.accuse('L3', `${clients.openOperations} operations never end`);
  }
  checkAgreement(healed, digest);
  checkIdleTraffic(healed);
  if (plan.endsAlone) checkReturn(healed);
  // Without pre-votes, whoever cannot win begins terms all the same, for as long as the dice have it.
  if (group.limits.raft.preVote) checkTerms(healed, { at: healedAt, term, departures });
}

/** A run in which nobody had to take over proves little: then the leader dies once more. */
function depose(group: AnyGroup): void {
  if (group.watcher.invariants.leaderChanges > 1) return;
  const { leader } = group;
  leader?.crash({ reached: (pending) => pending, isAnnounced: false });
  group.until(() => group.leader !== null, 4 * group.electionMs);
  leader?.start();
}

/** L4: operations are acknowledged again. */
function checkCommits(group: AnyGroup, clients: Clients): void {
  const before = clients.acknowledged;
  const wanted = 10;
  if (!group.until(() => clients.acknowledged >= before + wanted, 40 * group.electionMs)) {
    group.accuse('L4', `${clients.acknowledged - before} of ${wanted} operations are acknowledged after the healing`);
  }
}
