/**
 * `npm run bench:commit`: what a commit costs an application, beside the least that a quorum can cost. Three tabs, each in a
 * browser with a profile of its own on disk, so that strict durability reaches the disk three times.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { openBrowser, serve } from '../e2e/browser.ts';
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import { createSignalingServer } from '../signaling-server/index.ts';
import { isolation } from './isolation.ts';
import type { CommitBench } from './pages/commit.ts';
import { print, progress, quantile } from './report.ts';
import { Split } from './split.ts';

declare const bench: CommitBench;

const help = `Usage: npm run bench:commit -- [--rounds N] [--commits N] [--burst N] [--json]

Measures a group of three real tabs over WebRTC with strict IndexedDB on disk, commands of 128 bytes, through the public
API. The floor: the same three tabs without Raft. One writes strictly and sends the bytes to the two others over raw data
channels, each writes strictly and answers, and it is done at two of three. They take turns in every round.

  commit.leader      p50 and p99, a command from the leader's tab, one at a time, until it is applied there
  commit.follower    the same from a follower's tab; its floor is that of the leader, and one round trip
  commit.throughput  commands a second from the leader's tab with 256 in flight; the floor has records of 64 commands, 4
                     in flight
  commit.forwarded   the same from a follower's tab
  commit.outbox      p50 and p99, as commit.leader in a group with an outbox, which writes each command in its tab before it is
                     sent; the floor does one strict write first, too
  commit.outbox.follower
                     the same from a follower's tab; its floor is that, and one round trip
  commit.leader.*, commit.follower.*
                     where the time of those one at a time goes, on average, by the group's own metrics: waiting, network and
                     apply follow one another; encoding of frames is part of them, and disk is each write of the tab's
                     own store, beside the network

  --rounds N   turns (default 10); half as many with an outbox
  --commits N  commands one at a time, in each round and place (default 100)
  --burst N    commands with 256 in flight, in each round and place (default 20000)
  --json       one line of JSON for each figure, and nothing else on standard output`;

const { rounds, commits, burst, json } = commandLine(help, {
  rounds: wholeNumber(10),
  commits: wholeNumber(100),
  burst: wholeNumber(20_000, 64),
  json: flag,
});

const inFlight = 256;
const together = 64;

async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => 'bench' in globalThis && crossOriginIsolated);
  return page;
}

async function connectBare(writer: Page, others: readonly Page[]): Promise<void> {
  for (const [i, other] of others.entries()) {
    const offer = await writer.evaluate((to) => bench.bare.offer(to), String(i));
    const answer = await other.evaluate((text) => bench.bare.answer(text), offer);
    // Resolves when all channels that were offered so far are open.
    await writer.evaluate(([from, text]) => bench.bare.accept(from, text), [String(i), answer] as const);
  }
}

interface Group {
  readonly leader: Page;
  readonly followers: readonly Page[];
}

async function found([first, ...others]: readonly Page[], signaling: string, outbox: boolean): Promise<Group> {
  if (first === undefined) throw new RangeError('a group needs a tab');
  const invite = await first.evaluate(([url, keeps]) => bench.create(url, keeps), [signaling, outbox] as const);
  for (const page of others) await page.evaluate(([text, keeps]) => bench.join(text, keeps), [invite, outbox] as const);
  const pages = [first, ...others];
  await Promise.all(pages.map((page) => page.evaluate(() => bench.commits(50))));
  const roles = await Promise.all(pages.map((page) => page.evaluate(() => bench.role())));
  const leader = pages[roles.indexOf('leader')];
  if (leader === undefined) throw new Error(`no leader among ${roles.join()}`);
  return { leader, followers: pages.filter((page) => page !== leader) };
}

const samples = {
  leader: [] as number[],
  follower: [] as number[],
  bare: [] as number[],
  outbox: [] as number[],
  outboxFollower: [] as number[],
  bareKept: [] as number[],
  roundTrip: [] as number[],
  throughput: [] as number[],
  forwarded: [] as number[],
  bareThroughput: [] as number[],
};

const splits = { leader: new Split(), follower: new Split() };

/** Commits one at a time, with where their time goes. */
async function timed(page: Page, split: Split): Promise<number[]> {
  const before = await page.evaluate(() => bench.metrics());
  const times = await page.evaluate((n) => bench.commits(n), commits);
  split.add(before, await page.evaluate(() => bench.metrics()));
  return times;
}

