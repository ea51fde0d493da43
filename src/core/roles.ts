/** The four roles and how a replica comes into each: term, vote, role and leader change as one step (E12). */
import { Progress } from './progress.ts';
import type { Leader, Replica } from './replica.ts';
import type { Entry, NodeId, Term } from './types.ts';

const noData = new Uint8Array(0);

/** E6: drawn afresh at each change of role or leader. */
export function drawElectionTimeout(replica: Replica): void {
  const { electionTicks } = replica.options;
  replica.electionTimeout = electionTicks + replica.random.below(electionTicks);
}

function enterTerm(replica: Replica, term: Term): void {
  if (term === replica.term) return;
  replica.term = term;
  replica.vote = null;
}

/** A follower that stays one keeps its election timer: only contact with a leader or a granted vote resets it (E5). */
export function becomeFollower(replica: Replica, term: Term, leader: NodeId | null): void {
  enterTerm(replica, term);
  replica.role = { name: 'follower', leader };
  drawElectionTimeout(replica);
  if (replica.tracing) replica.emit({ name: 'BecomeFollower' });
}

/** A pre-candidate changes nothing but its role: neither term nor vote (E8, dissertation section 9.6). */
export function becomePreCandidate(replica: Replica): void {
  replica.role = { name: 'pre-candidate', votes: new Map() };
  replica.ticksSinceContact = 0;
  drawElectionTimeout(replica);
  if (replica.tracing) replica.emit({ name: 'BecomePreCandidate' });
}

export function becomeCandidate(replica: Replica): void {
  enterTerm(replica, replica.term + 1);
  replica.vote = replica.id;
  replica.role = { name: 'candidate', votes: new Map() };
  replica.ticksSinceContact = 0;
  drawElectionTimeout(replica);
  if (replica.tracing) replica.emit({ name: 'BecomeCandidate' });
}

export function becomeLeader(replica: Replica): Leader {
  const { log, options } = replica;
  const next = log.lastIndex + 1;
  const progress = new Map(
    replica.configuration.voters.map((id) => {
      const match = id === replica.id ? log.durable : 0;
      return [id, new Progress(match, next, id === replica.id, options)];
    }),
  );
  const leader: Leader = {
    name: 'leader',
    progress,
    ticksSinceHeartbeat: 0,
    ticksSinceQuorumCheck: 0,
    uncommittedBytes: 0,
  };
  replica.role = leader;
  replica.ticksSinceContact = 0;
  if (replica.tracing) replica.emit({ name: 'BecomeLeader' });
  // E17: until an entry of its own term commits, a leader knows neither the commit index nor that it may answer reads.
  appendAsLeader(replica, leader, [{ index: next, term: replica.term, kind: 'empty', data: noData }]);
  return leader;
}

/** Appends to a leader's own log, which it never rewrites (R8), and marks the followers as behind. */
export function appendAsLeader(replica: Replica, leader: Leader, entries: readonly Entry[]): void {
  replica.log.append(entries);
  if (replica.tracing) for (const entry of entries) replica.emit({ name: 'Replicate', entry });
  for (const progress of leader.progress.values()) progress.dirty = true;
}
