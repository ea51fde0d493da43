/** `npm run picture`: makes the README's picture of the demo, from three real tabs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { at, openBrowser, serve } from '../e2e/browser.ts';
import { createSignalingServer } from '../signaling-server/index.ts';

const profile = mkdtempSync(join(tmpdir(), 'flotilla-picture-'));
const broker = await createSignalingServer({ port: 0 });
const site = await serve('demo');
const browser = await openBrowser(profile);
try {
  const first = await browser.newPage();
  await first.setViewportSize({ width: 1060, height: 690 });
  await first.goto(`${site.url}?signaling=${encodeURIComponent(broker.url)}`);
  await first.getByRole('button', { name: 'Create a group' }).click();
  await first.locator('progress').waitFor();
  const others = [await browser.newPage(), await browser.newPage()];
  for (const page of others) await page.goto(first.url());
  await first.locator('.member.leader').waitFor();
  for (const command of ['set harbor Lisbon', 'add boats 3', 'set course southwest', 'add boats 2']) {
    await first.getByLabel('Command').fill(command);
    await first.getByLabel('Command').press('Enter');
    await first.locator('.outcome.committed').waitFor();
  }
  await first.locator('.log tbody tr').nth(4).locator('.mark.applied').nth(2).waitFor();
  await first.locator('.log tbody tr').first().locator('.mark.applied').nth(2).waitFor();
  await first.screenshot({ path: at('docs/demo.png') });
} finally {
  await browser.close();
  await site.close();
  await broker.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
