/**
 * Somewhere that hosts which know a topic find each other, and pass texts on to each other before they are linked: the
 * broker (`signaling.ts`), or the tabs of one browser (`tab-signaling.ts`). Whoever runs it is trusted with nothing.
 */
import type { FoundingWish, PeerName } from '../../signaling-server/protocol.ts';
import type { SignalingState } from './transport.ts';

/** What happens in a topic. */
export interface MeetingListener {
  /** We are in the topic, newly or again, with these peers. Whoever was there before counts no more. */
  joined(peers: readonly PeerName[]): void;
  peerJoined(peer: PeerName): void;
  peerLeft(peer: PeerName): void;
  relayed(from: PeerName, data: string): void;
  /** `connected` once we are in the topic. */
  stateChanged(state: SignalingState): void;
  /** What we want of the founder's token, asked each time that we join. Left out where there is nothing to found. */
  readonly founding?: () => FoundingWish;
  /** Whether the founder's token is with us. Not told again for what was told last; at first it is not. */
  tokenChanged?(isOurs: boolean): void;
}

export interface MeetingPlace {
  join(topic: string, listener: MeetingListener): void;
  leave(topic: string): void;
  /** Passes a text on. What is said while there is no way to the peer is lost; whoever says it tries again. */
  relay(topic: string, to: PeerName, data: string): void;
  /** What the topic is for is founded: nobody gets the token any more. */
  founded(topic: string): void;
}
