/**
 * How a group is doing, as plain data. Three things are told apart that one boolean would mix up: whom this tab is linked to,
 * whether the group can commit, and how much of what it commits survives.
 */
import type { NodeId } from '../core/types.ts';
import type { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import type { MemberStatus } from '../group/member-status.ts';
import type { PeerStatus } from '../group/peers.ts';
import type { GroupId } from '../ids.ts';
import type { StorageUse } from '../storage/browser-quota.ts';
import type { Durability } from '../storage/storage.ts';
import type { SignalingState } from '../transport/transport.ts';

/** What is behind a status. */
export interface GroupFacts {
  /**
   * `founding` until the group is founded; `joining` while it has not let this member in yet; then `running`; `stopped` for
   * good.
   */
  readonly phase: 'founding' | 'joining' | 'running' | 'stopped';
  readonly signaling: SignalingState;
  /** Members that the founder still waits for; null when we are not the founder, or the group is founded. */
  readonly missing: number | null;
  /** Null before the group is founded. */
  readonly member: MemberStatus | null;
  /**
   * How much of what this member acknowledges survives. `strict`: a power cut. `relaxed`: a crash of the browser, not of the
   * machine. `memory`: nothing. `unknown` before anything was written, and where the platform does not say.
   */
  readonly durability: Durability;
  /** What all groups of this site store, as of half a minute ago; null where the browser does not say. */
  readonly storage: StorageUse | null;
  readonly stopped: RaftError | null;
}

/** Whom this tab is linked to, of the other members. A link to a frozen tab looks open for a few seconds. */
export interface LinkStatus {
  readonly connected: readonly NodeId[];
  readonly missing: readonly NodeId[];
}

export interface QuorumStatus {
  /** Whether the group can commit, as far as this tab knows: it has a leader, which has a majority. */
  readonly reached: boolean;
  /** Since when that is so, or is not so, in milliseconds since 1970. */
  readonly since: number;
  /** Members with a vote that this tab is not linked to, whether or not a majority is there without them. */
  readonly missing: readonly NodeId[];
}

/** How a group is doing, as its member here sees it. */
export interface GroupStatus extends GroupFacts {
  readonly link: LinkStatus;
  readonly quorum: QuorumStatus;
  /** Why there is no leader, or none that could commit, in words; null when there is one. */
  readonly noLeader: string | null;
  /** Other groups that were founded under the name of the room that this one was found in. */
  readonly conflicts: readonly GroupId[];
}

/** Remembers since when there is a quorum, or none. */
export class QuorumWatch {
  readonly #clock: Pick<Clock, 'wallTime'>;
  #reached = false;
  #since: number;

  constructor(clock: Pick<Clock, 'wallTime'>) {
    this.#clock = clock;
    this.#since = clock.wallTime();
  }

  look(reached: boolean): Pick<QuorumStatus, 'reached' | 'since'> {
    if (reached !== this.#reached) {
      this.#reached = reached;
      this.#since = this.#clock.wallTime();
    }
    return { reached, since: this.#since };
  }
}

/** @param isMajorityLinked whether this tab is linked to a majority of those who vote, itself included */
export function groupStatus(
  facts: GroupFacts,
  quorum: Pick<QuorumStatus, 'reached' | 'since'>,
  isMajorityLinked: boolean,
  conflicts: readonly GroupId[],
): GroupStatus {
  const others = facts.member?.members.filter(({ isSelf }) => !isSelf) ?? [];
  const missing = others.filter(({ connected }) => !connected);
  const missingVoters = idsOf(missing.filter(({ kind }) => kind === 'voter' || kind === 'witness'));
  return {
    ...facts,
    link: { connected: idsOf(others.filter(({ connected }) => connected)), missing: idsOf(missing) },
    quorum: { ...quorum, missing: missingVoters },
    noLeader: quorum.reached ? null : whyNoLeader(facts, missingVoters, isMajorityLinked),
    conflicts,
  };
}

function idsOf(members: readonly PeerStatus[]): NodeId[] {
  return members.map(({ id }) => id);
}

function whyNoLeader(
  { phase, signaling, missing, member, stopped }: GroupFacts,
  missingVoters: readonly NodeId[],
  isMajorityLinked: boolean,
): string {
  if (stopped !== null) return `this member is stopped: ${stopped.message}`;
  if (phase === 'founding' || member === null) return `founding: ${whyNotFounded(signaling, missing)}`;
  if (!isMajorityLinked) {
    const who = missingVoters.length === 1 ? 'is missing' : 'are missing';
    return `not connected to a majority: ${missingVoters.join(', ')} ${who}`;
  }
  if (phase === 'joining') return 'joining: waits to be let in by the group';
  if (member.role === 'candidate' || member.role === 'pre-candidate') return 'an election is under way';
  return 'nobody has been heard to lead: an election will begin soon';
}

function whyNotFounded(signaling: SignalingState, missing: number | null): string {
  if (missing === 0) return 'all are here, and their list is on its way to the disk';
  if (signaling !== 'connected' && signaling !== 'none') return 'the signaling server is not reached';
  return missing === null ? 'waits for the member that founds the group' : `waits for ${missing} more`;
}
