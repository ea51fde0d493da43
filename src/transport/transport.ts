/**
 * The contracts of transport. A link carries frames between two hosts; a connector makes links to whoever is in the same
 * topic. Frames may be lost, but only with their link, or when `send` says so; they never arrive in part.
 */
import type { NodeId } from '../core/types.ts';
import type { HostId } from '../ids.ts';
import type { MemberMessage } from './messages.ts';

/** `control` is for what must not wait: heartbeats, votes, answers. `bulk` gives way when the link is slow. */
export type Lane = 'control' | 'bulk';

/** How a member reaches the other members of its group: best effort. */
export interface Transport {
  /** False when the message was certainly not sent: there is no link, or it has too much to do. */
  send(to: NodeId, message: MemberMessage, lane: Lane): boolean;
}

/** Larger frames are refused by both sides. */
export const maxFrameBytes: number = 4 * 1024 * 1024;

export interface Link {
  readonly peer: HostId;
  /** Bytes that were accepted and have not left yet. */
  readonly bufferedBytes: number;
  /** False when the frame was certainly not sent. */
  send(frame: Uint8Array, lane: Lane): boolean;
  close(): void;
}

/** How a connector tells of its links. A link is open from `opened` to `closed`. */
export interface LinkListener {
  opened(link: Link): void;
  received(link: Link, frame: Uint8Array): void;
  closed(link: Link): void;
}

/** Whether the broker can be reached at the moment. Links that are open do not need it. */
export type SignalingState = 'connecting' | 'connected' | 'closed';

/** Our presence in one topic. */
export interface Presence {
  readonly signaling: SignalingState;
  /** No longer looks for peers. Links that are open stay open. */
  leave(): void;
}

export interface Connector {
  /** Looks for peers in a topic and links to each of them, one link for each host however many topics it shares. */
  join(broker: string, topic: string, signalingChanged: () => void): Presence;
  /** Closes all links and leaves all topics. */
  close(): void;
}
