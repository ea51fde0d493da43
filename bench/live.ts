/**
 * `npm run bench:live`: how fast three real tabs elect, fail over and commit. One Chromium with its profile on disk, so
 * that strict durability reaches the disk; the harness page of the browser tests, so that no user interface is in the way.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { openBrowser, serve } from '../e2e/browser.ts';
import type { Harness } from '../e2e/pages/harness.ts';
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import { createSignalingServer } from '../signaling-server/index.ts';
import { print, progress, quantile } from './report.ts';

declare const harness: Harness;

const help = `Usage: npm run bench:live -- [--rounds N] [--commits N] [--json]

Measures, in three real tabs of one Chromium over WebRTC, with strict IndexedDB on disk:

  live.election      from opening the third tab to the first leader that it knows of
  live.failover      from closing the leader's tab, as a user does, to the next commit in another
  live.crash         the same when the tab is gone without a word, as in a crash
  live.commit        a command from a follower's tab, one at a time, until it is applied there

  --rounds N   elections and failovers (default 10)
  --commits N  commands (default 1000)
  --json       one line of JSON for each figure, and nothing else on standard output`;

const { rounds, commits, json } = commandLine(help, {
  rounds: wholeNumber(10),
  commits: wholeNumber(1000),
  json: flag,
});

const profile = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
const site = await serve('e2e/pages');
const broker = await createSignalingServer({ port: 0 });

async function openPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${site.url}harness.html`);
  await page.waitForFunction(() => 'harness' in globalThis);
  return page;
}

function untilLeader(page: Page): Promise<void> {
  return page.evaluate(() => harness.untilLeader());
}

async function roleOf(page: Page): Promise<string | undefined> {
  return page.evaluate(() => harness.group?.status().member?.role);
}

interface Trio {
  readonly pages: Page[];
  /** Milliseconds from opening the third tab to its first leader. */
  readonly electionMs: number;
}

async function found(context: BrowserContext): Promise<Trio> {
  const [first, second] = [await openPage(context), await openPage(context)];
  const invite = await first.evaluate((url) => harness.create(url, 3), broker.url);
  await second.evaluate((text) => harness.join(text), invite);
  await first.waitForFunction(() => harness.group?.status().missing === 1);
  const start = performance.now();
  const third = await openPage(context);
  await third.evaluate((text) => harness.join(text), invite);
  await untilLeader(third);
  const electionMs = performance.now() - start;
  await Promise.all([untilLeader(first), untilLeader(second)]);
  return { pages: [first, second, third], electionMs };
}

async function split(pages: readonly Page[]): Promise<{ leader: Page; follower: Page }> {
  const roles = await Promise.all(pages.map(roleOf));
  const leader = pages[roles.indexOf('leader')];
  const follower = pages[roles.indexOf('follower')];
  if (leader === undefined || follower === undefined) throw new Error(`no leader and follower among ${roles.join()}`);
  return { leader, follower };
}

/** Milliseconds from closing the leader's tab to the commit of a command that is proposed at that moment. */
async function failover(pages: readonly Page[], close: (leader: Page) => Promise<void>): Promise<number> {
  const { leader, follower } = await split(pages);
  await follower.evaluate(() => harness.propose('before'));
  const start = performance.now();
  const closed = close(leader);
  const { result } = await follower.evaluate(() => harness.propose('after'));
  const ms = performance.now() - start;
  if (typeof result !== 'number') throw new Error(`the command after the failover ended as ${result}`);
  await closed;
  return ms;
}

async function inBrowser<Result>(action: (context: BrowserContext) => Promise<Result>): Promise<Result> {
  const context = await openBrowser(profile);
  try {
    return await action(context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const elections: number[] = [];
const failovers: number[] = [];
const crashes: number[] = [];
try {
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`);
    for (const [samples, close] of [
      [failovers, (page: Page) => page.close({ runBeforeUnload: true })],
      [
        crashes,
        async (page: Page) => {
          const session = await page.context().newCDPSession(page);
          // The answer never comes: who would send it is gone.
          void session.send('Page.crash').catch(() => undefined);
        },
      ],
    ] as const) {
      await inBrowser(async (context) => {
        const { pages, electionMs } = await found(context);
        elections.push(electionMs);
        samples.push(await failover(pages, close));
      });
    }
  }
  progress('commits');
  const commitTimes = await inBrowser(async (context) => {
    const { pages } = await found(context);
    const { follower } = await split(pages);
    await follower.evaluate(() => harness.timeProposals('warming up', 50));
    return follower.evaluate((count) => harness.timeProposals('a command of 16 B', count), commits);
  });
  progress('');
  const figure = (name: string, samples: readonly number[], share: number): void => {
    print({ name, value: quantile(samples, share), unit: 'ms', n: samples.length }, json);
  };
  figure('live.election.p50', elections, 0.5);
  figure('live.election.max', elections, 1);
  figure('live.failover.p50', failovers, 0.5);
  figure('live.failover.max', failovers, 1);
  figure('live.crash.p50', crashes, 0.5);
  figure('live.crash.max', crashes, 1);
  figure('live.commit.p50', commitTimes, 0.5);
  figure('live.commit.p99', commitTimes, 0.99);
} finally {
  await broker.close();
  await site.close();
}
