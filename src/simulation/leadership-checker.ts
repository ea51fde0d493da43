/**
 * L5, while it can be seen who begins a term, who is handed one, and who goes on leading. With pre-votes nobody begins a
 * term who has not been given those of a quorum for it, or was asked by its leader: so the terms of a member that is alone
 * do not grow. A leader asks only whom it knows to hold its whole log. With CheckQuorum it goes on no longer than two
 * election timeouts without an answer of a quorum.
 */
import { canLead } from '../core/configuration.ts';
import type { RaftOptions } from '../core/options.ts';
import { isQuorum } from '../core/quorum.ts';
import type { TraceEvent } from '../core/trace.ts';
import type { NodeId } from '../core/types.ts';
import type { Run } from './run-of-member.ts';
import type { DiskView } from './sim-disk.ts';
import type { Accuse } from './violation.ts';

/** Rounds of heartbeats: the first of those that follow the last answer may have begun at once, and one more is there for reads. */
const moreRounds = 2;

/** Somebody has begun a term, and when, in milliseconds. */
export interface Candidacy {
  readonly id: NodeId;
  readonly at: number;
}

export class LeadershipChecker {
  readonly #accuse: Accuse;
  readonly #options: RaftOptions;
  readonly #diskOf: (id: NodeId) => DiskView | null;
  /** Rounds of heartbeats that a leader may begin after the last answers of a quorum. */
  readonly #maxRounds: number;
  /** Leaders that died, or that a change of membership took the leadership from. */
  departures = 0;
  /** Who has begun terms, in their order. */
  readonly candidacies: Candidacy[] = [];
  readonly #now: () => number;

  constructor(accuse: Accuse, options: RaftOptions, diskOf: (id: NodeId) => DiskView | null, now: () => number) {
    this.#accuse = accuse;
    this.#now = now;
    this.#options = options;
    this.#diskOf = diskOf;
    this.#maxRounds = Math.ceil((2 * options.electionTicks) / options.heartbeatTicks) + moreRounds;
  }

  traced(run: Run, event: TraceEvent): void {
    switch (event.name) {
      case 'BecomePreCandidate':
        run.preVotes = new Set([run.id]);
        break;
      case 'ReceiveRequestPreVoteResponse': {
        const { message, state } = event;
        const isGrant = message.kind === 'RequestPreVoteResponse' && message.granted;
        if (isGrant && message.term === state.term + 1) run.preVotes.add(message.from);
        break;
      }
      case 'ReceiveTimeoutNow':
        run.wasAskedToLead = event.message.term === event.state.term;
        break;
      case 'BecomeCandidate':
        this.candidacies.push({ id: run.id, at: this.#now() });
        this.#checkCandidate(run, event);
        break;
      case 'SendTimeoutNow':
        this.#checkSuccessor(run, event.message.to);
        break;
      case 'BecomeLeader':
        run.round = 0;
        run.answered.clear();
        break;
      case 'ApplyConfChange':
        // Another quorum is needed now: its members count as having answered just now.
        run.answered.clear();
        if (run.leading !== null && !canLead(event.configuration, run.id)) this.departures++;
        break;
      case 'SendHeartbeat':
        if (event.message.kind === 'Heartbeat' && event.message.round !== run.round) {
          run.round = event.message.round;
          this.#checkQuorum(run);
        }
        break;
      case 'ReceiveHeartbeatResponse':
      case 'ReceiveAppendEntriesResponse':
      case 'ReceiveInstallSnapshotResponse':
        if (event.message.term === event.state.term) run.answered.set(event.message.from, run.round);
        break;
      default:
        break;
    }
  }

  /** A member is gone. */
  crashed({ leading }: Run): void {
    if (leading !== null) this.departures++;
  }

  #checkCandidate(run: Run, { state }: TraceEvent): void {
    const { id, raft, preVotes, wasAskedToLead } = run;
    if (!this.#options.preVote || wasAskedToLead) return;
    if (isQuorum(raft.configuration, (voter) => preVotes.has(voter))) return;
    this.#accuse('L5', `${id} begins term ${state.term} without the pre-votes of a quorum`);
  }

  #checkSuccessor({ id, raft }: Run, successor: NodeId): void {
    const { configuration, lastIndex } = raft;
    const disk = this.#diskOf(successor);
    const holdsAll = disk !== null && disk.lastIndex >= lastIndex;
    if (canLead(configuration, successor) && holdsAll) return;
    this.#accuse('L5', `${id} asks ${successor} to campaign, who cannot win`);
  }

  #checkQuorum({ id, raft, round, answered }: Run): void {
    if (!this.#options.checkQuorum) return;
    const hasAnswered = (voter: NodeId): boolean => {
      const last = answered.get(voter);
      if (last === undefined) answered.set(voter, round);
      return voter === id || last === undefined || round - last <= this.#maxRounds;
    };
    if (isQuorum(raft.configuration, hasAnswered)) return;
    this.#accuse('L5', `${id} leads on in term ${raft.term}, ${this.#maxRounds} rounds after the answers of a quorum`);
  }
}
