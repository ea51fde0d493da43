/**
 * One attempt to reach another host over WebRTC, from the first signal to an open link. It comes through stages, each with
 * a time-out of its own, so that a failure says how far it came.
 */
import type { Attempt, AttemptFailure, AttemptListener, Stage, StageTimeouts } from './attempt.ts';
import type { Connect, Connection, ConnectionEnd } from './connection.ts';
import type { Signal, TabOffer } from './introduction.ts';
import type { LinkListener } from './link.ts';
import type { Timers } from './timers.ts';
import { WebRtcLink } from './webrtc-link.ts';

/** What a browser without any network but the loopback interface is about: Chromium hides that interface from pages. */
export const noCandidatesDetail: string =
  'this browser found no network address of its own to offer (Chromium gathers none on a machine that has only the ' +
  'loopback interface): connect the machine to a network, even an unused one';

/** With `iceTransportPolicy` at `relay`. */
export const noRelayDetail: string =
  'only relays may be used here (iceTransportPolicy), and no TURN server of iceServers has given an address: look at its ' +
  'address, its username and its credential';

export interface AttemptInit {
  readonly number: number;
  readonly initiator: boolean;
  readonly connect: Connect;
  readonly configuration: RTCConfiguration;
  readonly timers: Timers;
  readonly timeouts: StageTimeouts;
}

/** Messages on a channel that opened before the other one. */
const maxEarlyMessages = 64;

/** Some stacks say that they have gathered all candidates before they tell of the last ones. */
const lateCandidatesMs = 500;

export class WebRtcAttempt implements Attempt {
  readonly kind = 'webrtc';
  readonly number: number;
  readonly initiator: boolean;
  readonly #init: AttemptInit;
  readonly #listener: AttemptListener;
  readonly #connection: Connection;
  #stage: Stage = 'signaling';
  #candidates = 0;
  #link: WebRtcLink | null = null;
  #linkListener: LinkListener | null = null;
  #early: unknown[] = [];
  #isOver = false;
  #stopTimer: () => void = () => undefined;

  constructor(init: AttemptInit, listener: AttemptListener) {
    this.#init = init;
    this.#listener = listener;
    this.number = init.number;
    this.initiator = init.initiator;
    this.#connection = init.connect(init.initiator, init.configuration, {
      signal: (signal) => {
        this.#outgoing(signal);
      },
      opened: (channels) => {
        this.#opened(channels);
      },
      received: (message) => {
        this.#received(message);
      },
      drained: () => this.#link?.drained(),
      closed: (end) => {
        this.#closed(end);
      },
    });
    this.#watch(this.#connection.peerConnection);
    this.#enter('signaling');
  }

  get stage(): Stage {
    return this.#stage;
  }

  #hasCandidates(): boolean {
    return this.#candidates + countCandidates(this.#connection.peerConnection.localDescription?.sdp ?? '') > 0;
  }

  #failWithoutCandidates(): void {
    const isRelayed = this.#init.configuration.iceTransportPolicy === 'relay';
    this.#fail('no-candidates', isRelayed ? noRelayDetail : noCandidatesDetail);
  }

  #watch(connection: RTCPeerConnection): void {
    const lookForCandidates = (): void => {
      if (!this.#hasCandidates()) this.#failWithoutCandidates();
    };
    connection.addEventListener('iceconnectionstatechange', () => {
      this.#lookForWay();
    });
    connection.addEventListener('icegatheringstatechange', () => {
      if (connection.iceGatheringState === 'complete') this.#init.timers.after(lateCandidatesMs, lookForCandidates);
    });
  }

  /**
   * Asked with each stage, too, and before anything is given up: where answers are made, a way may be found before ours is
   * out, and not every stack tells of it.
   */
  #lookForWay(): void {
    const { iceConnectionState: state } = this.#connection.peerConnection;
    if (this.#stage === 'ice' && (state === 'connected' || state === 'completed')) this.#enter('channels');
  }

  #enter(stage: Stage): void {
    if (this.#isOver || this.#link !== null) return;
    this.#stage = stage;
    this.#stopTimer();
    const limit = this.#init.timeouts[stage];
    this.#stopTimer = this.#init.timers.after(limit, () => {
      this.#timedOut(limit);
    });
    this.#lookForWay();
  }

  #timedOut(limit: number): void {
    const stage = this.#stage;
    this.#lookForWay();
    if (this.#stage !== stage) return;
    switch (stage) {
      case 'signaling':
        this.#fail('no-signaling', `no answer to the offer came through signaling within ${limit} ms`);
        break;
      case 'ice':
        if (!this.#hasCandidates()) this.#failWithoutCandidates();
        else
          this.#fail(
            'ice-failed',
            `no pair of addresses worked within ${limit} ms (${this.#candidates} of ours tried)`,
          );
        break;
      case 'channels':
        this.#fail('channels-failed', `encryption and data channels were not set up within ${limit} ms`);
        break;
    }
  }

  #outgoing(signal: Signal): void {
    if (this.#isOver) return;
    if (signal.type === 'candidate') this.#candidates++;
    else this.#candidates += countCandidates(signal.sdp);
    this.#listener.signal(signal);
    if (signal.type === 'answer' && this.#stage === 'signaling') this.#enter('ice');
  }

  signal(signal: Signal | TabOffer): void {
    if (this.#isOver || signal.type === 'tab-offer') return;
    this.#connection.signal(signal);
    if (signal.type === 'answer' && this.#stage === 'signaling') this.#enter('ice');
  }

  #opened(channels: ConstructorParameters<typeof WebRtcLink>[0]['channels']): void {
    if (this.#isOver || this.#link !== null) return;
    this.#stopTimer();
    this.#link = new WebRtcLink(
      { connection: this.#connection, channels, timers: this.#init.timers },
      {
        received: (frame, lane) => this.#linkListener?.received(frame, lane),
        closed: (end) => this.#linkListener?.closed(end),
      },
    );
    this.#linkListener = this.#listener.opened(this.#link);
    for (const message of this.#early.splice(0)) this.#link.take(message);
  }

  #received(message: unknown): void {
    if (this.#link !== null) this.#link.take(message);
    else if (this.#early.length < maxEarlyMessages) this.#early.push(message);
    else this.#fail('channels-failed', 'the other end sent a flood before both channels were open');
  }

  #closed(end: ConnectionEnd): void {
    this.#lookForWay();
    if (this.#link !== null) this.#link.close(end);
    else this.#fail(this.#stage === 'channels' ? 'channels-failed' : 'ice-failed', end.detail);
  }

  #fail(reason: AttemptFailure['reason'], detail: string): void {
    if (this.#isOver || this.#link !== null) return;
    this.abandon();
    this.#listener.failed({ reason, detail });
  }

  abandon(): void {
    this.#stopTimer();
    if (this.#isOver || this.#link !== null) return;
    this.#isOver = true;
    this.#connection.destroy();
  }
}

function countCandidates(sdp: string): number {
  return sdp.match(/^a=candidate:/gm)?.length ?? 0;
}
