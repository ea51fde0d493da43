/**
 * Known bugs of Raft implementations, each put back on purpose to see whether the checkers notice (the tables at the end
 * of docs/rules.md). A mutant changes exactly one thing: a rule of the core, a message on its way in, or what the storage
 * does.
 */
import { Raft, type RaftInit } from '../core/raft.ts';
import type { Configuration, LogStart, NodeId } from '../core/types.ts';
import type { MemberMessage } from '../transport/messages.ts';
import type { Mutant } from './mutant.ts';

const yes = (): boolean => true;
const no = (): boolean => false;

/** A snapshot carries the configuration before the last change. */
class ForgetfulSnapshots extends Raft {
  #before: Configuration | null = null;

  override applied(index: number): void {
    const { configuration } = this;
    super.applied(index);
    if (this.configuration !== configuration) this.#before = configuration;
  }

  override snapshotPoint(): LogStart | null {
    const point = super.snapshotPoint();
    return point && { ...point, configuration: this.#before ?? point.configuration };
  }
}

class EverlastingLease extends Raft {
  override voidLease(): void {
    // Time has passed, and nobody cares.
  }
}

function anotherVoter({ configuration }: Raft, self: NodeId): NodeId {
  return configuration.voters.find((id) => id !== self) ?? self;
}

/** Counts what passes, so that only some of it is changed; begins anew with each run. */
function everyNth<Message>(n: number, change: (message: Message) => Message): (message: Message) => Message {
  let count = 0;
  return (message) => (++count % n === 0 ? change(message) : message);
}

const rules: readonly Mutant[] = [
  {
    name: 'change-before-commit-in-term',
    bug: 'a change of membership before an entry of the term is committed, beside one of an earlier term (raft-dev 2015)',
    breaks: 'M2 M1',
    rules: { mayChangeMembership: yes, isChangeFree: yes },
  },
  {
    name: 'several-changes-at-once',
    bug: 'a change of membership is proposed while another one is not applied (raft#80, etcd#7625, EastGuard#150)',
    breaks: 'M1',
    rules: { isChangeFree: yes },
  },
  {
    name: 'removed-is-added-again',
    bug: 'a member that was removed is added again under its old id',
    breaks: 'M10',
    rules: { mayComeIn: yes },
  },
  {
    name: 'read-before-commit-in-term',
    bug: 'a leader answers reads before an entry of its term is committed (etcd#7331)',
    breaks: 'Q1',
    rules: { knowsCommit: yes },
  },
  {
    name: 'read-by-earlier-answers',
    bug: 'answers from before a read, however old, confirm it (etcd#20418, raft#397)',
    breaks: 'Q2 Q3',
    rules: { isConfirmed: ({ quorumRound }) => quorumRound > 0 },
  },
  {
    name: 'read-before-applied',
    bug: 'a read is served from a state that is behind its index',
    breaks: 'Q5',
    rules: { mayServeRead: yes },
  },
  {
    name: 'lease-without-end',
    bug: 'a lease outlives its leader: it does not end with time, nor when leadership is handed over (tikv#1593, jraft#34)',
    breaks: 'Q7 T4',
    needsLeases: true,
    rules: { mayReadOnLease: ({ leaseReads, knowsCommit }) => leaseReads && knowsCommit },
  },
  {
    name: 'lease-not-honoured',
    bug: 'voters elect another leader while the old one counts on its lease',
    breaks: 'Q7 E7',
    needsLeases: true,
    rules: {
      isDisturbance: no,
      mayCampaign: ({ canLead, isRemoved, isRestoring, hasUnappliedChange }) =>
        canLead && !isRemoved && !isRestoring && !hasUnappliedChange,
    },
  },
  {
    name: 'commit-beyond-verified',
    bug: 'a follower commits as far as the leader has, whatever its own log holds (CCF#8172, copycat#265)',
    breaks: 'R4',
    rules: { followerCommit: ({ leaderCommit }) => leaderCommit },
  },
  {
    name: 'commit-older-terms',
    bug: 'entries of earlier terms are committed by counting (logcabin#44, canonical/raft#220)',
    breaks: 'R6',
    rules: { mayCommitByCounting: yes },
  },
  {
    name: 'truncate-on-short-append',
    bug: 'an append that ends before the log does cuts the log (openraft 9540c904)',
    breaks: 'R2',
    rules: { isConflict: ({ ownTerm, sentTerm }) => ownTerm !== undefined && ownTerm !== sentTerm },
  },
  {
    name: 'append-without-match',
    bug: 'entries are taken although the one before them is another',
    breaks: 'R1',
    rules: { extendsLog: yes },
  },
  {
    name: 'heartbeat-commits-anything',
    bug: 'a heartbeat carries a commit index that the follower may not hold',
    breaks: 'R5',
    rules: { heartbeatCommit: ({ commit }) => commit },
  },
  {
    name: 'two-votes',
    bug: 'a second vote in a term, to another candidate (NuRaft#293)',
    breaks: 'E4',
    rules: { mayVoteInTerm: yes },
  },
  {
    name: 'vote-for-stale-log',
    bug: 'a vote for a candidate whose log is behind',
    breaks: 'E3',
    rules: { isUpToDate: yes },
  },
  {
    name: 'snapshot-goes-back',
    bug: 'a snapshot of what is committed already takes the state back',
    breaks: 'S3',
    rules: { isSnapshotNews: yes, holdsSnapshot: no },
  },
];

const cores: readonly Mutant[] = [
  {
    name: 'snapshot-without-last-change',
    bug: 'a snapshot right after a change of membership lacks it (matrixone#23281)',
    breaks: 'S5',
    createRaft: (init: RaftInit) => new ForgetfulSnapshots(init),
  },
  {
    name: 'lease-survives-pause',
    bug: 'a lease is believed after a pause in which nobody counted the time (tikv#4680, d-engine#390)',
    breaks: 'Q7',
    needsLeases: true,
    createRaft: (init: RaftInit) => new EverlastingLease(init),
  },
];

const messages: readonly Mutant[] = [
  {
    name: 'configuration-survives-snapshot',
    bug: 'the old configuration stays in force when a snapshot is installed (openraft#1808)',
    breaks: 'M8 S6',
    receives: (message, raft) => {
      if (message.kind !== 'InstallSnapshot' || raft === null) return message;
      return { ...message, snapshot: { ...message.snapshot, configuration: raft.configuration } };
    },
  },
  {
    name: 'commit-without-quorum',
    bug: 'the quorum index is computed from what is not there: one acknowledgement counts for everything (openraft#1802)',
    breaks: 'R9',
    receives: (message, raft) => {
      if (message.kind !== 'AppendEntriesResponse' || message.conflict !== null || raft === null) return message;
      return { ...message, index: raft.lastIndex };
    },
  },
  {
    name: 'learners-count-for-reads',
    bug: 'a learner stands in for a voter when reads are confirmed (openraft d60f1e85)',
    breaks: 'Q8',
    receives: (message, raft) => {
      if (message.kind !== 'HeartbeatResponse' || raft?.configuration.learners.includes(message.from) !== true)
        return message;
      return { ...message, from: anotherVoter(raft, message.to) };
    },
  },
  {
    name: 'refusals-count-as-votes',
    bug: 'whoever answers has voted for the candidate',
    breaks: 'E10 S12',
    receives: (message) => (message.kind === 'RequestVoteResponse' ? { ...message, granted: true } : message),
  },
  {
    name: 'purged-entry-is-conflict',
    bug: 'an append behind the beginning of the log is refused instead of acknowledged (openraft#510)',
    breaks: 'R1',
    receives: (message, raft) => {
      const isBehind = message.kind === 'AppendEntries' && raft !== null && message.prevIndex < raft.commit;
      return isBehind ? null : message;
    },
  },
  {
    name: 'unread-entries-sent-empty',
    bug: 'what a leader could not read it sends as nothing (openraft#1795)',
    breaks: 'D8',
    receives: everyNth<MemberMessage>(50, (message) => {
      if (message.kind !== 'AppendEntries') return message;
      return {
        ...message,
        entries: message.entries.map((entry) => ({ ...entry, kind: 'empty', data: new Uint8Array() })),
      };
    }),
  },
  {
    name: 'commands-lose-their-session',
    bug: 'a command that is sent again is taken for a new one',
    breaks: 'C3',
    receives: (() => {
      let count = 0;
      return (message: MemberMessage): MemberMessage => {
        if (message.kind !== 'Propose') return message;
        const session = `${message.session.slice(0, 16)}-${++count}` as typeof message.session;
        return { ...message, session, sequence: 1, known: 0 };
      };
    })(),
  },
];

const stores: readonly Mutant[] = [
  {
    name: 'acknowledge-before-disk',
    bug: 'entries are acknowledged, and counted, before they are durable (etcd#14370)',
    breaks: 'D3 D4',
    acknowledgesEarly: ({ entries }) => entries.length > 0,
  },
  {
    name: 'vote-before-disk',
    bug: 'a vote is given before it is durable (etcd#10508, openraft#1960)',
    breaks: 'D1 D2',
    acknowledgesEarly: ({ hardState, entries }) => hardState !== null && entries.length === 0,
  },
  {
    name: 'vote-not-stored',
    bug: 'the term is stored without the vote (hashicorp persistVote; openraft#1385)',
    breaks: 'D1 D9',
    writes: (batch) => (batch.hardState === null ? batch : { ...batch, hardState: { ...batch.hardState, vote: null } }),
  },
  {
    name: 'amnesia',
    bug: 'a member whose store was lost comes back under its old id (cockroach#25173, dragonboat#254, etcd#10217)',
    breaks: 'D9',
    forgetsIncarnation: true,
  },
];

export const mutants: readonly Mutant[] = [...rules, ...cores, ...messages, ...stores];
