/** Hosts of a Node process. */
import { expect, test } from 'vitest';
import { openNodeHost } from '../../src/node/index.ts';

test.each(['simple-peer', 'bare'] as const)(
  'ICE servers that are none are refused at once, with %s',
  async (webrtc) => {
    const turn = { urls: 'turn:turn.example' };
    await expect(openNodeHost({ webrtc, iceServers: [turn] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('turn:HOST:PORT') as string,
    });
    const host = await openNodeHost({ webrtc, iceServers: [{ ...turn, username: 'u', credential: 'c' }] });
    host.close();
  },
);
