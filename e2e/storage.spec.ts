/** The IndexedDB store in a real browser, on a real disk: what it keeps, what it costs in memory, and what may befall it. */
import type { BrowserContext, CDPSession, Page } from 'playwright/test';
import { expect, test } from './fixtures.ts';
import type { Harness } from './pages/harness.ts';
import type { StoragePage } from './pages/storage.ts';

declare const storagePage: StoragePage;
declare const harness: Harness;

async function open(context: BrowserContext, address: string): Promise<{ page: Page; session: CDPSession }> {
  const page = await context.newPage();
  await page.goto(`${address}storage.html`);
  await page.waitForFunction(() => 'storagePage' in globalThis);
  return { page, session: await context.newCDPSession(page) };
}

test('the store of IndexedDB passes the acceptance suite in a real browser', async ({
  browserContext,
  harness: address,
}) => {
  const { page } = await open(browserContext, address);
  const results = await page.evaluate(() => storagePage.accept());
  expect(results.filter((result) => !result.startsWith('ok'))).toEqual([]);
  expect(results.length).toBeGreaterThan(35);
});

test('D12 durability is strict, or relaxed by name, and what the browser granted is reported', async ({
  browserContext,
  harness: address,
}) => {
  const { page } = await open(browserContext, address);
  expect(await page.evaluate(() => storagePage.open())).toBe('strict');
  expect(await page.evaluate(() => storagePage.open('relaxed'))).toBe('relaxed');
});

test('a snapshot of 100 MiB passes through, and is never held whole', async ({ browserContext, harness: address }) => {
  const { page, session } = await open(browserContext, address);
  /** Mebibytes that are in use, of the heap and of buffers. */
  const held = async (): Promise<number> => {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize = 0 } = (await session.send('Runtime.getHeapUsage')) as {
      usedSize: number;
      backingStorageSize?: number;
    };
    return (usedSize + backingStorageSize) / 1024 / 1024;
  };
  await page.evaluate(async () => {
    await storagePage.open();
    storagePage.beginSnapshot(100);
  });
  const before = await held();
  let peak = before;
  for (let number = 0; number < 100; number++) {
    await page.evaluate((of) => storagePage.stageMebibyte(of), number);
    peak = Math.max(peak, await held());
  }
  await page.evaluate(() => storagePage.finishSnapshot());
  await page.evaluate(() => storagePage.reload());
  for (let number = 0; number < 100; number++) {
    expect(await page.evaluate((of) => storagePage.isMebibyteRight(of), number)).toBe(true);
    peak = Math.max(peak, await held());
  }
  test.info().annotations.push({ type: 'peak', description: `${(peak - before).toFixed(1)} MiB above the start` });
  expect(peak - before).toBeLessThan(10);
});

test('the host has a key that signs after every opening, and cannot be extracted', async ({
  browserContext,
  harness: address,
}) => {
  const { page } = await open(browserContext, address);
  const first = await page.evaluate(() => storagePage.tryKey());
  expect(first).toMatchObject({ isSigning: true, isExtractable: false });
  await page.reload();
  await page.waitForFunction(() => 'storagePage' in globalThis);
  expect(await page.evaluate(() => storagePage.tryKey())).toEqual(first);
});

test('a site without room is told so by name; a compaction makes room, and what failed is written again', async ({
  browserContext,
  harness: address,
}) => {
  const { page, session } = await open(browserContext, address);
  const { origin } = new URL(address);
  // Chromium remembers for a while how much room there is: the limit is set before anything is stored.
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_500_000 });
  await page.evaluate(() => storagePage.open());
  let appended = 0;
  let code: string | null = null;
  while (code === null && appended < 100) {
    code = await page.evaluate(() => storagePage.append(100_000));
    if (code === null) appended++;
  }
  expect(code).toBe('QUOTA_EXCEEDED');
  expect(appended).toBeGreaterThan(3);
  // What follows what is missing fails as well.
  expect(await page.evaluate(() => storagePage.append(10))).toBe('QUOTA_EXCEEDED');
  expect(await page.evaluate((index) => storagePage.compact(index), appended)).toBe(null);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 20_000_000 });
  expect(await page.evaluate(() => storagePage.append(100_000, true))).toBe(null);
  expect(await page.evaluate(() => storagePage.append(10))).toBe(null);
  expect(await page.evaluate(() => storagePage.reload())).toBe(3);
  await session.send('Storage.overrideQuotaForOrigin', { origin });
});

