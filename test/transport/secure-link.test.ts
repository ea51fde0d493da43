/** What a link lets through, and whom: with real keys and secrets, over links within the process. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Credentials } from '../../src/identity/access.ts';
import { deriveCredentials } from '../../src/identity/access.ts';
import type { HostSigner } from '../../src/identity/host-signer.ts';
import type { GroupId } from '../../src/ids.ts';
import { encodeFrame, wireMajor } from '../../src/transport/codec.ts';
import { encode } from '../../src/encoding/msgpack.ts';
import { decodeLinkFrame, encodeLinkFrame, isLinkFrame } from '../../src/transport/link-codec.ts';
import type { LinkListener } from '../../src/transport/link.ts';
import type { LinkMessage } from '../../src/transport/link-messages.ts';
import { MemoryLink } from '../../src/transport/memory-link.ts';
import type { End } from './peers.ts';
import {
  type Bend,
  connect,
  credentialsOf,
  entryOf,
  group,
  ManualTimers,
  memberOf,
  newSigner,
  secureEnd,
  until,
} from './peers.ts';

interface Cast {
  alice: HostSigner;
  bob: HostSigner;
  mallory: HostSigner;
  secret: Credentials;
  other: Credentials;
  reader: Credentials;
}

let cast: Cast;

beforeAll(async () => {
  const [alice, bob, mallory] = await Promise.all([newSigner(), newSigner(), newSigner()]);
  const [secret, other] = await Promise.all([credentialsOf(7), credentialsOf(8)]);
  cast = { alice, bob, mallory, secret, other, reader: await deriveCredentials(group, secret.readOnlyAccess) };
});

const met = (end: End) => end.told.includes(`met ${group}`);

const frame = () => encodeFrame(group, { kind: 'Join', member: memberOf(cast.alice), machine: 'list' });

/** Changes the messages of one kind on their way. */
const change =
  <K extends LinkMessage['kind']>(kind: K, edit: (message: Extract<LinkMessage, { kind: K }>) => LinkMessage): Bend =>
  (sent) => {
    if (!isLinkFrame(sent)) return sent;
    const message = decodeLinkFrame(sent);
    return message?.kind === kind ? encodeLinkFrame(edit(message as Extract<LinkMessage, { kind: K }>)) : sent;
  };

const straight: Bend = (sent) => sent;

function pair(timers = new ManualTimers(), bends: readonly [Bend, Bend] = [straight, straight]): [End, End] {
  const { alice, bob, secret } = cast;
  const one = { identity: alice, entries: [entryOf(secret, alice)] };
  return connect(one, { identity: bob, entries: [entryOf(secret, bob)] }, timers, bends);
}

test('two hosts with the secret of a group meet in it, each knowing as whom the other has come', async () => {
  const [one, other] = pair();
  await until(() => met(one) && met(other), 'the meeting');
  expect(one.link.peer).toBe(cast.bob.id);
  expect(one.link.admissionTo(group)).toEqual({ member: memberOf(cast.bob), kind: 'full' });
  expect(other.link.admissionTo(group)).toEqual({ member: memberOf(cast.alice), kind: 'full' });
  expect(one.link.send(frame(), 'bulk')).toBe(true);
  await until(() => other.frames.length === 1, 'the frame');
  expect([...one.reasons, ...other.reasons]).toEqual([]);
});

test('a reader is known as one', async () => {
  const { alice, bob, secret, reader } = cast;
  const [one, other] = connect(
    { identity: alice, entries: [entryOf(secret, alice)] },
    { identity: bob, entries: [entryOf(reader, bob)] },
    new ManualTimers(),
  );
  await until(() => met(one) && met(other), 'the meeting');
  expect(one.link.admissionTo(group)?.kind).toBe('read-only');
  expect(other.link.admissionTo(group)?.kind).toBe('full');
});

