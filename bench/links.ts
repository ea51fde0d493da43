/**
 * `npm run bench:links`: what links cost over a bare data channel, measured beside it in the same run, in turns, so that
 * both meet the same machine. Both ends are in one page of a real Chromium, or in one Node process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import wrtc from '@roamhq/wrtc';
import { openBrowser, serve } from '../e2e/browser.ts';
import type { LinksPage } from '../e2e/pages/links.ts';
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import { memoryPair, webRtcPair } from '../src/testing/link-pairs.ts';
import { simplePeer } from '../src/transport/simple-peer-connection.ts';
import { linkMeasures, type LinkMeasures } from './link-measures.ts';
import { print, progress, quantile } from './report.ts';

declare const linksPage: LinksPage;

const help = `Usage: npm run bench:links -- [--rounds N] [--megabytes N] [--json]

Measures, beside a bare RTCDataChannel in the same run (floor, and ratio to it):

  link.webrtc.*     the default link: simple-peer in Chromium
  link.bare.*       the link on the browser's own RTCPeerConnection
  link.broadcast.*  the link over a BroadcastChannel, between tabs of one browser
  link.node.*       simple-peer with @roamhq/wrtc, in Node
  link.memory.*     within one process

  ....connect       from nothing to both ends open
  ....rtt           a round trip of 64 B on the control lane
  ....throughput    frames of 64 KiB on the bulk lane; the bare channel gets messages of 16 KiB
  ....heartbeat     a round trip on the control lane while bulk flows
  lanes.*.heartbeat the same on bare channels: one for both lanes, one for each, a connection for each

  --rounds N      turns (default 5)
  --megabytes N   for each throughput (default 32)
  --json          one line of JSON for each figure, and nothing else on standard output`;

const { rounds, megabytes, json } = commandLine(help, {
  rounds: wholeNumber(5),
  megabytes: wholeNumber(32),
  json: flag,
});
const bytes = megabytes * 1_000_000;
const frameBytes = 64 * 1024;
/** What every browser carries: the bare channel has no fragments of its own. */
const bareMessageBytes = 16 * 1024;
/** The bare layout that links are compared with. */
const floor = 'two';

interface Samples {
  readonly connect: number[];
  readonly rtt: number[];
  readonly throughput: number[];
  readonly heartbeat: number[];
}

async function measure(measures: LinkMeasures, what: readonly string[], where: string): Promise<Map<string, Samples>> {
  const all = new Map<string, Samples>();
  for (const each of what) all.set(each, { connect: [], rtt: [], throughput: [], heartbeat: [] });
  for (let round = 1; round <= rounds; round++) {
    for (const [each, samples] of all) {
      progress(`${where}: round ${round} of ${rounds}, ${each}`);
      const size = ['one', 'two', 'apart'].includes(each) ? bareMessageBytes : frameBytes;
      samples.connect.push(...(await measures.connectTimes(each, 4)));
      samples.rtt.push(...(await measures.roundTrips(each, 20)));
      samples.throughput.push(await measures.throughput(each, bytes, size));
      samples.heartbeat.push(...(await measures.heartbeats(each, 50, size)));
    }
  }
  progress('');
  return all;
}

function report(name: string, samples: Samples | undefined, beside: Samples | undefined): void {
  if (samples === undefined) return;
  const figure = (part: string, of: keyof Samples, share: number, unit: string, scale = 1): void => {
    const value = quantile(samples[of], share) * scale;
    const floorValue = beside === undefined ? undefined : quantile(beside[of], share) * scale;
    const compared = floorValue === undefined ? {} : { floor: floorValue };
    print({ name: `link.${name}.${part}`, value, unit, n: samples[of].length, ...compared }, json);
  };
  figure('connect.p50', 'connect', 0.5, 'ms');
  figure('rtt.p50', 'rtt', 0.5, 'ms');
  figure('rtt.p99', 'rtt', 0.99, 'ms');
  figure('throughput', 'throughput', 0.5, 'MB/s', 1e-6);
  figure('heartbeat.p50', 'heartbeat', 0.5, 'ms');
  figure('heartbeat.p99', 'heartbeat', 0.99, 'ms');
}

const profile = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
const site = await serve('e2e/pages');
const browser = await openBrowser(profile);
try {
  const page = await browser.newPage();
  await page.goto(`${site.url}links.html`);
  await page.waitForFunction(() => 'linksPage' in globalThis);
  const inPage: LinkMeasures = {
    connectTimes: (...call) => page.evaluate((given) => linksPage.connectTimes(...given), call),
    roundTrips: (...call) => page.evaluate((given) => linksPage.roundTrips(...given), call),
    throughput: (...call) => page.evaluate((given) => linksPage.throughput(...given), call),
    heartbeats: (...call) => page.evaluate((given) => linksPage.heartbeats(...given), call),
  };
  const found = await measure(inPage, [floor, 'simple-peer', 'bare', 'broadcast', 'one', 'apart'], 'Chromium');
  const beside = found.get(floor);
  report('webrtc', found.get('simple-peer'), beside);
  report('bare', found.get('bare'), beside);
  report('broadcast', found.get('broadcast'), beside);
  for (const layout of ['one', 'two', 'apart']) {
    const heartbeat = found.get(layout)?.heartbeat ?? [];
    for (const share of [0.5, 0.99]) {
      const name = `lanes.${layout}.heartbeat.p${share * 100}`;
      print({ name, value: quantile(heartbeat, share), unit: 'ms', n: heartbeat.length }, json);
    }
  }
} finally {
  await browser.close();
  await site.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}

const inNode = linkMeasures({
  link: { 'simple-peer': webRtcPair(simplePeer(wrtc)), memory: memoryPair() },
  connection: () => new wrtc.RTCPeerConnection(),
});
const found = await measure(inNode, [floor, 'simple-peer', 'memory'], 'Node');
report('node', found.get('simple-peer'), found.get(floor));
report('memory', found.get('memory'), undefined);
// The connections of @roamhq/wrtc keep the process alive for a while.
process.exit(0);
