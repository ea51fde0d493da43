import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const config: ViteUserConfig = defineConfig({
  root: at('demo'),
  plugins: [react()],
  // A name stands for all that begins with it: the longer one first.
  resolve: {
    alias: {
      'flotilla/simulation': at('src/simulation/index.ts'),
      'flotilla/machines': at('src/machines.ts'),
      flotilla: at('src/index.ts'),
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
    ],
  },
  build: { outDir: at('dist/demo'), emptyOutDir: true, target: 'es2022' },
  test: { root: at('.'), include: ['test/**/*.test.ts'], pool: 'forks', setupFiles: ['test/setup.ts'] },
});

export default config;
