/** The demo, as a person uses it: real tabs, real WebRTC, real IndexedDB, a real signaling server. */
import { execFileSync } from 'node:child_process';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright/test';
import { preview } from 'vite';
import { at } from './browser.ts';
import { expect, test } from './fixtures.ts';

const member = (page: Page, role: string) => page.locator(`[data-role="${role}"]`);

/** Opens three tabs that found a group, and waits until each of them sees one leader and two followers. */
async function foundGroup(openTab: (address?: string) => Promise<Page>): Promise<[Page, Page, Page]> {
  const first = await openTab();
  await first.getByRole('button', { name: 'Create a group' }).click();
  await expect(first.getByText('1 of 3')).toBeVisible();
  const tabs: [Page, Page, Page] = [first, await openTab(first.url()), await openTab(first.url())];
  for (const tab of tabs) await expectOneLeader(tab, 2);
  return tabs;
}

async function expectOneLeader(page: Page, followers: number): Promise<void> {
  await expect(member(page, 'leader')).toHaveCount(1);
  await expect(member(page, 'follower')).toHaveCount(followers);
}

async function propose(page: Page, command: string): Promise<void> {
  await page.getByLabel('Command').fill(command);
  await page.getByLabel('Command').press('Enter');
  await expect(page.locator('.outcome')).toHaveText(/^Committed in \d+ ms/);
}

/** The commands in a tab's log, oldest first. */
async function commands(page: Page): Promise<string[]> {
  const texts = await page.locator('.log td.command').allTextContents();
  return texts.reverse().filter((text) => !text.includes('first entry'));
}

async function expectState(page: Page, key: string, value: string): Promise<void> {
  await expect(page.locator('.state tr', { hasText: key }).locator('td').nth(1)).toHaveText(value);
}

async function isLeading(page: Page): Promise<boolean> {
  return (await page.title()).startsWith('★');
}

/** Waits until the titles of the tabs tell that exactly one of them leads. */
async function split(tabs: readonly Page[]): Promise<{ leader: Page; followers: Page[] }> {
  const leading = async (): Promise<boolean[]> => Promise.all(tabs.map(isLeading));
  await expect.poll(async () => (await leading()).filter(Boolean).length).toBe(1);
  const leader = tabs[(await leading()).indexOf(true)];
  if (leader === undefined) throw new Error('the leader changed while it was looked at');
  return { leader, followers: tabs.filter((tab) => tab !== leader) };
}

test('three tabs elect exactly one leader, and a command from each reaches all in the same order', async ({
  openTab,
}) => {
  const tabs = await foundGroup(openTab);
  await split(tabs);
  for (const [i, tab] of tabs.entries()) await propose(tab, `set from${i} tab${i}`);
  const expected = tabs.map((_, i) => `set from${i} tab${i}`);
  for (const tab of tabs) {
    for (const i of tabs.keys()) await expectState(tab, `from${i}`, `tab${i}`);
    await expect.poll(() => commands(tab)).toEqual(expected);
  }
});

test('the tab of the leader is closed: another leads, and commands commit', async ({ openTab }) => {
  const tabs = await foundGroup(openTab);
  await propose(tabs[0], 'set color teal');
  const { leader, followers } = await split(tabs);
  await leader.close();
  for (const tab of followers) {
    await expectOneLeader(tab, 1);
    await expect(member(tab, 'absent')).toHaveCount(1);
  }
  await split(followers);
  for (const [i, tab] of followers.entries()) await propose(tab, `add boats ${i + 1}`);
  for (const tab of followers) {
    await expectState(tab, 'color', 'teal');
    await expectState(tab, 'boats', '3');
  }
});

test('a tab that was closed comes back by its invite, as the member that it was', async ({ openTab }) => {
  const tabs = await foundGroup(openTab);
  const [first, second] = tabs;
  const invite = first.url();
  const id = await first.locator('article', { hasText: 'this tab' }).getAttribute('data-member');
  await first.close();
  await propose(second, 'set while away');
  const back = await openTab(invite);
  await expectOneLeader(back, 2);
  await expect(back.locator('article', { hasText: 'this tab' })).toHaveAttribute('data-member', id ?? '');
  await expectState(back, 'while', 'away');
});

