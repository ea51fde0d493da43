/** `npm run bench:tabs`: what a link between two tabs of one browser costs, over a BroadcastChannel and over WebRTC. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { openBrowser, serve } from '../e2e/browser.ts';
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import type { TabLinkKind, TabsBench } from './pages/tabs.ts';
import { print, progress, quantile } from './report.ts';

declare const bench: TabsBench;

const help = `Usage: npm run bench:tabs -- [--rounds N] [--megabytes N] [--json]

Measures a link between two tabs of one Chromium, the kinds in turns; the floor is WebRTC driven by simple-peer.

  tabs.broadcast.*    over a BroadcastChannel
  tabs.bare.*         over WebRTC, on the browser's own RTCPeerConnection
  tabs.simple-peer.*  over WebRTC, through simple-peer

  ....connect         from the first call until both ends are open
  ....rtt             a round trip of 64 B on the control lane
  ....throughput      frames of 64 KiB on the bulk lane, until the other tab has all

  --rounds N      turns (default 5)
  --megabytes N   for each throughput (default 32)
  --json          one line of JSON for each figure, and nothing else on standard output`;

const { rounds, megabytes, json } = commandLine(help, {
  rounds: wholeNumber(5),
  megabytes: wholeNumber(32),
  json: flag,
});

const bytes = megabytes * 1_000_000;
const kinds: readonly TabLinkKind[] = ['simple-peer', 'bare', 'broadcast'];

interface Samples {
  readonly connect: number[];
  readonly rtt: number[];
  readonly throughput: number[];
}

async function openTab(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForFunction(() => 'bench' in globalThis);
  return page;
}

async function measure(one: Page, other: Page, kind: TabLinkKind, name: string, samples: Samples): Promise<void> {
  const open = (page: Page, isFirst: boolean): Promise<void> =>
    page.evaluate(([what, called, first]) => bench.open(what, called, first), [kind, name, isFirst] as const);
  const start = performance.now();
  // The far end first: an offer must not come before anybody listens.
  const far = open(other, false);
  if (kind === 'broadcast') await far;
  await Promise.all([far, open(one, true)]);
  samples.connect.push(performance.now() - start);
  samples.rtt.push(...(await one.evaluate(() => bench.roundTrips(20))));
  samples.throughput.push(await one.evaluate((count) => bench.throughput(count), bytes));
  for (const page of [one, other]) {
    await page.evaluate(() => {
      bench.close();
    });
  }
}

const profile = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
const site = await serve('bench/pages');
const browser = await openBrowser(profile);
try {
  const address = `${site.url}tabs.html`;
  const [one, other] = [await openTab(browser, address), await openTab(browser, address)];
  const all = new Map<TabLinkKind, Samples>(kinds.map((kind) => [kind, { connect: [], rtt: [], throughput: [] }]));
  for (let round = 1; round <= rounds; round++) {
    for (const [kind, samples] of all) {
      progress(`round ${round} of ${rounds}, ${kind}`);
      await measure(one, other, kind, `${kind} ${round}`, samples);
    }
  }
  progress('');
  const floor = all.get('simple-peer');
  for (const [kind, samples] of all) {
    const figure = (part: string, of: keyof Samples, share: number, unit: string, scale = 1): void => {
      const beside = floor === undefined ? {} : { floor: quantile(floor[of], share) * scale };
      const value = quantile(samples[of], share) * scale;
      print({ name: `tabs.${kind}.${part}`, value, unit, n: samples[of].length, ...beside }, json);
    };
    figure('connect.p50', 'connect', 0.5, 'ms');
    figure('rtt.p50', 'rtt', 0.5, 'ms');
    figure('rtt.p99', 'rtt', 0.99, 'ms');
    figure('throughput', 'throughput', 0.5, 'MB/s', 1e-6);
  }
} finally {
  await browser.close();
  await site.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
