/** Whole groups in real tabs, and what may befall their stores: locks, room, the back-forward cache, and backups. */
import type { Page } from 'playwright/test';
import { openBrowser, serve } from './browser.ts';
import { expect, test } from './fixtures.ts';
import { gather, open, propose, state, status, untilLed } from './pages.ts';
import type { Harness } from './pages/harness.ts';

declare const harness: Harness;

const slot = (page: Page): Promise<string | null> => page.evaluate(() => sessionStorage.getItem('flotilla.slot'));
/** Asked in the page: of an error that leaves it, only the name is left. */
const stopped = (page: Page): Promise<string | undefined> => page.evaluate(() => harness.group?.status().stopped?.code);

test('a backup of a site that is gone is looked into and restored in another browser, and goes on there', async ({
  browserContext,
  harness: address,
  broker,
}, testInfo) => {
  const page = await open(browserContext, address);
  await gather([page], broker.url);
  for (const command of ['one', 'two', 'three']) await propose(page, command);
  // The commit index is stored when there is a moment of rest.
  await expect
    .poll(async () => {
      const { hardState } = await page.evaluate(async () => harness.lookInto(await harness.backUp()));
      return hardState?.commit;
    })
    .toBe(4);
  const file = await page.evaluate(() => harness.backUp());
  const before = await status(page);
  const session = await browserContext.newCDPSession(page);
  await session.send('Storage.clearDataForOrigin', { origin: new URL(address).origin, storageTypes: 'all' });
  expect((await propose(page, 'too late')).result).toMatch(/^STORAGE_LOST/);
  expect(await page.evaluate(() => harness.list())).toEqual([]);

  const elsewhere = await openBrowser(testInfo.outputPath('profile'));
  try {
    const other = await open(elsewhere, address);
    const report = await other.evaluate((base64) => harness.lookInto(base64), file);
    expect(report).toMatchObject({ record: { member: before?.member?.id }, log: { last: 4 }, problems: [] });
    expect(JSON.stringify(report)).not.toContain('access');
    const group = await other.evaluate((base64) => harness.restore(base64, 'group'), file);
    await other.evaluate((id) => harness.reopen(id), group);
    await expect.poll(() => state(other)).toEqual(['one', 'two', 'three']);
    expect(await propose(other, 'four')).toMatchObject({ result: 4 });
    expect((await status(other))?.member?.durability).toBe('strict');
    // It is a member like any other from now on.
    await other.reload();
    await other.waitForFunction(() => 'harness' in globalThis);
    await other.evaluate((id) => harness.reopen(id), group);
    await expect.poll(() => state(other)).toEqual(['one', 'two', 'three', 'four']);
  } finally {
    await elsewhere.close();
  }
});

test('D9 what is restored as a member counts for nothing beside the tab that it was taken from', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = [await open(browserContext, address), await open(browserContext, address)] as const;
  await gather(pages, broker.url);
  await Promise.all(pages.map(untilLed));
  await propose(pages[0], 'x');
  const file = await pages[1].evaluate(() => harness.backUp());
  const refused = await pages[1].evaluate(
    (base64) => harness.restore(base64, 'member').catch((error: unknown) => harness.describe(error)),
    file,
  );
  expect(refused).toBe('INVALID_ARGUMENT not-done');

  const copy = await open(browserContext, address);
  await copy.evaluate((base64) => harness.restore(base64, 'member'), file);
  await copy.evaluate(() => harness.reopen());
  const ids = await Promise.all([...pages, copy].map(async (page) => (await status(page))?.member?.id));
  expect(new Set(ids).size).toBe(3);
  expect(await propose(pages[1], 'y')).toMatchObject({ result: 2 });
  // One of two voters is left: its copy does not make it a majority.
  await pages[0].close();
  const late = await pages[1].evaluate(() => harness.propose('alone', 8000));
  expect(late.result).toMatch(/^TIMEOUT/);
  expect((await status(copy))?.member).toMatchObject({ role: 'follower', leader: null });
});

test('a lock that is stolen stops the member at once, and the next tab takes its store up', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const page = await open(browserContext, address);
  await gather([page], broker.url);
  await propose(page, 'before');
  const number = await slot(page);
  const thief = await open(browserContext, address);
  await thief.evaluate(async (of) => {
    await navigator.locks.request(`flotilla-${of ?? ''}.host`, { steal: true }, () => Promise.resolve());
  }, number);
  await expect.poll(() => stopped(page)).toBe('STORAGE_IN_USE');
  expect((await propose(page, 'too late')).result).toBe('STORAGE_IN_USE not-done');
  await thief.evaluate(() => harness.reopen());
  expect(await slot(thief)).toBe(number);
  await expect.poll(() => state(thief)).toEqual(['before']);
});

test('a page that goes into the back-forward cache lets go of its store, and stays stopped when it comes back', async ({
  harness: address,
  broker,
}, testInfo) => {
  const context = await openBrowser(testInfo.outputPath('profile'), [], ['--disable-back-forward-cache']);
  try {
    const page = await open(context, address);
    await gather([page], broker.url);
    await propose(page, 'before');
    const number = await slot(page);
    // Past Playwright, which knows nothing of pages that come back.
    const session = await context.newCDPSession(page);
    await session.send('Page.enable');
    const navigations: string[] = [];
    session.on('Page.frameNavigated', ({ type }) => navigations.push(type));
    await session.send('Page.navigate', { url: `${address}links.html` });
    await expect.poll(() => navigations).toEqual(['Navigation']);

    const next = await open(context, address);
    await next.evaluate(() => harness.reopen());
    expect(await slot(next)).toBe(number);
    await expect.poll(() => state(next)).toEqual(['before']);

    const { currentIndex, entries } = await session.send('Page.getNavigationHistory');
    await session.send('Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1]?.id ?? 0 });
    await expect.poll(() => navigations).toEqual(['Navigation', 'BackForwardCacheRestore']);
    const expression = `harness.propose('too late').then(({ result }) => result)`;
    const late = await session.send('Runtime.evaluate', { expression, awaitPromise: true });
    expect(late.result.value).toBe('CLOSED not-done');
    expect(await propose(next, 'after')).toMatchObject({ result: 2 });
  } finally {
    await context.close();
  }
});

test('D12 durability that is relaxed by name is named in the status', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const page = await open(browserContext, address, { durability: 'relaxed' });
  await gather([page], broker.url);
  await propose(page, 'x');
  expect((await status(page))?.member?.durability).toBe('relaxed');
});

test('a member whose site has no more room stops by name, and the others go on', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const crowded = await serve('e2e/pages');
  try {
    const roomy = [await open(browserContext, address), await open(browserContext, address)] as const;
    const tight = await open(browserContext, crowded.url);
    const session = await browserContext.newCDPSession(tight);
    // Of another origin, which has a quota of its own.
    await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(crowded.url).origin, quotaSize: 2_000_000 });
    await gather([...roomy, tight], broker.url);
    await Promise.all([...roomy, tight].map(untilLed));
    for (let i = 0; i < 40 && (await stopped(tight)) === undefined; i++) {
      const { result } = await roomy[0].evaluate((n) => harness.proposeNoise(n), 60_000);
      expect(result).toBe(i + 1);
    }
    await expect.poll(() => stopped(tight)).toBe('QUOTA_EXCEEDED');
    const { result } = await propose(roomy[1], 'goes on');
    expect(result).toEqual(expect.any(Number));
    await expect.poll(async () => (await state(roomy[0]))?.length).toBe(result);
  } finally {
    await crowded.close();
  }
});
