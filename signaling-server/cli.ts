#!/usr/bin/env node
/** `flotilla-signaling`: the broker as a command. */
import { parseArgs } from 'node:util';
import { createSignalingServer, defaultSignalingServerOptions } from './server.ts';

const help = `Usage: flotilla-signaling [--host ADDRESS] [--port PORT]

Introduces browser tabs of a topic to each other, so that they can connect over WebRTC. Nothing is stored.

  --host ADDRESS  where to listen (default ${defaultSignalingServerOptions.host}; 0.0.0.0 for every interface)
  --port PORT     0 to 65535, 0 picks a free one (default ${defaultSignalingServerOptions.port})
  --help          this text

Ends on SIGINT or SIGTERM, after telling every client.`;

function fail(message: string): never {
  console.error(`flotilla-signaling: ${message}`);
  process.exit(2);
}

function readArguments(): { host: string; port: number } {
  const { host, port } = defaultSignalingServerOptions;
  try {
    const { values } = parseArgs({
      options: {
        host: { type: 'string', default: host },
        port: { type: 'string', default: String(port) },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(help);
      process.exit(0);
    }
    if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535) fail('--port takes a number from 0 to 65535');
    return { host: values.host, port: Number(values.port) };
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
  }
}

const server = await createSignalingServer(readArguments()).catch((error: unknown) => fail(String(error)));
console.log(`The signaling server listens on ${server.url}`);

let isClosing = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A second signal means it.
    if (isClosing) process.exit(1);
    isClosing = true;
    void server.close();
  });
}
