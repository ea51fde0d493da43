/** Hosts that find each other: real WebRTC in Node, through the real broker, and through each other. */
import wrtc from '@roamhq/wrtc';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import { createSignalingServer, type SignalingServer } from '../../signaling-server/index.ts';
import { type Credentials, deriveCredentials } from '../../src/identity/access.ts';
import type { HostSigner } from '../../src/identity/host-signer.ts';
import { SignalingSeal } from '../../src/identity/seal.ts';
import type { HostId } from '../../src/ids.ts';
import { encodeFrame } from '../../src/transport/codec.ts';
import { encodeIntroduction, type Introduction } from '../../src/transport/introduction.ts';
import { Mesh, type MeshParts } from '../../src/transport/mesh.ts';
import { SignalingClient } from '../../src/transport/signaling.ts';
import { simplePeer } from '../../src/transport/simple-peer-connection.ts';
import { plainTimers } from '../../src/transport/timers.ts';
import type { Exclusion, PeerLink, RefusalNotice } from '../../src/transport/transport.ts';
import { ProcessLocks } from './locks.ts';
import { credentialsOf, group, memberOf, newSigner } from './peers.ts';

const openWebSocket = (url: string) => new NodeWebSocket(url) as unknown as WebSocket;
const closing: { close: () => unknown }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function startBroker(port = 0): Promise<SignalingServer> {
  const broker = await createSignalingServer({ port });
  closing.push(broker);
  return broker;
}

interface Peer {
  readonly signer: HostSigner;
  readonly mesh: Mesh;
  readonly links: Map<HostId, PeerLink>;
  readonly frames: Uint8Array[];
  readonly refusals: RefusalNotice[];
  readonly run: string;
  leave: () => void;
}

let runs = 0;

async function join(
  broker: string | null,
  credentials: Credentials,
  more: { signer?: HostSigner; parts?: Partial<MeshParts>; mayEnter?: (host: HostId) => Exclusion | null } = {},
): Promise<Peer> {
  const signer = more.signer ?? (await newSigner());
  const peer = { signer, links: new Map(), frames: [], refusals: [] } as Pick<
    Peer,
    'signer' | 'links' | 'frames' | 'refusals'
  >;
  const run = `run ${++runs}`;
  const mesh = new Mesh(
    { received: (_link, frame) => peer.frames.push(frame) },
    {
      identity: signer,
      run,
      timers: plainTimers,
      openWebSocket,
      connect: simplePeer(wrtc),
      configuration: { iceServers: [] },
      ...more.parts,
    },
  );
  closing.push(mesh);
  const leave = mesh.join(
    { credentials, broker, member: memberOf(signer), mayEnter: (host) => more.mayEnter?.(host) ?? null },
    {
      met: (link) => peer.links.set(link.peer, link),
      parted: (link) => {
        if (peer.links.get(link.peer) === link) peer.links.delete(link.peer);
      },
      refused: (notice) => peer.refusals.push(notice),
      signalingChanged: () => undefined,
    },
  );
  return { ...peer, mesh, run, leave };
}

function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  return vi.waitFor(
    async () => {
      if (!(await holds())) throw new Error(`${what} did not come to hold`);
    },
    { timeout: 20_000, interval: 5 },
  );
}

const areLinked = (one: Peer, other: Peer) => one.links.has(other.signer.id) && other.links.has(one.signer.id);

async function trio(broker: string): Promise<[Peer, Peer, Peer]> {
  const credentials = await credentialsOf(7);
  const peers = await Promise.all([1, 2, 3].map(() => join(broker, credentials)));
  const [a, b, c] = peers as [Peer, Peer, Peer];
  await until(() => areLinked(a, b) && areLinked(b, c) && areLinked(a, c), 'the mesh');
  return [a, b, c];
}

