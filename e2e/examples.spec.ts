/** The README's short examples, pasted as they stand. */
import type { Page } from 'playwright/test';
import { expect, test } from './fixtures.ts';

test('the examples for Svelte and for no framework show the same group, and change it', async ({
  browserContext,
  harness,
  broker,
}) => {
  const page = await browserContext.newPage();
  await page.goto(`${harness}examples.html?signaling=${encodeURIComponent(broker.url)}`);
  const svelte = page.locator('#svelte button');
  const plain = page.locator('#plain output');
  await expect(svelte).toHaveText('0');
  await expect(plain).toHaveText('0');
  await svelte.click();
  await expect(svelte).toHaveText('1');
  await expect(plain).toHaveText('1');
  await page.locator('#plain button').click();
  await expect(svelte).toHaveText('2');
  await expect(plain).toHaveText('2');
});

for (const [kind, hasServer] of [
  ['over a signaling server', true],
  ['without any server', false],
] as const) {
  test(`the example of a room leads three tabs to one group by its name, ${kind}, and back after a reload`, async ({
    browserContext,
    harness,
    broker,
  }) => {
    const address = `${harness}room.html${hasServer ? `?signaling=${encodeURIComponent(broker.url)}` : ''}`;
    const pages = [await browserContext.newPage(), await browserContext.newPage(), await browserContext.newPage()];
    const count = (page: Page) => page.locator('output');
    await Promise.all(pages.map((page) => page.goto(address)));
    for (const page of pages) await expect(count(page)).toHaveText('0');
    for (const page of pages) await page.locator('button').click();
    for (const page of pages) await expect(count(page)).toHaveText('3');
    const [first, ...others] = pages;
    await first?.reload();
    for (const page of pages) await expect(count(page)).toHaveText('3');
    await first?.locator('button').click();
    for (const page of others) await expect(count(page)).toHaveText('4');
  });
}
