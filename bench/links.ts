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
import { barePeer } from '../src/transport/bare-connection.ts';
import { simplePeer } from '../src/transport/simple-peer-connection.ts';
import { type Compared, linkMeasures, type LinkMeasures } from './link-measures.ts';
import { print, progress, quantile } from './report.ts';

declare const linksPage: LinksPage;

const help = `Usage: npm run bench:links -- [--rounds N] [--megabytes N] [--json]

Measures, beside two bare RTCDataChannels of one RTCPeerConnection in the same run (floor, and ratio to it):

  link.webrtc.*     the default link: simple-peer in Chromium
  link.bare.*       the link on the browser's own RTCPeerConnection
  link.broadcast.*  the link over a BroadcastChannel, between tabs of one browser
  link.node.*       simple-peer with @roamhq/wrtc, in Node, beside bare channels of @roamhq/wrtc
  link.node-bare.*  the link on the RTCPeerConnection of @roamhq/wrtc
  link.memory.*     within one process, beside nothing

  ....connect       from nothing to both ends open
  ....rtt           a round trip of 64 B on the control lane
  ....throughput    frames of 60 KiB, as parts of snapshots are, on the bulk lane. Links cut them into messages of
                    16 KiB at most; the bare channel sends messages of 16 KiB. Both channels are given more while
                    their bufferedAmount is below 64 KiB
  ....heartbeat     a round trip on the control lane while bulk flows
  lanes.*.heartbeat the same on bare channels: one for both lanes, one for each, a connection for each

All that are compared take turns, sample by sample, in changing order. value and floor are medians (or p99) of their
samples; the ratio of medians is the median of the ratios, sample by sample: those that met the same machine.

  --rounds N      each with connections of its own (default 5)
  --megabytes N   in each round for each throughput (default 32)
  --json          one line of JSON for each figure, and nothing else on standard output`;

const { rounds, megabytes, json } = commandLine(help, {
  rounds: wholeNumber(5),
  megabytes: wholeNumber(32),
  json: flag,
});
const bytes = megabytes * 1_000_000;
/** The bare layout that links are compared with. */
const floor = 'two';
const connectsPerRound = 4;
const tripsPerRound = 20;
const floodsPerRound = 4;
const heartbeatsPerRound = 50;

type Measured = 'connect' | 'rtt' | 'throughput' | 'heartbeat';
type Samples = Record<Measured, Record<string, number[]>>;

async function measure(measures: LinkMeasures, what: readonly string[], where: string): Promise<Samples> {
  const all: Samples = { connect: {}, rtt: {}, throughput: {}, heartbeat: {} };
  for (let round = 1; round <= rounds; round++) {
    const take = async (figure: Measured, taken: Promise<Compared>): Promise<void> => {
      progress(`${where}: round ${round} of ${rounds}, ${figure}`);
      for (const [each, samples] of Object.entries(await taken)) (all[figure][each] ??= []).push(...samples);
    };
    await take('connect', measures.connectTimes(what, connectsPerRound));
    await take('rtt', measures.roundTrips(what, tripsPerRound));
    await take('throughput', measures.throughput(what, floodsPerRound, bytes / floodsPerRound));
    await take('heartbeat', measures.heartbeats(what, heartbeatsPerRound));
  }
  progress('');
  return all;
}

/** Prints the figures of a link beside those of the floor; without, where there is nothing to compare with. */
function report(name: string, all: Samples, what: string, beside: string | null): void {
  const figure = (part: string, of: keyof Samples, share: number, unit: string, scale = 1): void => {
    const samples = all[of][what] ?? [];
    const floors = beside === null ? [] : (all[of][beside] ?? []);
    const value = quantile(samples, share) * scale;
    // The samples of a place met the same machine: a median compares them one by one.
    const ratios = samples.map((sample, i) => sample / (floors[i] ?? Number.NaN));
    const ratio = share === 0.5 ? { ratio: quantile(ratios, share) } : {};
    const compared = floors.length === 0 ? {} : { floor: quantile(floors, share) * scale, ...ratio };
    print({ name: `${name}.${part}`, value, unit, n: samples.length, ...compared }, json);
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
  const found = await measure(inPage, [floor, 'bare', 'simple-peer', 'broadcast', 'one', 'apart'], 'Chromium');
  report('link.webrtc', found, 'simple-peer', floor);
  report('link.bare', found, 'bare', floor);
  report('link.broadcast', found, 'broadcast', floor);
  for (const layout of ['one', 'two', 'apart']) {
    const heartbeat = found.heartbeat[layout] ?? [];
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
  link: {
    bare: webRtcPair(barePeer((configuration) => new wrtc.RTCPeerConnection(configuration))),
    'simple-peer': webRtcPair(simplePeer(wrtc)),
  },
  connection: () => new wrtc.RTCPeerConnection(),
});
const found = await measure(inNode, [floor, 'bare', 'simple-peer'], 'Node');
report('link.node', found, 'simple-peer', floor);
report('link.node-bare', found, 'bare', floor);
const inMemory = linkMeasures({ link: { memory: memoryPair() }, connection: () => new wrtc.RTCPeerConnection() });
report('link.memory', await measure(inMemory, ['memory'], 'memory'), 'memory', null);
// The connections of @roamhq/wrtc keep the process alive for a while.
process.exit(0);
