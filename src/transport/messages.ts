/** What members say to each other beside the messages of the core, and what is said to and by those who join. */
import type { RoleName } from '../core/trace.ts';
import type { Index, Message, NodeId, Term } from '../core/types.ts';
import type { SessionId } from '../machine/envelope.ts';

/** Commands on their way to the leader: consecutive ones of one session. */
export interface Propose {
  readonly kind: 'Propose';
  readonly from: NodeId;
  readonly to: NodeId;
  readonly session: SessionId;
  /** The sequence of the first command. */
  readonly sequence: number;
  /** The last command of the session whose outcome the proposer knows. */
  readonly known: number;
  readonly commands: readonly Uint8Array[];
}

/** `early`: a command before the first is missing. */
export type RefusalReason = 'not-leader' | 'busy' | 'early';

/** The commands of a `Propose` were not taken, certainly; the proposer may send them again. */
export interface ProposeRefused {
  readonly kind: 'ProposeRefused';
  readonly from: NodeId;
  readonly to: NodeId;
  readonly session: SessionId;
  readonly sequence: number;
  readonly reason: RefusalReason;
}

/** What somebody wants of the members. */
export type MembershipDemand =
  | { readonly kind: 'promote' | 'demote' | 'remove'; readonly id: NodeId }
  /** Concerns everybody whose id begins like this. */
  | { readonly kind: 'ban' | 'unban'; readonly prefix: string };

/** What somebody wants of the group itself: of its members, or of who leads it. */
export type Demand = MembershipDemand | { readonly kind: 'transfer'; readonly id: NodeId };

/** A demand on its way to the leader. */
export interface ChangeRequest {
  readonly kind: 'ChangeRequest';
  readonly from: NodeId;
  readonly to: NodeId;
  /** Names the request among those of its sender. */
  readonly number: number;
  readonly demand: Demand;
  /** The version of the configuration that is to change (M9); null for a demand that changes none. */
  readonly expected: Index | null;
}

/** Why a demand is not met. */
export type DemandRefusal =
  | 'not-leader'
  /** Another change, or a hand-over of leadership, has to end first. */
  | 'in-progress'
  /** The configuration in force is another one than the one expected. */
  | 'outdated'
  | 'not-caught-up'
  | 'not-a-member'
  /** It has a read-only invite, as far as the group knows. */
  | 'reader'
  | 'witness'
  /** It is no voter. */
  | 'cannot-lead'
  | 'last-voter'
  | 'too-many-banned';

/** A `ChangeRequest` was not taken, certainly. */
export interface ChangeRefused {
  readonly kind: 'ChangeRefused';
  readonly from: NodeId;
  readonly to: NodeId;
  readonly number: number;
  readonly reason: DemandRefusal;
}

/** How a member is doing, for others to show. Nothing is decided by it. */
export interface MemberReport {
  readonly role: RoleName;
  readonly term: Term;
  readonly leader: NodeId | null;
  readonly commit: Index;
  readonly applied: Index;
  readonly lastIndex: Index;
}

export interface Report extends MemberReport {
  readonly kind: 'Report';
  readonly from: NodeId;
  readonly to: NodeId;
}

/** What a member takes from another. */
export type MemberMessage = Message | Propose | ProposeRefused | ChangeRequest | ChangeRefused | Report;

/** A value of presence, written as MessagePack, has at most so many bytes. */
export const maxPresenceBytes = 4096;

/** A value of presence holds for so many milliseconds at least, and at most. */
export const presenceTtlMs = { min: 1000, max: 300_000 } as const;

/**
 * What a member shows of itself beside the log. Of two of them the one of the later run counts, and of one run the one of the
 * higher version. The same once more says that it still holds.
 */
export interface PresenceMessage {
  readonly kind: 'Presence';
  readonly from: NodeId;
  readonly to: NodeId;
  /** When the member began to work, in milliseconds since 1970 on its own clock: a reloaded tab has a later one. */
  readonly run: number;
  /** Counts the values of the run, from 1. */
  readonly version: number;
  /** Milliseconds after which it is forgotten, unless it comes again. */
  readonly ttlMs: number;
  /** Plain data as MessagePack; null when the member shows nothing. */
  readonly value: Uint8Array | null;
}

/** Asks to be one of the founding members or, once the group is founded, to be let in. */
export interface Join {
  readonly kind: 'Join';
  readonly member: NodeId;
  /** The name of the machine that it has. */
  readonly machine: string;
}

/** The group is founded. */
export interface Founded {
  readonly kind: 'Founded';
  /** With whom; empty when the sender does not know it, because it came later, or has not kept so old a log. */
  readonly voters: readonly NodeId[];
}

export type JoinRefusal =
  /** The group has as many learners as it takes. */
  | { readonly reason: 'full' }
  /** The group replicates this machine, not the one of whoever asks. */
  | { readonly reason: 'other-machine'; readonly machine: string };

/** Who asks to join is not let in. */
export type JoinRefused = { readonly kind: 'JoinRefused' } & JoinRefusal;

export type JoiningMessage = Join | Founded | JoinRefused;

export type GroupMessage = MemberMessage | PresenceMessage | JoiningMessage;
