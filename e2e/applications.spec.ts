/** The three small applications, each in three real tabs. */
import type { Page } from 'playwright';
import { expect, test } from './fixtures.ts';

type OpenTab = (address?: string) => Promise<Page>;

/** Opens an application in three tabs, and waits until they are together. */
async function openThree(openTab: OpenTab, address: string): Promise<[Page, Page, Page]> {
  const first = await openTab(address);
  await first.waitForURL(/#./);
  const [second, third] = [await openTab(first.url()), await openTab(first.url())];
  for (const page of [first, second, third]) await expect(page.getByLabel('Connection')).toContainText('Together');
  return [first, second, third];
}

test('a card that is added or moved in one tab is there in all', async ({ openTab, demo, broker }) => {
  const address = `${demo}board/?signaling=${encodeURIComponent(broker.url)}`;
  const [one, two, three] = await openThree(openTab, address);
  await one.getByLabel('New card').fill('Buy paint');
  await one.getByRole('button', { name: 'Add' }).click();
  for (const page of [one, two, three])
    await expect(page.getByRole('region', { name: 'To do' })).toContainText('Buy paint');
  await two.getByRole('button', { name: 'Move Buy paint to Doing' }).click();
  for (const page of [one, two, three])
    await expect(page.getByRole('region', { name: 'Doing' })).toContainText('Buy paint');
  await three.getByText('Buy paint').dragTo(three.getByRole('region', { name: 'Done' }));
  for (const page of [one, two, three])
    await expect(page.getByRole('region', { name: 'Done' })).toContainText('Buy paint');
});

test('no seat is sold twice, however many ask at once', async ({ openTab, demo, broker }) => {
  const address = `${demo}booking/?signaling=${encodeURIComponent(broker.url)}`;
  const pages = await openThree(openTab, address);
  for (const [i, page] of pages.entries()) await page.getByLabel('Your name').fill(`Guest ${i}`);
  // Without waiting until it can be clicked: the others are to ask before they know.
  const click = (seat: HTMLElement): void => {
    seat.click();
  };
  await Promise.all(pages.map((page) => page.getByRole('button', { name: 'Seat B3' }).evaluate(click)));
  for (const page of pages) await expect(page.getByText('1 of 40 seats are sold.')).toBeVisible();
  const messages = (): Promise<string[]> =>
    Promise.all(pages.map((page) => page.getByRole('main').getByRole('status').innerText()));
  await expect.poll(async () => (await messages()).filter((message) => message.includes('is yours'))).toHaveLength(1);
  for (const page of pages) await expect(page.getByRole('button', { name: /^Seat B3, taken by Guest/ })).toBeVisible();
});

test('what is said is heard by all, and who types is seen', async ({ openTab, demo, broker }) => {
  const address = `${demo}chat/?signaling=${encodeURIComponent(broker.url)}`;
  const [one, two, three] = await openThree(openTab, address);
  await expect(two.getByLabel('Who is here').getByRole('listitem')).toHaveCount(3);
  await one.getByLabel('Message', { exact: true }).fill('Ahoy');
  await expect(two.getByLabel('Who is here')).toContainText('types…');
  await one.getByRole('button', { name: 'Say' }).click();
  for (const page of [one, two, three]) await expect(page.getByLabel('Messages')).toContainText('Ahoy');
  await three.close({ runBeforeUnload: true });
  await expect(two.getByLabel('Who is here').getByRole('listitem')).toHaveCount(2);
});

test.describe('an application that is offline, and is loaded again', () => {
  const cases = [
    {
      name: 'board',
      act: async (page: Page) => {
        await page.getByLabel('New card').fill('Buy paint');
        await page.getByRole('button', { name: 'Add' }).click();
      },
      shows: (page: Page) => page.getByRole('region', { name: 'To do' }).getByText('Buy paint'),
    },
    {
      name: 'booking',
      act: async (page: Page) => {
        await page.getByLabel('Your name').fill('Ann');
        await page.getByRole('button', { name: 'Seat B3' }).click();
      },
      shows: (page: Page) => page.locator('.pending, .own, .sold').filter({ hasText: 'B3' }),
    },
    {
      name: 'chat',
      act: async (page: Page) => {
        await page.getByLabel('Message', { exact: true }).fill('Ahoy');
        await page.getByRole('button', { name: 'Say' }).click();
      },
      shows: (page: Page) => page.getByLabel('Messages').getByText('Ahoy'),
    },
  ];
  for (const { name, act, shows } of cases) {
    test(`the ${name} has what was done, and does it once when the others are back`, async ({
      openTab,
      demo,
      broker,
    }) => {
      const address = `${demo}${name}/?signaling=${encodeURIComponent(broker.url)}`;
      const [one, ...others] = await openThree(openTab, address);
      for (const other of others) await other.close({ runBeforeUnload: true });
      const connection = one.getByLabel('Connection');
      await expect(connection).toContainText('Nobody leads');
      await act(one);
      await expect(connection).toContainText('1 to be sent');
      await expect(connection).toContainText('kept');
      await one.reload();
      await expect(connection).toContainText('1 to be sent');
      await expect(shows(one)).toHaveCount(1);
      const back = [await openTab(one.url()), await openTab(one.url())];
      for (const page of [one, ...back]) {
        await expect(page.getByLabel('Connection')).toContainText('Together');
        await expect(shows(page)).toHaveCount(1);
      }
      await expect(connection).not.toContainText('to be sent');
    });
  }
});
