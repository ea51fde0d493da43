#!/usr/bin/env node
/** `flotilla-signaling`: the broker as a command. */
import { pino } from 'pino';
import { type CommandArguments, help, readArguments, UsageError } from './arguments.ts';
import { createSignalingServer } from './server.ts';

function fail(error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  console.error(`flotilla-signaling: ${text}${error instanceof UsageError ? '\nTry --help.' : ''}`);
  process.exit(error instanceof UsageError ? 2 : 1);
}

function understand(): CommandArguments {
  try {
    const understood = readArguments(process.argv.slice(2), process.env);
    if (understood !== null) return understood;
  } catch (error) {
    fail(error);
  }
  console.log(help());
  process.exit(0);
}

const { options, logLevel, readTls } = understand();
const logger = pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
const server = await createSignalingServer({ ...options, logger }).catch(fail);
console.log(`The signaling server listens on ${server.url}`);

let isEnding = false;
function end(closing: () => Promise<void>): void {
  // A second signal means it.
  if (isEnding) process.exit(1);
  isEnding = true;
  closing().catch(fail);
}
process.on('SIGTERM', () => {
  end(() => server.drain());
});
process.on('SIGINT', () => {
  end(() => server.close());
});
if (readTls !== null) {
  process.on('SIGHUP', () => {
    try {
      server.renewTls(readTls());
    } catch (error) {
      logger.error({ error: String(error) }, 'kept the old certificate');
    }
  });
}
