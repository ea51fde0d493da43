/** Attempts to connect over real WebRTC that come to nothing, each at another stage: they say how far they came. */
import wrtc from '@roamhq/wrtc';
import { describe, expect, test } from 'vitest';
import { defaultStageTimeouts } from '../../src/transport/attempt.ts';
import { barePeer } from '../../src/transport/bare-connection.ts';
import type { Connect } from '../../src/transport/connection.ts';
import type { Signal } from '../../src/transport/introduction.ts';
import type { Link } from '../../src/transport/link.ts';
import { simplePeer } from '../../src/transport/simple-peer-connection.ts';
import { plainTimers } from '../../src/transport/timers.ts';
import { WebRtcAttempt } from '../../src/transport/webrtc-attempt.ts';
import { ManualTimers } from './peers.ts';

/** What becomes of a signal on its way; null for nothing. */
type Bend = (signal: Signal) => Signal | null;

interface Outcome {
  readonly reason: string;
  readonly detail: string;
}

/** Two ends, and signals between them that are bent on their way. Gives what becomes of each. */
async function attempt(connect: Connect, bend: Bend): Promise<Outcome[]> {
  const attempts: WebRtcAttempt[] = [];
  const links: Link[] = [];
  const outcomes = [0, 1].map(
    (i) =>
      new Promise<Outcome>((resolve) => {
        const timeouts = { signaling: 1000, ice: 1000, channels: 1000 };
        const init = { number: 1, initiator: i === 0, connect, configuration: { iceServers: [] }, timers: plainTimers };
        attempts[i] = new WebRtcAttempt(
          { ...init, timeouts },
          {
            signal: (signal) => {
              const bent = signal.type === 'tab-offer' ? signal : bend(signal);
              if (bent !== null) attempts[1 - i]?.signal(bent);
            },
            opened: (link) => {
              links.push(link);
              resolve({ reason: 'opened', detail: '' });
              return { received: () => undefined, closed: () => undefined };
            },
            failed: resolve,
          },
        );
      }),
  );
  const ended = await Promise.all(outcomes);
  for (const link of links) link.close();
  return ended;
}

const withoutCandidates: Bend = (signal) => {
  if (signal.type === 'candidate') return null;
  return { ...signal, sdp: signal.sdp.replace(/a=candidate:.*\r\n/g, '') };
};

/** As a broker would that lies about certificates, and sits nowhere between the two. */
const withAnotherFingerprint: Bend = (signal) => {
  if (signal.type === 'candidate') return signal;
  const sdp = signal.sdp.replace(/(a=fingerprint:sha-256 )(..)/g, (_line, name: string, byte: string) => {
    return `${name}${byte === '00' ? '01' : '00'}`;
  });
  return { ...signal, sdp };
};

const connects: Readonly<Record<string, Connect>> = {
  'simple-peer': simplePeer(wrtc),
  'the bare RTCPeerConnection': barePeer((configuration) => new wrtc.RTCPeerConnection(configuration)),
};

describe.each(Object.entries(connects))('an attempt through %s', { timeout: 40_000 }, (_name, connect) => {
  test('that nothing bends opens a link', async () => {
    const ended = await attempt(connect, (signal) => signal);
    expect(ended.map(({ reason }) => reason)).toEqual(['opened', 'opened']);
  });

  test('whose answer is lost ends at signaling, and the other end at finding a way', async () => {
    const [one, other] = await attempt(connect, (signal) => (signal.type === 'answer' ? null : signal));
    expect(one).toMatchObject({ reason: 'no-signaling', detail: expect.stringContaining('no answer') as string });
    expect(other?.reason).toMatch(/^(ice|channels)-failed$/);
  });

  test('whose addresses do not reach each other ends at finding a way, and says how many were tried', async () => {
    const ended = await attempt(connect, withoutCandidates);
    for (const { reason, detail } of ended) {
      expect(reason).toBe('ice-failed');
      expect(detail).toMatch(/^no pair of addresses worked within 1000 ms \([1-9]\d* of ours tried\)$/);
    }
  });

  test('whose certificates are not those that were told of comes to nothing', async () => {
    const ended = await attempt(connect, withAnotherFingerprint);
    // In Node a connection may have failed before it tells that the two had reached each other.
    for (const { reason } of ended) expect(reason).toMatch(/^(channels|ice)-failed$/);
  });

  test('that is given a description which is none ends at once', async () => {
    const ended = await attempt(connect, (signal) =>
      signal.type === 'offer' ? { ...signal, sdp: 'nonsense' } : signal,
    );
    expect(ended.map(({ reason }) => reason).sort()).toEqual(['ice-failed', 'no-signaling']);
  });
});

test.each([
  ['all', 'Chromium gathers none on a machine that has only the loopback interface'],
  ['relay', 'no TURN server of iceServers has given an address'],
] as const)(
  'an attempt that may use addresses of the kind %s, and has found none, says so in one line',
  (policy, line) => {
    const gathered = Object.assign(new EventTarget(), { iceGatheringState: 'complete', localDescription: { sdp: '' } });
    const timers = new ManualTimers();
    const failures: Outcome[] = [];
    const connect: Connect = () => ({
      peerConnection: gathered as unknown as RTCPeerConnection,
      signal: () => undefined,
      destroy: () => undefined,
      hangUp: () => undefined,
    });
    const configuration = { iceTransportPolicy: policy };
    new WebRtcAttempt(
      { number: 1, initiator: true, connect, configuration, timers, timeouts: defaultStageTimeouts },
      {
        signal: () => undefined,
        opened: () => ({ received: () => undefined, closed: () => undefined }),
        failed: (failure) => failures.push(failure),
      },
    );
    gathered.dispatchEvent(new Event('icegatheringstatechange'));
    timers.pass(1000);
    expect(failures).toMatchObject([{ reason: 'no-candidates' }]);
    expect(failures[0]?.detail).toContain(line);
    expect(failures[0]?.detail).not.toContain('\n');
  },
);
