import { expect, test } from 'vitest';
import { decodeInvite, encodeInvite, hasInvite } from '../../src/identity/invite.ts';
import { fullAccess } from '../../src/identity/access.ts';
import type { GroupId } from '../../src/ids.ts';

const access = fullAccess(new Uint8Array(32).fill(7));
const invite = { group: 'GGGG-GGGG_GGGGGGGGGGGG' as GroupId, access, signaling: 'wss://broker.example:8787/päth?x=1' };

test('an invite is read from its fragment, and from whatever has it in it', () => {
  const fragment = encodeInvite(invite);
  expect(fragment).toMatch(/^#flotilla=2\.[\w.-]+$/);
  for (const text of [fragment, fragment.slice(1), `https://app.example/?a=b${fragment}`, `Join us: ${fragment} !`]) {
    expect(hasInvite(text)).toBe(true);
    expect(decodeInvite(text)).toEqual(invite);
  }
});

test.each([
  ['', 'no invite'],
  ['https://app.example/#other', 'no invite'],
  [encodeInvite(invite).slice(0, -1), 'damaged'],
  ['#flotilla=2.short.d3M6Ly94', 'damaged'],
  [`#flotilla=2.GGGG-GGGG_GGGGGGGGGGGG.${access.slice(0, -1)}.d3M6Ly94`, 'damaged'],
  [`#flotilla=2.GGGG-GGGG_GGGGGGGGGGGG.r${access.slice(1)}.d3M6Ly94`, 'damaged'],
  ['#flotilla=1.GGGG-GGGG_GGGGGGGGGGGG.d3M6Ly94', 'version 1'],
  [encodeInvite({ ...invite, signaling: 'https://not.a.socket' }), 'damaged'],
])('%j is refused, and it is said why', (text, reason) => {
  expect(() => decodeInvite(text)).toThrow(expect.objectContaining({ code: 'INVALID_INVITE' }));
  expect(() => decodeInvite(text)).toThrow(reason);
});
