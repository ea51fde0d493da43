/** What is derived from the name of a room. */
import { hkdfSync, pbkdf2Sync } from 'node:crypto';
import { encode } from '@msgpack/msgpack';
import { expect, test } from 'vitest';
import { deriveRoomKey } from '../../src/identity/room.ts';

test('is the same for the same name, and another for another name or password', async () => {
  const keys = await Promise.all([
    deriveRoomKey('stand-up'),
    deriveRoomKey('stand-up'),
    deriveRoomKey('Stand-up'),
    deriveRoomKey('stand-up', 'secret'),
    deriveRoomKey('stand-up', 'Secret'),
  ]);
  expect(keys[1]).toEqual(keys[0]);
  expect(new Set(keys.map(({ id }) => id)).size).toBe(4);
  expect(new Set(keys.map(({ access }) => access)).size).toBe(4);
});

test('is the same however a character is composed', async () => {
  expect(await deriveRoomKey('cafe\u0301', 'e\u0301')).toEqual(await deriveRoomKey('caf\u00e9', '\u00e9'));
});

test('is what the page on the wire format says, computed here by other means', async () => {
  for (const password of [undefined, 'öffne dich']) {
    const salt = 'flotilla room höhle';
    const known = encode(['flotilla room', 'höhle', password ?? null]);
    const secret = pbkdf2Sync(known, salt, 600_000, 32, 'sha256');
    const derived = (info: string, length: number) =>
      Buffer.from(hkdfSync('sha256', secret, salt, info, length)).toString('base64url');
    expect(await deriveRoomKey('höhle', password)).toEqual({
      id: derived('flotilla 2 room', 16),
      access: `f${derived('flotilla 2 room secret', 32)}`,
    });
  }
});

test.each([
  ['', undefined],
  ['x'.repeat(257), undefined],
  [7, undefined],
  ['room', ''],
  ['room', 'x'.repeat(257)],
] as [string, string | undefined][])('refuses %s with password %s', async (name, password) => {
  await expect(deriveRoomKey(name, password)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-done' });
});
