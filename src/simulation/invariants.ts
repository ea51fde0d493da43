/**
 * The safety of the group, checked at every transition of every member (docs/simulation.md lists the invariants). The
 * checker sees all members and all disks at once, and derives what is allowed from the definitions alone.
 */
import { membersOf } from '../core/configuration.ts';
import { isQuorum } from '../core/quorum.ts';
import type { TraceEvent } from '../core/trace.ts';
import type { AppendEntriesResponse, Configuration, Entry, Index, NodeId, Term } from '../core/types.ts';
import type { Batch } from '../storage/storage.ts';
import type { MemberMessage } from '../transport/messages.ts';
import { exclusionFault } from './exclusions-checker.ts';
import { quorumsMeet } from './quorums-meet.ts';
import type { Run } from './run-of-member.ts';
import type { DiskView } from './sim-disk.ts';
import type { Accuse } from './violation.ts';

interface KnownEntry {
  readonly term: Term;
  /** Null as long as nobody has shown it. */
  prevTerm: Term | null;
  hash: number | null;
}

export class Invariants {
  readonly #accuse: Accuse;
  readonly #diskOf: (id: NodeId) => DiskView | null;
  readonly #leaders: Map<Term, NodeId> = new Map();
  /** By term, the run of its leader. */
  readonly #leading: Map<Term, Run> = new Map();
  /** By member and term, whom it voted for. */
  readonly #votes: Map<string, NodeId> = new Map();
  /** By index, every entry that was ever written there. */
  readonly #entries: KnownEntry[][] = [];
  /** By index, the term of the committed entry. */
  readonly #committed: Term[] = [0];
  /** By index, the term in which a leader committed it. */
  readonly #committedIn: Term[] = [0];
  readonly #configurations: Map<Index, Configuration> = new Map();
  #newestConfiguration: Configuration | null = null;
  /** The versions of all configurations that were ever in force, in ascending order. */
  readonly #versions: Index[] = [];
  leaderChanges = 0;
  /** Everybody who ever was a witness: their machines hold nothing. */
  readonly witnesses: Set<NodeId> = new Set();
  /** Everybody who ever was a member: ids are never used again (M10). */
  readonly everMembers: Set<NodeId> = new Set();

  constructor(accuse: Accuse, diskOf: (id: NodeId) => DiskView | null) {
    this.#accuse = accuse;
    this.#diskOf = diskOf;
  }

  /** The last index that is known to be committed. */
  get committed(): Index {
    return this.#committed.length - 1;
  }

  /** The newest configuration that anybody has applied. */
  get configuration(): Configuration | null {
    return this.#newestConfiguration;
  }

  started({ id, raft }: Run): void {
    this.#checkConfiguration(id, raft.configuration);
  }

  traced(run: Run, event: TraceEvent): void {
    switch (event.name) {
      case 'BecomeLeader':
        this.#becameLeader(run, event.state.term);
        break;
      case 'BecomeFollower':
        run.leading = null;
        break;
      case 'Commit':
        this.#committedTo(run, event);
        break;
      case 'BecomeCandidate':
        this.#checkCandidate(run);
        break;
      case 'ChangeConf':
        this.#checkOneChange(run);
        break;
      case 'ApplyConfChange':
        this.#checkConfiguration(run.id, event.configuration);
        break;
      case 'Replicate':
        this.#checkAppendOnly(run, event);
        break;
      default:
        break;
    }
  }

