/**
 * Finds a Chromium for the browser tests: the one that CHROMIUM_PATH names, Playwright's own, or the system's. If there is
 * none, installs one: Playwright's download, else Debian's package when we may.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright';

const systemNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const macPaths = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function find(): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const system = folders.flatMap((folder) => systemNames.map((name) => join(folder, name)));
  return [chromium.executablePath(), ...system, ...macPaths].find(isExecutable) ?? null;
}

/** Runs an installer; its output goes to our standard error. */
function run(command: string, ...args: readonly string[]): boolean {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: ['ignore', 2, 2], env: environment }).status === 0;
}

/**
 * The path of a Chromium that can be run.
 * @throws Error that says in one line what to do
 */
export function ensureChromium(): string {
  const named = process.env.CHROMIUM_PATH;
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new Error(`CHROMIUM_PATH is ${named}, which cannot be run: set it to a Chromium or Chrome, or unset it.`);
  }
  const found = find();
  if (found !== null) return found;
  console.error('There is no Chromium on this machine: installing one (Playwright first).');
  run(process.execPath, 'node_modules/playwright/cli.js', 'install', 'chromium');
  const downloaded = find();
  if (downloaded !== null) return downloaded;
  if (process.getuid?.() === 0 && run('apt-get', '--version')) {
    console.error("Playwright's download failed: installing Debian's chromium package.");
    run('apt-get', 'update');
    run('apt-get', 'install', '--yes', '--no-install-recommends', 'chromium');
    const installed = find();
    if (installed !== null) return installed;
  }
  throw new Error(
    'No Chromium could be installed: install Chromium or Chrome, or set CHROMIUM_PATH to one, and run this again.',
  );
}

/** What a headless Chromium needs here: no sandbox as root, and no calls home, which fail without a network. */
export function chromiumArguments(): string[] {
  return [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--disable-quic',
  ];
}
