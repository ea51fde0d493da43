/** What the command can be told, on its command line or in its environment, and how it explains that. */
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  defaultRedisOptions,
  defaultSignalingServerOptions,
  type LimitName,
  limits,
  type SignalingServerOptions,
  type TlsOptions,
} from './options.ts';

/** Something that makes no sense, in a sentence. */
export class UsageError extends Error {}

export interface CommandArguments {
  readonly options: Partial<SignalingServerOptions>;
  readonly logLevel: string;
  /** Reads the certificate again; null: there is none. */
  readonly readTls: (() => TlsOptions) | null;
}

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
const { host, port } = defaultSignalingServerOptions;

/** Those that are no limits: what they take, and what they are for. */
const settings = {
  host: ['ADDRESS', `where to listen (default ${host}; 0.0.0.0 for every interface)`],
  port: ['PORT', `0 to 65535, 0 picks a free one (default ${port})`],
  'tls-cert': ['FILE', 'certificate with its chain, PEM; read again on SIGHUP'],
  'tls-key': ['FILE', 'its key, PEM'],
  'trust-proxy': ['LIST', 'proxies whose X-Forwarded-For is believed: addresses, networks, loopback, uniquelocal'],
  'allowed-origins': ['LIST', 'origins of pages that may connect, such as https://example.org (default: all)'],
  'token-file': ['FILE', 'bearer tokens that may connect, one a line (default: everybody may)'],
  redis: ['URL', 'share topics with other brokers through this Redis, redis://host:port'],
  'redis-prefix': ['TEXT', `before all keys and channels (default ${defaultRedisOptions.prefix})`],
  'redis-ttl-ms': ['N', `after which a silent broker counts as dead (default ${defaultRedisOptions.ttlMs})`],
  'metrics-port': ['PORT', 'serve /metrics on a port of its own'],
  'log-level': ['LEVEL', `${levels.join(', ')} (default info); lines of JSON on standard output`],
} as const satisfies Readonly<Record<string, readonly [string, string]>>;

const limitNames = Object.keys(limits) as LimitName[];

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function variable(flag: string): string {
  return `FLOTILLA_SIGNALING_${flag.toUpperCase().replaceAll('-', '_')}`;
}

export function help(): string {
  const line = (flag: string, what: string): string => `  ${flag.padEnd(34)}${what}`;
  return [
    'Usage: flotilla-signaling [options]',
    '',
    'Introduces browser tabs of a topic to each other, so that they can connect over WebRTC. Nothing is stored.',
    '',
    ...Object.entries(settings).map(([flag, [takes, what]]) => line(`--${flag} ${takes}`, what)),
    line('--no-metrics', 'serve no /metrics'),
    line('--help', 'this text'),
    '',
    'Limits (times in milliseconds):',
    '',
    ...limitNames.map((name) => line(`--${kebab(name)} N`, `${limits[name].text} (default ${limits[name].default})`)),
    '',
    'LIST has commas between its items. Each option that takes something can be given in the environment instead:',
    `--max-connections as ${variable('max-connections')}.`,
    '',
    'SIGTERM drains: clients are told to connect elsewhere, and the command ends when they have gone. SIGINT ends it at',
    'once, after telling every client. A second signal does not wait.',
  ].join('\n');
}

/**
 * Null if help was asked for.
 * @throws UsageError
 */
export function readArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CommandArguments | null {
  const flags = [...Object.keys(settings), ...limitNames.map(kebab)];
  const given = parse(args, flags);
  if (given.help === true) return null;
  const text = (flag: keyof typeof settings | (string & {})): string | undefined => {
    const value = given[flag] ?? environment[variable(flag)];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const number = (flag: string, least: number, most: number): number | undefined => {
    const value = text(flag);
    if (value === undefined) return undefined;
    if (/^\d{1,15}$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
    throw new UsageError(`--${flag} takes a number from ${least} to ${most}`);
  };
  const logLevel = text('log-level') ?? 'info';
  if (!levels.includes(logLevel)) throw new UsageError(`--log-level takes one of ${levels.join(', ')}`);
  const readTls = tlsReader(text('tls-cert'), text('tls-key'));
  const redisUrl = text('redis');
  const tokenFile = text('token-file');
  const origins = text('allowed-origins');
  const redisTtlMs = number('redis-ttl-ms', 50, 86_400_000);
  const chosenHost = text('host');
  const chosenPort = number('port', 0, 65_535);
  const metricsPort = number('metrics-port', 0, 65_535);
  return {
    logLevel,
    readTls,
    options: {
      ...limitOptions(number),
      ...(chosenHost === undefined ? {} : { host: chosenHost }),
      ...(chosenPort === undefined ? {} : { port: chosenPort }),
      ...(metricsPort === undefined ? {} : { metricsPort }),
      metrics: given['no-metrics'] !== true,
      processMetrics: true,
      tls: readTls?.() ?? null,
      trustProxy: list(text('trust-proxy')),
      allowedOrigins: origins === undefined ? null : list(origins),
      checkToken: tokenFile === undefined ? null : tokenChecker(tokenFile),
      redis:
        redisUrl === undefined
          ? null
          : {
              url: redisAddress(redisUrl),
              prefix: text('redis-prefix') ?? defaultRedisOptions.prefix,
              ttlMs: redisTtlMs ?? defaultRedisOptions.ttlMs,
            },
    },
  };
}

function parse(
  args: readonly string[],
  flags: readonly string[],
): Readonly<Record<string, string | boolean | undefined>> {
  const booleans = ['help', 'no-metrics'].map((flag) => [flag, { type: 'boolean' as const }]);
  const strings = flags.map((flag) => [flag, { type: 'string' as const }]);
  try {
    const options = Object.fromEntries([...booleans, ...strings]) as Record<string, { type: 'boolean' | 'string' }>;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function limitOptions(
  number: (flag: string, least: number, most: number) => number | undefined,
): Partial<Record<LimitName, number>> {
  const chosen: Partial<Record<LimitName, number>> = {};
  for (const name of limitNames) {
    const value = number(kebab(name), limits[name].least, limits[name].most);
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}

function list(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
}

function tlsReader(cert: string | undefined, key: string | undefined): (() => TlsOptions) | null {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined) throw new UsageError('--tls-cert and --tls-key go together');
  return () => ({ cert: readText('--tls-cert', cert), key: readText('--tls-key', key) });
}

function tokenChecker(file: string): (bearer: { readonly token: string | null }) => boolean {
  const lines = readText('--token-file', file).split('\n');
  const tokens = new Set(lines.flatMap((line) => (line.trim() === '' ? [] : [digest(line.trim())])));
  if (tokens.size === 0) throw new UsageError('--token-file has no token in it');
  // Looked up by their hashes, so that how long it takes says nothing of what is nearly right.
  return ({ token }) => token !== null && tokens.has(digest(token));
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function redisAddress(address: string): string {
  if (/^rediss?:\/\//.test(address) && URL.canParse(address)) return address;
  throw new UsageError('--redis takes an address such as redis://127.0.0.1:6379');
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${flag} cannot be read: ${String(cause)}`, { cause });
  }
}
