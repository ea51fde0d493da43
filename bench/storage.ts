/**
 * `npm run bench:storage`: what our store costs, beside IndexedDB with nothing around it. A real Chromium with its profile on
 * disk, so that strict durability reaches the disk.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { openBrowser, serve } from '../e2e/browser.ts';
import { commandLine, flag, wholeNumber } from '../scripts/command-line.ts';
import { isolation } from './isolation.ts';
import type { Layouts, Samples, StorageBench } from './pages/storage.ts';
import { print, progress, quantile } from './report.ts';

declare const bench: StorageBench;

const help = `Usage: npm run bench:storage -- [--rounds N] [--loads N] [--sqlite] [--layouts] [--json]

Measures the IndexedDB store in a real Chromium, with strict durability and a profile on disk. The floor of a flush is an
empty-handed strict transaction with one record of the same bytes; of a load, a bare read of the same records; of the
saturation, such transactions back to back with 512 entries each. They take turns with ours in the same page.

  storage.flush.1, .16, .256   ms, p50 and p99, for a flush of so many entries of 128 bytes with a hard state
  storage.saturation           entries a second, when 1024 are on their way at any time
  storage.load.10000, .100000  ms, to load a log of so many entries that came 64 in a flush
  storage.load.10000.single    ms, when each came in a flush of its own

  --rounds N   flushes of each size (default 300)
  --loads N    loads of each size (default 7)
  --sqlite     with Chromium's SQLite backend instead of LevelDB; names get the suffix .sqlite
  --layouts    compare one record for each entry with packed records as well, over bare IndexedDB
  --json       one line of JSON for each figure, and nothing else on standard output`;

const { rounds, loads, sqlite, layouts, json } = commandLine(help, {
  rounds: wholeNumber(300),
  loads: wholeNumber(7),
  sqlite: flag,
  layouts: flag,
  json: flag,
});

const suffix = sqlite ? '.sqlite' : '';

function figure(name: string, { ours, floor }: Samples, share: number, label: string): void {
  print(
    {
      name: `storage.${name}.${label}${suffix}`,
      value: quantile(ours, share),
      unit: 'ms',
      n: ours.length,
      floor: quantile(floor, share),
    },
    json,
  );
}

async function measure(page: Page): Promise<void> {
  for (const count of [1, 16, 256]) {
    progress(`flushes of ${count}`);
    const samples = await page.evaluate(([size, times]) => bench.flush(size, times), [count, rounds] as const);
    progress('');
    figure(`flush.${count}`, samples, 0.5, 'p50');
    figure(`flush.${count}`, samples, 0.99, 'p99');
  }
  progress('saturation');
  const count = 50_000;
  const { ours, floor } = await page.evaluate((entries) => bench.saturate(entries), count);
  progress('');
  print({ name: `storage.saturation${suffix}`, value: ours, unit: 'entries/s', n: count, floor }, json);
  for (const [entries, together, name] of [
    [10_000, 64, 'load.10000'],
    [100_000, 64, 'load.100000'],
    [10_000, 1, 'load.10000.single'],
  ] as const) {
    progress(name);
    const samples = await page.evaluate(([log, flush, times]) => bench.load(log, flush, times), [
      entries,
      together,
      loads,
    ] as const);
    progress('');
    figure(name, samples, 0.5, 'p50');
  }
  if (layouts) printLayouts(await page.evaluate(() => bench.compareLayouts(5)));
}

/** One record for each entry, with packed records for a floor. */
function printLayouts({ each, packed }: Layouts): void {
  for (const what of ['write', 'load', 'truncate'] as const) {
    figure(`layout.${what}`, { ours: each[what], floor: packed[what] }, 0.5, 'p50');
  }
}

const profile = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
const site = await serve('bench/pages', [isolation]);
const context = await openBrowser(profile, sqlite ? ['--enable-features=IdbSqliteBackingStore'] : []);
try {
  const page = await context.newPage();
  await page.goto(`${site.url}storage.html`);
  await page.waitForFunction(() => 'bench' in globalThis && crossOriginIsolated);
  await measure(page);
} finally {
  await context.close();
  await site.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
