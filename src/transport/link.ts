/**
 * The contract of a link: frames between two ends, on two lanes. Every link passes the suite in
 * `testing/link-acceptance.ts`.
 *
 * - The frames of a lane arrive whole, once, and in their order. Nothing is said of the order between lanes.
 * - No frame is lost silently. A frame that `send` took is delivered, or the link closes, and both ends are told. What is
 *   missing then is the end of a lane, never a part from its middle.
 * - A lane that has too much to do refuses frames: its queue is bounded, and whoever sends can try again.
 */

/** `control` is for what must not wait: heartbeats, votes, answers. `bulk` gives way when the link is slow. */
export type Lane = 'control' | 'bulk';

export const lanes: readonly Lane[] = ['control', 'bulk'];

/** Larger frames are refused by both sides. */
export const maxFrameBytes: number = 4 * 1024 * 1024;

/**
 * Bytes waiting to leave, beyond which a lane takes no frames. A frame that is taken below the mark may go past it, so a
 * lane holds at most the mark and one frame.
 */
export const highWaterBytes: Readonly<Record<Lane, number>> = { control: 256 * 1024, bulk: 256 * 1024 };

/**
 * What only the two ends of this very link can know of it: the DTLS fingerprints that both sides checked, ours and theirs.
 * Empty where both ends are in one process or one browser, and nobody is between them.
 */
export interface ChannelBinding {
  readonly local: string;
  readonly remote: string;
}

export const noBinding: ChannelBinding = { local: '', remote: '' };

/** Why a link is closed. */
export interface LinkEnd {
  readonly reason:
    /** This end closed it. */
    | 'closed'
    /** The other end closed it, or is gone. */
    | 'closed-by-peer'
    /** The connection broke. */
    | 'failed'
    /** What came makes no sense, and what follows cannot be told from it. */
    | 'broken'
    /** Nothing was heard for too long, while we were asking. */
    | 'silent'
    /** This end slept for so long that nothing which waits for it is of use any more. */
    | 'asleep'
    /** The other end is not let in. */
    | 'refused';
  readonly detail: string;
}

export interface LinkStatistics {
  readonly framesSent: number;
  readonly framesReceived: number;
  /** Frames that `send` did not take. */
  readonly framesRefused: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** The way that the bytes take, as far as the link knows it. */
export interface LinkPath {
  readonly kind: 'memory' | 'broadcast-channel' | 'webrtc';
  /** The selected pair of ICE candidates, for example `host 192.0.2.1:5000`; null where there are none. */
  readonly local: string | null;
  readonly remote: string | null;
  /** As the connection itself measures it, in milliseconds; null where it does not. */
  readonly rttMs: number | null;
}

export interface Link {
  readonly state: 'open' | 'closed';
  readonly binding: ChannelBinding;
  /** Bytes that a lane has taken and that have not left yet. */
  bufferedBytes(lane: Lane): number;
  /** False when the frame was certainly not sent: the link is closed, the lane is full, or the frame is too large. */
  send(frame: Uint8Array, lane: Lane): boolean;
  /** Both ends are told. What waits to leave is lost. Further calls do nothing. */
  close(end?: LinkEnd): void;
  statistics(): LinkStatistics;
  path(): Promise<LinkPath>;
}

/** What happens on a link. Nothing is told before the maker of a link has it in hand. */
export interface LinkListener {
  received(frame: Uint8Array, lane: Lane): void;
  /** The last that is told. */
  closed(end: LinkEnd): void;
}

export const closedHere: LinkEnd = { reason: 'closed', detail: 'closed at this end' };
