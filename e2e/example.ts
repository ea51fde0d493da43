/**
 * The README's examples: the first one as a page, served under the name that the README tells to save it as, without writing
 * it there; the short ones as modules.
 */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { at } from './browser.ts';

/** The address of the signaling server in the example: where `npm start` has it. */
const startAddress = 'ws://127.0.0.1:8787';

/** The first block of code in the README in this language, or the first behind these words. */
function readmeBlock(language: string, words = ''): string {
  const readme = readFileSync(at('README.md'), 'utf8');
  const behind = readme.slice(Math.max(0, readme.indexOf(words)));
  const [, block] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(behind) ?? [];
  if (block === undefined || !readme.includes(words)) throw new Error(`the README has no example in ${language}`);
  return block;
}

/** @param signaling takes the place of the address in the example: the tests have a server of their own */
export function readmeExample(signaling: string): string {
  const example = readmeBlock('html');
  if (!example.includes(startAddress)) throw new Error('the README has no example with a signaling server');
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

/** The example of a room, as a function of the machine and the address of a server; without one it is for the tabs of one browser. */
function roomModule(): string {
  const block = readmeBlock('js', '## A name in place of an invite');
  const address = `'${startAddress}'`;
  if (!block.includes(address)) throw new Error('the README has no example of a room with a signaling server');
  const [imports = '', ...lines] = block.replace(address, 'signaling').split('\n');
  return `${imports}\nexport default async (machine, signaling) => {\n${lines.join('\n')}\nreturn group;\n};`;
}

const modules: Readonly<Record<string, () => string>> = {
  'Counter.svelte': () => readmeBlock('svelte'),
  'plain.js': () => `export default (group, document) => {\n${readmeBlock('js', 'Without a framework')}};`,
  'room.js': roomModule,
};

/** The short examples, as modules `virtual:readme/...`. */
export function importsExamples(): Plugin {
  const prefix = 'virtual:readme/';
  const folder = at('e2e/pages/readme/');
  return {
    name: 'readme-examples',
    enforce: 'pre',
    resolveId: (id) => (id.startsWith(prefix) ? folder + id.slice(prefix.length) : null),
    load: (id) => (id.startsWith(folder) ? modules[id.slice(folder.length)]?.() : null),
  };
}
