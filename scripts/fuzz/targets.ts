/** What is fuzzed: each target takes hostile bytes, and throws when something gives way that must not. */
import type { Random } from '../../src/core/random.ts';
import { deriveCredentials, fullAccess } from '../../src/identity/access.ts';
import { makeIdentity } from '../../src/identity/host-keys.ts';
import { hostSigner } from '../../src/identity/host-signer.ts';
import { decodeInvite, encodeInvite } from '../../src/identity/invite.ts';
import { Refusal } from '../../src/identity/refusals.ts';
import { SignalingSeal } from '../../src/identity/seal.ts';
import { DecodeError } from '@msgpack/msgpack';
import { RaftError } from '../../src/errors.ts';
import { PresenceBoard } from '../../src/group/presence-board.ts';
import type { NodeId } from '../../src/ids.ts';
import { decodePlain, differenceOf, encodeGiven } from '../../src/machine/plain.ts';
import { decodeFrame, encodeFrame } from '../../src/transport/codec.ts';
import { fragments, Reassembler } from '../../src/transport/framing.ts';
import { decodeIntroduction, encodeIntroduction } from '../../src/transport/introduction.ts';
import { decodeLinkFrame, encodeLinkFrame } from '../../src/transport/link-codec.ts';
import type { LinkListener } from '../../src/transport/link.ts';
import { defaultLiveness } from '../../src/transport/liveness.ts';
import { MemoryLink } from '../../src/transport/memory-link.ts';
import { SecureLink } from '../../src/transport/secure-link.ts';
import { plainTimers } from '../../src/transport/timers.ts';
import { group, groupSamples, linkSamples } from '../../test/transport/wire-samples.ts';
import { mutated, noise } from './mutations.ts';

export interface Target {
  readonly name: string;
  /** Inputs in one call of `attack`. */
  readonly batch: number;
  /** Throws, or rejects, when the enemy has won something. Gives how many inputs were accepted as well-formed. */
  attack(random: Random): Promise<number>;
}

const text = new TextEncoder();
const frames = Object.values(groupSamples).map((message) => encodeFrame(group, message));
const linkFrames = Object.values(linkSamples).map((message) => encodeLinkFrame(message));
const messages = [...frames, new Uint8Array(40_000).fill(3)].flatMap((frame) => [
  ...fragments(frame, 'control'),
  ...fragments(frame, 'bulk'),
]);
const introductions = [
  encodeIntroduction({ kind: 'hello', host: 'AAAAAAAAAAAAAAAAAAAAAA' as never, run: 'r', answerMe: true }),
  encodeIntroduction({ kind: 'signal', attempt: 1, signal: { type: 'offer', sdp: 'v=0' } }),
  encodeIntroduction({
    kind: 'signal',
    attempt: 1,
    signal: { type: 'candidate', candidate: { candidate: 'c', sdpMLineIndex: 0, sdpMid: '0' } },
  }),
].map((one) => text.encode(one));

const hostile = (samples: readonly Uint8Array[], random: Random): Uint8Array<ArrayBuffer> =>
  random.below(8) === 0 ? noise(random) : mutated(samples, random);

/** What a decoder may answer to bytes that make no sense. Anything else is a fault of ours. */
function isExpected(error: unknown): boolean {
  return error instanceof RangeError || error instanceof DecodeError || error instanceof Refusal;
}

const asText = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

