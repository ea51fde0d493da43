/** What an application does for a newer version of its machine, and what it counts meanwhile, in real tabs on real disks. */
import type { BrowserContext, Page } from 'playwright/test';
import type { HistogramReading } from '../src/index.ts';
import { prometheusText } from '../src/node/prometheus.ts';
import { expect, test } from './fixtures.ts';
import type { VersionsPage } from './pages/versions.ts';

declare const versionsPage: VersionsPage;

/** Loads the code of a version into a tab. */
async function load(page: Page, harness: string, version: 1 | 2): Promise<void> {
  await page.goto(`${harness}versions.html?version=${version}`);
  await page.waitForFunction(() => 'versionsPage' in globalThis);
}

const state = (page: Page): Promise<readonly string[]> => page.evaluate(() => versionsPage.state());
const propose = (page: Page, word: string) => page.evaluate((text) => versionsPage.propose(text), word);
const status = (page: Page) => page.evaluate(() => versionsPage.status());
const metrics = (page: Page) => page.evaluate(() => versionsPage.metrics());

/** Two tabs of one group, with the code of version 1. */
async function two(context: BrowserContext, harness: string, broker: string): Promise<[Page, Page]> {
  const pages: [Page, Page] = [await context.newPage(), await context.newPage()];
  for (const page of pages) await load(page, harness, 1);
  const invite = await pages[0].evaluate((url) => versionsPage.create(url, 2), broker);
  await pages[1].evaluate((text) => versionsPage.join(text), invite);
  for (const page of pages) await expect.poll(async () => (await status(page)).member?.leader ?? null).not.toBeNull();
  return pages;
}

async function reloadAs(page: Page, harness: string, version: 1 | 2): Promise<void> {
  await load(page, harness, version);
  await page.evaluate(() => versionsPage.reopen());
  await expect.poll(async () => (await status(page)).member?.leader ?? null).not.toBeNull();
}

test('a tab with newer code moves the group; the other says UPGRADE_REQUIRED, and goes on after a reload, with all there', async ({
  browserContext,
  harness,
  broker,
}) => {
  const [newer, older] = await two(browserContext, harness, broker.url);
  expect(await propose(newer, 'one')).toBe(1);
  expect(await propose(older, 'two')).toBe(2);

  await reloadAs(newer, harness, 2);
  // Until the group has moved, everybody does what version 1 does.
  expect(await propose(newer, 'three')).toBe(3);
  await expect.poll(() => state(older)).toEqual(['one', 'two', 'three']);
  expect(await newer.evaluate(() => versionsPage.upgrade())).toBe('done');
  expect(await state(newer)).toEqual(['ONE', 'TWO', 'THREE']);

  await expect.poll(() => older.evaluate(() => versionsPage.outgrown())).toBe('UPGRADE_REQUIRED');
  expect(await state(older)).toEqual(['one', 'two', 'three']);
  expect(await propose(older, 'refused')).toBe('UPGRADE_REQUIRED not-done');
  // It keeps the log and votes all the same: two of two are a majority.
  expect(await propose(newer, 'four')).toBe(4);

  await reloadAs(older, harness, 2);
  const all = ['ONE', 'TWO', 'THREE', 'FOUR', 'FIVE'];
  expect(await propose(older, 'five')).toBe(5);
  for (const page of [newer, older]) await expect.poll(() => state(page)).toEqual(all);
  expect(await newer.evaluate(() => versionsPage.upgrade())).toBe('done');
});

/** The mean, in milliseconds. */
const mean = ({ sum, count }: HistogramReading): number => sum / count;

test('metrics count commits exactly, and say where their time goes', async ({ browserContext, harness, broker }) => {
  const pages = await two(browserContext, harness, broker.url);
  const roles = await Promise.all(pages.map(async (page) => (await status(page)).member?.role));
  expect([...roles].sort()).toEqual(['follower', 'leader']);
  const commits = [7, 5];
  const times: number[] = [];
  for (const [i, page] of pages.entries()) {
    for (let n = 0; n < (commits[i] ?? 0); n++) {
      const begun = performance.now();
      expect(await propose(page, 'word')).toEqual(expect.any(Number));
      times.push(performance.now() - begun);
    }
  }
  for (const page of pages) await expect.poll(async () => (await state(page)).length).toBe(12);
  for (const [i, page] of pages.entries()) {
    const read = await metrics(page);
    const count = commits[i] ?? 0;
    expect(read.counters.proposals).toEqual({ committed: count, rejected: 0, notDone: 0, unknown: 0 });
    // One for each command, and one for each leader's term.
    expect(read.counters.entriesAppended).toBeGreaterThanOrEqual(13);
    expect(read.counters.leaderChanges).toBeGreaterThanOrEqual(1);
    expect(read.gauges.pending).toBe(0);
    expect(read.gauges.appliedIndex).toBeLessThanOrEqual(read.gauges.commitIndex);
    const { commit, waiting, network, apply, disk } = read.histograms;
    for (const stage of [commit, waiting, network, apply]) expect(stage.count).toBe(count);
    expect(disk.count).toBeGreaterThanOrEqual(12);
    // The stages follow one another, and a commit cannot take longer than its caller has waited.
    expect(mean(waiting) + mean(network) + mean(apply)).toBeCloseTo(mean(commit), 6);
    expect(mean(commit)).toBeGreaterThan(0);
    expect(mean(commit)).toBeLessThanOrEqual(Math.max(...times));
    for (const lanes of [read.traffic.sent, read.traffic.received]) {
      expect(lanes.control.frames + lanes.bulk.frames).toBeGreaterThanOrEqual(12);
    }
    const text = prometheusText([{ id: 'group', memberId: `member ${i}`, metrics: () => read }]);
    expect(text).toContain(`flotilla_commit_seconds_count{group="group",member="member ${i}"} ${count}\n`);
    expect(text).toContain(
      `flotilla_proposals_total{group="group",member="member ${i}",outcome="committed"} ${count}\n`,
    );
  }
});
