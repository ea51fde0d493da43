/** What members say to each other beside the messages of the core, and what a founder and those who join say. */
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
export type MemberMessage = Message | Propose | ProposeRefused | Report;

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

/** Asks to be one of the founding members, or, after the founding, for the list of them. */
export interface Join {
  readonly kind: 'Join';
  readonly member: NodeId;
}

/** The group is founded: with these voters, for this machine. */
export interface Founded {
  readonly kind: 'Founded';
  readonly machine: string;
  readonly voters: readonly NodeId[];
}

export type FoundingMessage = Join | Founded;

export type GroupMessage = MemberMessage | PresenceMessage | FoundingMessage;
