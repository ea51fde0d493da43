/**
 * The worker as one plain script. What runs through tsx gives every function its name anew whenever one is made, which costs
 * a simulation a sixth of its speed; and each worker would load a hundred files by itself.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export interface Bundle {
  readonly path: string;
  /** Takes it away again. */
  remove(): void;
}

/** Bundles `worker.ts`, with a map to its sources. */
export async function bundleWorker(): Promise<Bundle> {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-simulate-'));
  await build({
    configFile: false,
    logLevel: 'warn',
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL('./worker.ts', import.meta.url)),
      outDir: directory,
      emptyOutDir: false,
      minify: false,
      sourcemap: true,
      target: 'node20',
    },
  });
  return {
    path: join(directory, 'worker.js'),
    remove: () => {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