describe('hosts with an invite', { timeout: 60_000 }, () => {
  test('meet, talk, and part', async () => {
    const broker = await startBroker();
    const [a, b, c] = await trio(broker.url);
    const frame = encodeFrame(group, { kind: 'Join', member: memberOf(a.signer), machine: 'list' });
    for (const link of a.links.values()) link.send(frame, 'control');
    await until(() => b.frames.length === 1 && c.frames.length === 1, 'the frames');
    const { peers, signaling } = await a.mesh.diagnose(group);
    expect(signaling).toBe('connected');
    expect(peers.map(({ state }) => state)).toEqual(['connected', 'connected']);
    expect(peers[0]?.link).toMatchObject({ kind: 'webrtc', framesSent: expect.any(Number) as number });
    expect(peers[0]?.link?.local).toMatch(/^host .+ udp$/);
    b.leave();
    await until(() => !a.links.has(b.signer.id) && !c.links.has(b.signer.id), 'the parting');
    expect(areLinked(a, c)).toBe(true);
  });

  test('that lose their link while the broker is gone find each other through a third one', async () => {
    const broker = await startBroker();
    const [a, b, c] = await trio(broker.url);
    await broker.close();
    const lost = a.links.get(c.signer.id);
    lost?.close();
    await until(() => a.links.get(c.signer.id) !== lost && areLinked(a, c), 'the link through the mesh');
    expect(areLinked(a, b) && areLinked(b, c)).toBe(true);
    const { peers, signaling } = await a.mesh.diagnose(group);
    expect(signaling).toBe('connecting');
    expect(peers.find(({ host }) => host === c.signer.id)).toMatchObject({ state: 'connected' });
  });

  test('N4 that lose their link make a new one', async () => {
    const broker = await startBroker();
    const [a, b] = await trio(broker.url);
    const lost = a.links.get(b.signer.id);
    lost?.close();
    await until(() => a.links.get(b.signer.id) !== lost && areLinked(a, b), 'the new link');
  });

  test('N4 that come back in a new run replace their link only when the new one has proven itself', async () => {
    const broker = await startBroker();
    const credentials = await credentialsOf(7);
    const [a, b] = [await join(broker.url, credentials), await join(broker.url, credentials)];
    await until(() => areLinked(a, b), 'the link');
    const old = a.links.get(b.signer.id);
    const again = await join(broker.url, credentials, { signer: b.signer });
    const isNew = (): boolean => a.links.has(b.signer.id) && a.links.get(b.signer.id) !== old;
    await until(() => again.links.has(a.signer.id) && isNew(), 'the newer link');
    // The run of before hears that its link is over.
    await until(() => !b.links.has(a.signer.id), 'the older run to be put off');
  });

  test('are not put off by somebody who merely says that he is one of them', async () => {
    const broker = await startBroker();
    const [a, b] = await trio(broker.url);
    const link = a.links.get(b.signer.id);
    const credentials = await credentialsOf(7);
    const client = new SignalingClient(broker.url, openWebSocket, plainTimers);
    closing.push(client);
    const seal = new SignalingSeal(credentials, 'the liar');
    const hello = encodeIntroduction({ kind: 'hello', host: b.signer.id, run: 'the liar', answerMe: true });
    let answers = 0;
    client.join(credentials.topic, {
      joined: (names) => {
        for (const name of names)
          void seal.seal(null, hello).then((text) => client.relay(credentials.topic, name, text));
      },
      peerJoined: () => undefined,
      peerLeft: () => undefined,
      relayed: () => answers++,
      stateChanged: () => undefined,
    });
    // By the two others: who is impersonated does not talk to himself.
    await until(() => answers >= 2, 'the liar to be answered');
    expect(a.links.get(b.signer.id)).toBe(link);
    expect(areLinked(a, b)).toBe(true);
  });
});

