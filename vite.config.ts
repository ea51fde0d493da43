import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const inDemo = (path: string): string => at(`demo/${path}`);

/** Small applications beside the demo, each a page in a folder of its own. */
const applications = ['board', 'booking', 'chat'];

const config: ViteUserConfig = defineConfig({
  root: at('demo'),
  plugins: [react()],
  // A name stands for all that begins with it: the longer one first.
  resolve: {
    alias: {
      'flotilla/simulation': at('src/simulation/index.ts'),
      'flotilla/react': at('src/react/index.ts'),
      'flotilla/machines': at('src/machines.ts'),
      flotilla: at('src/index.ts'),
      // Optional for us, so that Vite by itself would take it for missing.
      react: at('node_modules/react'),
    },
  },
  optimizeDeps: {
    // Known before the first page asks: finding them out then would reload the page under its user.
    include: [
      '@msgpack/msgpack',
      'idb',
      'react',
      'react-dom/client',
      'react/jsx-dev-runtime',
      'react/jsx-runtime',
      'simple-peer/simplepeer.min.js',
      'use-sync-external-store/shim/with-selector',
    ],
  },
  build: {
    outDir: at('dist/demo'),
    emptyOutDir: true,
    target: 'es2022',
    rolldownOptions: { input: ['index.html', ...applications.map((name) => `${name}/index.html`)].map(inDemo) },
  },
  test: { root: at('.'), include: ['test/**/*.test.ts'], pool: 'forks', setupFiles: ['test/setup.ts'] },
});

export default config;
