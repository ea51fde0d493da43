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
   * E7. While a leader was heard from within the minimum election timeout, a campaign is a disturbance.
   * [dissertation, sections 4.2.3 and 6.2]
   */
  isDisturbance(of: {
    readonly leader: NodeId | null;
    readonly ticksSinceContact: number;
    readonly electionTicks: number;
  }): boolean {
    return of.leader !== null && of.ticksSinceContact < of.electionTicks;
  },

  /** E14. Only a voter campaigns. [etcd-io/raft `promotable`] */
  mayCampaign(of: { readonly isVoter: boolean }): boolean {
    return of.isVoter;
  },

  /** E13. A term has one leader. [paper, Election Safety] */
  isLeaderOfTerm(of: { readonly known: NodeId | null; readonly sender: NodeId }): boolean {
    return of.known === null || of.known === of.sender;
  },

  /** CheckQuorum: a leader out of touch with a majority of voters steps down. [dissertation, section 6.2] */
  mayGoOnLeading(of: { readonly quorumIsActive: boolean }): boolean {
    return of.quorumIsActive;
  },

  /** R1. Entries are accepted only behind an entry that both logs hold. [paper, section 5.3] */
  extendsLog(of: { readonly prevTerm: Term; readonly ownTermAtPrev: Term | undefined }): boolean {
    return of.ownTermAtPrev === of.prevTerm;
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
