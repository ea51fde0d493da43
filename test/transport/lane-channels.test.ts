/** The data channels of a link, on real connections in Node. */
import wrtc from '@roamhq/wrtc';
import { expect, test } from 'vitest';
import { webRtcPair } from '../../src/testing/link-pairs.ts';
import { barePeer } from '../../src/transport/bare-connection.ts';
import type { LinkListener } from '../../src/transport/link.ts';
import { until } from './peers.ts';

const silent: LinkListener = { received: () => undefined, closed: () => undefined };
const bare = barePeer((configuration) => new wrtc.RTCPeerConnection(configuration));
const descriptions = ['localDescription', 'remoteDescription', 'currentLocalDescription', 'currentRemoteDescription'];

test('a link whose channels open before its descriptions are shown waits for them: they are what binds it', async () => {
  // Chromium does so now and then, and whoever looked then took the other end for somebody in the middle.
  const connections: RTCPeerConnection[] = [];
  const channels: RTCDataChannel[] = [];
  const shown = { are: false };
  const late = barePeer((configuration) => {
    const connection: RTCPeerConnection = new wrtc.RTCPeerConnection(configuration);
    connections.push(connection);
    return new Proxy(connection, {
      get(target, key) {
        if (!shown.are && descriptions.includes(String(key))) return null;
        if (key === 'createDataChannel') {
          return (...made: Parameters<RTCPeerConnection['createDataChannel']>) => {
            const channel = target.createDataChannel(...made);
            channels.push(channel);
            return channel;
          };
        }
        const value: unknown = Reflect.get(target, key, target);
        return value instanceof Function ? (value.bind(target) as unknown) : value;
      },
      set: (target, key, value) => Reflect.set(target, key, value, target),
    });
  });
  const opened = { isOpen: false };
  const opening = webRtcPair([late, bare])(silent, silent).finally(() => (opened.isOpen = true));
  await until(() => channels.length === 2 && channels.every(({ readyState }) => readyState === 'open'), 'the channels');
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
  expect(opened.isOpen).toBe(false);
  shown.are = true;
  for (const connection of connections) connection.dispatchEvent(new Event('signalingstatechange'));
  const [one, other] = await opening;
  expect(one.binding.local).toMatch(/^sha-256 /);
  expect(one.binding).toEqual({ local: other.binding.remote, remote: other.binding.local });
  for (const link of [one, other]) link.close();
});
