/** The README's short examples, pasted as they stand. */
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