test('one link serves every group that two hosts share, and no other; a group that is left is left for both', async () => {
  const { alice, bob } = cast;
  const names = ['A', 'B', 'C'].map((name) => name.repeat(22) as GroupId);
  const [a, b, c] = await Promise.all(names.map((name, i) => credentialsOf(20 + i, name)));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three groups');
  const [one, other] = connect(
    { identity: alice, entries: [entryOf(a, alice), entryOf(b, alice)] },
    { identity: bob, entries: [entryOf(b, bob), entryOf(c, bob)] },
    new ManualTimers(),
  );
  const told = (end: End) => end.told.filter((text) => text.startsWith('met'));
  await until(() => told(one).length > 0 && told(other).length > 0, 'the meeting');
  expect(told(one)).toEqual([`met ${b.group}`]);
  expect(told(other)).toEqual([`met ${b.group}`]);
  await until(() => one.refusals.length > 1 && other.refusals.length > 1, 'the other groups to be refused');
  expect(new Set([...one.refusals, ...other.refusals].map(({ reason }) => reason))).toEqual(new Set(['no-such-group']));
  one.link.leave(b.group);
  await until(() => other.told.includes(`parted ${b.group}`), 'the parting');
  expect(other.link.admissionTo(b.group)).toBeNull();
});

describe('is refused, with a reason of its own: whoever', () => {
  /** The far end is honest Bob; what Alice's end does is bent. */
  async function refusal(ends: [End, End]): Promise<string> {
    const [, bob] = ends;
    await until(() => bob.refusals.length > 0, 'the refusal');
    expect(met(bob)).toBe(false);
    expect(bob.frames).toEqual([]);
    return bob.refusals[0]?.reason ?? '';
  }

  test('does not have the secret', async () => {
    const { alice, bob, secret, other } = cast;
    const ends = connect(
      { identity: alice, entries: [entryOf(other, alice)] },
      { identity: bob, entries: [entryOf(secret, bob)] },
      new ManualTimers(),
    );
    expect(await refusal(ends)).toBe('no-secret');
    // Each end finds the other one wanting: whoever is first says so.
    await until(() => ends[0].refusals[0]?.reason === 'no-secret', 'the intruder to know');
  });

  test('has a wrong key', async () => {
    const { alice, bob, mallory, secret } = cast;
    const thief = { ...alice, sign: (message: Uint8Array) => mallory.sign(message) };
    const honest = { identity: bob, entries: [entryOf(secret, bob)] };
    expect(await refusal(connect({ identity: thief }, honest, new ManualTimers()))).toBe('wrong-key');
    const expecting = { ...honest, expected: alice.id };
    expect(await refusal(connect({ identity: mallory }, expecting, new ManualTimers()))).toBe('wrong-key');
  });

  test('replays a handshake', async () => {
    const recorded: Uint8Array[] = [];
    const record: Bend = (sent) => {
      recorded.push(sent.slice());
      return sent;
    };
    const ends = pair(new ManualTimers(), [record, straight]);
    await until(() => met(ends[1]), 'the meeting that is recorded');

    const { bob, secret } = cast;
    const replayed = connect(
      { identity: cast.alice },
      { identity: bob, entries: [entryOf(secret, bob)] },
      new ManualTimers(),
      [() => recorded.shift() ?? null, straight],
    );
    expect(await refusal(replayed)).toBe('replayed-handshake');
  });

  test('sees another certificate, because somebody is between', async () => {
    const { alice, bob, secret } = cast;
    const ends = connect(
      { identity: alice, entries: [entryOf(secret, alice)], binding: { local: 'A', remote: 'M' } },
      { identity: bob, entries: [entryOf(secret, bob)], binding: { local: 'B', remote: 'M' } },
      new ManualTimers(),
    );
    expect(await refusal(ends)).toBe('swapped-fingerprint');
    await until(() => ends[0].reasons[0]?.endsWith('swapped-fingerprint') === true, 'the other end to see it too');
  });

  test.each(['removed-incarnation', 'banned-key'] as const)('is excluded: %s', async (exclusion) => {
    const { alice, bob, secret } = cast;
    const mayEnter = (host: string, member: string) =>
      host === alice.id && member === memberOf(alice) ? exclusion : null;
    const ends = connect(
      { identity: alice, entries: [entryOf(secret, alice)] },
      { identity: bob, entries: [entryOf(secret, bob, { mayEnter })] },
      new ManualTimers(),
    );
    expect(await refusal(ends)).toBe(exclusion);
    await until(() => ends[0].reasons.includes(`them ${exclusion}`), 'the excluded one to be told');
    // Whoever shuts out has shown before that it may say so.
    expect(ends[0].refusals[0]?.admission).toEqual({ member: memberOf(bob), kind: 'full' });
  });

  test('is excluded by somebody who may only read, and need not believe it', async () => {
    const { alice, bob, secret, reader } = cast;
    const ends = connect(
      { identity: alice, entries: [entryOf(secret, alice)] },
      { identity: bob, entries: [entryOf(reader, bob, { mayEnter: () => 'banned-key' })] },
      new ManualTimers(),
    );
    expect(await refusal(ends)).toBe('banned-key');
    await until(() => ends[0].reasons.includes('them banned-key'), 'the excluded one to be told');
    expect(ends[0].refusals[0]?.admission?.kind).toBe('read-only');
  });

  test('claims to be a member of another host', async () => {
    const { alice, bob, mallory, secret } = cast;
    const entries = [entryOf(secret, alice, { member: memberOf(mallory) })];
    const ends = connect(
      { identity: alice, entries },
      { identity: bob, entries: [entryOf(secret, bob)] },
      new ManualTimers(),
    );
    expect(await refusal(ends)).toBe('wrong-key');
  });

  test('takes the proof of another for his own', async () => {
    const { secret, bob, alice, mallory } = cast;
    let stolen: LinkMessage | null = null;
    const steal = change('Enter', (message) => (stolen = message));
    const honest = pair(new ManualTimers(), [steal, straight]);
    await until(() => met(honest[1]) && stolen !== null, 'a claim to steal');
    const reuse = change('Enter', () => stolen as unknown as LinkMessage);
    const ends = connect(
      { identity: mallory, entries: [entryOf(secret, mallory)] },
      { identity: bob, entries: [entryOf(secret, bob)] },
      new ManualTimers(),
      [reuse, straight],
    );
    expect(await refusal(ends)).toBe('no-secret');
    expect(alice.id).not.toBe(mallory.id);
  });

  test('speaks before the handshake', async () => {
    const early: Bend[] = [() => frame(), () => encodeLinkFrame({ kind: 'Ping', number: 1 })];
    for (const bend of early) expect(await refusal(pair(new ManualTimers(), [bend, straight]))).toBe('too-early');
  });

  test('speaks another major version', async () => {
    const future: Bend = () => encode([wireMajor + 1, null, 1, 0, 'and what nobody knows today']);
    expect(await refusal(pair(new ManualTimers(), [future, straight]))).toBe('version');
  });

  test('makes no sense', async () => {
    const nonsense: Bend = () => Uint8Array.of(0x93, wireMajor, 0xc0, 0xff);
    expect(await refusal(pair(new ManualTimers(), [nonsense, straight]))).toBe('malformed');
  });

  test('does not finish in time', async () => {
    const timers = new ManualTimers();
    const hang = change('Enter', () => ({ kind: 'Ping', number: 1 }));
    const ends = pair(timers, [hang, straight]);
    await until(() => ends[1].told.includes('proven'), 'the first half');
    timers.pass(10_000);
    expect(await refusal(ends)).toBe('handshake-timeout');
  });
});

