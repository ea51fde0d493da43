/** Hosts of a Node process, and what their databases are filled from. */
import { expect, test } from 'vitest';
import { makeIdentity } from '../../src/identity/host-keys.ts';
import { importStore, openNodeHost } from '../../src/node/index.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';

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

test('restoring a file can be given up: for certain before it begins, and without knowing what came of it later', async () => {
  const database = new MemoryDatabase(await makeIdentity());
  const restore = (signal: AbortSignal) => importStore(database, new Blob(['no store']), 'member', { signal });
  await expect(restore(AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED', outcome: 'not-done' });
  const controller = new AbortController();
  const meanwhile = restore(controller.signal);
  controller.abort();
  await expect(meanwhile).rejects.toMatchObject({ code: 'ABORTED', outcome: 'unknown' });
  await expect(restore(new AbortController().signal)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(await database.groups()).toEqual([]);
});
