/** A seed is the same run everywhere. */
import { drawPlan } from '../src/simulation/plan.ts';
import { runPlan } from '../src/simulation/run.ts';
import { expect, test } from './fixtures.ts';
import type { Harness } from './pages/harness.ts';

declare const harness: Harness;

test('a simulated run is the same in the browser as in Node, to the last event', async ({
  browserContext,
  harness: at,
}) => {
  const page = await browserContext.newPage();
  await page.goto(`${at}harness.html`);
  await page.waitForFunction(() => 'harness' in globalThis);
  for (const seed of [6, 11]) {
    const here = runPlan(drawPlan(seed)).hash;
    expect(await page.evaluate((one) => harness.simulate(one), seed)).toBe(here);
  }
});
