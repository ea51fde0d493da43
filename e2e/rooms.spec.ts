/** Rooms, live: from a name to a group, over real links, with and without a signaling server. */
import type { BrowserContext, Page } from 'playwright/test';
import { createSignalingServer } from '../signaling-server/index.ts';
import { openRoom } from '../src/node/index.ts';
import { openBrowser } from './browser.ts';
import { expect, test } from './fixtures.ts';
import { list } from './machine.ts';
import { open, propose, state, status } from './pages.ts';
import type { Harness, Room } from './pages/harness.ts';

declare const harness: Harness;

const name = 'a room that nobody guesses 7f3a';

const enter = (page: Page, room: Partial<Room> = {}) =>
  page.evaluate((given) => harness.enter(given), { name, ...room });

/** Tabs of one browser: linked over WebRTC where there is a broker, and over BroadcastChannels where there is none. */
async function openTabs(context: BrowserContext, address: string, count: number, tabLinks = false): Promise<Page[]> {
  const pages: Page[] = [];
  for (let i = 0; i < count; i++) pages.push(await open(context, address, { tabLinks }));
  return pages;
}

test('three tabs and a Node process that know a name found one group; whoever is reloaded is in it again, also alone', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = await openTabs(browserContext, address, 3);
  const room = { signaling: broker.url, founders: 4 };
  const entering = pages.map((page) => enter(page, room));
  const [first] = pages as [Page];
  await expect
    .poll(() => first.evaluate(() => harness.waiting))
    .toEqual({ present: 3, founders: 4, signaling: 'connected' });
  const node = await openRoom({ machine: list, name, ...room });
  try {
    const ids = await Promise.all(entering);
    expect(new Set([...ids, node.id]).size).toBe(1);
    expect(await propose(first, 'tab')).toMatchObject({ result: 1 });
    expect(await node.propose('node')).toBe(2);
    for (const page of pages) await expect.poll(() => state(page)).toEqual(['tab', 'node']);
  } finally {
    node.close();
  }
  await broker.close();
  const member = (await status(first))?.member?.id;
  await first.reload();
  await first.waitForFunction(() => 'harness' in globalThis);
  await enter(first, room);
  expect((await status(first))?.member?.id).toBe(member);
  // Nobody else can be reached: all of this is from its own disk.
  const log = await first.evaluate(() => harness.group?.log(10).map(({ command }) => command));
  expect(log).toEqual(expect.arrayContaining(['tab', 'node']));
});

test('without a signaling server the tabs of one browser do, and a name with another password is another room', async ({
  browserContext,
  harness: address,
}) => {
  const pages = await openTabs(browserContext, address, 4, true);
  const passwords = ['one', 'other', 'one', 'other'];
  const ids = await Promise.all(pages.map((page, i) => enter(page, { founders: 2, password: passwords[i] ?? '' })));
  expect(ids[2]).toBe(ids[0]);
  expect(ids[3]).toBe(ids[1]);
  expect(ids[1]).not.toBe(ids[0]);
  const [a, b] = pages as [Page, Page];
  expect(await propose(a, 'x')).toMatchObject({ result: 1 });
  expect(await state(b)).toEqual([]);
});

for (const tabLinks of [false, true]) {
  test(`a founder that goes before there are enough is followed by another one, ${tabLinks ? 'from tab to tab' : 'through the broker'}`, async ({
    browserContext,
    harness: address,
    broker,
  }) => {
    const pages = await openTabs(browserContext, address, 4, tabLinks);
    const [first, ...others] = pages as [Page, ...Page[]];
    const room = tabLinks ? {} : { signaling: broker.url };
    void enter(first, room).catch(() => undefined);
    await expect.poll(() => first.evaluate(() => harness.list())).toHaveLength(1);
    const [second] = others as [Page];
    const entering = [enter(second, room)];
    await expect.poll(() => second.evaluate(() => harness.list())).toHaveLength(1);
    const [begun] = await second.evaluate(() => harness.list());
    await first.close({ runBeforeUnload: true });
    entering.push(...others.slice(1).map((page) => enter(page, room)));
    const ids = await Promise.all(entering);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).not.toBe(begun?.id);
    expect(await propose(second, 'x')).toMatchObject({ result: 1 });
    expect(await second.evaluate(() => harness.list())).toMatchObject([{ id: ids[0] }]);
  });
}

test('two groups that were founded under one name apart from each other are reported when their members meet', async ({
  browserContext,
  profile,
  harness: address,
  broker,
}) => {
  const elsewhere = await createSignalingServer({ port: 0 });
  const other = await openBrowser(`${profile}-other`);
  try {
    const here = await openTabs(browserContext, address, 2);
    const there = await openTabs(other, address, 2);
    const found = (pages: Page[], signaling: string) =>
      Promise.all(pages.map((page) => enter(page, { signaling, founders: 2 })));
    const [[one = ''], [another = '']] = [await found(here, broker.url), await found(there, elsewhere.url)];
    expect(one).not.toBe(another);
    const [page] = here as [Page];
    await page.reload();
    await page.waitForFunction(() => 'harness' in globalThis);
    expect(await enter(page, { signaling: elsewhere.url, founders: 2 })).toBe(one);
    const conflicts = (of: Page) => of.evaluate(() => harness.conflicts);
    for (const member of [page, ...there]) {
      await expect.poll(() => conflicts(member)).toEqual([expect.stringMatching(/^ROOM_CONFLICT/)]);
      const [told = ''] = await conflicts(member);
      expect(told).toContain(one);
      expect(told).toContain(another);
    }
    const [far] = there as [Page];
    expect((await status(far))?.conflicts).toEqual([one]);
    expect(await propose(far, 'on its own')).toMatchObject({ result: 1 });
    expect(await state(page)).toEqual([]);
    // Whoever has neither has to say which.
    const newcomer = await open(browserContext, address, { storage: 'memory' });
    const ids = [one, another].sort().join();
    expect(await enter(newcomer, { signaling: elsewhere.url, founders: 2 })).toBe(`ROOM_CONFLICT not-done ${ids}`);
  } finally {
    await other.close();
    await elsewhere.close();
  }
});

test('who knows the address of the broker, but not the name, learns nothing', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = await openTabs(browserContext, address, 3);
  const [a, b, stranger] = pages as [Page, Page, Page];
  const room = { signaling: broker.url, founders: 2 };
  const ids = await Promise.all([a, b].map((page) => enter(page, room)));
  void enter(stranger, { ...room, name: `${name}!` }).catch(() => undefined);
  await expect.poll(() => stranger.evaluate(() => harness.list())).toHaveLength(1);
  expect(await stranger.evaluate(() => harness.waiting)).toMatchObject({ present: 1, signaling: 'connected' });
  expect(await stranger.evaluate(() => harness.list())).not.toMatchObject([{ id: ids[0] }]);
});