test('a site whose data are cleared while it is open loses its store by name, and does not begin it anew', async ({
  browserContext,
  harness: address,
}) => {
  const { page, session } = await open(browserContext, address);
  await page.evaluate(() => storagePage.open());
  expect(await page.evaluate(() => storagePage.append(10))).toBe(null);
  await session.send('Storage.clearDataForOrigin', { origin: new URL(address).origin, storageTypes: 'indexeddb' });
  expect(await page.evaluate(() => storagePage.append(10))).toBe('STORAGE_LOST');
  const names = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  expect(names).not.toContain('pages');
});

test('another tab deletes the database, or upgrades it: neither hangs, and whoever had it says what became of it', async ({
  browserContext,
  harness: address,
}) => {
  const { page } = await open(browserContext, address);
  const { page: other } = await open(browserContext, address);
  await page.evaluate(() => storagePage.open());
  expect(await other.evaluate(() => storagePage.upgrade(99))).toBe('success');
  const [code, message] = await page.evaluate(() => storagePage.tryToAppend());
  expect(code).toBe('STORAGE_FAILED');
  expect(message).toContain('newer code has upgraded the database; load the page again');

  await other.close();
  const { page: third } = await open(browserContext, address);
  expect(await third.evaluate(() => storagePage.remove())).toBe('success');
  await page.reload();
  await page.waitForFunction(() => 'storagePage' in globalThis);
  await page.evaluate(() => storagePage.open());
  expect(await third.evaluate(() => storagePage.remove())).toBe('success');
  expect((await page.evaluate(() => storagePage.tryToAppend()))[0]).toBe('STORAGE_LOST');
});

test('a tab with older code that does not let go of the database is named, and nothing hangs', async ({
  browserContext,
  harness: address,
}) => {
  const { page: older } = await open(browserContext, address);
  // A database of version 1, as far as its schema goes, and a page that does not listen to `versionchange`.
  expect(await older.evaluate(() => storagePage.upgrade(1))).toBe('success');
  const { page } = await open(browserContext, address);
  const error = await page.evaluate(() => storagePage.open().catch((reason: unknown) => String(reason)));
  expect(error).toContain('another tab has the database pages open with older code; close it, or load it again');
  await older.close();
});

test('the room of the site and its persistence are told', async ({ browserContext, harness: address }) => {
  const { page } = await open(browserContext, address);
  await page.evaluate(() => storagePage.open());
  const use = await page.evaluate(() => storagePage.estimate());
  expect(use?.quota).toBeGreaterThan(use?.usage ?? 0);
  expect(['granted', 'refused']).toContain(await page.evaluate(() => storagePage.persist()));
});

test('a lock that is stolen from a frozen page stops its member when it wakes, and its store is untouched by it', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const openHarness = async (): Promise<Page> => {
    const page = await browserContext.newPage();
    await page.goto(`${address}harness.html`);
    await page.waitForFunction(() => 'harness' in globalThis);
    return page;
  };
  const frozen = await openHarness();
  await frozen.evaluate(async (url) => {
    await harness.create(url, 1);
    await harness.propose('before');
  }, broker.url);
  const slot = await frozen.evaluate(() => sessionStorage.getItem('flotilla.slot'));
  const session = await browserContext.newCDPSession(frozen);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });

  const thief = await openHarness();
  const opened = await thief.evaluate(async (number) => {
    sessionStorage.setItem('flotilla.slot', number ?? '');
    await new Promise<void>((resolve) => {
      void navigator.locks.request(`flotilla-${number ?? ''}.host`, { steal: true }, () => {
        resolve();
      });
    });
    await harness.reopen();
    await harness.untilLeader();
    return (await harness.propose('after')).result;
  }, slot);
  expect(opened).toBe(2);

  await session.send('Page.setWebLifecycleState', { state: 'active' });
  const late = await frozen.evaluate(() => harness.propose('too late', 5000));
  expect(typeof late.result).toBe('string');
  await expect
    .poll(() => frozen.evaluate(() => harness.group?.status().stopped?.code))
    .toMatch(/^STORAGE_(IN_USE|LOST)$/);
  expect(await thief.evaluate(() => harness.propose('goes on'))).toMatchObject({ result: 3 });
});
