/** Every link passes the same acceptance suite; here those that Node has. In browsers see e2e/links.spec.ts. */
import wrtc from '@roamhq/wrtc';
import { describe, expect, test } from 'vitest';
import { linkAcceptance } from '../../src/testing/link-acceptance.ts';
import { broadcastPair, linkHarness, memoryPair, webRtcPair } from '../../src/testing/link-pairs.ts';
import { barePeer } from '../../src/transport/bare-connection.ts';
import { simplePeer } from '../../src/transport/simple-peer-connection.ts';

const bare = barePeer((configuration) => new wrtc.RTCPeerConnection(configuration));

const links = {
  memory: memoryPair(),
  BroadcastChannel: broadcastPair(),
  'simple-peer with @roamhq/wrtc': webRtcPair(simplePeer(wrtc)),
  'the bare RTCPeerConnection of @roamhq/wrtc': webRtcPair(bare),
};

describe.each(Object.entries(links))('a link over %s', (_name, open) => {
  const fresh = () => Promise.resolve(linkHarness(open));
  for (const accepted of linkAcceptance(fresh)) test(accepted.name, () => accepted.run(), 30_000);
});

test('a link over WebRTC names the fingerprints of both certificates', async () => {
  const harness = linkHarness(links['simple-peer with @roamhq/wrtc']);
  const silent = { received: () => undefined, closed: () => undefined };
  const [one] = await harness.open(silent, silent);
  expect(one.binding.local).toMatch(/^sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  expect(one.binding.remote).not.toBe(one.binding.local);
  await harness.dispose();
});