async function measure({ leader, followers: [follower] }: Group): Promise<void> {
  if (follower === undefined) throw new RangeError('there is no follower');
  const perSecond = (ms: number): number => (burst / ms) * 1000;
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`);
    samples.bare.push(...(await leader.evaluate((n) => bench.bare.commits(n), commits)));
    samples.leader.push(...(await timed(leader, splits.leader)));
    samples.follower.push(...(await timed(follower, splits.follower)));
    samples.roundTrip.push(...(await leader.evaluate((n) => bench.bare.roundTrips(n), commits)));
    const shape = [burst - (burst % together), together, inFlight / together] as const;
    samples.bareThroughput.push(perSecond(await leader.evaluate((given) => bench.bare.saturate(...given), shape)));
    const load = [burst, inFlight] as const;
    samples.throughput.push(perSecond(await leader.evaluate((given) => bench.saturate(...given), load)));
    samples.forwarded.push(perSecond(await follower.evaluate((given) => bench.saturate(...given), load)));
  }
  progress('');
}

/** @param writer that of the bare quorum */
async function measureOutbox(writer: Page, { leader, followers: [follower] }: Group): Promise<void> {
  if (follower === undefined) throw new RangeError('there is no follower');
  const half = Math.ceil(rounds / 2);
  for (let round = 1; round <= half; round++) {
    progress(`with an outbox: round ${round} of ${half}`);
    samples.bareKept.push(...(await writer.evaluate((n) => bench.bare.keptCommits(n), commits)));
    samples.outbox.push(...(await leader.evaluate((n) => bench.commits(n), commits)));
    samples.outboxFollower.push(...(await follower.evaluate((n) => bench.commits(n), commits)));
  }
  progress('');
}

function report(): void {
  const latency = (name: string, own: keyof typeof samples, bare: 'bare' | 'bareKept', more = 0): void => {
    for (const [share, label] of [
      [0.5, 'p50'],
      [0.99, 'p99'],
    ] as const) {
      const floor = quantile(samples[bare], share) + more;
      const [value, n] = [quantile(samples[own], share), samples[own].length];
      print({ name: `commit.${name}.${label}`, value, unit: 'ms', n, floor }, json);
    }
  };
  const roundTrip = quantile(samples.roundTrip, 0.5);
  latency('leader', 'leader', 'bare');
  latency('follower', 'follower', 'bare', roundTrip);
  latency('outbox', 'outbox', 'bareKept');
  latency('outbox.follower', 'outboxFollower', 'bareKept', roundTrip);
  for (const name of ['leader', 'follower'] as const) {
    for (const figure of splits[name].figures(`commit.${name}`)) print(figure, json);
  }
  print({ name: 'commit.roundtrip.p50', value: roundTrip, unit: 'ms', n: samples.roundTrip.length }, json);
  const floor = quantile(samples.bareThroughput, 0.5);
  for (const name of ['throughput', 'forwarded'] as const) {
    const value = quantile(samples[name], 0.5);
    print({ name: `commit.${name}`, value, unit: 'commands/s', n: rounds * burst, floor }, json);
  }
}

const profiles = Array.from({ length: 3 }, () => mkdtempSync(join(tmpdir(), 'flotilla-bench-')));
const site = await serve('bench/pages', [isolation]);
const broker = await createSignalingServer({ port: 0 });
const browsers = await Promise.all(profiles.map((profile) => openBrowser(profile)));
try {
  const pages = await Promise.all(browsers.map((context) => openPage(context, `${site.url}commit.html`)));
  const group = await found(pages, broker.url, false);
  await connectBare(group.leader, group.followers);
  await measure(group);
  await measureOutbox(group.leader, await found(pages, broker.url, true));
  report();
} finally {
  await Promise.all(browsers.map((context) => context.close()));
  await broker.close();
  await site.close();
  for (const profile of profiles) rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
