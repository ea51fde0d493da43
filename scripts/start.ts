/** `npm start`: the signaling server and the demo on loopback, and the address to open. */
import { parseArgs } from 'node:util';
import { createServer } from 'vite';
import { createSignalingServer, defaultSignalingServerOptions } from '../signaling-server/index.ts';

const host = '127.0.0.1';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '5173' },
    'signaling-port': { type: 'string', default: String(defaultSignalingServerOptions.port) },
  },
});

async function startSignaling(): Promise<string> {
  const port = Number(values['signaling-port']);
  try {
    return (await createSignalingServer({ host, port })).url;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const { url } = await createSignalingServer({ host, port: 0 });
    console.warn(
      `Port ${port} is in use: the signaling server took another. Groups from earlier runs will not find it.`,
    );
    return url;
  }
}

const signaling = await startSignaling();
process.env.VITE_SIGNALING = signaling;
const demo = await createServer({ server: { host, port: Number(values.port) }, logLevel: 'warn', clearScreen: false });
await demo.listen();
const [address = ''] = demo.resolvedUrls?.local ?? [];

console.log(`
  Flotilla is running.

    demo       ${address}
    signaling  ${signaling}

  Open the demo, create a group, and open two more tabs from it. Ctrl+C ends both servers.
`);
