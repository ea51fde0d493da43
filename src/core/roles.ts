/** The four roles and how a replica comes into each: term, vote, role and leader change as one step (E12). */
import { CatchUp } from './catch-up.ts';
import { membersOf } from './configuration.ts';
import { Progress } from './progress.ts';
import { ReadRounds } from './reads.ts';
import type { Leader, Replica } from './replica.ts';
import type { Entry, NodeId, Term } from './types.ts';

const noData = new Uint8Array(0);

function enterTerm(replica: Replica, term: Term): void {
  if (term === replica.term) return;
  replica.term = term;
  replica.vote = null;
}

/** Q4: what a role could still have proved ends with it. */
function leaveRole(replica: Replica): void {
  const { role, failedReads } = replica;
  if (role.name === 'leader') {
    for (const { from, context } of role.reads.takeAll()) {
      if (from === replica.id) failedReads.push({ context, reason: 'leader-lost' });
      else refuseRead(replica, from, context);
    }
  } else if (role.name === 'follower') {
    const asked = role.askedReads.flatMap(({ contexts }) => contexts);
    for (const context of [...asked, ...role.newReads]) failedReads.push({ context, reason: 'leader-lost' });
  }
}

/** Tells whoever asked for a read that we do not lead. */
export function refuseRead(replica: Replica, to: NodeId, context: number): void {
  replica.answer({ kind: 'ReadIndexResponse', from: replica.id, to, term: replica.term, context, index: null });
}

/** A follower that stays one keeps its election timer: only contact with a leader or a granted vote resets it (E5). */
export function becomeFollower(replica: Replica, term: Term, leader: NodeId | null): void {
  leaveRole(replica);
  enterTerm(replica, term);
  replica.role = { name: 'follower', leader, newReads: [], askedReads: [] };
  replica.drawElectionTimeout();
  if (replica.tracing) replica.emit({ name: 'BecomeFollower' });
}

/** A pre-candidate changes nothing but its role: neither term nor vote (E8, dissertation section 9.6). */
export function becomePreCandidate(replica: Replica): void {
  leaveRole(replica);
  replica.role = { name: 'pre-candidate', votes: new Map() };
  replica.ticksSinceContact = 0;
  replica.drawElectionTimeout();
  if (replica.tracing) replica.emit({ name: 'BecomePreCandidate' });
}

export function becomeCandidate(replica: Replica): void {
  leaveRole(replica);
  enterTerm(replica, replica.term + 1);
  replica.vote = replica.id;
  replica.role = { name: 'candidate', votes: new Map() };
  replica.ticksSinceContact = 0;
  replica.drawElectionTimeout();
  if (replica.tracing) replica.emit({ name: 'BecomeCandidate' });
}

export function becomeLeader(replica: Replica): void {
  const { log } = replica;
  const leader: Leader = {
    name: 'leader',
    progress: new Map(membersOf(replica.configuration).map((id) => [id, newProgress(replica, id, false)])),
    ticksSinceHeartbeat: 0,
    ticksSinceQuorumCheck: 0,
    uncommittedBytes: 0,
    // Whatever lies in the log uncommitted may be a change of membership (M1).
    pendingChangeIndex: log.lastIndex,
    reads: new ReadRounds(),
    transfer: null,
    leavingTicks: null,
  };
  replica.role = leader;
  replica.ticksSinceContact = 0;
  if (replica.tracing) replica.emit({ name: 'BecomeLeader' });
  // E17: until an entry of its own term commits, a leader knows neither the commit index nor that it may answer reads.
  appendAsLeader(replica, leader, [{ index: log.lastIndex + 1, term: replica.term, kind: 'empty', data: noData }]);
}

/**
 * What a leader begins with about a member: nothing is known to match, and probing starts at the end of the log.
 * @param isNew whether it came into the group just now, and counts as active until the next check (M13)
 */
export function newProgress(replica: Replica, id: NodeId, isNew: boolean): Progress {
  const { log, options, configuration } = replica;
  const isSelf = id === replica.id;
  const progress = new Progress(isSelf ? log.durable : 0, log.lastIndex + 1, isSelf || isNew, options);
  if (configuration.learners.includes(id)) progress.catchUp = new CatchUp(log.lastIndex, options.electionTicks);
  return progress;
}

/** Appends to a leader's own log, which it never rewrites (R8), and marks the followers as behind. */
export function appendAsLeader(replica: Replica, leader: Leader, entries: readonly Entry[]): void {
  replica.log.append(entries);
  if (replica.tracing) {
    for (const entry of entries) replica.emit({ name: 'Replicate', entry });
    replica.emit({ name: 'SendSelfAppend', ackIndex: replica.log.lastIndex });
  }
  for (const progress of leader.progress.values()) progress.dirty = true;
}