test('a refused link is cut when its end had time to read why', async () => {
  const { alice, bob, secret, other } = cast;
  const timers = new ManualTimers();
  const [, end] = connect(
    { identity: alice, entries: [entryOf(other, alice)] },
    { identity: bob, entries: [entryOf(secret, bob)] },
    timers,
  );
  await until(() => end.refusals.length > 0, 'the refusal');
  expect(end.link.send(frame(), 'bulk')).toBe(false);
  timers.pass(1000);
  await until(() => end.end !== null, 'the end');
});

test('two that refuse each other both read why, also when the one refusal comes while the other is being made', async () => {
  const { alice, bob, secret, other } = cast;
  const timers = new ManualTimers();
  const listeners: LinkListener[] = [];
  const kindOf = (sent: Uint8Array) => (isLinkFrame(sent) ? decodeLinkFrame(sent)?.kind : null);
  const toAlice: LinkListener = {
    received: (sent, lane) => listeners[0]?.received(sent, lane),
    closed: (end) => listeners[0]?.closed(end),
  };
  // Her claim reaches Bob late, with her refusal right behind it.
  const claims: Uint8Array[] = [];
  const toBob: LinkListener = {
    received: (sent, lane) => {
      if (kindOf(sent) === 'Enter') {
        claims.push(sent);
        return;
      }
      if (kindOf(sent) === 'Refuse') for (const claim of claims) listeners[1]?.received(claim, lane);
      listeners[1]?.received(sent, lane);
    },
    closed: (end) => listeners[1]?.closed(end),
  };
  const raw = MemoryLink.pair(toAlice, toBob);
  const open = (i: 0 | 1) => (listener: LinkListener) => {
    listeners[i] = listener;
    return raw[i];
  };
  const one = secureEnd({ identity: alice, entries: [entryOf(other, alice)] }, timers, open(0));
  const two = secureEnd({ identity: bob, entries: [entryOf(secret, bob)], role: 'answerer' }, timers, open(1));
  await until(() => one.refusals.length === 2 && two.refusals.length === 2, 'both refusals');
  for (const { reasons } of [one, two]) expect(reasons).toEqual(['us no-secret', 'them no-secret']);
  timers.pass(1000);
  await until(() => one.end !== null && two.end !== null, 'the end');
});

