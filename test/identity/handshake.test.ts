/** Two hosts that prove their keys to each other, and all who try to pass for one of them. */
import { beforeAll, expect, test } from 'vitest';
import { Handshake, type HandshakeInit, type Hello, type Proof } from '../../src/identity/handshake.ts';
import { makeIdentity } from '../../src/identity/host-keys.ts';
import { type HostSigner, hostSigner } from '../../src/identity/host-signer.ts';

let [alice, bob, mallory]: HostSigner[] = [];

beforeAll(async () => {
  [alice, bob, mallory] = await Promise.all([1, 2, 3].map(async () => hostSigner(await makeIdentity())));
});

function signer(of: HostSigner | undefined): HostSigner {
  if (of === undefined) throw new Error('no keys yet');
  return of;
}

const binding = { local: 'sha-256 AA', remote: 'sha-256 BB' };
const mirrored = { local: binding.remote, remote: binding.local };

function begin(of: HostSigner | undefined, init: Partial<HandshakeInit> = {}): Handshake {
  return new Handshake({
    identity: signer(of),
    role: 'offerer',
    major: 2,
    minor: 0,
    binding,
    expected: null,
    ...init,
  });
}

const answer = (of: HostSigner | undefined, init: Partial<HandshakeInit> = {}): Handshake =>
  begin(of, { role: 'answerer', binding: mirrored, ...init });

async function meet(one: Handshake, other: Handshake) {
  const [helloOne, helloOther] = [one.hello(), other.hello()];
  const [proofOne, proofOther] = [await one.takeHello(helloOther), await other.takeHello(helloOne)];
  return { helloOne, helloOther, proofOne, proofOther };
}

test('both learn whom they have at the other end, and agree on the session', async () => {
  const [one, other] = [begin(alice), answer(bob)];
  const { proofOne, proofOther } = await meet(one, other);
  const [there, here] = [await one.takeProof(proofOther), await other.takeProof(proofOne)];
  expect(there.host).toBe(bob?.id);
  expect(here.host).toBe(alice?.id);
  expect(there.session).toEqual(here.session);
  const again = await meet(begin(alice), answer(bob));
  expect(again.proofOne.signature).not.toEqual(proofOne.signature);
});

test('whoever shows the key of another cannot sign for it', async () => {
  const [one, victim] = [begin(alice), signer(bob)];
  const thief: HostSigner = { ...victim, sign: (message) => signer(mallory).sign(message) };
  const { proofOther } = await meet(one, answer(thief));
  await expect(one.takeProof(proofOther)).rejects.toMatchObject({ reason: 'wrong-key' });
});

test('whoever shows his own key is not taken for the host that was expected', async () => {
  const one = begin(alice, { expected: signer(bob).id });
  await expect(one.takeHello(answer(mallory).hello())).rejects.toMatchObject({ reason: 'wrong-key' });
});

test('a key that is no point of the curve proves nothing', async () => {
  const one = begin(alice);
  const broken: HostSigner = { ...signer(bob), publicKey: new Uint8Array(32).fill(0xff) };
  const { proofOther } = await meet(one, answer(broken));
  await expect(one.takeProof(proofOther)).rejects.toMatchObject({ reason: 'wrong-key' });
});

test('a recorded handshake is refused when it is repeated', async () => {
  const recorded = await meet(begin(alice), answer(bob));
  const one = begin(alice);
  await one.takeHello(recorded.helloOther);
  await expect(one.takeProof(recorded.proofOther)).rejects.toMatchObject({ reason: 'replayed-handshake' });
});

test('our own hello and proof, sent back, are refused', async () => {
  const one = begin(alice);
  await expect(one.takeHello(one.hello())).rejects.toMatchObject({ reason: 'replayed-handshake' });
  const two = begin(alice);
  await expect(two.takeHello(begin(alice).hello())).rejects.toMatchObject({ reason: 'wrong-key' });
});

test('somebody in the middle, with certificates of his own, is found out by both', async () => {
  const one = begin(alice, { binding: { local: 'sha-256 AA', remote: 'sha-256 MM' } });
  const other = answer(bob, { binding: { local: 'sha-256 BB', remote: 'sha-256 MM' } });
  const { proofOne, proofOther } = await meet(one, other);
  await expect(one.takeProof(proofOther)).rejects.toMatchObject({ reason: 'swapped-fingerprint' });
  await expect(other.takeProof(proofOne)).rejects.toMatchObject({ reason: 'swapped-fingerprint' });
});

test('somebody in the middle who changes what the proofs say breaks their signatures', async () => {
  const one = begin(alice, { binding: { local: 'sha-256 AA', remote: 'sha-256 MM' } });
  const other = answer(bob, { binding: { local: 'sha-256 BB', remote: 'sha-256 MM' } });
  const { proofOther } = await meet(one, other);
  const changed: Proof = { ...proofOther, fingerprint: 'sha-256 MM', peerFingerprint: 'sha-256 AA' };
  await expect(one.takeProof(changed)).rejects.toMatchObject({ reason: 'wrong-key' });
});

test('the proof of one role is none for the other', async () => {
  const [one, other] = [begin(alice), begin(bob, { binding: mirrored })];
  const { proofOther } = await meet(one, other);
  await expect(one.takeProof(proofOther)).rejects.toMatchObject({ reason: 'wrong-key' });
});

test('a minor version that was changed on its way breaks the signature', async () => {
  const [one, other] = [begin(alice), answer(bob, { minor: 5 })];
  const downgraded: Hello = { ...other.hello(), minor: 0 };
  await one.takeHello(downgraded);
  const proof = await other.takeHello(one.hello());
  await expect(one.takeProof(proof)).rejects.toMatchObject({ reason: 'wrong-key' });
});

test('steps out of order are refused', async () => {
  const [one, other] = [begin(alice), answer(bob)];
  const { proofOther, helloOther } = await meet(one, other);
  await expect(one.takeHello(helloOther)).rejects.toMatchObject({ reason: 'malformed' });
  await expect(begin(alice).takeProof(proofOther)).rejects.toMatchObject({ reason: 'malformed' });
});
