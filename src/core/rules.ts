/**
 * The safety rules, one small pure function each, with its citation. The core asks them and nothing else decides, so
 * that a test or a lesson can replace exactly one by a wrong version, and a listener can read off why each decision
 * fell as it did. "Paper" is Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended
 * version); "dissertation" is Ongaro, "Consensus: Bridging Theory and Practice". The letters are the project's own
 * numbers for the rules, listed in docs/rules.md.
 */
import type { Index, NodeId, Term } from './types.ts';

export const standardRules = {
  /** E3. A voter grants its vote only to a log at least as up to date as its own. [paper, section 5.4.1] */
  isUpToDate(of: {
    readonly lastTerm: Term;
    readonly lastIndex: Index;
    readonly candidateLastTerm: Term;
    readonly candidateLastIndex: Index;
  }): boolean {
    if (of.candidateLastTerm !== of.lastTerm) return of.candidateLastTerm > of.lastTerm;
    return of.candidateLastIndex >= of.lastIndex;
  },

  /** E4. One vote per term, repeated to the same candidate; none against a known leader of the term. [paper, figure 2] */
  mayVoteInTerm(of: {
    readonly candidate: NodeId;
    readonly vote: NodeId | null;
    readonly leader: NodeId | null;
  }): boolean {
    return of.vote === of.candidate || (of.vote === null && of.leader === null);
  },

  /**
   * E7, Q7. While a leader was heard from within the minimum election timeout, a campaign is a disturbance, unless the
   * leader has asked for it. A lease that was given holds even when that leader is not ours any more. [dissertation,
   * sections 4.2.3, 6.2 and 6.4.1]
   */
  isDisturbance(of: {
    readonly leader: NodeId | null;
    readonly ticksSinceContact: number;
    readonly electionTicks: number;
    readonly owesLease: boolean;
    readonly isTransfer: boolean;
  }): boolean {
    if (of.isTransfer) return false;
    return of.owesLease || (of.leader !== null && of.ticksSinceContact < of.electionTicks);
  },

  /**
   * E14, E16, M12, M16, Q7. Only who can lead campaigns: a voter that holds commands and was not told that it is removed;
   * not while a snapshot, or a committed change of membership, is waiting to be applied, nor while a leader may count on
   * our loyalty. [etcd-io/raft `promotable`, `hup`]
   */
  mayCampaign(of: {
    readonly canLead: boolean;
    readonly isRemoved: boolean;
    readonly isRestoring: boolean;
    readonly hasUnappliedChange: boolean;
    readonly owesLease: boolean;
  }): boolean {
    return of.canLead && !of.isRemoved && !of.isRestoring && !of.hasUnappliedChange && !of.owesLease;
  },

  /**
   * M12. A candidate that we do not know, with a log that reaches no further than what we have applied, was removed: who
   * was added later holds the entry that says so. [dissertation, section 4.2.3; ids are never used again]
   */
  wasRemoved(of: { readonly isMember: boolean; readonly candidateLastIndex: Index; readonly applied: Index }): boolean {
    return !of.isMember && of.candidateLastIndex <= of.applied;
  },

  /** E13. A term has one leader. [paper, Election Safety] */
  isLeaderOfTerm(of: { readonly known: NodeId | null; readonly sender: NodeId }): boolean {
    return of.known === null || of.known === of.sender;
  },

  /** CheckQuorum: a leader out of touch with a majority of voters steps down. [dissertation, section 6.2] */
  mayGoOnLeading(of: { readonly quorumIsActive: boolean }): boolean {
    return of.quorumIsActive;
  },

  /** R1. What is committed here agrees with every leader, whether its entry is still held or not. [etcd-io/raft] */
  isKnownToAgree(of: { readonly index: Index; readonly commit: Index }): boolean {
    return of.index < of.commit;
  },

  /** R1. Entries are accepted only behind an entry that both logs hold. [paper, section 5.3] */
  extendsLog(of: { readonly prevTerm: Term; readonly ownTermAtPrev: Term | undefined }): boolean {
    return of.ownTermAtPrev === of.prevTerm;
  },

  /**
   * R2. Only an entry of another term cuts the log: that an append ends before the log does says nothing about what comes
   * after. [paper, section 5.3]
   */
  isConflict(of: { readonly ownTerm: Term | undefined; readonly sentTerm: Term | undefined }): boolean {
    return of.ownTerm !== undefined && of.sentTerm !== undefined && of.ownTerm !== of.sentTerm;
  },

  /** R3. A conflict with a committed entry is proof of a fault, never a reason to truncate. [paper, Leader Completeness] */
  mayOverwrite(of: { readonly conflict: Index; readonly commit: Index }): boolean {
    return of.conflict > of.commit;
  },

  /** R4. A follower commits no further than this very message has verified its log. [paper, figure 2] */
  followerCommit(of: { readonly leaderCommit: Index; readonly verified: Index }): Index {
    return Math.min(of.leaderCommit, of.verified);
  },

  /** R5. A heartbeat verifies nothing, so it promises no more than the follower is known to hold. [etcd-io/raft] */
  heartbeatCommit(of: { readonly commit: Index; readonly match: Index }): Index {
    return Math.min(of.commit, of.match);
  },

  /** R7. A commit index beyond our log, from a leader that knows what we acknowledged, means that we lost data. */
  holdsWhatWasCommitted(of: { readonly commit: Index; readonly lastIndex: Index }): boolean {
    return of.commit <= of.lastIndex;
  },

  /** R6. Counting replicas commits only entries of the leader's own term. [paper, section 5.4.2] */
  mayCommitByCounting(of: { readonly entryTerm: Term | undefined; readonly term: Term }): boolean {
    return of.entryTerm === of.term;
  },

  /** R10. Nobody can acknowledge what was never sent: an answer above our last index is refused. */
  isPossibleAcknowledgement(of: { readonly index: Index; readonly lastIndex: Index }): boolean {
    return of.index <= of.lastIndex;
  },

  /** M1. One change of membership at a time: the last one must be applied before the next is proposed. [paper, section 6] */
  isChangeFree(of: { readonly pendingChangeIndex: Index; readonly applied: Index }): boolean {
    return of.pendingChangeIndex <= of.applied;
  },

  /** M2. No change of membership before an entry of this term is committed. [raft-dev, "bug in single-server changes"] */
  mayChangeMembership(of: { readonly commitTerm: Term | undefined; readonly term: Term }): boolean {
    return of.commitTerm === of.term;
  },

  /** M9. Compare and set: a change is made to the configuration that its author has seen. */
  isExpectedVersion(of: { readonly expected: Index | null; readonly version: Index }): boolean {
    return of.expected === null || of.expected === of.version;
  },

  /** M14. A learner becomes a voter when it keeps up. [dissertation, section 4.2.1] */
  mayPromote(of: { readonly isLearner: boolean; readonly isCaughtUp: boolean }): boolean {
    return !of.isLearner || of.isCaughtUp;
  },

  /**
   * M10, M19. Nobody is added who was removed before, or is banned: an id stands for one life of one replica, and a ban for
   * all of somebody's. [dragonboat]
   */
  mayComeIn(of: { readonly wasRemoved: boolean; readonly isBanned: boolean }): boolean {
    return !of.wasRemoved && !of.isBanned;
  },

  /** T1. Leadership goes to a voter that can lead, once it holds the whole log. [dissertation, section 3.10] */
  mayTakeOver(of: { readonly canLead: boolean; readonly match: Index; readonly lastIndex: Index }): boolean {
    return of.canLead && of.match === of.lastIndex;
  },

  /** Q1. A leader answers reads only once an entry of its term is committed. [dissertation, section 6.4] */
  knowsCommit(of: { readonly commitTerm: Term | undefined; readonly term: Term }): boolean {
    return of.commitTerm === of.term;
  },

  /** Q2, M4, Q8. A read is confirmed by a quorum that answered the round which began after it, or a later one. */
  isConfirmed(of: { readonly round: number; readonly quorumRound: number }): boolean {
    return of.round <= of.quorumRound;
  },

  /** Q5. A read is served from a state that has come as far as the read index. [dissertation, section 6.4] */
  mayServeRead(of: { readonly readIndex: Index; readonly applied: Index }): boolean {
    return of.readIndex <= of.applied;
  },

  /** Q7. A lease holds while it runs, has not been voided, and the log is known. [dissertation, section 6.4.1] */
  mayReadOnLease(of: {
    readonly leaseReads: boolean;
    readonly hasLease: boolean;
    readonly knowsCommit: boolean;
  }): boolean {
    return of.leaseReads && of.hasLease && of.knowsCommit;
  },

  /** S1. A snapshot is sent only when the entry that is needed is gone, and to somebody who is there. [etcd-io/raft] */
  maySendSnapshot(of: { readonly prevTerm: Term | undefined; readonly recentlyActive: boolean }): boolean {
    return of.prevTerm === undefined && of.recentlyActive;
  },

  /** S3. A snapshot of what is committed here is of no use; it would take the state back. [etcd-io/raft `restore`] */
  isSnapshotNews(of: { readonly snapshotIndex: Index; readonly commit: Index }): boolean {
    return of.snapshotIndex > of.commit;
  },

  /** S3. A log that holds the last entry of a snapshot holds all of it, and stays. [paper, section 7] */
  holdsSnapshot(of: { readonly snapshotTerm: Term; readonly ownTerm: Term | undefined }): boolean {
    return of.ownTerm === of.snapshotTerm;
  },

  /** S8. Compaction goes no further than what is applied, and in a snapshot. [hashicorp/raft] */
  mayCompact(of: { readonly index: Index; readonly applied: Index; readonly snapshotIndex: Index }): boolean {
    return of.index <= of.applied && of.index <= of.snapshotIndex;
  },

  /** R18. The limit on uncommitted bytes admits anything while nothing is outstanding. [etcd-io/raft] */
  mayGrowUncommitted(of: { readonly outstanding: number; readonly added: number; readonly limit: number }): boolean {
    return of.outstanding === 0 || of.outstanding + of.added <= of.limit;
  },
};

export type Rules = typeof standardRules;
export type RuleName = keyof Rules;

/** What a rule was asked and what it answered. */
export interface Decision {
  readonly rule: RuleName;
  readonly operands: Readonly<Record<string, unknown>>;
  readonly verdict: boolean | Index;
}

/** The same rules, each decision reported. */
export function observedRules(rules: Rules, listener: (decision: Decision) => void): Rules {
  const observe =
    <Operands extends object, Verdict extends boolean | Index>(rule: RuleName, decide: (of: Operands) => Verdict) =>
    (of: Operands): Verdict => {
      const verdict = decide(of);
      listener({ rule, operands: of as Readonly<Record<string, unknown>>, verdict });
      return verdict;
    };
  return Object.fromEntries(
    Object.entries(rules).map(([name, decide]) => [
      name,
      observe(name as RuleName, decide as (of: object) => boolean | Index),
    ]),
  ) as unknown as Rules;
}
