/** The library in bare pages: what survives what, over real WebRTC and IndexedDB. */
import type { BrowserContext, Page } from 'playwright/test';
import { createSignalingServer } from '../signaling-server/index.ts';
import { decodeEntries, decodeJournal, isClaim } from '../src/storage/records.ts';
import { openBrowser } from './browser.ts';
import { expect, test } from './fixtures.ts';
import type { Harness } from './pages/harness.ts';

declare const harness: Harness;

async function open(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${address}harness.html`);
  await page.waitForFunction(() => 'harness' in globalThis);
  return page;
}

const status = (page: Page) => page.evaluate(() => harness.group?.status());
const state = (page: Page) => page.evaluate(() => harness.group?.state);
const propose = (page: Page, command: string) => page.evaluate((text) => harness.propose(text), command);

async function found(context: BrowserContext, address: string, broker: string, count = 3): Promise<Page[]> {
  const pages: Page[] = [];
  for (let i = 0; i < count; i++) pages.push(await open(context, address));
  const [first, ...others] = pages;
  if (first === undefined) throw new Error('no page');
  const invite = await first.evaluate(([url, founders]) => harness.create(url, founders), [broker, count] as const);
  await Promise.all(others.map((page) => page.evaluate((text) => harness.join(text), invite)));
  await Promise.all(pages.map((page) => leaderOf(page)));
  return pages;
}

/** Waits until a page knows a leader; gives its id. */
async function leaderOf(page: Page): Promise<string> {
  await expect.poll(async () => (await status(page))?.member?.leader ?? null).not.toBeNull();
  return (await status(page))?.member?.leader ?? '';
}

/** Waits until exactly one page leads. */
async function split(pages: readonly Page[]): Promise<{ leader: Page; followers: Page[] }> {
  const roles = async (): Promise<unknown[]> =>
    Promise.all(pages.map(async (page) => (await status(page))?.member?.role));
  await expect.poll(async () => (await roles()).filter((role) => role === 'leader').length).toBe(1);
  const leader = pages[(await roles()).indexOf('leader')];
  if (leader === undefined) throw new Error('the leader changed while it was looked at');
  return { leader, followers: pages.filter((page) => page !== leader) };
}

/** What lies on disk for the one group of a page's database, read past the library. */
async function stored(page: Page): Promise<{ term: number; vote: string | null; commands: number }> {
  const { journal, keys, records } = await page.evaluate(async () => {
    const name = `flotilla-${sessionStorage.getItem('flotilla.slot') ?? ''}`;
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => {
        resolve(request.result);
      };
      request.onerror = () => {
        reject(new Error('cannot open'));
      };
    });
    const all = <Value>(request: IDBRequest<Value>): Promise<Value> =>
      new Promise((resolve) => {
        request.onsuccess = () => {
          resolve(request.result);
        };
      });
    const transaction = database.transaction(['hardStates', 'entries']);
    const [hardStates, entryKeys, entryRecords] = await Promise.all([
      all(transaction.objectStore('hardStates').getAll()),
      all(transaction.objectStore('entries').getAllKeys()),
      all(transaction.objectStore('entries').getAll()),
    ]);
    database.close();
    return {
      journal: hardStates.map((record: Uint8Array) => [...record]),
      keys: entryKeys.map((key) => (key as [string, number])[1]),
      records: entryRecords.map((record: Uint8Array) => [...record]),
    };
  });
  const states = journal
    .map((record) => Uint8Array.from(record))
    .filter((record) => !isClaim(record))
    .map(decodeJournal);
  const { term = 0, vote = null } = states.at(-1)?.hardState ?? {};
  const entries = [
    ...records.flatMap((record, i) => decodeEntries(keys[i] ?? 0, Uint8Array.from(record))),
    ...states.flatMap(({ change }) => change.entries),
  ];
  return { term, vote, commands: entries.filter(({ kind }) => kind === 'command').length };
}

test('a reloaded tab comes back with its member id, term, vote and log from IndexedDB, and catches up', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = await found(browserContext, address, broker.url);
  for (const [i, page] of pages.entries()) expect(await propose(page, `before ${i}`)).toMatchObject({ result: i + 1 });
  const { leader, followers } = await split(pages);
  const [reloaded, other] = followers as [Page, Page];
  await expect.poll(() => state(reloaded)).toEqual(['before 0', 'before 1', 'before 2']);
  const before = await status(reloaded);
  const disk = await stored(reloaded);
  expect(disk).toMatchObject({ term: before?.member?.term, vote: before?.member?.leader, commands: 3 });

  await reloaded.evaluate(() => {
    harness.group?.close();
  });
  expect(await propose(other, 'while away')).toMatchObject({ result: 4 });
  await reloaded.reload();
  await reloaded.waitForFunction(() => 'harness' in globalThis);
  // At this moment it has no link to anybody: all of this is from its own disk.
  const first = await reloaded.evaluate(async () => {
    await harness.reopen();
    return { status: harness.group?.status(), log: harness.group?.log(10) };
  });
  expect(first.status?.member?.members.filter(({ connected }) => connected)).toHaveLength(1);
  expect(first.status?.member).toMatchObject({ id: before?.member?.id, term: before?.member?.term });
  expect(
    first.log
      ?.map(({ command }) => command)
      .filter((command) => command !== null)
      .slice(0, 3),
  ).toEqual(['before 0', 'before 1', 'before 2']);
  expect(await stored(reloaded)).toMatchObject({ term: disk.term, vote: disk.vote });

  await expect.poll(() => state(reloaded)).toEqual(['before 0', 'before 1', 'before 2', 'while away']);
  expect(await propose(reloaded, 'back')).toMatchObject({ result: 5 });
  await expect.poll(() => state(leader)).toHaveLength(5);
});

test('a whole group survives the end of its browser', async ({ profile, harness: address, broker }) => {
  let context = await openBrowser(profile);
  const pages = await found(context, address, broker.url);
  for (const page of pages) await propose(page, 'kept');
  const members = (await Promise.all(pages.map(status))).map((one) => one?.member?.id).sort();
  await context.close();

  context = await openBrowser(profile);
  try {
    const again = [await open(context, address), await open(context, address), await open(context, address)] as const;
    for (const page of again) await page.evaluate(() => harness.reopen());
    expect((await Promise.all(again.map(status))).map((one) => one?.member?.id).sort()).toEqual(members);
    expect(await propose(again[1], 'after')).toMatchObject({ result: 4 });
    for (const page of again) await expect.poll(() => state(page)).toEqual(['kept', 'kept', 'kept', 'after']);
  } finally {
    await context.close();
  }
});

test('the signaling server is stopped: the connected group goes on committing', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = await found(browserContext, address, broker.url);
  for (const page of pages) {
    await expect.poll(async () => (await status(page))?.member?.members.every(({ connected }) => connected)).toBe(true);
  }
  await broker.close();
  for (const page of pages) await expect.poll(async () => (await status(page))?.signaling).toBe('connecting');
  for (const [i, page] of pages.entries()) expect(await propose(page, `cut off ${i}`)).toMatchObject({ result: i + 1 });

  const { leader, followers } = await split(pages);
  await leader.close();
  for (const [i, page] of followers.entries()) expect(await propose(page, 'again')).toMatchObject({ result: i + 4 });
});

test('the signaling server comes back: so do those who need it', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = await found(browserContext, address, broker.url);
  const { leader, followers } = await split(pages);
  const [lost] = followers as [Page];
  const port = Number(new URL(broker.url).port);
  await broker.close();
  await lost.close();
  const again = await open(browserContext, address);
  await again.evaluate(() => harness.reopen());
  expect(await propose(leader, 'while it was gone')).toMatchObject({ result: 1 });
  expect((await status(again))?.signaling).toBe('connecting');

  const second = await createSignalingServer({ port });
  try {
    await expect.poll(() => state(again)).toEqual(['while it was gone']);
    expect(await propose(again, 'back')).toMatchObject({ result: 2 });
  } finally {
    await second.close();
  }
});

test('commands of every size go through, whole and in order', async ({ browserContext, harness: address, broker }) => {
  const pages = await found(browserContext, address, broker.url);
  const { followers } = await split(pages);
  const [page] = followers as [Page];
  const sizes = [1, 1000, 16_000, 17_000, 64_000, 65_537, 300_000, 900_000];
  const results = await page.evaluate(
    (lengths) => Promise.all(lengths.map((length) => harness.propose('x'.repeat(length), 60_000))),
    sizes,
  );
  expect(results.map(({ result }) => result)).toEqual(sizes.map((_, i) => i + 1));
  for (const other of pages) {
    await expect.poll(() => other.evaluate(() => harness.group?.state.map(({ length }) => length))).toEqual(sizes);
  }
  expect(await propose(page, 'x'.repeat(1_100_000))).toMatchObject({ result: 'TOO_LARGE not-done' });
});

test('byte arrays look alike to the machine in every tab', async ({ browserContext, harness: address, broker }) => {
  const pages = await found(browserContext, address, broker.url);
  const [page] = pages as [Page];
  await page.evaluate(() => harness.group?.propose(Uint8Array.of(104, 105)));
  for (const other of pages) await expect.poll(() => state(other)).toEqual(['Uint8Array 104,105']);
});

test('a flood of commands from every tab at once loses nothing and repeats nothing', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const pages = await found(browserContext, address, broker.url);
  const each = 300;
  const results = await Promise.all(
    pages.map((page, i) =>
      page.evaluate(
        async ([tab, count]) => {
          const text = 'y'.repeat(2000);
          const all = Array.from({ length: count }, (_, n) => harness.propose(`${tab}:${n}:${text}`, 60_000));
          return (await Promise.all(all)).map(({ result }) => result);
        },
        [i, each] as const,
      ),
    ),
  );
  const numbers = results.flat();
  expect(numbers.filter((result) => typeof result !== 'number')).toEqual([]);
  expect(new Set(numbers).size).toBe(3 * each);
  const heads = await Promise.all(
    pages.map(async (page) => {
      await expect.poll(async () => (await state(page))?.length).toBe(3 * each);
      return page.evaluate(() => harness.group?.state.map((text) => text.slice(0, 6)).join());
    }),
  );
  expect(new Set(heads).size).toBe(1);
});

test('each tab has a member of its own, and a member is in one tab at a time', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const [first, second] = (await found(browserContext, address, broker.url, 2)) as [Page, Page];
  const ids = [(await status(first))?.member?.id, (await status(second))?.member?.id];
  expect(new Set(ids).size).toBe(2);

  // A duplicated tab has a copy of what the first one remembers, but not the lock.
  const remembered = await first.evaluate(() => sessionStorage.getItem('flotilla.slot'));
  const duplicate = await open(browserContext, address);
  await duplicate.evaluate((slot) => {
    sessionStorage.setItem('flotilla.slot', slot ?? '');
  }, remembered);
  expect(await duplicate.evaluate(() => harness.list())).toEqual([]);
  expect(await duplicate.evaluate(() => sessionStorage.getItem('flotilla.slot'))).not.toBe(remembered);
  const refused = await duplicate.evaluate(() => harness.reopen().catch((error: unknown) => harness.describe(error)));
  expect(refused).toBe('NO_SUCH_GROUP not-done');
});

test('D12 durability is asked for as strict, and what the browser granted is reported', async ({
  browserContext,
  harness: address,
  broker,
}) => {
  const [page] = (await found(browserContext, address, broker.url, 1)) as [Page];
  await propose(page, 'x');
  expect((await status(page))?.member?.durability).toBe('strict');
  await expect.poll(async () => (await status(page))?.storage?.usage ?? 0).toBeGreaterThan(0);
});
