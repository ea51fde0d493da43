/** Tabs of one browser that find each other, and are linked, without any server. */
import type { BrowserContext, Page } from 'playwright/test';
import { joinGroup } from '../src/node/index.ts';
import { expect, test } from './fixtures.ts';
import { list } from './machine.ts';
import { diagnose, gather, open, propose, state, status, untilLed } from './pages.ts';
import type { Harness } from './pages/harness.ts';

declare const harness: Harness;

const linked = { tabLinks: true };

async function openTabs(context: BrowserContext, address: string, count = 3): Promise<Page[]> {
  const pages: Page[] = [];
  for (let i = 0; i < count; i++) pages.push(await open(context, address, linked));
  return pages;
}

/** What carries the links of a page, by the host at the other end. */
async function kinds(page: Page): Promise<Record<string, string>> {
  const { peers = [] } = (await diagnose(page)) ?? {};
  return Object.fromEntries(peers.map(({ host, state: one, link }) => [host, link?.kind ?? one]));
}

const hostOf = async (page: Page): Promise<string> => (await status(page))?.member?.id.split('.')[0] ?? '';

/** Waits until exactly one page leads; gives it, and the others. */
async function split(pages: readonly Page[]): Promise<{ leader: Page; followers: Page[] }> {
  const roles = () => Promise.all(pages.map(async (page) => (await status(page))?.member?.role));
  await expect.poll(async () => (await roles()).filter((role) => role === 'leader').length).toBe(1);
  const leader = pages[(await roles()).indexOf('leader')];
  if (leader === undefined) throw new Error('the leader changed while it was looked at');
  return { leader, followers: pages.filter((page) => page !== leader) };
}

async function agree(pages: readonly Page[], items: readonly string[]): Promise<void> {
  for (const page of pages) await expect.poll(() => state(page)).toEqual(items);
}