interface Decoder {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** Decodes, and if that works, encodes the outcome and decodes it again: null, or whether both are the same. */
  readonly check: (bytes: Uint8Array<ArrayBuffer>) => boolean | null;
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

const decoders: readonly Decoder[] = [
  {
    name: 'frames of groups',
    samples: frames,
    check: (bytes) => {
      const decoded = decodeFrame(bytes);
      return same(decodeFrame(encodeFrame(decoded.group, decoded.message)), decoded);
    },
  },
  {
    name: 'frames about links',
    samples: linkFrames,
    check: (bytes) => {
      const decoded = decodeLinkFrame(bytes);
      return decoded === null ? null : same(decodeLinkFrame(encodeLinkFrame(decoded)), decoded);
    },
  },
  {
    name: 'introductions',
    samples: introductions,
    check: (bytes) => {
      const decoded = decodeIntroduction(asText(bytes));
      return decoded === null ? null : same(decodeIntroduction(encodeIntroduction(decoded)), decoded);
    },
  },
  {
    name: 'invites',
    samples: [
      text.encode(encodeInvite({ group, access: fullAccess(new Uint8Array(32)), signaling: 'wss://b.example' })),
    ],
    check: (bytes) => {
      try {
        const invite = decodeInvite(asText(bytes));
        return same(decodeInvite(encodeInvite(invite)), invite);
      } catch (error) {
        if (error instanceof RaftError && error.code === 'INVALID_INVITE') return null;
        throw error;
      }
    },
  },
];

/** What others show of themselves: whatever is taken is shown, and is plain data. */
const shownValues: Decoder = {
  name: 'values of presence',
  samples: [
    { name: 'Ann', x: 1.5, y: -20_000, typing: true },
    ['a', null, new Date(0), Uint8Array.of(1, 2, 3)],
    { a: { b: { c: [[[1]]] } } },
  ].map(encodeGiven),
  check: (bytes) => {
    const board = new PresenceBoard({ now: () => 0, wallTime: () => 0 });
    const from = 'AAAAAAAAAAAAAAAAAAAAAA.IIIIIIIIIII' as NodeId;
    board.connected(from);
    const isTaken = board.take({ kind: 'Presence', from, to: from, run: 1, version: 1, ttlMs: 1000, value: bytes });
    const [shown] = board.list();
    if (!isTaken) return shown === undefined ? null : false;
    return shown !== undefined && differenceOf(shown.value, decodePlain(encodeGiven(shown.value))) === null;
  },
};

const decoderBatch = 2000;

function decoderTarget({ name, samples, check }: Decoder): Target {
  return {
    name,
    batch: decoderBatch,
    attack(random) {
      let accepted = 0;
      for (let i = 0; i < decoderBatch; i++) {
        const bytes = hostile(samples, random);
        try {
          const outcome = check(bytes);
          if (outcome === false)
            throw new Error(`it reads otherwise the second time: ${Buffer.from(bytes).toString('hex')}`);
          if (outcome === true) accepted++;
        } catch (error) {
          if (isExpected(error)) continue;
          throw new Error(`${name} fail on ${Buffer.from(bytes).toString('hex')}`, { cause: error });
        }
      }
      return Promise.resolve(accepted);
    },
  };
}

const reassembling: Target = {
  name: 'messages of links',
  batch: decoderBatch,
  attack(random) {
    let accepted = 0;
    let reassembler = new Reassembler();
    for (let i = 0; i < decoderBatch; i++) {
      const bytes =
        random.below(2) === 0 ? (messages[random.below(messages.length)] ?? noise(random)) : hostile(messages, random);
      try {
        if (reassembler.take(bytes) !== null) accepted++;
      } catch (error) {
        if (!isExpected(error)) throw new Error('messages of links fail', { cause: error });
        reassembler = new Reassembler();
      }
    }
    return Promise.resolve(accepted);
  },
};

const sealBatch = 200;

async function sealing(): Promise<Target> {
  const credentials = await deriveCredentials(group, fullAccess());
  const seal = new SignalingSeal(credentials, 'here');
  const honest = new SignalingSeal(credentials, 'there');
  const samples = await Promise.all([1, 2, 3].map(async () => text.encode(await honest.seal('here', 'an offer'))));
  // They are heard once: from then on even the true ones are replays.
  for (const sample of samples) await seal.unseal(asText(sample));
  return {
    name: 'sealed signaling',
    batch: sealBatch,
    async attack(random) {
      for (let i = 0; i < sealBatch; i++) {
        const bytes = hostile(samples, random);
        if (typeof (await seal.unseal(asText(bytes))) !== 'string') {
          throw new Error(`a forged message was opened: ${asText(bytes)}`);
        }
      }
      return 0;
    },
  };
}

const handshakeBatch = 20;

/** A host that is attacked over an open link, by somebody who has every frame of an honest handshake, and no secret. */
async function handshaking(): Promise<Target> {
  const [identity, enemy] = await Promise.all(
    [makeIdentity(), makeIdentity()].map(async (made) => hostSigner(await made)),
  );
  if (identity === undefined || enemy === undefined) throw new Error('two hosts');
  const credentials = await deriveCredentials(group, fullAccess());
  const entry = {
    credentials,
    broker: 'ws://nowhere.example',
    member: `${identity.id}.IIIIIIIIIII` as NodeId,
    mayEnter: () => null,
  };
  const spoken = [...linkFrames, ...frames];
  return {
    name: 'the handshake',
    batch: handshakeBatch,
    async attack(random) {
      const silent: LinkListener = { received: () => undefined, closed: () => undefined };
      let hear: LinkListener | null = null;
      const [near, far] = MemoryLink.pair(
        { received: (frame, lane) => hear?.received(frame, lane), closed: (end) => hear?.closed(end) },
        silent,
      );
      const won: string[] = [];
      const link = new SecureLink(
        (listener) => {
          hear = listener;
          return near;
        },
        {
          identity,
          role: random.below(2) === 0 ? 'offerer' : 'answerer',
          expected: random.below(2) === 0 ? enemy.id : null,
          timers: plainTimers,
          liveness: defaultLiveness,
          entry: (asked) => (asked === group ? entry : undefined),
        },
        {
          proven: () => won.push('a key was taken for proven'),
          met: () => won.push('a group was entered'),
          parted: () => undefined,
          received: () => won.push('a frame of a group was accepted'),
          told: () => won.push('a frame about other hosts was accepted'),
          refused: () => undefined,
          closed: () => undefined,
        },
      );
      for (let i = 0; i < handshakeBatch; i++)
        far.send(hostile(spoken, random), random.below(2) === 0 ? 'control' : 'bulk');
      // As long as signatures take to be checked.
      for (let i = 0; i < 5; i++) await new Promise(setImmediate);
      link.close();
      if (won.length > 0) throw new Error(won.join('; '));
      return 0;
    },
  };
}

export async function fuzzTargets(): Promise<readonly Target[]> {
  return [...[...decoders, shownValues].map(decoderTarget), reassembling, await sealing(), await handshaking()];
}
