import type { Plugin } from 'vite';

/** An isolated page has a clock of 5 microseconds, any other one of 100. */
export const isolation: Plugin = {
  name: 'isolation',
  config: () => ({
    server: {
      headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
    },
  }),
};
