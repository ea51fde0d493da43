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
  /** Both sides hear of it; what was sent before may be lost. */
  close(): void;
}

/** What happens on links, wherever they were made. */
export interface LinkListener {
  received(link: Link, frame: Uint8Array): void;
  /** The link is of no use any more. Called once for each link that was met. */
  closed(link: Link): void;
}

/** Whether the broker can be reached at the moment. Links that are open do not need it. */
export type SignalingState = 'connecting' | 'connected' | 'closed';

/** What happens in one topic. */
export interface TopicListener {
  /** There is an open link to somebody who is in this topic too. May be called again for the same link. */
  met(link: Link): void;
  signalingChanged(state: SignalingState): void;
}

export interface Connector {
  /**
   * Looks for hosts in a topic, until told to stop, and sees to it that there is a link to each: one for each host,
   * however many topics it shares with us. Stopping closes no links.
   * @param broker the address of the signaling server
   */
  join(broker: string, topic: string, listener: TopicListener): () => void;
  /** Stops looking, and closes all links. */
  close(): void;
}

/** Makes a connector for a host. */
export type ConnectorFactory = (host: HostId, listener: LinkListener) => Connector;
