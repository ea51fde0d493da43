/** docs/wire-format.md says what is on the wire: every frame of it is made, and read, as it stands there. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Credentials, deriveCredentials, fullAccess } from '../../src/identity/access.ts';
import { decodeInvite, encodeInvite } from '../../src/identity/invite.ts';
import { SignalingSeal } from '../../src/identity/seal.ts';
import { decodeFrame, encodeFrame, wireMajor, wireMinor } from '../../src/transport/codec.ts';
import { fragments, Reassembler } from '../../src/transport/framing.ts';
import { decodeLinkFrame, encodeLinkFrame, isLinkFrame } from '../../src/transport/link-codec.ts';
import { group, groupSamples, linkSamples } from './wire-samples.ts';

const page = readFileSync(new URL('../../docs/wire-format.md', import.meta.url), 'utf8');

/** What stands in the blocks of the page, by name. */
const vectors = new Map(
  [...page.matchAll(/^```vector (.+)\n([\s\S]*?)^```$/gm)].map(([, name = '', text = '']) => [name, text.trim()]),
);

const hex = (text: string | undefined): Uint8Array => Buffer.from((text ?? '').replaceAll(/\s/g, ''), 'hex');
const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function vector(name: string): Uint8Array {
  const bytes = hex(vectors.get(name));
  if (bytes.byteLength === 0) throw new Error(`the page has no vector called ${name}`);
  return new Uint8Array(bytes);
}

test('the page names the versions that are in force', () => {
  expect(page).toContain(`version ${wireMajor}.${wireMinor}`);
});

describe('a frame of a group', () => {
  for (const message of Object.values(groupSamples)) {
    test(`${message.kind} is made, and read, as the page shows`, () => {
      const bytes = encodeFrame(group, message);
      expect(show(bytes)).toBe(show(vector(message.kind)));
      expect(isLinkFrame(bytes)).toBe(false);
      const { group: of, message: read } = decodeFrame(vector(message.kind));
      expect(of).toBe(group);
      expect(read).toEqual(message);
    });
  }
});

describe('a frame about a link', () => {
  for (const message of Object.values(linkSamples)) {
    test(`${message.kind} is made, and read, as the page shows`, () => {
      const bytes = encodeLinkFrame(message);
      expect(show(bytes)).toBe(show(vector(message.kind)));
      expect(isLinkFrame(bytes)).toBe(true);
      expect(decodeLinkFrame(vector(message.kind))).toEqual(message);
    });
  }

  test('of another major version is refused as such', () => {
    expect(() => decodeLinkFrame(vector('Hello of version 4'))).toThrow(expect.objectContaining({ reason: 'version' }));
  });

  test('with fields of a newer minor version is read without them', () => {
    expect(decodeLinkFrame(vector('Ping of a newer minor version'))).toEqual(linkSamples.Ping);
  });
});

test('a frame is cut into messages as the page shows', () => {
  const frame = new Uint8Array(20_000).fill(0xab);
  const [first, second] = [...fragments(frame, 'bulk')];
  expect(show((first ?? frame).subarray(0, 8))).toBe(show(vector('first message of 20,000 bytes, bulk')));
  expect(show((second ?? frame).subarray(0, 4))).toBe(show(vector('last message of 20,000 bytes, bulk')));
  const [whole] = [...fragments(Uint8Array.of(1, 2, 3), 'control')];
  expect(show(whole ?? frame)).toBe(show(vector('one message, control')));
  expect(new Reassembler().take(vector('one message, control'))).toEqual(Uint8Array.of(1, 2, 3));
});

describe('the secret of the page', () => {
  const access = fullAccess(new Uint8Array(32).fill(7));
  const credentials = (): Promise<Credentials> => deriveCredentials(group, access);

  test('makes its invites and its topic', async () => {
    const { topic, readOnlyAccess } = await credentials();
    const signaling = 'wss://broker.example';
    expect(encodeInvite({ group, access, signaling })).toBe(vectors.get('full invite'));
    expect(encodeInvite({ group, access: readOnlyAccess, signaling })).toBe(vectors.get('read-only invite'));
    expect(decodeInvite(vectors.get('full invite') ?? '')).toEqual({ group, access, signaling });
    expect(topic).toBe(vectors.get('topic'));
  });

  test('opens its sealed message', async () => {
    const seal = new SignalingSeal(await credentials(), 'run of the receiver');
    expect(await seal.unseal(vectors.get('sealed') ?? '')).toEqual({
      from: 'run of the sender',
      to: 'run of the receiver',
      text: '{"kind":"hello"}',
    });
  });
});
