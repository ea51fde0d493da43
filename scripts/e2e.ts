/** `npm run e2e`: the browser tests. Arguments go to Playwright, for example a part of a test's name after -g. */
import { spawnSync } from 'node:child_process';
import { ensureChromium } from './chromium.ts';

try {
  process.env.CHROMIUM_PATH = ensureChromium();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
const playwright = ['node_modules/playwright/cli.js', 'test', '--config', 'e2e/playwright.config.ts'];
const { status } = spawnSync(process.execPath, [...playwright, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 1);
