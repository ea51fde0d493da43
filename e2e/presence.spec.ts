/** What members show of themselves, in real tabs over real links. */
import type { BrowserContext, Page } from 'playwright/test';
import { expect, test } from './fixtures.ts';
import type { Harness } from './pages/harness.ts';
import { gather, open, state, status, untilLed } from './pages.ts';

declare const harness: Harness;

const show = (page: Page, value: unknown): Promise<void> =>
  page.evaluate((given) => {
    harness.group?.presence.set(given);
  }, value);

const seen = (page: Page): Promise<unknown[] | undefined> =>
  page.evaluate(() => harness.group?.presence.others.map(({ value }) => value));

async function threeTabs(context: BrowserContext, address: string, broker: string): Promise<[Page, Page, Page]> {
  const pages: [Page, Page, Page] = [
    await open(context, address),
    await open(context, address),
    await open(context, address),
  ];
  await gather(pages, broker);
  for (const [i, page] of pages.entries()) await show(page, { name: `tab ${i}` });
  for (const page of pages) await expect.poll(async () => (await seen(page))?.length).toBe(2);
  return pages;
}

test('names appear in every tab, cursors move at their pace, and the log has nothing of it', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = await threeTabs(browserContext, address, broker.url);
  const [first, second, third] = pages;
  const names = (await seen(third)) as { name: string }[];
  expect(names.map(({ name }) => name).sort()).toEqual(['tab 0', 'tab 1']);

  for (const page of [second, third]) {
    await page.evaluate(() => {
      Object.assign(globalThis, { moves: [] });
      harness.group?.presence.on('update', ({ value }) => {
        (globalThis as unknown as { moves: unknown[] }).moves.push(value);
      });
    });
  }
  await Promise.all(pages.map(untilLed));
  const moving = first.evaluate(async () => {
    const start = performance.now();
    const turns = new MessageChannel();
    let x = 0;
    while (!('isEnough' in globalThis)) {
      // A hand that moves faster than anybody is told of it, however slow the machine is.
      for (let i = 0; i < 10; i++) harness.group?.presence.update({ x: ++x });
      await new Promise((resolve) => {
        turns.port1.onmessage = resolve;
        turns.port2.postMessage(null);
      });
    }
    return { moves: x, ms: performance.now() - start };
  });
  const movesOf = (page: Page) => page.evaluate(() => (globalThis as unknown as { moves: { x: number }[] }).moves);
  for (const page of [second, third]) {
    await expect.poll(async () => (await movesOf(page)).length).toBeGreaterThan(20);
  }
  await first.evaluate(() => Object.assign(globalThis, { isEnough: true }));
  const { moves, ms } = await moving;
  const last = { name: 'tab 0', x: moves };
  for (const page of [second, third]) {
    await expect.poll(() => seen(page)).toContainEqual(last);
    const came = await movesOf(page);
    expect(came.at(-1)).toEqual(last);
    expect(came.map(({ x }) => x)).toEqual(came.map(({ x }) => x).toSorted((a, b) => a - b));
    // Twenty in a second, and a third more, if all pauses were as short as they may be.
    expect(came.length).toBeLessThanOrEqual((ms / 1000) * 20 * (4 / 3) + 2);
    expect(came.length).toBeLessThan(moves);
  }
  for (const page of pages) {
    // What a leader opens its term with has no command, and nothing else is there.
    const commands = await page.evaluate(() => harness.group?.log(1000).map(({ command }) => command));
    expect(commands?.filter((command) => command !== null)).toEqual([]);
    expect(await state(page)).toEqual([]);
  }
});

test('a tab that is closed, or reloaded, is gone at once: it says so before its links end', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const [first, second, third] = await threeTabs(browserContext, address, broker.url);
  const leaver = (await status(third))?.member?.id ?? '';
  for (const page of [first, second]) {
    await page.evaluate((id) => {
      const happened: string[] = [];
      Object.assign(globalThis, { happened });
      const { group } = harness;
      group?.presence.on('leave', () => happened.push('left'));
      group?.on('status', ({ member }) => {
        const isLinked = member?.members.some((peer) => peer.id === id && peer.connected);
        if (isLinked !== true && !happened.includes('link gone')) happened.push('link gone');
      });
    }, leaver);
  }
  await third.close();
  for (const page of [first, second]) {
    await expect
      .poll(() => page.evaluate(() => (globalThis as unknown as { happened: string[] }).happened))
      .toEqual(['left', 'link gone']);
    expect(await seen(page)).toHaveLength(1);
  }

  await second.reload();
  await expect.poll(() => seen(first)).toEqual([]);
  await second.waitForFunction(() => 'harness' in globalThis);
  await second.evaluate(() => harness.reopen());
  await show(second, { name: 'tab 1, again' });
  await expect.poll(() => seen(first)).toEqual([{ name: 'tab 1, again' }]);
  await expect.poll(() => seen(second)).toEqual([{ name: 'tab 0' }]);
});

test('a tab that has crashed, or is frozen, is gone before its time is over; one that wakes is back', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const [first, second, third] = await threeTabs(browserContext, address, broker.url);
  const session = await browserContext.newCDPSession(third);
  void session.send('Page.crash').catch(() => undefined);
  for (const page of [first, second]) {
    await expect.poll(async () => (await seen(page))?.length, { timeout: 30_000 }).toBe(1);
  }

  // A debugger stops a page as the browser does when it freezes one: nothing runs, and its links look open.
  const frozen = await browserContext.newCDPSession(second);
  await frozen.send('Debugger.enable');
  await frozen.send('Debugger.pause');
  await expect.poll(() => seen(first), { timeout: 30_000 }).toEqual([]);
  await frozen.send('Debugger.disable');
  await expect.poll(() => seen(first)).toEqual([{ name: 'tab 1' }]);
});
