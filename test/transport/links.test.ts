/** Every link passes the same acceptance suite; here those that Node has. In browsers see e2e/links.spec.ts. */
import wrtc from '@roamhq/wrtc';
import { describe, expect, test } from 'vitest';
import { linkAcceptance } from '../../src/testing/link-acceptance.ts';
import { broadcastPair, linkHarness, memoryPair, webRtcPair } from '../../src/testing/link-pairs.ts';
import { barePeer } from '../../src/transport/bare-connection.ts';
import type { Connect } from '../../src/transport/connection.ts';
import type { LinkEnd } from '../../src/transport/link.ts';
import { simplePeer } from '../../src/transport/simple-peer-connection.ts';
import { until } from './peers.ts';

const simple = simplePeer(wrtc);
const bare = barePeer((configuration) => new wrtc.RTCPeerConnection(configuration));

const links = {
  memory: memoryPair(),
  BroadcastChannel: broadcastPair(),
  'simple-peer with @roamhq/wrtc': webRtcPair(simple),
  'the bare RTCPeerConnection of @roamhq/wrtc': webRtcPair(bare),
  'simple-peer that offers, and the bare RTCPeerConnection that answers': webRtcPair([simple, bare]),
  'the bare RTCPeerConnection that offers, and simple-peer that answers': webRtcPair([bare, simple]),
};

describe.each(Object.entries(links))('a link over %s', (_name, open) => {
  const fresh = () => Promise.resolve(linkHarness(open));
  for (const accepted of linkAcceptance(fresh)) test(accepted.name, () => accepted.run(), 30_000);
});

test('a link over simple-peer ends when something comes on the channel of simple-peer itself', async () => {
  const own: RTCDataChannel[] = [];
  const chatty: Connect = (initiator, configuration, listener) => {
    const connection = bare(initiator, configuration, listener);
    own.push(connection.peerConnection.createDataChannel('own', { negotiated: true, id: 102 }));
    return connection;
  };
  const silent = { received: () => undefined, closed: () => undefined };
  const harness = linkHarness(webRtcPair([chatty, simple]));
  let ended: (end: LinkEnd) => void = () => undefined;
  const end = new Promise<LinkEnd>((resolve) => (ended = resolve));
  await harness.open(silent, { ...silent, closed: ended });
  await until(() => own.every(({ readyState }) => readyState === 'open'), 'the channel');
  for (const channel of own) channel.send('nothing goes here');
  expect(await end).toMatchObject({ reason: 'failed', detail: 'something came on a channel that carries nothing' });
  await harness.dispose();
});

test('a link over WebRTC names the fingerprints of both certificates', async () => {
  const harness = linkHarness(links['simple-peer with @roamhq/wrtc']);
  const silent = { received: () => undefined, closed: () => undefined };
  const [one] = await harness.open(silent, silent);
  expect(one.binding.local).toMatch(/^sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  expect(one.binding.remote).not.toBe(one.binding.local);
  await harness.dispose();
});
