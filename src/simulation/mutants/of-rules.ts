/** One rule of the core, or two that stand for each other, in a wrong version. */
import type { Mutant } from './mutant.ts';

const yes = (): boolean => true;
const no = (): boolean => false;

const elections: readonly Mutant[] = [
  {
    name: 'two-votes',
    bug: 'a second vote in a term, to another candidate (NuRaft#293)',
    known: ['A18'],
    breaks: 'E4',
    rules: { mayVoteInTerm: yes },
  },
  {
    name: 'vote-for-stale-log',
    bug: 'a vote for a candidate whose log is behind',
    known: [],
    breaks: 'E3',
    rules: { isUpToDate: yes },
  },
  {
    name: 'leads-without-quorum',
    bug: 'a leader that hears of no majority any more goes on leading (openraft#2080, cockroach#142994)',
    known: ['B6'],
    breaks: 'E7',
    rules: { mayGoOnLeading: yes },
  },
  {
    name: 'hand-over-to-anybody',
    bug: 'leadership is handed to a voter that is behind (hashicorp#398, consul#7031)',
    known: ['B5'],
    breaks: 'T1',
    rules: { mayTakeOver: yes },
  },
];

const membership: readonly Mutant[] = [
  {
    name: 'change-before-commit-in-term',
    bug: 'a change of membership before an entry of the term is committed, beside one of an earlier term (raft-dev 2015)',
    known: ['A1'],
    breaks: 'M2 M1',
    rules: { mayChangeMembership: yes, isChangeFree: yes },
  },
  {
    name: 'several-changes-at-once',
    bug: 'a change of membership is proposed while another one is not applied (raft#80, etcd#7625, EastGuard#150)',
    known: ['A20'],
    breaks: 'M1',
    rules: { isChangeFree: yes },
  },
  {
    name: 'removed-is-added-again',
    bug: 'a member that was removed is added again under its old id',
    known: [],
    breaks: 'M10',
    rules: { mayComeIn: yes },
  },
];

const reads: readonly Mutant[] = [
  {
    name: 'read-before-commit-in-term',
    bug: 'a leader answers reads before an entry of its term is committed (etcd#7331)',
    known: ['A4'],
    breaks: 'Q1',
    rules: { knowsCommit: yes },
  },
  {
    name: 'read-by-earlier-answers',
    bug: 'answers from before a read, however old, confirm it (etcd#20418, raft#397)',
    known: ['A5'],
    breaks: 'Q2 Q3',
    rules: { isConfirmed: ({ quorumRound }) => quorumRound > 0 },
  },
  {
    name: 'read-before-applied',
    bug: 'a read is served from a state that is behind its index',
    known: [],
    breaks: 'Q5',
    rules: { mayServeRead: yes },
  },
  {
    name: 'lease-without-end',
    bug: 'a lease outlives its leader: it does not end with time, nor when leadership is handed over (tikv#1593, jraft#34)',
    known: ['A6'],
    breaks: 'Q7 T4',
    rules: { mayReadOnLease: ({ leaseReads, knowsCommit }) => leaseReads && knowsCommit },
  },
  {
    name: 'lease-not-honoured',
    bug: 'voters elect another leader while the old one counts on its lease (tikv#964)',
    known: ['A6'],
    breaks: 'Q7 E7',
    rules: {
      isDisturbance: no,
      mayCampaign: ({ canLead, isRemoved, isRestoring, hasUnappliedChange }) =>
        canLead && !isRemoved && !isRestoring && !hasUnappliedChange,
    },
  },
];

const replication: readonly Mutant[] = [
  {
    name: 'commit-beyond-verified',
    bug: 'a follower commits as far as the leader has, whatever its own log holds (CCF#8172, copycat#265)',
    known: ['A9'],
    breaks: 'R4',
    rules: { followerCommit: ({ leaderCommit }) => leaderCommit },
  },
  {
    name: 'commit-older-terms',
    bug: 'entries of earlier terms are committed by counting (logcabin#44, canonical/raft#220)',
    known: ['A11'],
    breaks: 'R6',
    rules: { mayCommitByCounting: yes },
  },
  {
    name: 'truncate-on-short-append',
    bug: 'an append that ends before the log does cuts the log (openraft 9540c904, CCF#5991)',
    known: ['A10', 'A12'],
    breaks: 'R2',
    rules: { isConflict: ({ ownTerm, sentTerm }) => ownTerm !== undefined && ownTerm !== sentTerm },
  },
  {
    name: 'append-without-match',
    bug: 'entries are taken although the one before them is another',
    known: [],
    breaks: 'R1',
    rules: { extendsLog: yes },
  },
  {
    name: 'heartbeat-commits-anything',
    bug: 'a heartbeat carries a commit index that the follower may not hold',
    known: [],
    breaks: 'R5',
    rules: { heartbeatCommit: ({ commit }) => commit },
  },
  {
    name: 'uncommitted-without-limit',
    bug: 'a leader takes whatever it is given, however much waits to be committed',
    known: [],
    breaks: 'R18',
    rules: { mayGrowUncommitted: yes },
  },
];

const snapshots: readonly Mutant[] = [
  {
    name: 'snapshot-goes-back',
    bug: 'a snapshot of what is committed already takes the state back',
    known: [],
    breaks: 'S3',
    rules: { isSnapshotNews: yes, holdsSnapshot: no },
  },
  {
    name: 'conflict-survives-snapshot',
    bug: 'a log that conflicts with a snapshot stays beside it (openraft#559, openraft#753)',
    known: ['A12'],
    breaks: 'S3 S6',
    rules: { holdsSnapshot: yes },
  },
];

export const mutantsOfRules: readonly Mutant[] = [...elections, ...membership, ...reads, ...replication, ...snapshots];
