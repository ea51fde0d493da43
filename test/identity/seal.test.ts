/** Sealed signaling: only holders of an invite can read or write it, and nothing can be said twice. */
import { describe, expect, test } from 'vitest';
import { deriveCredentials, fullAccess } from '../../src/identity/access.ts';
import { ReplayWindow, SignalingSeal } from '../../src/identity/seal.ts';
import type { GroupId } from '../../src/ids.ts';

const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;
const ours = await deriveCredentials(group, fullAccess(new Uint8Array(32).fill(7)));
const theirs = await deriveCredentials(group, fullAccess(new Uint8Array(32).fill(8)));

const text = 'offer, with an address in it';

test('what is sealed is opened by holders of the secret, who learn from whom and for whom it is', async () => {
  const [alice, bob] = [new SignalingSeal(ours, 'alice'), new SignalingSeal(ours, 'bob')];
  expect(await bob.unseal(await alice.seal(null, text))).toEqual({ from: 'alice', to: null, text });
  expect(await bob.unseal(await alice.seal('bob', text))).toEqual({ from: 'alice', to: 'bob', text });
  const long = 'x'.repeat(60_000);
  expect(await bob.unseal(await alice.seal('bob', long))).toEqual({ from: 'alice', to: 'bob', text: long });
});

test('the broker sees nothing of it, and no two seals of a text alike', async () => {
  const alice = new SignalingSeal(ours, 'alice');
  const [one, other] = [await alice.seal(null, text), await alice.seal(null, text)];
  expect(one).not.toBe(other);
  const bytes = Buffer.from(one, 'base64url').toString('latin1');
  expect(bytes).not.toContain('offer');
  expect(bytes).not.toContain('alice');
});

test('whatever was sealed with another secret, changed, or never sealed, is dropped', async () => {
  const [alice, bob] = [new SignalingSeal(ours, 'alice'), new SignalingSeal(ours, 'bob')];
  expect(await bob.unseal(await new SignalingSeal(theirs, 'alice').seal(null, text))).toBe('not-sealed');
  const sealed = Buffer.from(await alice.seal('bob', text), 'base64url');
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(await bob.unseal(changed.toString('base64url'))).toBe('not-sealed');
  }
  for (const nonsense of ['', 'x', '{"kind":"hello"}', 'AAAA', sealed.subarray(0, 20).toString('base64url')]) {
    expect(await bob.unseal(nonsense)).toBe('not-sealed');
  }
});

describe('what was recorded', () => {
  test('is not heard twice', async () => {
    const [alice, bob] = [new SignalingSeal(ours, 'alice'), new SignalingSeal(ours, 'bob')];
    for (const to of ['bob', null]) {
      const sealed = await alice.seal(to, text);
      expect(await bob.unseal(sealed)).toMatchObject({ text });
      expect(await bob.unseal(sealed)).toBe('replayed');
    }
  });

  test('is of no use to a host that was restarted, or to another one, or to its own sender', async () => {
    const alice = new SignalingSeal(ours, 'alice');
    const sealed = await alice.seal('bob', text);
    expect(await new SignalingSeal(ours, 'bob, restarted').unseal(sealed)).toBe('for-another');
    expect(await alice.unseal(await alice.seal(null, text))).toBe('for-another');
  });

  test('and is delivered late is not heard after many others', () => {
    const window = new ReplayWindow();
    expect([3, 1, 2, 2, 3, 1].map((number) => window.admit(number))).toEqual([true, true, true, false, false, false]);
    expect(window.admit(1000)).toBe(true);
    expect(window.admit(1000 - 255)).toBe(true);
    expect(window.admit(1000 - 256)).toBe(false);
    expect(window.admit(4)).toBe(false);
  });
});
