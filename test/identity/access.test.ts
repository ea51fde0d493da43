/** What is derived from a group's secret, and what is not to be had from a read-only one. */
import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Access, deriveCredentials, fullAccess, isAccess, kindOf } from '../../src/identity/access.ts';
import { checkAdmission, claimAdmission } from '../../src/identity/admission.ts';
import type { GroupId, HostId, NodeId } from '../../src/ids.ts';

const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;
const access = fullAccess(new Uint8Array(32).fill(7));
const host = 'HHHHHHHHHHHHHHHHHHHHHH' as HostId;
const member = `${host}.IIIIIIIIIII` as NodeId;
const place = { session: new Uint8Array(32).fill(1), host };

const full = await deriveCredentials(group, access);
const reader = await deriveCredentials(group, full.readOnlyAccess);
const stranger = await deriveCredentials(group, fullAccess(new Uint8Array(32).fill(8)));

test('both kinds of invite lead to the same topic and the same seal, and other groups and secrets to others', async () => {
  expect(reader.topic).toBe(full.topic);
  expect(reader.readOnlyAccess).toBe(full.readOnlyAccess);
  expect(stranger.topic).not.toBe(full.topic);
  const elsewhere = await deriveCredentials('OOOOOOOOOOOOOOOOOOOOOO' as GroupId, access);
  expect(elsewhere.topic).not.toBe(full.topic);
  expect(elsewhere.readOnlyAccess).not.toBe(full.readOnlyAccess);
});

test('a read-only secret holds neither the full one nor the key of writers', () => {
  expect(kindOf(reader.access)).toBe('read-only');
  expect(reader.writerKey).toBeNull();
  expect(reader.access).not.toContain(access.slice(1));
  expect(reader.writerPublicKey).toEqual(full.writerPublicKey);
});

test('no key can be taken out again', () => {
  const keys = [full.sealingKey, full.admissionKey, full.writerKey, reader.sealingKey, reader.admissionKey];
  expect(keys.map((key) => key?.extractable)).toEqual([false, false, false, false, false]);
});

test('what is derived is what the page on the wire format says, computed here by other means', () => {
  const salt = `flotilla group ${group}`;
  const hkdf = (secret: Uint8Array, info: string, length: number) =>
    Buffer.from(hkdfSync('sha256', secret, salt, info, length));
  const secret = new Uint8Array(32).fill(7);
  const readOnly = hkdf(secret, 'flotilla 2 read-only', 32);
  const seed = hkdf(secret, 'flotilla 2 writer', 32);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const writer = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  const publicKey = Buffer.from(writer.export({ format: 'jwk' }).x ?? '', 'base64url');
  expect(full.readOnlyAccess).toBe(`r${readOnly.toString('base64url')}${publicKey.toString('base64url')}`);
  expect(full.topic).toBe(hkdf(readOnly, 'flotilla 2 topic', 16).toString('base64url'));
  expect(full.topic).toBe('F0z6H7qvrqAhBFBd_QgCcQ');
});

test.each([
  ['full access', full, full],
  ['full access, to a reader', full, reader],
  ['reading', reader, full],
  ['reading, to a reader', reader, reader],
])('a claim to %s is admitted', async (_name, claimant, verifier) => {
  const claim = await claimAdmission(claimant, place, member);
  expect(claim.right).toBe(claimant.kind);
  await expect(checkAdmission(verifier, place, claim)).resolves.toBeUndefined();
});

test('a claim is of no use without the secret, elsewhere, for others, or for more', async () => {
  const claim = await claimAdmission(full, place, member);
  const read = await claimAdmission(reader, place, member);
  const other = 'OOOOOOOOOOOOOOOOOOOOOO' as HostId;
  const wrong = [
    ['without the secret', place, await claimAdmission(stranger, place, member)],
    ['on another link', { ...place, session: new Uint8Array(32).fill(2) }, claim],
    ['by another host', { ...place, host: other }, claim],
    ['as another member', place, { ...claim, member: `${host}.JJJJJJJJJJJ` as NodeId }],
    ['for another group', place, { ...claim, group: 'OOOOOOOOOOOOOOOOOOOOOO' as GroupId }],
    ['to write, by a reader', place, { ...read, right: 'full' as const }],
    [
      'to write, by a reader, signed by nobody',
      place,
      { ...read, right: 'full' as const, signature: new Uint8Array(64) },
    ],
    ['to read, made from one to write', place, { ...claim, right: 'read-only' as const }],
  ] as const;
  for (const verifier of [full, reader]) {
    for (const [what, where, forged] of wrong) {
      await expect(checkAdmission(verifier, where, forged), what).rejects.toMatchObject({ reason: 'no-secret' });
    }
  }
});

test('a reader who makes his own claim to write, with all that he has, is not believed', async () => {
  const claim = await claimAdmission({ ...reader, kind: 'full' }, place, member);
  await expect(checkAdmission(full, place, claim)).rejects.toMatchObject({ reason: 'no-secret' });
  await expect(checkAdmission(reader, place, claim)).rejects.toMatchObject({ reason: 'no-secret' });
});

test('a damaged secret is named as such', async () => {
  const damaged = `f${'w'.repeat(42)}x` as Access;
  expect(isAccess(damaged)).toBe(true);
  await expect(deriveCredentials(group, damaged)).rejects.toMatchObject({ code: 'INVALID_INVITE' });
});
