/** One attempt to reach another host, from the first signal to an open link, over whatever carries the link. */
import type { Signal, TabOffer } from './introduction.ts';
import type { Link, LinkListener } from './link.ts';

/** How far an attempt has come. */
export type Stage =
  /** Our offer is out, or theirs has come: the other end's answer, or our own, is missing. */
  | 'signaling'
  /** Both descriptions are there: addresses are tried. */
  | 'ice'
  /** The two ends reach each other: encryption and the data channels are being set up. */
  | 'channels';

/** Milliseconds for each stage. */
export type StageTimeouts = Readonly<Record<Stage, number>>;

export const defaultStageTimeouts: StageTimeouts = { signaling: 8000, ice: 10_000, channels: 8000 };

/** Why an attempt came to nothing. */
export interface AttemptFailure {
  readonly reason: 'no-signaling' | 'no-candidates' | 'ice-failed' | 'channels-failed';
  readonly detail: string;
}

export interface AttemptListener {
  signal(signal: Signal | TabOffer): void;
  /** Gives who listens to the link from now on. */
  opened(link: Link): LinkListener;
  failed(failure: AttemptFailure): void;
}

/** Nothing is told before whoever made the attempt has it in hand. */
export interface Attempt {
  /** Counted by the side that offers. */
  readonly number: number;
  readonly initiator: boolean;
  /** Which kind of link it is to become. */
  readonly kind: 'tab' | 'webrtc';
  readonly stage: Stage;
  /** The other end says something that belongs to this attempt. */
  signal(signal: Signal | TabOffer): void;
  /** Gives up, unless there is a link already, which then has a life of its own. */
  abandon(): void;
}