describe('tabs of one browser', { timeout: 60_000 }, () => {
  const kinds = async (peer: Peer) => (await peer.mesh.diagnose(group)).peers.map(({ link }) => link?.kind);
  const broadcast = 'broadcast-channel';

  test('meet without a broker, prove themselves, talk, and part', async () => {
    const parts = { tabLocks: new ProcessLocks() };
    const credentials = await credentialsOf(7);
    const peers = await Promise.all([1, 2, 3].map(() => join(null, credentials, { parts })));
    const [a, b, c] = peers as [Peer, Peer, Peer];
    await until(() => areLinked(a, b) && areLinked(b, c) && areLinked(a, c), 'the mesh');
    expect(await kinds(a)).toEqual([broadcast, broadcast]);
    const frame = encodeFrame(group, { kind: 'Join', member: memberOf(a.signer), machine: 'm' });
    for (const link of a.links.values()) link.send(frame, 'control');
    await until(() => b.frames.length === 1 && c.frames.length === 1, 'the frames');
    expect(await a.mesh.diagnose(group)).toMatchObject({ signaling: 'none', peers: [{ signaling: 'tab' }, {}] });
    b.leave();
    await until(() => !a.links.has(b.signer.id) && !c.links.has(b.signer.id), 'the parting');
    expect(areLinked(a, c)).toBe(true);
  });

  test('let nobody in who does not know the secret, or whose key is banned', async () => {
    const parts = { tabLocks: new ProcessLocks() };
    const credentials = await credentialsOf(7);
    const banned = await newSigner();
    const mayEnter = (host: HostId) => (host === banned.id ? ('banned-key' as const) : null);
    const a = await join(null, credentials, { parts, mayEnter });
    const stranger = await join(null, { ...(await credentialsOf(8)), topic: credentials.topic }, { parts });
    await until(async () => (await a.mesh.diagnose(group)).dropped['not-sealed'] > 0, 'the stranger to be noticed');
    const liar = await join(null, { ...credentials, admissionKey: (await credentialsOf(8)).admissionKey }, { parts });
    // Each finds the other one wanting: whoever is first says so, and then the other need not claim anything any more.
    const isTold = ({ refusals }: Peer) => refusals.some(({ reason }) => reason === 'no-secret');
    await until(() => isTold(a) && isTold(liar), 'the refusal');
    const b = await join(null, credentials, { signer: banned, parts });
    await until(() => b.refusals.some(({ reason }) => reason === 'banned-key'), 'the other refusal');
    expect([a, stranger, liar, b].map(({ links }) => [...links.keys()])).toEqual([[], [], [], []]);
  });

  test('that were linked over WebRTC end with one link, over a BroadcastChannel, once they find each other', async () => {
    const broker = await startBroker();
    const locks = new ProcessLocks();
    // For now neither tab is seen to be there.
    locks.pause();
    const parts = { tabLocks: locks };
    const credentials = await credentialsOf(7);
    const [a, b] = [await join(broker.url, credentials, { parts }), await join(broker.url, credentials, { parts })];
    await until(() => areLinked(a, b), 'the link');
    expect([...(await kinds(a)), ...(await kinds(b))]).toEqual(['webrtc', 'webrtc']);
    const [before] = a.links.values();
    locks.goOn();
    await until(
      async () => [await kinds(a), await kinds(b)].flat().every((kind) => kind === broadcast),
      'the other link',
    );
    await until(() => areLinked(a, b) && [...a.links.values()][0] !== before, 'the group to be on it');
    expect(before?.admissionTo(group)).toBeNull();
  });

  test('know nothing of a channel that a broker names to them', async () => {
    const broker = await startBroker();
    const credentials = await credentialsOf(7);
    const signers = await Promise.all([newSigner(), newSigner()]);
    const [first, second] = signers.sort((one, other) => (one.id < other.id ? -1 : 1));
    const a = await join(broker.url, credentials, { signer: second, parts: { tabLocks: new ProcessLocks() } });
    const client = new SignalingClient(broker.url, openWebSocket, plainTimers);
    closing.push(client);
    const seal = new SignalingSeal(credentials, 'remote');
    let answers = 0;
    client.join(credentials.topic, {
      joined: (names) => {
        const say = async (to: string | null, introduction: Introduction): Promise<void> => {
          const text = await seal.seal(to, encodeIntroduction(introduction));
          for (const name of names) client.relay(credentials.topic, name, text);
        };
        const run = 'remote';
        void say(null, { kind: 'hello', host: first.id, run, answerMe: true })
          .then(() => say(a.run, { kind: 'signal', attempt: 1, signal: { type: 'tab-offer', channel: 'elsewhere' } }))
          .then(() => say(null, { kind: 'hello', host: first.id, run, answerMe: true }));
      },
      peerJoined: () => undefined,
      peerLeft: () => undefined,
      relayed: () => answers++,
      stateChanged: () => undefined,
    });
    await until(() => answers >= 2, 'both greetings to be answered');
    const [peer] = (await a.mesh.diagnose(group)).peers;
    expect(peer).toMatchObject({ host: first.id, state: 'waiting-for-offer' });
  });
});

