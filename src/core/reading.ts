/**
 * Linearizable reads without a log entry (dissertation, section 6.4): who may be asked, how a leader proves that it still
 * leads, and when a read may be served. A follower asks its leader for an index, once for all reads that came since it
 * last asked, and serves them itself.
 */
import { knowsCommit } from './commitment.ts';
import { quorumIndex } from './quorum.ts';
import type { Follower, Leader, ReadBatch, ReadFailure, ReadyRead, Replica } from './replica.ts';
import { refuseRead } from './roles.ts';
import type { ReadIndex, ReadIndexResponse } from './types.ts';

/** `lease` trusts clocks, where the options allow it; without a lease, and on a follower, it is `linearizable`. */
export type ReadConsistency = 'linearizable' | 'lease';

/** Why a read was not begun. */
export type ReadRefusal =
  /** Nobody is known who could confirm it (Q6). */
  | 'no-leader'
  /** `maxPendingReads` are waiting. */
  | 'too-many'
  /** A witness holds nothing that could be read. */
  | 'witness';

export type ReadResult =
  { readonly accepted: true; readonly context: number } | { readonly accepted: false; readonly reason: ReadRefusal };

/** Begins a read. Its context comes back with the index that it has to wait for, or with a failure. */
export function requestRead(replica: Replica, consistency: ReadConsistency): ReadResult {
  const { role, id, configuration } = replica;
  if (configuration.witnesses.includes(id)) return { accepted: false, reason: 'witness' };
  if (replica.leader === null) return { accepted: false, reason: 'no-leader' };
  if (pendingReads(replica) >= replica.options.maxPendingReads) return { accepted: false, reason: 'too-many' };
  const context = replica.nextReadContext++;
  if (replica.tracing) replica.emit({ name: 'ReadStart', context });
  if (role.name === 'leader') readAsLeader(replica, role, context, consistency);
  else if (role.name === 'follower') role.newReads.push(context);
  return { accepted: true, context };
}

export function pendingReads({ role, confirmedReads }: Replica): number {
  switch (role.name) {
    case 'leader':
      return role.reads.pending + confirmedReads.length;
    case 'follower': {
      const asked = role.askedReads.reduce((sum, { contexts }) => sum + contexts.length, 0);
      return role.newReads.length + asked + confirmedReads.length;
    }
    case 'pre-candidate':
    case 'candidate':
      return confirmedReads.length;
  }
}

/** Whether a read on a lease would be answered now. */
export function holdsLease({ role, log, term, options, quietRules }: Replica): boolean {
  if (role.name !== 'leader') return false;
  const { hasLease } = role.reads;
  const isKnown = quietRules.knowsCommit({ commitTerm: log.termAt(log.commit), term });
  return quietRules.mayReadOnLease({ leaseReads: options.leaseReads, hasLease, knowsCommit: isKnown });
}

function readAsLeader(replica: Replica, leader: Leader, context: number, consistency: ReadConsistency): void {
  const { id, log, rules, options } = replica;
  const { hasLease } = leader.reads;
  const isKnown = knowsCommit(replica);
  const mayServe =
    consistency === 'lease' && rules.mayReadOnLease({ leaseReads: options.leaseReads, hasLease, knowsCommit: isKnown });
  if (mayServe) replica.confirmedReads.push({ context, index: log.commit });
  else leader.reads.request({ from: id, context }, isKnown ? log.commit : null);
}

/** Another member asks on behalf of its readers. */
export function handleReadIndex(replica: Replica, { from, context }: ReadIndex): void {
  const { role, log, options } = replica;
  if (role.name !== 'leader' || role.reads.pending >= options.maxPendingReads) refuseRead(replica, from, context);
  else role.reads.request({ from, context }, knowsCommit(replica) ? log.commit : null);
}

/** Serves what the rounds answered so far have proved: a majority of voters, of both halves while joint (M4, Q8). */
export function confirmReads(replica: Replica, leader: Leader): void {
  const { rules, options, id: from, term } = replica;
  const quorumRound = quorumIndex(replica.configuration, (id) => leader.progress.get(id)?.round ?? 0);
  // A tick less, because our own round may have begun at the end of one; the drift is what clocks may differ by (Q7).
  const leaseTicks = options.electionTicks - 1 - options.clockDriftTicks;
  const confirmed = leader.reads.confirm((round) => rules.isConfirmed({ round, quorumRound }), leaseTicks);
  for (const { from: to, context, index } of confirmed) {
    if (to === from) replica.confirmedReads.push({ context, index });
    else replica.send({ kind: 'ReadIndexResponse', from, to, term, context, index });
  }
}

/** One question to the leader for all reads that have come since the last one. */
export function askForReads(replica: Replica, follower: Follower): void {
  const { leader, newReads: contexts } = follower;
  const context = contexts.at(-1);
  if (context === undefined || leader === null) return;
  follower.newReads = [];
  follower.askedReads.push({ contexts, ticks: 0 });
  replica.answer({ kind: 'ReadIndex', from: replica.id, to: leader, term: replica.term, context });
}

export function handleReadIndexResponse(replica: Replica, follower: Follower, message: ReadIndexResponse): void {
  const { from, context, index } = message;
  if (from !== follower.leader) return;
  const answered = follower.askedReads.find(({ contexts }) => contexts.at(-1) === context);
  if (answered === undefined) return;
  follower.askedReads = follower.askedReads.filter((batch) => batch !== answered);
  if (index === null) fail(replica, answered, 'refused');
  else for (const read of answered.contexts) replica.confirmedReads.push({ context: read, index });
}

/** Questions, and answers, get lost: after an election timeout whoever asked had better ask again. */
export function tickReads(replica: Replica, follower: Follower): void {
  for (const batch of follower.askedReads) {
    batch.ticks++;
    if (batch.ticks >= replica.options.electionTicks) fail(replica, batch, 'timed-out');
  }
  follower.askedReads = follower.askedReads.filter(({ ticks }) => ticks < replica.options.electionTicks);
}

function fail({ failedReads }: Replica, { contexts }: ReadBatch, reason: ReadFailure): void {
  for (const context of contexts) failedReads.push({ context, reason });
}

export function hasReadyReads({ confirmedReads, quietRules, log }: Replica): boolean {
  return confirmedReads.some(({ index }) => quietRules.mayServeRead({ readIndex: index, applied: log.applied }));
}

/** Hands over the reads that the applied state has come far enough for (Q5). */
export function takeReadyReads(replica: Replica): ReadyRead[] {
  if (replica.confirmedReads.length === 0) return [];
  const { rules, log } = replica;
  const ready: ReadyRead[] = [];
  const waiting: ReadyRead[] = [];
  // M16: whoever asked before it knew that it is a witness knows it by now: its state is no state.
  const isWitness = replica.configuration.witnesses.includes(replica.id);
  for (const read of replica.confirmedReads) {
    const mayServe = rules.mayServeRead({ readIndex: read.index, applied: log.applied });
    if (!mayServe) {
      waiting.push(read);
    } else if (isWitness) {
      replica.failedReads.push({ context: read.context, reason: 'witness' });
    } else {
      if (replica.tracing) replica.emit({ name: 'ReadReady', ...read });
      ready.push(read);
    }
  }
  replica.confirmedReads = waiting;
  return ready;
}
