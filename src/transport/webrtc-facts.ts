/** What a WebRTC connection tells of itself: which certificates it checked, and which way its bytes take. */
import type { ChannelBinding, LinkPath } from './link.ts';

/** The DTLS fingerprints of the descriptions that are in force: those that the connection was made under. */
export function readBinding(connection: RTCPeerConnection): ChannelBinding {
  return {
    local: fingerprints(connection.currentLocalDescription?.sdp ?? ''),
    remote: fingerprints(connection.currentRemoteDescription?.sdp ?? ''),
  };
}

/** All that a description names, in one order: an end that names several is bound to all of them. */
export function fingerprints(sdp: string): string {
  const found = [...sdp.matchAll(/^a=fingerprint:(\S+)\s+([0-9A-Fa-f:]+)\s*$/gm)];
  const texts = found.map(([, algorithm = '', digest = '']) => `${algorithm.toLowerCase()} ${digest.toUpperCase()}`);
  return [...new Set(texts)].sort().join(', ');
}

interface CandidatePair {
  readonly localCandidateId?: string;
  readonly remoteCandidateId?: string;
  readonly currentRoundTripTime?: number;
  readonly nominated?: boolean;
  readonly state?: string;
}

interface Candidate {
  readonly candidateType?: string;
  readonly address?: string;
  readonly ip?: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly relayProtocol?: string;
}

/** The selected pair of candidates, and its round trip. */
export async function readPath(connection: RTCPeerConnection): Promise<LinkPath> {
  const records = new Map<string, unknown>();
  let pair: CandidatePair | undefined;
  let selected: string | undefined;
  const report = await connection.getStats();
  report.forEach((record: { id: string; type: string; selectedCandidatePairId?: string } & CandidatePair) => {
    records.set(record.id, record);
    if (record.type === 'transport') selected ??= record.selectedCandidatePairId;
    if (record.type === 'candidate-pair' && record.nominated === true && record.state === 'succeeded') pair ??= record;
  });
  const chosen = (selected === undefined ? undefined : (records.get(selected) as CandidatePair | undefined)) ?? pair;
  const seconds = chosen?.currentRoundTripTime;
  return {
    kind: 'webrtc',
    local: describeCandidate(records.get(chosen?.localCandidateId ?? '')),
    remote: describeCandidate(records.get(chosen?.remoteCandidateId ?? '')),
    rttMs: seconds === undefined ? null : seconds * 1000,
  };
}

function describeCandidate(candidate: unknown): string | null {
  if (candidate === undefined) return null;
  const { candidateType = 'unknown', address, ip, port, protocol, relayProtocol } = candidate as Candidate;
  const place = `${address ?? ip ?? 'hidden'}:${port ?? 0}`;
  return [candidateType, place, protocol, relayProtocol && `over ${relayProtocol}`].filter(Boolean).join(' ');
}
