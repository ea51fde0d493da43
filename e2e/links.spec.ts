/** Links and identity, live: every link passes its suite in a real browser, and nobody gets in who does not belong. */
import type { Page } from 'playwright/test';
import { deriveCredentials, fullAccess } from '../src/identity/access.ts';
import { decodeInvite } from '../src/identity/invite.ts';
import type { RefusalReason } from '../src/index.ts';
import type { HostId } from '../src/ids.ts';
import { joinGroup } from '../src/node/index.ts';
import { encodeFrame, wireMajor } from '../src/transport/codec.ts';
import { expect, test } from './fixtures.ts';
import { type Intruder, intrude, type IntruderInit, inTheMiddle, newSigner, tapped } from './intruder.ts';
import { list } from './machine.ts';
import { diagnose, gather, invites, open, propose, state, status, untilLed } from './pages.ts';
import type { Harness } from './pages/harness.ts';
import type { LinkKind, LinksPage } from './pages/links.ts';

declare const harness: Harness;
declare const linksPage: LinksPage;

for (const kind of ['simple-peer', 'bare', 'broadcast'] as const satisfies readonly LinkKind[]) {
  test(`a link over ${kind} passes the acceptance suite in a real browser`, async ({ browserContext, harness }) => {
    const page = await browserContext.newPage();
    await page.goto(`${harness}links.html`);
    await page.waitForFunction(() => 'linksPage' in globalThis);
    const results = await page.evaluate((which) => linksPage.accept(which), kind);
    expect(results.filter((result) => !result.startsWith('ok'))).toEqual([]);
    expect(results.length).toBeGreaterThan(10);
  });
}

test('a link between two tabs ends when one of them is gone without a word', async ({ browserContext, harness }) => {
  const pages: Page[] = [];
  for (const [here, there] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    const page = await browserContext.newPage();
    await page.goto(`${harness}links.html`);
    await page.waitForFunction(() => 'linksPage' in globalThis);
    await page.evaluate(([from, to]) => linksPage.watchTab(from, to), [here, there] as const);
    pages.push(page);
  }
  const [first, second] = pages as [Page, Page];
  const ends = () => second.evaluate(() => linksPage.tabEnds);
  await expect.poll(() => second.evaluate(() => linksPage.tabFrames)).toBeGreaterThan(0);
  expect(await ends()).toEqual([]);
  const session = await browserContext.newCDPSession(first);
  void session.send('Page.crash').catch(() => undefined);
  await expect.poll(ends).toEqual(['closed-by-peer']);
});

test('ICE servers that are none are refused at once, and the tab may try again', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const page = await open(browserContext, address, { iceServers: [{ urls: 'turn:turn.example' }] });
  const create = () =>
    page.evaluate((url) => harness.create(url, 1).catch((error: unknown) => harness.describe(error)), broker.url);
  expect(await create()).toBe('INVALID_ARGUMENT not-done');
  await page.evaluate(() => {
    harness.configure({ iceServers: [] });
  });
  expect(await create()).toContain('#');
});

test('a Node member and three tabs form one group', async ({ browserContext, harness, broker, webrtc }) => {
  const pages = [
    await open(browserContext, harness),
    await open(browserContext, harness),
    await open(browserContext, harness),
  ];
  const invite = await gather(pages, broker.url, 4);
  const node = await joinGroup({ machine: list, invite, webrtc });
  try {
    await Promise.all(pages.map(untilLed));
    for (const [i, page] of pages.entries()) expect(await propose(page, `tab ${i}`)).toMatchObject({ result: i + 1 });
    expect(await node.propose('node')).toBe(4);
    for (const page of pages) await expect.poll(() => state(page)).toEqual(['tab 0', 'tab 1', 'tab 2', 'node']);
    expect(node.state).toEqual(['tab 0', 'tab 1', 'tab 2', 'node']);
    const { peers } = await node.diagnose();
    expect(peers.map(({ state: one }) => one)).toEqual(['connected', 'connected', 'connected']);
  } finally {
    node.close();
  }
});

