/** What the browser tests stand on: the demo as `npm start` serves it, a signaling server, and a browser on a real disk. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type BrowserContext,
  chromium,
  type Page,
  type PlaywrightTestArgs,
  type PlaywrightTestOptions,
  type PlaywrightWorkerArgs,
  type PlaywrightWorkerOptions,
  type TestType,
  test as base,
} from 'playwright/test';
import { createServer, type Plugin } from 'vite';
import { chromiumArguments, ensureChromium } from '../scripts/chromium.ts';
import { createSignalingServer, type SignalingServer } from '../signaling-server/index.ts';

export const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The example of the README, as a page of its own. */
export function readmeExample(): string {
  const readme = readFileSync(at('../README.md'), 'utf8');
  const [, example] = /```html\n([\s\S]*?)```/.exec(readme) ?? [];
  if (example === undefined) throw new Error('the README has no example page');
  return example;
}

/** Serves the README's example under the name that the README tells to save it as, without writing it into the tree. */
const servesExample: Plugin = {
  name: 'readme-example',
  configureServer(server) {
    server.middlewares.use('/hello.html', (request, response, next) => {
      server
        .transformIndexHtml('/hello.html', readmeExample(), request.originalUrl)
        .then((page) => response.setHeader('content-type', 'text/html').end(page), next);
    });
  },
};

async function serve(root: string, plugins: Plugin[]): Promise<{ url: string; close: () => Promise<void> }> {
  const server = await createServer({
    configFile: at('../vite.config.ts'),
    root,
    plugins,
    server: { host: '127.0.0.1', port: 0, fs: { allow: [at('..')] } },
    cacheDir: join(at('../node_modules/.vite'), `e2e-${root.split('/').at(-1) ?? ''}`),
    logLevel: 'warn',
  });
  await server.listen();
  return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() };
}

/** A browser with a profile of its own on disk: an ordinary context keeps IndexedDB in memory. */
export function openBrowser(profile: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath: ensureChromium(),
    headless: true,
    args: chromiumArguments(),
    viewport: { width: 1100, height: 800 },
  });
}

export interface TestFixtures {
  readonly broker: SignalingServer;
  readonly profile: string;
  readonly browserContext: BrowserContext;
  /** Opens a tab of the demo: its first page, or wherever an address says. */
  readonly openTab: (address?: string) => Promise<Page>;
}

export interface WorkerFixtures {
  readonly demo: string;
  readonly harness: string;
}

export type FlotillaTest = TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & TestFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions & WorkerFixtures
>;

export const test: FlotillaTest = base.extend<TestFixtures, WorkerFixtures>({
  demo: [
    async ({}, use) => {
      const { url, close } = await serve(at('../demo'), [servesExample]);
      await use(url);
      await close();
    },
    { scope: 'worker' },
  ],
  harness: [
    async ({}, use) => {
      const { url, close } = await serve(at('pages'), []);
      await use(url);
      await close();
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
  browserContext: async ({ profile }, use) => {
    const context = await openBrowser(profile);
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
