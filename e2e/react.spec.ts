/** `flotilla/react` in a real tab, under StrictMode. */
import { expect, test } from './fixtures.ts';

declare const counts: { opened: number; closed: number; renders: { left: number; right: number } };

test('hooks show what the group agrees on, and render what has changed alone', async ({
  browserContext,
  harness,
  broker,
}) => {
  const page = await browserContext.newPage();
  await page.goto(`${harness}react.html?signaling=${encodeURIComponent(broker.url)}`);
  await expect(page.locator('#phase')).toHaveText('running');
  expect(await page.evaluate(() => counts.opened)).toBe(1);

  const before = await page.evaluate(() => counts.renders);
  await page.locator('#left').click();
  await expect(page.locator('#left')).toHaveText('1');
  await expect(page.locator('#optimistic')).toHaveText('1');
  await expect(page.locator('#pending')).toHaveText('0');
  await expect(page.locator('#right')).toHaveText('0');
  const after = await page.evaluate(() => counts.renders);
  expect(after.left).toBeGreaterThan(before.left);
  expect(after.right).toBe(before.right);

  await page.locator('#show').click();
  await expect(page.locator('#self')).toHaveText('here');
});

test('a group is open as long as its component is there', async ({ browserContext, harness, broker }) => {
  const page = await browserContext.newPage();
  await page.goto(`${harness}react.html?signaling=${encodeURIComponent(broker.url)}`);
  await expect(page.locator('#phase')).toHaveText('running');
  expect(await page.evaluate(() => counts.closed)).toBe(0);
  await page.locator('#toggle').click();
  await expect.poll(() => page.evaluate(() => counts.closed)).toBe(1);
  await page.locator('#toggle').click();
  await expect(page.locator('#phase')).toHaveText('running');
  expect(await page.evaluate(() => counts.opened)).toBe(2);
});