test.describe('into a live group of three tabs nobody gets', () => {
  let pages: Page[] = [];
  let init: Pick<IntruderInit, 'broker' | 'credentials'>;
  const intruders: Intruder[] = [];

  test.beforeEach(async ({ browserContext, harness, broker }) => {
    pages = [];
    for (let i = 0; i < 3; i++) pages.push(await open(browserContext, harness));
    const { group, access } = decodeInvite(await gather(pages, broker.url));
    init = { broker: broker.url, credentials: await deriveCredentials(group, access) };
    await Promise.all(pages.map(untilLed));
  });

  test.afterEach(() => {
    for (const intruder of intruders.splice(0)) intruder.close();
  });

  async function enter(bent: Partial<IntruderInit>): Promise<Intruder> {
    const intruder = await intrude({ ...init, ...bent });
    intruders.push(intruder);
    return intruder;
  }

  const reasons = async (page: Page) => ((await diagnose(page))?.refusals ?? []).map(({ reason }) => reason);

  /** Every tab has refused it, for that reason alone, and the group goes on as if nothing had been. */
  async function refusedByAll(intruder: Intruder, reason: RefusalReason): Promise<void> {
    for (const page of pages) {
      await expect.poll(async () => new Set(await reasons(page))).toEqual(new Set([reason]));
    }
    expect(intruder.links).toEqual([]);
    await goesOn();
  }

  async function goesOn(): Promise<void> {
    const [first] = pages as [Page];
    expect(await propose(first, 'still here')).toMatchObject({ result: 1 });
    for (const page of pages) await expect.poll(() => state(page)).toEqual(['still here']);
  }

  test('who knows the topic, but not the secret: nothing that it says can be opened', async () => {
    const wrong = await deriveCredentials(init.credentials.group, fullAccess());
    const intruder = await enter({ credentials: { ...wrong, topic: init.credentials.topic } });
    for (const page of pages) {
      await expect.poll(async () => (await diagnose(page))?.dropped['not-sealed'] ?? 0).toBeGreaterThan(0);
    }
    expect(intruder.links).toEqual([]);
    expect((await intruder.mesh.diagnose(init.credentials.group)).peers).toEqual([]);
    await goesOn();
  });

  test('who can open signaling, but has no proof of the secret', async () => {
    const { admissionKey, writerKey } = await deriveCredentials(init.credentials.group, fullAccess());
    const intruder = await enter({ credentials: { ...init.credentials, admissionKey, writerKey } });
    await refusedByAll(intruder, 'no-secret');
  });

  test('who has a read-only invite, and claims to have a full one', async () => {
    const { readOnlyAccess, group } = init.credentials;
    const reader = await deriveCredentials(group, readOnlyAccess);
    const intruder = await enter({ credentials: { ...reader, kind: 'full' } });
    await refusedByAll(intruder, 'no-secret');
  });

  test('who has a wrong key', async () => {
    const [own, other] = [await newSigner(), await newSigner()];
    const intruder = await enter({ signer: { ...own, sign: (message) => other.sign(message) } });
    await refusedByAll(intruder, 'wrong-key');
  });

  test('who says that it is one of the members', async () => {
    const [first] = pages as [Page];
    const victim = ((await status(first))?.member?.id.split('.')[0] ?? '') as HostId;
    const intruder = await enter({ signer: { ...(await newSigner()), id: victim } });
    for (const page of pages.slice(1)) await expect.poll(() => reasons(page)).toContain('wrong-key');
    expect(intruder.links).toEqual([]);
    await goesOn();
  });

  test('who replays a handshake', async () => {
    const signer = await newSigner();
    // The first run is honest, and its hello and proof are kept: each link sends them first.
    const perLink = (make: (index: number, message: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>) =>
      ((initiator, configuration, listener) => {
        let sent = 0;
        return tapped((message) => make(sent++, message))(initiator, configuration, listener);
      }) satisfies IntruderInit['connect'];
    const frames: Uint8Array<ArrayBuffer>[] = [];
    const observer = await enter({
      signer,
      connect: perLink((index, message) => {
        if (index < 2) frames[index] ??= message.slice();
        return message;
      }),
    });
    await expect.poll(() => observer.links.length).toBe(3);
    observer.close();
    const intruder = await enter({ signer, connect: perLink((index, message) => frames[index] ?? message) });
    // To the host that it was made for, the recorded proof is an old one; to the others it is one for somebody else.
    await expect.poll(async () => (await Promise.all(pages.map(reasons))).flat()).toContain('replayed-handshake');
    expect(intruder.links).toEqual([]);
    await goesOn();
  });

  test('who sits between a member and a newcomer, with certificates of his own, as a lying broker can', async () => {
    const newcomer = await enter({ connect: inTheMiddle });
    await refusedByAll(newcomer, 'swapped-fingerprint');
  });

  test('who speaks another major version of the wire format: the diagnosis says so', async () => {
    // Behind the byte of the lane and that of the array: the version, first of all in every frame.
    const another = tapped((message) => (message[2] === wireMajor ? message.with(2, wireMajor + 1) : message));
    const intruder = await enter({ connect: another });
    await refusedByAll(intruder, 'version');
    for (const page of pages) {
      const { peers = [] } = (await diagnose(page)) ?? {};
      const mismatch = peers.find(({ host }) => host === intruder.signer.id);
      expect(mismatch?.state).toBe('version-mismatch');
      expect(mismatch?.detail).toContain(`the other end speaks version ${wireMajor + 1}`);
    }
  });

  test('who has a read-only invite, and proposes or votes', async ({ browserContext, harness: address }) => {
    const [first] = pages as [Page];
    const { readOnly } = await invites(first);
    const { group, access } = decodeInvite(readOnly);
    const reader = await deriveCredentials(group, access);
    for (const [i, kind] of (['Propose', 'RequestVote'] as const).entries()) {
      const intruder = await enter({ credentials: reader });
      await expect.poll(() => intruder.links.length).toBe(3);
      for (const link of intruder.links) {
        const { member: from } = intruder;
        const to = link.admissionTo(group)?.member ?? from;
        const term = 1_000_000;
        // What learners may say, but not with a term of their own: it moves nobody.
        link.send(encodeFrame(group, { kind: 'HeartbeatResponse', from, to, term, round: 1 }), 'control');
        link.send(encodeFrame(group, { kind: 'ReadIndex', from, to, term, context: 1 }), 'control');
        const frame =
          kind === 'Propose'
            ? encodeFrame(group, {
                kind,
                from,
                to,
                session: 'AAAAAAAAAAAAAAAAAAAAAA' as never,
                sequence: 1,
                known: 0,
                commands: [Uint8Array.of(1)],
              })
            : encodeFrame(group, { kind, from, to, term, lastIndex: term, lastTerm: term, transfer: true });
        link.send(frame, 'control');
      }
      await expect.poll(() => intruder.refusals.map(({ reason }) => reason)).toEqual(Array(3).fill('read-only'));
      for (const page of pages) {
        await expect
          .poll(async () => (await reasons(page)).filter((reason) => reason === 'read-only').length)
          .toBe(i + 1);
        expect((await status(page))?.member?.term).toBeLessThan(1000);
      }
      intruder.close();
    }
    await goesOn();
    // The library itself does not even try.
    const tab = await open(browserContext, address);
    await tab.evaluate((text) => harness.join(text), readOnly);
    expect(await propose(tab, 'x')).toMatchObject({ result: 'READ_ONLY not-done' });
  });
});

test('a tab that stands still is given up long before WebRTC would, drops what waited for it, and comes back', async ({
  browserContext,
  harness,
  broker,
}) => {
  const pages = [
    await open(browserContext, harness),
    await open(browserContext, harness),
    await open(browserContext, harness),
  ];
  await gather(pages, broker.url);
  await Promise.all(pages.map(untilLed));
  const [frozen, ...others] = pages as [Page, Page, Page];
  const host = (await status(frozen))?.member?.id.split('.')[0];
  const seen = async (page: Page) => (await diagnose(page))?.peers.find((peer) => peer.host === host)?.state;
  const stoodStill = frozen.evaluate(() => {
    const end = performance.now() + 12_000;
    while (performance.now() < end);
    return true;
  });
  const start = performance.now();
  for (const page of others) await expect.poll(() => seen(page), { timeout: 11_000 }).not.toBe('connected');
  expect(performance.now() - start).toBeLessThan(11_000);
  expect(await propose(others[0], 'meanwhile')).toMatchObject({ result: 1 });
  expect(await stoodStill).toBe(true);
  for (const page of pages) await expect.poll(() => state(page)).toEqual(['meanwhile']);
  for (const page of others) await expect.poll(() => seen(page)).toBe('connected');
  expect(await propose(frozen, 'back')).toMatchObject({ result: 2 });
});
