/** Commands that outlive the page that proposed them, in real tabs on real disks. */
import type { BrowserContext, Page } from 'playwright/test';
import { openBrowser } from './browser.ts';
import { expect, test } from './fixtures.ts';
import { join, open, state, status } from './pages.ts';
import type { Harness } from './pages/harness.ts';

declare const harness: Harness;

type Pending = ReturnType<Harness['pending']>;

const pending = (page: Page): Promise<Pending> => page.evaluate(() => harness.pending());
const post = (page: Page, ...commands: string[]): Promise<void> =>
  page.evaluate((all) => {
    harness.post(...all);
  }, commands);

async function openKeeping(context: BrowserContext, address: string): Promise<Page> {
  const page = await open(context, address);
  await page.evaluate(() => {
    harness.keepCommands();
  });
  return page;
}

const isLed = async (page: Page): Promise<boolean> => ((await status(page))?.member?.leader ?? null) !== null;

/** A group of three: two tabs of one browser, and one of another, which keeps what it proposes. */
async function three(context: BrowserContext, elsewhere: BrowserContext, address: string, broker: string) {
  const others = [await open(context, address), await open(context, address)] as const;
  const page = await openKeeping(elsewhere, address);
  const invite = await others[0].evaluate((url) => harness.create(url, 3), broker);
  for (const each of [others[1], page]) await join(each, invite);
  for (const each of [...others, page]) await expect.poll(() => isLed(each)).toBe(true);
  return { others, page, invite };
}

test('what a tab proposes offline survives the end of its browser, and each takes effect once, in order', async ({
  browserContext,
  harness: address,
  broker,
}, testInfo) => {
  const profile = testInfo.outputPath('profile');
  let browser = await openBrowser(profile);
  try {
    const { others, page, invite } = await three(browserContext, browser, address, broker.url);
    for (const other of others) await other.close();
    await expect.poll(() => isLed(page)).toBe(false);
    await post(page, 'one', 'two', 'three');
    await expect.poll(async () => (await pending(page)).map(({ isKept }) => isKept)).toEqual([true, true, true]);
    await browser.close();

    browser = await openBrowser(profile);
    const again = await openKeeping(browser, address);
    await again.evaluate(() => harness.reopen());
    const waiting = { phase: 'waiting', isKept: true };
    expect(await pending(again)).toEqual(['one', 'two', 'three'].map((command) => ({ command, ...waiting })));
    expect(await again.evaluate(() => harness.group?.optimistic)).toEqual(['one', 'two', 'three']);
    await post(again, 'four');

    const back = [await open(browserContext, address), await open(browserContext, address)] as const;
    for (const each of back) await join(each, invite);
    const all = ['one', 'two', 'three', 'four'];
    for (const each of [again, ...back]) await expect.poll(() => state(each)).toEqual(all);
    expect(await again.evaluate(() => harness.restored())).toEqual([1, 2, 3]);
    await expect.poll(() => pending(again)).toEqual([]);

    // A voter that is gone again does not take them back, and nothing comes twice.
    await again.reload();
    await again.waitForFunction(() => 'harness' in globalThis);
    await again.evaluate(() => harness.reopen());
    await expect.poll(() => isLed(again)).toBe(true);
    await post(back[0], 'last');
    for (const each of [again, ...back]) await expect.poll(() => state(each)).toEqual([...all, 'last']);
  } finally {
    await browser.close();
  }
});

test('a tab that is loaded again in the middle of its work does everything that it had kept, once and in order', async ({
  browserContext,
  harness: address,
  broker,
}, testInfo) => {
  const browser = await openBrowser(testInfo.outputPath('profile'));
  try {
    const { others, page } = await three(browserContext, browser, address, broker.url);
    const known: string[] = [];
    for (let round = 0; round < 4; round++) {
      const commands = Array.from({ length: 20 }, (_, i) => `${round}-${String(i).padStart(2, '0')}`);
      await post(page, ...commands);
      // Whatever is on its way is cut off, at another moment in each round.
      const kept = await page.evaluate(async (pause) => {
        for (let i = 0; i < pause; i++) await new Promise((done) => setTimeout(done));
        return harness.pending().filter(({ isKept }) => isKept);
      }, round * 3);
      known.push(...kept.map(({ command }) => command));
      await page.reload();
      await page.waitForFunction(() => 'harness' in globalThis);
      await page.evaluate(async () => {
        harness.keepCommands();
        await harness.reopen();
      });
      await expect.poll(() => pending(page)).toEqual([]);
    }
    await post(page, 'last');
    await expect.poll(async () => (await state(page))?.at(-1)).toBe('last');
    const done = (await state(page)) ?? [];
    expect([...new Set(done)].sort()).toEqual(done);
    expect(done).toEqual(expect.arrayContaining(known));
    for (const other of others) await expect.poll(() => state(other)).toEqual(done);
  } finally {
    await browser.close();
  }
});