test('a newer minor version may say what we do not know', async () => {
  let isSent = false;
  const add: Bend = (sent) => {
    if (!isLinkFrame(sent)) return sent;
    const message = decodeLinkFrame(sent);
    if (message?.kind !== 'Enter' || isSent) return sent;
    isSent = true;
    return encode([wireMajor, null, 99, 'of a later version']);
  };
  // The claim is replaced by a kind that nobody knows: no refusal follows, only silence about the group.
  const [, other] = pair(new ManualTimers(), [add, straight]);
  await until(() => isSent && other.told.includes('proven'), 'the handshake');
  expect(other.reasons).toEqual([]);
  const longer = encode([wireMajor, null, 7, 1, 'a field of a later version']);
  expect(decodeLinkFrame(longer)).toEqual({ kind: 'Ping', number: 1 });
});

describe('a link', () => {
  const tickBoth = (timers: ManualTimers, ends: readonly End[]): void => {
    timers.every(500, () => {
      for (const { link } of ends) link.tick();
    });
  };

  test('that is idle asks for a sign of life, and stays', async () => {
    const timers = new ManualTimers();
    const ends = pair(timers);
    await until(() => ends.every(met), 'the meeting');
    tickBoth(timers, ends);
    for (let i = 0; i < 60; i++) {
      timers.pass(500);
      await new Promise(setImmediate);
    }
    expect(ends.map(({ end }) => end)).toEqual([null, null]);
    expect((await ends[0].link.diagnose()).pingMs).not.toBeNull();
  });

  test('on which nothing is heard, though we ask, is closed long before WebRTC would notice', async () => {
    const timers = new ManualTimers();
    let isFrozen = false;
    const freeze: Bend = (sent) => (isFrozen ? null : sent);
    const [alice, bob] = pair(timers, [straight, freeze]);
    await until(() => met(alice) && met(bob), 'the meeting');
    isFrozen = true;
    timers.every(500, () => {
      alice.link.tick();
    });
    timers.pass(4500);
    expect(alice.end).toBeNull();
    timers.pass(3000);
    await until(() => alice.end !== null, 'the end');
    expect(alice.end?.reason).toBe('silent');
    expect(alice.told).toContain(`parted ${group}`);
  });

  test('whose own page stood still is closed, and what waited for it is dropped instead of replayed', async () => {
    const timers = new ManualTimers();
    const ends = pair(timers);
    const [alice, bob] = ends;
    await until(() => ends.every(met), 'the meeting');
    timers.every(500, () => {
      alice.link.tick();
    });
    timers.pass(1000);
    timers.freeze(60_000);
    for (let i = 0; i < 50; i++) bob.link.send(frame(), 'control');
    await until(() => alice.end !== null, 'the end');
    expect(alice.end?.reason).toBe('asleep');
    expect(alice.frames).toEqual([]);
  });
});