test('the button opens another tab, which joins', async ({ openTab, browserContext }) => {
  const first = await openTab();
  await first.getByRole('button', { name: 'Create a group' }).click();
  for (const here of [2, 3]) {
    const opened = browserContext.waitForEvent('page');
    await first.getByRole('button', { name: 'Open another tab' }).first().click();
    await opened;
    if (here < 3) await expect(first.getByText(`${here} of 3`)).toBeVisible();
  }
  await expectOneLeader(first, 2);
});

test('a fourth tab becomes a learner, which reads along and proposes', async ({ openTab }) => {
  const tabs = await foundGroup(openTab);
  await propose(tabs[0], 'set color teal');
  const fourth = await openTab(tabs[0].url());
  await expect(fourth.getByText('Learner')).toBeVisible();
  await expect(fourth.getByRole('cell', { name: 'teal', exact: true })).toBeVisible();
  await propose(fourth, 'set still works');
  for (const tab of tabs) await expect(tab.getByRole('cell', { name: 'works', exact: true })).toBeVisible();
  await fourth.getByRole('button', { name: 'Leave' }).click();
  await expect(fourth.getByRole('button', { name: 'Create a group' })).toBeVisible();
  await propose(tabs[1], 'set without it');
});

test('what the machine rejects, and what is no command, is said', async ({ openTab }) => {
  const [tab] = await foundGroup(openTab);
  await propose(tab, 'set color teal');
  await tab.getByLabel('Command').fill('add color 1');
  await tab.getByLabel('Command').press('Enter');
  await expect(tab.locator('.outcome')).toContainText(
    'Not done: the machine rejected the command: Error: color is no number',
  );
  await tab.getByLabel('Command').fill('sail away');
  await tab.getByLabel('Command').press('Enter');
  await expect(tab.locator('.outcome')).toContainText('That is no command');
});

test('leaving shows the group among those to come back to', async ({ openTab }) => {
  const [tab] = await foundGroup(openTab);
  await propose(tab, 'set color teal');
  await tab.getByRole('button', { name: 'Leave' }).click();
  await tab.getByRole('button', { name: /^Open group/ }).click();
  await expectOneLeader(tab, 2);
  await expectState(tab, 'color', 'teal');
});

test('everything can be done from the keyboard', async ({ openTab }) => {
  const first = await openTab();
  await expect(first.getByRole('button', { name: 'Create a group' })).toBeFocused();
  await first.keyboard.press('Enter');
  await expect(first.getByText('1 of 3')).toBeVisible();
  const tabs = [first, await openTab(first.url()), await openTab(first.url())];
  for (const tab of tabs) await expectOneLeader(tab, 2);
  await first.bringToFront();
  await expect(first.getByLabel('Command')).toBeFocused();
  await first.keyboard.type('add boats 2');
  await first.keyboard.press('Enter');
  await expectState(first, 'boats', '2');
  await first.keyboard.press('Tab');
  await expect(first.getByRole('button', { name: 'Propose' })).toBeFocused();
  await first.keyboard.press('Tab');
  await first.keyboard.press('Enter');
  await expect(first.getByLabel('Command')).toHaveValue('set color teal');
  await expect(first.getByLabel('Command')).toBeFocused();
});

test('the page is accessible, in light and in dark', async ({ openTab }) => {
  const [tab] = await foundGroup(openTab);
  await propose(tab, 'set color teal');
  const start = await openTab();
  await expect(start.getByRole('button', { name: 'Create a group' })).toBeVisible();
  for (const page of [tab, start]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
    }
  }
});

test('the built demo works like the served one', async ({ openTab, broker }) => {
  execFileSync(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn'], {
    cwd: at('.'),
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const server = await preview({
    configFile: at('vite.config.ts'),
    preview: { host: '127.0.0.1', port: 0 },
    logLevel: 'warn',
  });
  try {
    const address = `${server.resolvedUrls?.local[0] ?? ''}?signaling=${encodeURIComponent(broker.url)}`;
    const tabs = await foundGroup((given) => openTab(given ?? address));
    await propose(tabs[2], 'set color teal');
    for (const tab of tabs) await expectState(tab, 'color', 'teal');
  } finally {
    await server.close();
  }
});
