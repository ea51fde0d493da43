/**
 * What two hosts say to each other through the broker before they are linked: who they are, and then the offers, answers
 * and candidates of WebRTC. The broker relays it as text.
 */
import { type HostId, isHostId } from '../ids.ts';

/** A description or a candidate, as simple-peer makes and takes them. */
export type Signal =
  | { readonly type: 'offer' | 'answer'; readonly sdp: string }
  | {
      readonly type: 'candidate';
      readonly candidate: {
        readonly candidate: string;
        readonly sdpMLineIndex: number | null;
        readonly sdpMid: string | null;
      };
    };

/** Names a channel on which another tab of the same browser listens. */
export interface TabOffer {
  readonly type: 'tab-offer';
  readonly channel: string;
}

export type Introduction =
  /** Says who we are. `run` names this run of our host: links to an earlier one are dead. */
  | { readonly kind: 'hello'; readonly host: HostId; readonly run: string; readonly answerMe: boolean }
  /** Belongs to the attempt of that number, counted by the side that offers. */
  | { readonly kind: 'signal'; readonly attempt: number; readonly signal: Signal | TabOffer };

const maxRunLength = 64;
const maxChannelLength = 128;

export function encodeIntroduction(introduction: Introduction): string {
  return JSON.stringify(introduction);
}

/** Null for anything that is not an introduction. */
export function decodeIntroduction(text: string): Introduction | null {
  const message = parseRecord(text);
  if (message === null) return null;
  if (message.kind === 'hello') {
    const { host, run, answerMe } = message;
    if (typeof host !== 'string' || !isHostId(host) || typeof run !== 'string' || run.length > maxRunLength)
      return null;
    return { kind: 'hello', host, run, answerMe: answerMe === true };
  }
  if (message.kind === 'signal') {
    const { attempt } = message;
    const signal = decodeSignal(message.signal);
    if (typeof attempt !== 'number' || !Number.isSafeInteger(attempt) || signal === null) return null;
    return { kind: 'signal', attempt, signal };
  }
  return null;
}

function parseRecord(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return null;
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
}

function decodeSignal(value: unknown): Signal | TabOffer | null {
  const signal = asRecord(value);
  if (signal === null) return null;
  if (signal.type === 'offer' || signal.type === 'answer') {
    return typeof signal.sdp === 'string' ? { type: signal.type, sdp: signal.sdp } : null;
  }
  if (signal.type === 'tab-offer') {
    const { type, channel } = signal;
    return typeof channel === 'string' && channel.length <= maxChannelLength ? { type, channel } : null;
  }
  const candidate = asRecord(signal.candidate);
  if (signal.type !== 'candidate' || typeof candidate?.candidate !== 'string') return null;
  const { sdpMLineIndex, sdpMid } = candidate;
  return {
    type: 'candidate',
    candidate: {
      candidate: candidate.candidate,
      sdpMLineIndex: typeof sdpMLineIndex === 'number' ? sdpMLineIndex : null,
      sdpMid: typeof sdpMid === 'string' ? sdpMid : null,
    },
  };
}
