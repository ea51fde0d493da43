/** The connection to Redis that brokers share their topics through, and what things are called there. */
import { createHash } from 'node:crypto';
import { createClient } from '@redis/client';
import type { RedisOptions } from './options.ts';
import { scripts } from './redis-scripts.ts';

const connectMs = 5000;
const firstPauseMs = 50;
const longestPauseMs = 2000;
/** Commands that wait for Redis. Beyond it, what clients ask for is refused. */
const maxWaitingCommands = 20_000;
/** A topic that all its instances have forgotten expires after so many lives of an instance. */
const topicLives = 20;

export interface RedisListener {
  /** The connection is there again, and so is what we listen to. */
  connected(): void;
  lost(why: string): void;
}

/** Every method but `close` rejects while there is no connection. Commands take effect in the order in which they are given. */
export class RedisConnection {
  readonly #options: RedisOptions;
  readonly #self: string;
  readonly #client;
  #isOpen = false;

  /** @param self what this instance is called */
  constructor(options: RedisOptions, self: string, listener: RedisListener) {
    this.#options = options;
    this.#self = self;
    this.#client = createClient({
      url: options.url,
      scripts,
      // Redis 6 and newer push what is published over the connection that carries the commands: one order for both.
      RESP: 3,
      disableOfflineQueue: true,
      commandsQueueMaxLength: maxWaitingCommands,
      maintNotifications: 'disabled',
      socket: {
        connectTimeout: connectMs,
        // At the start, whoever runs this wants to hear of it; later, Redis is waited for as long as it takes.
        reconnectStrategy: (retries, cause) =>
          this.#isOpen ? Math.min(firstPauseMs * 2 ** Math.min(retries, 10), longestPauseMs) : cause,
      },
    });
    this.#client.on('error', (error: unknown) => {
      listener.lost(String(error));
    });
    this.#client.on('reconnecting', () => {
      listener.lost('the connection was lost');
    });
    this.#client.on('ready', () => {
      listener.connected();
    });
  }

  /**
   * Connects, and listens to the channel of this instance.
   * @throws Error when Redis cannot be reached, or is too old
   */
  async open(hear: (text: string) => void): Promise<void> {
    try {
      await this.#client.connect();
      await this.#client.subscribe(this.#channel(this.#self), hear);
      await this.stayAlive();
    } catch (cause) {
      if (this.#client.isOpen) this.#client.destroy();
      throw new Error(`Redis cannot be used at ${withoutSecrets(this.#options.url)}: ${String(cause)}`, { cause });
    }
    this.#isOpen = true;
  }

  /** Says that this instance is gone, once all commands are carried out. */
  async close(): Promise<void> {
    this.#isOpen = false;
    if (!this.#client.isReady) {
      this.#client.destroy();
      return;
    }
    await this.#client.del(this.#lifeKey(this.#self)).catch(() => undefined);
    await this.#client.close();
  }

  /** Redis need not know what topics are called. */
  hashOf(topic: string): string {
    return createHash('sha256').update(topic).digest('base64url');
  }

  /**
   * Brings a peer into a topic, unless it is full, and has the answer said on our channel under the number of the join.
   * @param topic the hash
   */
  async enter(topic: string, most: number, join: string, peer: string, wish: string): Promise<boolean> {
    return (
      (await this.#client.enter(
        ...this.#about(topic),
        String(most),
        join,
        String(this.#options.ttlMs),
        '1',
        peer,
        wish,
      )) === 1
    );
  }

  /**
   * Says who of ours is in a topic, with their wishes, and, in case that Redis has lost its memory, whom we believe to be
   * there at all. What there is is said on our channel.
   */
  async sync(
    topic: string,
    ours: readonly (readonly [peer: string, wish: string])[],
    believed: readonly (readonly [peer: string, instance: string, asked: number])[],
  ): Promise<void> {
    const all = [...ours, ...believed].flat().map(String);
    await this.#client.enter(
      ...this.#about(topic),
      '0',
      'sync',
      String(this.#options.ttlMs),
      String(ours.length),
      ...all,
    );
  }

  async exit(topic: string, peer: string): Promise<void> {
    await this.#client.exit(...this.#about(topic), peer);
  }

  async found(topic: string): Promise<void> {
    await this.#client.found(...this.#about(topic));
  }

  /** Lets go of the members of an instance, if it is dead. */
  async reap(topic: string, instance: string): Promise<void> {
    await this.#client.reap(...this.#about(topic), instance);
  }

  /** Keeps Redis from forgetting a topic. */
  async keep(topic: string): Promise<void> {
    await this.#client.pExpire(this.#topicKey(topic), this.#topicMs);
  }

  /** Prolongs our life for the others. Resolves with whether we had one. */
  async stayAlive(): Promise<boolean> {
    const expiration = { type: 'PX', value: this.#options.ttlMs } as const;
    return (await this.#client.set(this.#lifeKey(this.#self), '1', { expiration, GET: true })) !== null;
  }

  async isAlive(instance: string): Promise<boolean> {
    return (await this.#client.exists(this.#lifeKey(instance))) > 0;
  }

  /** Says something on the channel of an instance. Resolves with whether anybody listens there. */
  async say(instance: string, message: object): Promise<boolean> {
    return (await this.#client.publish(this.#channel(instance), JSON.stringify(message))) > 0;
  }

  /** What every script is told first: the key, and what the topic and the instance are called. */
  #about(topic: string): [string, string, string, string, string] {
    return [this.#topicKey(topic), this.#options.prefix, topic, String(this.#topicMs), this.#self];
  }

  get #topicMs(): number {
    return topicLives * this.#options.ttlMs;
  }

  #topicKey(topic: string): string {
    return `${this.#options.prefix}topic:${topic}`;
  }

  #lifeKey(instance: string): string {
    return `${this.#options.prefix}alive:${instance}`;
  }

  #channel(instance: string): string {
    return `${this.#options.prefix}to:${instance}`;
  }
}

function withoutSecrets(address: string): string {
  return URL.canParse(address) ? new URL(address).host : 'an address that is none';
}
