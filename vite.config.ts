import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const config: ViteUserConfig = defineConfig({
  root: at('demo'),
  plugins: [react()],
  resolve: { alias: { flotilla: at('src/index.ts') } },
  build: { outDir: at('dist/demo'), emptyOutDir: true },
  test: { root: at('.'), include: ['test/**/*.test.ts'], pool: 'forks', setupFiles: ['test/setup.ts'] },
});

export default config;
