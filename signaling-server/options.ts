/**
 * What a broker can be told: its limits, with their defaults and ranges in one table that the command, its help and the
 * documentation share, and where it listens, whom it trusts and what it writes down.
 */
import type { Logger } from 'pino';
import { type Clock, systemClock } from './clock.ts';

export type LimitName =
  | 'maxConnections'
  | 'maxConnectionsPerAddress'
  | 'maxPending'
  | 'maxTopicsPerPeer'
  | 'maxPeersPerTopic'
  | 'maxMessageBytes'
  | 'maxMessagesPerSecond'
  | 'maxBufferedBytes'
  | 'maxBufferedTotalBytes'
  | 'maxFaults'
  | 'handshakeMs'
  | 'idleMs'
  | 'pingMs'
  | 'drainMs';

export interface Limit {
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** What it limits, in one line. */
  readonly text: string;
}

const day = 86_400_000;
const mebi = 1024 * 1024;

/** Every limit that is a number. Names that end in Ms are milliseconds. */
export const limits: Readonly<Record<LimitName, Limit>> = {
  maxConnections: { default: 10_000, least: 1, most: 1_000_000, text: 'connections in all' },
  maxConnectionsPerAddress: {
    default: 256,
    least: 1,
    most: 1_000_000,
    text: 'connections of one address; of IPv6, of one /64 network',
  },
  maxPending: {
    default: 2048,
    least: 1,
    most: 100_000,
    text: 'sockets that are not WebSockets yet, or are being turned away; the oldest makes room',
  },
  maxTopicsPerPeer: { default: 64, least: 1, most: 10_000, text: 'topics of one connection' },
  maxPeersPerTopic: { default: 64, least: 1, most: 10_000, text: 'members of one topic, on all instances' },
  maxMessageBytes: {
    default: 64 * 1024,
    least: 256,
    most: mebi,
    text: 'bytes of one message; one of twice the size ends the connection at once',
  },
  maxMessagesPerSecond: {
    default: 200,
    least: 1,
    most: 1_000_000,
    text: 'messages and pings that a connection may send each second, with a burst of four times as many',
  },
  maxBufferedBytes: {
    default: 512 * 1024,
    least: 1024,
    most: 1024 * mebi,
    text: 'bytes that wait for one connection that reads too slowly',
  },
  maxBufferedTotalBytes: {
    default: 256 * mebi,
    least: 1024,
    most: 1024 * 1024 * mebi,
    text: 'bytes that wait for all connections; beyond it the slowest go first',
  },
  maxFaults: { default: 5, least: 1, most: 1_000_000, text: 'refused messages, with less than a minute between them' },
  handshakeMs: {
    default: 10_000,
    least: 10,
    most: day,
    text: 'until a socket must be a WebSocket, its token be checked, and a connection be in a topic',
  },
  idleMs: {
    default: 3_600_000,
    least: 10,
    most: 7 * day,
    text: 'without a message from a connection, or relayed to it',
  },
  pingMs: { default: 15_000, least: 10, most: day, text: 'between pings; whoever answers none of two is gone' },
  drainMs: { default: 10_000, least: 0, most: day, text: 'for clients to go by themselves when the broker drains' },
};

export type Limits = Readonly<Record<LimitName, number>>;

/** PEM texts, of the certificate with its chain and of its key. */
export interface TlsOptions {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface RedisOptions {
  /** `redis://[[user][:password]@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Before every key and channel. Brokers share their topics when they share it. */
  readonly prefix: string;
  /** Milliseconds after which an instance that says nothing counts as dead, and its peers as gone. */
  readonly ttlMs: number;
}

export const defaultRedisOptions: Omit<RedisOptions, 'url'> = { prefix: 'flotilla:', ttlMs: 15_000 };

/** Whom a token is to be checked for. */
export interface TokenBearer {
  /** What came in `Authorization: Bearer`, in the subprotocol `bearer.…`, or in `?access_token=`, in this order. */
  readonly token: string | null;
  readonly address: string;
  readonly origin: string | null;
}

export interface SignalingServerOptions extends Limits {
  /** The address to listen on. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly tls: TlsOptions | null;
  /** Serves `/metrics` on a port of its own, on the same address, instead of on that of the clients. */
  readonly metricsPort: number | null;
  /** Whether there is a `/metrics` at all. */
  readonly metrics: boolean;
  /** Adds figures of the process to the metrics: memory, event loop, garbage collection. For one broker of a process. */
  readonly processMetrics: boolean;
  /**
   * The proxies whose `X-Forwarded-For` is believed: addresses, networks such as `10.0.0.0/8`, or `loopback`, `linklocal`,
   * `uniquelocal`. Without it everybody behind a proxy is one address.
   */
  readonly trustProxy: readonly string[];
  /** Origins of pages that may connect, such as `https://example.org`; null: all. Clients that are no pages have none. */
  readonly allowedOrigins: readonly string[] | null;
  /** Whether whoever holds this token may connect; null: everybody may. When it throws or takes too long: no. */
  readonly checkToken: ((bearer: TokenBearer) => boolean | Promise<boolean>) | null;
  /** Shares the topics with other brokers; null: this one is alone. */
  readonly redis: (Partial<RedisOptions> & Pick<RedisOptions, 'url'>) | null;
  /** Null: nothing is written. */
  readonly logger: Logger | null;
  readonly clock: Clock;
}

const defaultLimits = Object.fromEntries(
  Object.entries(limits).map(([name, limit]) => [name, limit.default]),
) as Limits;

export const defaultSignalingServerOptions: SignalingServerOptions = {
  ...defaultLimits,
  host: '127.0.0.1',
  port: 8787,
  tls: null,
  metricsPort: null,
  metrics: true,
  processMetrics: false,
  trustProxy: [],
  allowedOrigins: null,
  checkToken: null,
  redis: null,
  logger: null,
  clock: systemClock,
};

/**
 * Fills in what was left out.
 * @throws RangeError which option is out of which range
 */
export function completeOptions(given: Partial<SignalingServerOptions>): SignalingServerOptions {
  const options = { ...defaultSignalingServerOptions, ...given };
  for (const name of Object.keys(limits) as LimitName[]) {
    const { least, most } = limits[name];
    checkRange(name, options[name], least, most);
  }
  checkRange('port', options.port, 0, 65_535);
  if (options.metricsPort !== null) checkRange('metricsPort', options.metricsPort, 0, 65_535);
  if (options.redis?.ttlMs !== undefined) checkRange('redis.ttlMs', options.redis.ttlMs, 50, day);
  return options;
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} takes a whole number from ${least} to ${most}, not ${value}`);
}
