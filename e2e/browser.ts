/** A real browser on a real disk, and pages served to it: for the browser tests and the benchmarks. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium } from 'playwright';
import { createServer, type PluginOption } from 'vite';
import { chromiumArguments, ensureChromium } from '../scripts/chromium.ts';

/** A path from the top of the repository. */
export const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export interface Site {
  /** Ends with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a folder of pages, given from the top of the repository, as `npm start` serves the demo. */
export async function serve(folder: string, plugins: PluginOption[] = []): Promise<Site> {
  const server = await createServer({
    configFile: at('vite.config.ts'),
    root: at(folder),
    plugins,
    server: { host: '127.0.0.1', port: 0, fs: { allow: [at('.')] } },
    cacheDir: join(at('node_modules/.vite'), folder.replaceAll('/', '-')),
    logLevel: 'warn',
  });
  await server.listen();
  return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() };
}

/**
 * A browser with a profile of its own on disk: an ordinary context keeps IndexedDB in memory.
 * @param more arguments beside those that it always needs
 * @param without arguments that Playwright gives by itself, and that are left out
 */
export function openBrowser(
  profile: string,
  more: readonly string[] = [],
  without: readonly string[] = [],
): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath: ensureChromium(),
    headless: true,
    args: [...chromiumArguments(), ...more],
    ignoreDefaultArgs: [...without],
    viewport: { width: 1100, height: 800 },
  });
}
