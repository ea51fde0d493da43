/** The README's example as a page, served under the name that the README tells to save it as, without writing it there. */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { at } from './browser.ts';

/** The address of the signaling server in the example: where `npm start` has it. */
const startAddress = 'ws://127.0.0.1:8787';

/** @param signaling takes the place of the address in the example: the tests have a server of their own */
export function readmeExample(signaling: string): string {
  const [, example] = /```html\n([\s\S]*?)```/.exec(readFileSync(at('README.md'), 'utf8')) ?? [];
  if (example?.includes(startAddress) !== true) throw new Error('the README has no example with a signaling server');
  return example.replace(startAddress, signaling);
}

export function servesExample(signaling: string): Plugin {
  return {
    name: 'readme-example',
    configureServer(server) {
      server.middlewares.use('/hello.html', (request, response, next) => {
        // Vite asks for the scripts of the page under the page's own name.
        if (request.originalUrl?.includes('html-proxy') === true) {
          next();
          return;
        }
        server.transformIndexHtml('/hello.html', readmeExample(signaling), request.originalUrl).then((page) => {
          response.setHeader('content-type', 'text/html').end(page);
        }, next);
      });
    },
  };
}
