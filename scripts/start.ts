/** `npm start`: the signaling server and the demo on loopback, and the address to open. */
import { createServer } from 'vite';
import { commandLine, wholeNumber } from './command-line.ts';
import { createSignalingServer, defaultSignalingServerOptions } from '../signaling-server/index.ts';

const host = '127.0.0.1';

const help = `Usage: npm start -- [--port N] [--signaling-port N]

Serves the demo and a signaling server on loopback, and prints the address to open.

  --port N            of the demo (default 5173; the next free one if it is in use)
  --signaling-port N  of the signaling server (default ${defaultSignalingServerOptions.port}; any free one if it is in use)`;

const { port: demoPort, 'signaling-port': signalingPort } = commandLine(help, {
  port: wholeNumber(5173, 0, 65_535),
  'signaling-port': wholeNumber(defaultSignalingServerOptions.port, 0, 65_535),
});

async function startSignaling(): Promise<string> {
  try {
    return (await createSignalingServer({ host, port: signalingPort })).url;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const { url } = await createSignalingServer({ host, port: 0 });
    console.warn(
      `Port ${signalingPort} is in use: the signaling server took another. Groups from earlier runs will not find it.`,
    );
    return url;
  }
}

const signaling = await startSignaling();
process.env.VITE_SIGNALING = signaling;
const demo = await createServer({ server: { host, port: demoPort }, logLevel: 'warn', clearScreen: false });
await demo.listen();
const [address = ''] = demo.resolvedUrls?.local ?? [];

console.log(`
  Flotilla is running.

    demo       ${address}
    board      ${address}board/
    booking    ${address}booking/
    chat       ${address}chat/
    signaling  ${signaling}

  Open the demo, create a group, and open two more tabs from it. Ctrl+C ends both servers.
`);