test.describe('three tabs without a signaling server', () => {
  test('elect, replicate, and are linked over BroadcastChannels alone', async ({
    browserContext,
    harness: address,
  }) => {
    const pages = await openTabs(browserContext, address);
    await gather(pages, null);
    await Promise.all(pages.map(untilLed));
    for (const [i, page] of pages.entries()) expect(await propose(page, `tab ${i}`)).toMatchObject({ result: i + 1 });
    await agree(pages, ['tab 0', 'tab 1', 'tab 2']);
    for (const page of pages) {
      expect((await status(page))?.signaling).toBe('none');
      expect(Object.values(await kinds(page))).toEqual(['broadcast-channel', 'broadcast-channel']);
    }
  });

  test('go on when the leader is closed, and when it comes back', async ({ browserContext, harness: address }) => {
    const pages = await openTabs(browserContext, address);
    await gather(pages, null);
    const { leader, followers } = await split(pages);
    await propose(leader, 'before');
    const member = (await status(leader))?.member?.id;
    await leader.close();
    const [one] = followers as [Page];
    expect(await propose(one, 'without')).toMatchObject({ result: 2 });
    const again = await open(browserContext, address, linked);
    await again.evaluate(() => harness.reopen());
    expect((await status(again))?.member?.id).toBe(member);
    await agree([again], ['before', 'without']);
    expect(await propose(again, 'back')).toMatchObject({ result: 3 });
    await agree([...followers, again], ['before', 'without', 'back']);
  });

  test('notice a tab that is gone without a word, by its lock', async ({ browserContext, harness: address }) => {
    const pages = await openTabs(browserContext, address);
    await gather(pages, null);
    const { leader, followers } = await split(pages);
    await propose(leader, 'before');
    const host = await hostOf(leader);
    const session = await browserContext.newCDPSession(leader);
    void session.send('Page.crash').catch(() => undefined);
    const [one] = followers as [Page];
    expect(await propose(one, 'without')).toMatchObject({ result: 2 });
    for (const page of followers) await expect.poll(async () => Object.keys(await kinds(page))).not.toContain(host);
  });

  test('give up one that stands still, and take it back', async ({ browserContext, harness: address }) => {
    const pages = await openTabs(browserContext, address);
    await gather(pages, null);
    await Promise.all(pages.map(untilLed));
    const [frozen, ...others] = pages as [Page, Page, Page];
    const host = await hostOf(frozen);
    const stoodStill = frozen.evaluate(() => {
      const end = performance.now() + 12_000;
      while (performance.now() < end);
      return true;
    });
    for (const page of others) await expect.poll(async () => (await kinds(page))[host]).not.toBe('broadcast-channel');
    expect(await propose(others[0], 'meanwhile')).toMatchObject({ result: 1 });
    expect(await stoodStill).toBe(true);
    await agree(pages, ['meanwhile']);
    for (const page of others) await expect.poll(async () => (await kinds(page))[host]).toBe('broadcast-channel');
    expect(await propose(frozen, 'back')).toMatchObject({ result: 2 });
  });

  test('a duplicated tab is another host, and may be a member beside the first', async ({
    browserContext,
    harness: address,
  }) => {
    const first = await open(browserContext, address, linked);
    const invite = await first.evaluate(() => harness.create(null, 2));
    const remembered = await first.evaluate(() => sessionStorage.getItem('flotilla.slot'));
    const duplicate = await open(browserContext, address, linked);
    await duplicate.evaluate((slot) => {
      sessionStorage.setItem('flotilla.slot', slot ?? '');
    }, remembered);
    await duplicate.evaluate((text) => harness.join(text), invite);
    await Promise.all([first, duplicate].map(untilLed));
    expect(await hostOf(duplicate)).not.toBe(await hostOf(first));
    expect(await propose(duplicate, 'two')).toMatchObject({ result: 1 });
  });

  test('are a group that nobody outside of the browser can be in', async ({ browserContext, harness: address }) => {
    const page = await open(browserContext, address, linked);
    const invite = await page.evaluate(() => harness.create(null, 2));
    await expect(joinGroup({ machine: list, invite })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    const other = await open(browserContext, address, { tabLinks: false });
    const refused = await other.evaluate(() =>
      harness.create(null, 2).catch((error: unknown) => harness.describe(error)),
    );
    expect(refused).toBe('NOT_SUPPORTED not-done');
  });
});

test.describe('with a signaling server', () => {
  test('tabs are linked to each other directly, and to a Node member over WebRTC; the server is stopped, and they go on', async ({
    browserContext,
    harness: address,
    broker,
  }) => {
    const pages = await openTabs(browserContext, address);
    const invite = await gather(pages, broker.url, 4);
    const node = await joinGroup({ machine: list, invite });
    try {
      await Promise.all(pages.map(untilLed));
      const nodeHost = node.memberId.split('.')[0] ?? '';
      for (const page of pages) {
        await expect
          .poll(async () => Object.values(await kinds(page)).sort())
          .toEqual(['broadcast-channel', 'broadcast-channel', 'webrtc']);
        expect((await kinds(page))[nodeHost]).toBe('webrtc');
      }
      for (const [i, page] of pages.entries()) expect(await propose(page, `tab ${i}`)).toMatchObject({ result: i + 1 });
      expect(await node.propose('node')).toBe(4);
      await broker.close();
      for (const page of pages) await expect.poll(async () => (await status(page))?.signaling).toBe('connecting');
      const [reloaded] = pages as [Page];
      expect(await propose(reloaded, 'on our own')).toMatchObject({ result: 5 });
      expect(await node.propose('me too')).toBe(6);
      // Who comes back finds the other tabs by itself, and the Node member through one of them.
      await reloaded.reload();
      await reloaded.waitForFunction(() => 'harness' in globalThis);
      await reloaded.evaluate((options) => {
        harness.configure(options);
      }, linked);
      await reloaded.evaluate(() => harness.reopen());
      await expect
        .poll(async () => Object.values(await kinds(reloaded)).sort())
        .toEqual(['broadcast-channel', 'broadcast-channel', 'webrtc']);
      expect(await propose(reloaded, 'back')).toMatchObject({ result: 7 });
      await expect.poll(() => node.state.length).toBe(7);
    } finally {
      node.close();
    }
  });

  test('a tab that is to be linked like everybody else is', async ({ browserContext, harness: address, broker }) => {
    const pages = [...(await openTabs(browserContext, address, 2)), await open(browserContext, address)];
    await gather(pages, broker.url);
    await Promise.all(pages.map(untilLed));
    const [one, other, apart] = pages as [Page, Page, Page];
    for (const page of [one, other]) {
      await expect.poll(async () => Object.values(await kinds(page)).sort()).toEqual(['broadcast-channel', 'webrtc']);
    }
    expect(Object.values(await kinds(apart))).toEqual(['webrtc', 'webrtc']);
    expect(await propose(apart, 'x')).toMatchObject({ result: 1 });
  });
});