describe('whoever does not belong', { timeout: 60_000 }, () => {
  test('and knows the topic, but not the secret, is not even answered', async () => {
    const broker = await startBroker();
    const [a] = await trio(broker.url);
    const { topic } = await credentialsOf(7);
    const wrong = { ...(await credentialsOf(8)), topic };
    const intruder = await join(broker.url, wrong);
    const dropped = async () => (await a.mesh.diagnose(group)).dropped['not-sealed'];
    await until(async () => (await dropped()) > 0, 'the intruder to be noticed');
    expect(intruder.links.size).toBe(0);
    expect((await intruder.mesh.diagnose(group)).peers).toEqual([]);
  });

  test('and has a banned key, is told so, and it is seen in the diagnosis of both', async () => {
    const broker = await startBroker();
    const credentials = await credentialsOf(7);
    const banned = await newSigner();
    const a = await join(broker.url, credentials, { mayEnter: (host) => (host === banned.id ? 'banned-key' : null) });
    const b = await join(broker.url, credentials, { signer: banned });
    await until(() => a.refusals.length > 0 && b.refusals.length > 0, 'the refusal');
    expect(a.refusals[0]).toMatchObject({ peer: banned.id, by: 'us', reason: 'banned-key' });
    expect(b.refusals[0]).toMatchObject({ peer: a.signer.id, by: 'them', reason: 'banned-key' });
    const seen = async (peer: Peer) => (await peer.mesh.diagnose(group)).peers[0];
    await until(async () => (await seen(b))?.state === 'handshake-refused', 'the diagnosis');
    expect((await seen(b))?.detail).toContain('banned-key');
    expect((await a.mesh.diagnose(group)).refusals).toHaveLength(1);
  });

  test('to write, but may read, is met as a reader', async () => {
    const broker = await startBroker();
    const credentials = await credentialsOf(7);
    const reader = await deriveCredentials(group, credentials.readOnlyAccess);
    const [a, b] = [await join(broker.url, credentials), await join(broker.url, reader)];
    await until(() => areLinked(a, b), 'the link');
    expect(a.links.get(b.signer.id)?.admissionTo(group)?.kind).toBe('read-only');
    expect(b.links.get(a.signer.id)?.admissionTo(group)?.kind).toBe('full');
  });
});

describe('hosts that cannot be connected say why', { timeout: 60_000 }, () => {
  const soon = { signaling: 400, ice: 400, channels: 400 };
  const state = async (peer: Peer) => (await peer.mesh.diagnose(group)).peers.map((one) => one.state);

  test('no candidates', async () => {
    const broker = await startBroker();
    const credentials = await credentialsOf(7);
    // Only relays are allowed, and there are none.
    const parts = { configuration: { iceTransportPolicy: 'relay' as const }, timeouts: { ...soon, signaling: 5000 } };
    const [a, b] = [await join(broker.url, credentials, { parts }), await join(broker.url, credentials, { parts })];
    await until(async () => [...(await state(a)), ...(await state(b))].includes('no-candidates'), 'the reason');
    const peers = [...(await a.mesh.diagnose(group)).peers, ...(await b.mesh.diagnose(group)).peers];
    expect(peers.some(({ detail }) => detail.includes('no TURN server'))).toBe(true);
  });

  test('no answer to the offer', async () => {
    const broker = await startBroker();
    const credentials = await credentialsOf(7);
    const signers = await Promise.all([newSigner(), newSigner()]);
    const [first, second] = signers.sort((one, other) => (one.id < other.id ? -1 : 1));
    const a = await join(broker.url, credentials, { signer: first, parts: { timeouts: soon } });
    // Greets, and then says nothing.
    const client = new SignalingClient(broker.url, openWebSocket, plainTimers);
    closing.push(client);
    const seal = new SignalingSeal(credentials, 'silent');
    const hello = encodeIntroduction({ kind: 'hello', host: second.id, run: 'silent', answerMe: false });
    client.join(credentials.topic, {
      joined: (names) => {
        for (const name of names)
          void seal.seal(null, hello).then((text) => client.relay(credentials.topic, name, text));
      },
      peerJoined: () => undefined,
      peerLeft: () => undefined,
      relayed: () => undefined,
      stateChanged: () => undefined,
    });
    await until(async () => (await state(a)).includes('no-signaling'), 'the reason');
    const [peer] = (await a.mesh.diagnose(group)).peers;
    expect(peer?.detail).toContain('no answer');
    await until(async () => ((await a.mesh.diagnose(group)).peers[0]?.failures ?? 0) >= 2, 'another attempt');
  });

  test('no broker', async () => {
    const a = await join('ws://127.0.0.1:9', await credentialsOf(7));
    expect(await a.mesh.diagnose(group)).toMatchObject({ signaling: 'connecting', peers: [] });
  });
});
