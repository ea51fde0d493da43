import { defineConfig, type PlaywrightTestConfig } from 'playwright/test';
import type { TestFixtures } from './fixtures.ts';

const config: PlaywrightTestConfig<TestFixtures> = defineConfig<TestFixtures>({
  testDir: '.',
  outputDir: '../test-results',
  // A test opens several tabs, each with its own processes: one test at a time leaves them the machine.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  projects: [
    { name: 'simple-peer' },
    // Whatever stands on WebRTC, without simple-peer as well.
    { name: 'bare', testMatch: /(library|links|turn)\.spec\.ts$/, use: { webrtc: 'bare' } },
  ],
  reporter: [['list'], ['json', { outputFile: '../test-results/e2e.json' }]],
});

export default config;
