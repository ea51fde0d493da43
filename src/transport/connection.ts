/**
 * One attempt of WebRTC to connect two hosts, through whichever library: signals go out and come in, and in the end the
 * channels of both lanes are open.
 */
import type { Signal } from './introduction.ts';
import type { LaneChannelsListener } from './lane-channels.ts';

/** Why a connection is closed that was not closed here. */
export interface ConnectionEnd {
  readonly reason: 'failed' | 'closed-by-peer';
  readonly detail: string;
}

export interface ConnectionListener extends Omit<LaneChannelsListener, 'closed'> {
  /** To be brought to the other end. */
  signal(signal: Signal): void;
  /** The last that is told. */
  closed(end: ConnectionEnd): void;
}

export interface Connection {
  readonly peerConnection: RTCPeerConnection;
  /** Takes a signal of the other end; one that makes no sense closes the connection. */
  signal(signal: Signal): void;
  /** Ends it at once, and tells nothing any more. The other end is told once, in messages that may be lost. */
  destroy(): void;
  /**
   * Ends it when the other end has heard that it is over, or is out of reach, and calls back then. Tells nothing any more.
   * Whoever does not want to wait for an end that does not answer destroys it.
   */
  hangUp(over: () => void): void;
}

/** Makes a connection. Nothing is told before it has returned. */
export type Connect = (initiator: boolean, configuration: RTCConfiguration, listener: ConnectionListener) => Connection;
