/**
 * One attempt of WebRTC to connect two hosts, through whichever library: signals go out and come in, and in the end both
 * data channels are open. Both ends make the channels, under numbers agreed here, so that none has to be announced.
 */
import type { Signal } from './introduction.ts';
import type { Lane } from './link.ts';
import type { LaneChannel } from './webrtc-link.ts';

/** The streams of the two channels. Large, so that none of those which browsers hand out is met. */
export const channelIds: Readonly<Record<Lane, number>> = { control: 100, bulk: 101 };

export interface ConnectionListener {
  /** To be brought to the other end. */
  signal(signal: Signal): void;
  /** Both channels are open. */
  opened(channels: Readonly<Record<Lane, LaneChannel>>): void;
  received(message: unknown): void;
  /** The bulk channel has room again. */
  drained(): void;
  /** The last that is told. */
  closed(detail: string): void;
}

export interface Connection {
  readonly peerConnection: RTCPeerConnection;
  /** Takes a signal of the other end; one that makes no sense closes the connection. */
  signal(signal: Signal): void;
  destroy(): void;
}

/** Makes a connection. Nothing is told before it has returned. */
export type Connect = (initiator: boolean, configuration: RTCConfiguration, listener: ConnectionListener) => Connection;
