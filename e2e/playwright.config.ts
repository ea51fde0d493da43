import { defineConfig, type PlaywrightTestConfig } from 'playwright/test';

const config: PlaywrightTestConfig = defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  // A test opens several tabs, each with its own processes: one test at a time leaves them the machine.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['json', { outputFile: '../test-results/e2e.json' }]],
});

export default config;
