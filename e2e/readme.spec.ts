/** The README's example, pasted as it stands. */
import type { Page } from 'playwright/test';
import { readmeExample } from './example.ts';
import { expect, test } from './fixtures.ts';

const count = (page: Page) => page.locator('output');

test('the ten lines of the README work when they are pasted', async ({ openTab, demo }) => {
  expect(
    readmeExample('ws://x')
      .split('\n')
      .filter((line) => line.trim() !== '').length,
  ).toBe(10);

  const first = await openTab(`${demo}hello.html`);
  await expect(first).toHaveURL(/#flotilla=/);
  await expect(count(first)).toHaveText('0');
  const button = (page: Page) => page.getByRole('button', { name: '+1' });
  await button(first).click();

  const opened = first.context().waitForEvent('page');
  await first.getByRole('link', { name: 'open another tab' }).click();
  const second = await opened;
  const third = await openTab(first.url());
  for (const page of [first, second, third]) await expect(count(page)).toHaveText('1');

  await button(second).click();
  await button(third).click();
  for (const page of [first, second, third]) await expect(count(page)).toHaveText('3');

  await first.close();
  await button(second).click();
  await expect(count(third)).toHaveText('4');
  await third.reload();
  await expect(count(third)).toHaveText('4');
  await button(third).click();
  await expect(count(second)).toHaveText('5');
});
