/** A leader's tick: heartbeats, the check that a quorum is there, and whatever it has promised to see through. */
import { leaveJointIfDue } from './membership.ts';
import { isQuorum } from './quorum.ts';
import type { Leader, Replica } from './replica.ts';
import { beginRound } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { tickTransfer } from './sending-snapshots.ts';
import { tickHandOver } from './transfers.ts';

export function tickLeader(replica: Replica, leader: Leader): void {
  leader.ticksSinceHeartbeat++;
  leader.ticksSinceQuorumCheck++;
  leader.reads.tick();
  for (const [id, progress] of leader.progress) {
    progress.catchUp?.tick(progress.match, replica.log.lastIndex);
    tickTransfer(replica, progress, id);
  }
  tickHandOver(replica, leader);
  if (replica.role !== leader) return;
  leaveJointIfDue(replica, leader);
  if (leader.ticksSinceQuorumCheck >= replica.options.electionTicks) {
    leader.ticksSinceQuorumCheck = 0;
    if (replica.options.checkQuorum && !checkQuorum(replica, leader)) {
      becomeFollower(replica, replica.term, null);
      return;
    }
  }
  if (leader.ticksSinceHeartbeat >= replica.options.heartbeatTicks) beginRound(replica, leader);
}

/** Whether a quorum was heard from since the last check (dissertation, section 6.2). */
function checkQuorum(replica: Replica, leader: Leader): boolean {
  const quorumIsActive = isQuorum(
    replica.configuration,
    (id) => id === replica.id || leader.progress.get(id)?.recentlyActive === true,
  );
  for (const progress of leader.progress.values()) progress.recentlyActive = false;
  return replica.rules.mayGoOnLeading({ quorumIsActive });
}
