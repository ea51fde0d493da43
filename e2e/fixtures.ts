/** What the browser tests stand on: the demo as `npm start` serves it, a signaling server, and a browser on a real disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BrowserContext,
  type Page,
  type PlaywrightTestArgs,
  type PlaywrightTestOptions,
  type PlaywrightWorkerArgs,
  type PlaywrightWorkerOptions,
  type TestType,
  test as base,
} from 'playwright/test';
import { openBrowser, serve } from './browser.ts';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { importsExamples, servesExample } from './example.ts';
import { createSignalingServer, type SignalingServer } from '../signaling-server/index.ts';

export interface TestFixtures {
  /** What WebRTC is driven with, in pages of the harness and in Node: of the project that a test runs in. */
  readonly webrtc: WebRtcKind;
  readonly broker: SignalingServer;
  readonly profile: string;
  readonly browserContext: BrowserContext;
  /** Opens a tab of the demo: its first page, or wherever an address says. */
  readonly openTab: (address?: string) => Promise<Page>;
}

export type WebRtcKind = 'simple-peer' | 'bare';

export interface WorkerFixtures {
  /** The signaling server of the README's example. */
  readonly exampleBroker: SignalingServer;
  readonly demo: string;
  readonly harness: string;
}

export type FlotillaTest = TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & TestFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & WorkerFixtures
>;

export const test: FlotillaTest = base.extend<TestFixtures, WorkerFixtures>({
  exampleBroker: [
    async ({}, use) => {
      const broker = await createSignalingServer({ port: 0 });
      await use(broker);
      await broker.close();
    },
    { scope: 'worker' },
  ],
  demo: [
    async ({ exampleBroker }, use) => {
      const site = await serve('demo', [servesExample(exampleBroker.url)]);
      await use(site.url);
      await site.close();
    },
    { scope: 'worker' },
  ],
  harness: [
    async ({}, use) => {
      const site = await serve('e2e/pages', [importsExamples(), svelte()]);
      await use(site.url);
      await site.close();
    },
    { scope: 'worker' },
  ],
  broker: async ({}, use) => {
    const broker = await createSignalingServer({ port: 0 });
    await use(broker);
    await broker.close();
  },
  profile: async ({}, use) => {
    const profile = mkdtempSync(join(tmpdir(), 'flotilla-'));
    await use(profile);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  },
  webrtc: ['simple-peer', { option: true }],
  browserContext: async ({ profile, webrtc }, use) => {
    const context = await openBrowser(profile);
    await context.addInitScript((kind) => {
      Object.assign(globalThis, { webrtcOfTest: kind });
    }, webrtc);
    await use(context);
    await context.close();
  },
  openTab: async ({ browserContext, demo, broker }, use) => {
    const errors: string[] = [];
    await use(async (address) => {
      const page = await browserContext.newPage();
      page.on('pageerror', (error) => errors.push(String(error)));
      await page.goto(address ?? `${demo}?signaling=${encodeURIComponent(broker.url)}`);
      return page;
    });
    if (errors.length > 0) throw new Error(`pages had uncaught errors:\n${errors.join('\n')}`);
  },
});

export { expect } from 'playwright/test';