  #becameLeader(run: Run, term: Term): void {
    const { id, raft } = run;
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== id) this.#accuse('S1', `${other} and ${id} both lead term ${term}`);
    if (other === undefined) this.leaderChanges++;
    this.#leaders.set(term, id);
    this.#leading.set(term, run);
    run.leading = { term, last: raft.lastIndex };
    // S12: only the votes of members of its configuration make a leader.
    if (!isQuorum(raft.configuration, (voter) => this.#votes.get(`${voter} ${term}`) === id)) {
      this.#accuse('S12', `${id} leads term ${term} without the votes of a quorum`);
    }
    // A leader may come late, when a later one has committed more: it owes what was committed in earlier terms.
    let owed = this.committed;
    while ((this.#committedIn[owed] ?? 0) >= term) owed--;
    const isCompacted = raft.status().startIndex >= owed;
    if (!isCompacted && raft.entryAt(owed)?.term !== this.#committed[owed]) {
      this.#accuse('S4', `${id} leads term ${term} without the committed entry ${owed}`);
    }
  }

  /** S11: with a change that it knows to be committed, and has not applied, a member does not stand for election. */
  #checkCandidate({ id, raft }: Run): void {
    for (let index = raft.appliedIndex + 1; index <= raft.commit; index++) {
      if (raft.entryAt(index)?.kind !== 'configuration') continue;
      this.#accuse('S11', `${id} stands for election under a configuration that it knows to be outdated`);
    }
  }

  #checkAppendOnly({ id, leading }: Run, { state, last }: TraceEvent): void {
    if (leading?.term !== state.term) return;
    if (last < leading.last) this.#accuse('S2', `${id} leads term ${state.term} and has shortened its log`);
    leading.last = last;
  }

  #committedTo({ id, raft }: Run, { role, state }: TraceEvent): void {
    const { commit } = state;
    const term = raft.entryAt(commit)?.term;
    if (role === 'leader' && commit > this.committed) {
      for (let index = this.committed + 1; index <= commit; index++) {
        this.#committed.push(raft.entryAt(index)?.term ?? 0);
        this.#committedIn.push(state.term);
      }
      // S4: by counting, a leader commits entries of its own term only; those before come with them.
      if (term !== state.term) this.#accuse('S4', `${id} commits entry ${commit} of term ${String(term)} by counting`);
      this.#checkDurable(id, raft.configuration, commit, term);
    }
    if (commit > this.committed) {
      this.#accuse('S3', `${id} holds ${commit} for committed, which no leader has committed`);
    }
    if (term !== undefined && term !== this.#committed[commit]) {
      this.#accuse('S3', `${id} holds ${commit} of term ${term} for committed, where another entry is`);
    }
  }

  #checkDurable(leader: NodeId, configuration: Configuration, index: Index, term: Term | undefined): void {
    const holds = (id: NodeId): boolean => {
      const disk = this.#diskOf(id);
      return disk !== null && (disk.start.index >= index || disk.termAt(index) === term);
    };
    if (!isQuorum(configuration, holds)) {
      this.#accuse('S6', `${leader} has committed ${index}, which is not on the disks of a quorum`);
    }
  }

  #checkOneChange({ id, raft }: Run): void {
    let changes = 0;
    for (let index = raft.appliedIndex + 1; index <= raft.lastIndex; index++) {
      if (raft.entryAt(index)?.kind === 'configuration') changes++;
    }
    if (changes > 1) this.#accuse('S11', `${id} has ${changes} changes of membership in its log that are not applied`);
  }

  #checkConfiguration(id: NodeId, configuration: Configuration): void {
    // Who was never told of a configuration does not take part yet.
    if (configuration.voters.length === 0) return;
    const known = this.#configurations.get(configuration.version);
    if (known !== undefined) {
      if (JSON.stringify(known) === JSON.stringify(configuration)) return;
      this.#accuse('S11', `${id} has another configuration of version ${configuration.version} than the others`);
    }
    const before = this.#newestConfiguration;
    if (before !== null && configuration.version > before.version && !quorumsMeet(before, configuration)) {
      this.#accuse('S11', `a quorum of ${configuration.version} may miss one of ${before.version}, the one before`);
    }
    const fault = before === null ? null : exclusionFault(before, configuration, this.everMembers);
    if (fault !== null) this.#accuse('S19', fault);
    this.#versions.push(configuration.version);
    this.#versions.sort((a, b) => a - b);
    this.#configurations.set(configuration.version, configuration);
    for (const id of configuration.witnesses) this.witnesses.add(id);
    for (const id of membersOf(configuration)) this.everMembers.add(id);
    if (before === null || configuration.version > before.version) this.#newestConfiguration = configuration;
  }

  /** Something is about to be written: what is on disk never goes back, but for what lost a conflict. */
  writing(id: NodeId, disk: DiskView, { hardState, start, truncateFrom, entries }: Batch): void {
    if (hardState !== null) {
      const { term, vote } = disk.hardState;
      const isBack = hardState.term < term || (hardState.term === term && vote !== null && hardState.vote !== vote);
      if (isBack) this.#accuse('S7', `the term or vote on the disk of ${id} goes back`);
    }
    const cut = truncateFrom ?? Number.POSITIVE_INFINITY;
    // What the leader of a later term has committed may be cut by an earlier leader, from the disk of whoever has not come to that
    // term: the quorum that committed it does without this disk.
    const newest = entries.at(-1)?.term ?? 0;
    const term = Math.max(disk.hardState.term, newest);
    for (let index = cut; index <= Math.min(disk.lastIndex, this.committed); index++) {
      if ((this.#committedIn[index] ?? 0) > term) continue;
      const isLost = disk.termAt(index) === this.#committed[index] && index > (start?.index ?? 0);
      const isWritten = entries.some((entry) => entry.index === index && entry.term === this.#committed[index]);
      if (isLost && !isWritten) this.#accuse('S7', `${id} cuts the committed entry ${index} from its disk`);
    }
    this.#checkMatching(id, disk, start?.index ?? -1, entries);
  }

  /** S3: index and term say what an entry is, and by induction what all before it are. */
  #checkMatching(id: NodeId, disk: DiskView, start: Index, entries: readonly Entry[]): void {
    let prevTerm: Term | undefined;
    for (const entry of entries) {
      const { index, term } = entry;
      prevTerm ??= start === index - 1 ? undefined : disk.termAt(index - 1);
      const list = (this.#entries[index] ??= []);
      const known = list.find((one) => one.term === term);
      const hash = hashOf(entry);
      if (known === undefined) {
        list.push({ term, prevTerm: prevTerm ?? null, hash });
      } else {
        const isSame = known.hash === null || hash === null || known.hash === hash;
        const isBehindSame = prevTerm === undefined || known.prevTerm === null || known.prevTerm === prevTerm;
        known.hash ??= hash;
        known.prevTerm ??= prevTerm ?? null;
        if (!isSame || !isBehindSame)
          this.#accuse('S3', `${id} has another entry ${index} of term ${term} than others`);
      }
      prevTerm = term;
    }
  }

  /** S8, S9: what a message promises is on disk when it leaves. */
  sending(id: NodeId, disk: DiskView, message: MemberMessage): void {
    switch (message.kind) {
      case 'RequestVote':
        this.#checkVote(id, disk, message.term, id);
        break;
      case 'RequestVoteResponse':
        if (message.granted) this.#checkVote(id, disk, message.term, message.to);
        break;
      case 'AppendEntriesResponse':
        if (disk.hardState.term < message.term) this.#accuse('S8', `${id} answers in term ${message.term} too early`);
        if (message.conflict === null) this.#checkAcknowledgement(id, disk, message);
        break;
      case 'RequestPreVoteResponse':
      case 'HeartbeatResponse':
        if (!('granted' in message && message.granted) && disk.hardState.term < message.term) {
          this.#accuse('S8', `${id} answers in term ${message.term} before that is on disk`);
        }
        break;
      default:
        break;
    }
  }

  /** What is acknowledged is on disk, and equal to what the leader of the term has. */
  #checkAcknowledgement(id: NodeId, disk: DiskView, { term, index }: AppendEntriesResponse): void {
    if (disk.lastIndex < index) this.#accuse('S8', `${id} acknowledges ${index}, and has ${disk.lastIndex} on disk`);
    const leader = this.#leading.get(term);
    if (leader?.leading?.term !== term) return;
    const [own, asked] = [disk.termAt(index), leader.raft.entryAt(index)?.term];
    if (own !== undefined && asked !== undefined && own !== asked) {
      this.#accuse(
        'S8',
        `${id} acknowledges ${index}, where it has an entry of term ${own}, and ${leader.id} of ${asked}`,
      );
    }
  }

  #checkVote(id: NodeId, { hardState }: DiskView, term: Term, candidate: NodeId): void {
    const isDurable = hardState.term > term || (hardState.term === term && hardState.vote === candidate);
    if (!isDurable) this.#accuse('S8', `${id} votes for ${candidate} in term ${term} before that is on disk`);
    const key = `${id} ${term}`;
    const other = this.#votes.get(key);
    if (other !== undefined && other !== candidate) {
      this.#accuse('S9', `${id} votes for ${other} and for ${candidate} in term ${term}`);
    }
    this.#votes.set(key, candidate);
  }

  /** A vote that a candidate gives itself is a message that is never sent. */
  votedForItself(id: NodeId, disk: DiskView, term: Term): void {
    this.#checkVote(id, disk, term, id);
  }

  /** An event of this member is over. */
  settled(run: Run): void {
    const { id, raft } = run;
    const { commit, appliedIndex: applied, lastIndex } = raft;
    if (commit < run.commit || applied < run.applied) {
      this.#accuse('S10', `the commit or applied index of ${id} has gone back`);
    }
    if (applied > commit || commit > lastIndex) {
      this.#accuse('S10', `${id} has applied ${applied}, committed ${commit} and ends at ${lastIndex}`);
    }
    run.commit = commit;
    run.applied = applied;
    this.#checkInForce(run);
  }

  /** S11: in force is the last change that was applied, be it by a snapshot. */
  #checkInForce({ id, raft, applied }: Run): void {
    const { version, voters } = raft.configuration;
    if (version === this.#newestConfiguration?.version || voters.length === 0) return;
    const due = this.#versions.findLast((one) => one <= applied) ?? 0;
    if (version < due) this.#accuse('S11', `${id} has applied ${applied}, and uses the configuration of ${version}`);
  }
}

/** Null for what a witness holds of a command. */
function hashOf({ kind, data }: Entry): number | null {
  if (kind === 'command' && data.byteLength === 0) return null;
  let hash = kind.length;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
