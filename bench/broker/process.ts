/** The broker as a process of its own, as it is installed, and what it says of itself in its metrics. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { RedisServer } from '../../test/signaling-server/redis.ts';

export interface BrokerMetrics {
  readonly residentBytes: number;
  readonly connections: number;
  /** Of the processor, since its start. */
  readonly cpuSeconds: number;
  readonly bufferedBytes: number;
}

const startMs = 30_000;

export class BrokerProcess {
  readonly url: string;
  /** Pinned to one core, so that nothing of it runs beside itself. */
  readonly isPinned: boolean;
  /** Why it ended; null while it runs. */
  ended: string | null = null;
  readonly #child: ChildProcess;
  readonly #metricsUrl: string;

  private constructor(child: ChildProcess, url: string, metricsUrl: string, isPinned: boolean) {
    this.#child = child;
    this.url = url;
    this.#metricsUrl = metricsUrl;
    this.isPinned = isPinned;
    child.once('exit', (code, signal) => (this.ended = `status ${code ?? 'none'}, signal ${signal ?? 'none'}`));
  }

  /**
   * @param args for the command `flotilla-signaling`
   * @throws Error with what it said, when it does not start
   */
  static start(args: readonly string[]): Promise<BrokerProcess> {
    const script = ['signaling-server/cli.ts', '--port', '0', '--metrics-port', '0', ...args];
    return BrokerProcess.#run(script, /"metrics":"([^"]+)"/);
  }

  /** The relay that the broker is measured against. It has no metrics. */
  static startBare(): Promise<BrokerProcess> {
    return BrokerProcess.#run(['bench/broker/bare-relay.ts'], null);
  }

  /** @param metrics how its log says where its metrics are, which may come later than where it listens */
  static async #run(script: readonly string[], metrics: RegExp | null): Promise<BrokerProcess> {
    const isPinned = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
    const command = [...(isPinned ? ['taskset', '-c', '0'] : []), process.execPath, '--import', 'tsx', ...script];
    const [program = '', ...args] = command;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const listening = new Promise<string>((resolve, reject) => {
      const read = (data: Buffer): void => {
        if (output.length < 100_000) output += data.toString();
        if (/listens on (\S+)\n/.test(output) && metrics?.test(output) !== false) resolve(output);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', () => reject(new Error(`the broker did not start:\n${output}`)));
      setTimeout(() => reject(new Error(`the broker did not start in time:\n${output}`)), startMs).unref();
    });
    const text = await listening;
    const [, url = ''] = /listens on (\S+)\n/.exec(text) ?? [];
    const [, metricsUrl = ''] = metrics?.exec(text) ?? [];
    return new BrokerProcess(child, url, metricsUrl, isPinned);
  }

  async metrics(): Promise<BrokerMetrics> {
    const text = await (await fetch(this.#metricsUrl)).text();
    const read = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    return {
      residentBytes: read('process_resident_memory_bytes'),
      connections: read('flotilla_broker_connections'),
      cpuSeconds: read('process_cpu_seconds_total'),
      bufferedBytes: read('flotilla_broker_buffered_bytes'),
    };
  }

  async stop(): Promise<void> {
    if (this.ended !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** One broker, or two that share their topics through a Redis. */
export class Brokers {
  readonly #brokers: readonly BrokerProcess[];
  readonly #redis: RedisServer | null;

  private constructor(brokers: readonly BrokerProcess[], redis: RedisServer | null) {
    this.#brokers = brokers;
    this.#redis = redis;
  }

  static async start(args: readonly string[], isShared: boolean): Promise<Brokers> {
    const redis = isShared ? await RedisServer.start() : null;
    const more = redis === null ? [] : ['--redis', redis.url];
    const starting = (redis === null ? [1] : [1, 2]).map(() => BrokerProcess.start([...args, ...more]));
    return new Brokers(await Promise.all(starting), redis);
  }

  /** Of one and the other by turns. */
  url(i: number): string {
    return this.#brokers[i % this.#brokers.length]?.url ?? '';
  }

  get arePinned(): boolean {
    return this.#brokers.every(({ isPinned }) => isPinned);
  }

  /** Of all together. */
  async metrics(): Promise<BrokerMetrics> {
    const all = await Promise.all(this.#brokers.map((broker) => broker.metrics()));
    const sum = (of: keyof BrokerMetrics): number => all.reduce((total, each) => total + each[of], 0);
    return {
      residentBytes: sum('residentBytes'),
      connections: sum('connections'),
      cpuSeconds: sum('cpuSeconds'),
      bufferedBytes: sum('bufferedBytes'),
    };
  }

  async stop(): Promise<void> {
    for (const broker of this.#brokers) await broker.stop();
    await this.#redis?.stop();
  }
}

/** The metrics, once the memory has come to rest. */
export async function restingMetrics(of: { metrics(): Promise<BrokerMetrics> }): Promise<BrokerMetrics> {
  let before = await of.metrics();
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = await of.metrics();
    if (Math.abs(now.residentBytes - before.residentBytes) < 0.005 * before.residentBytes) return now;
    before = now;
  }
  return before;
}

/**
 * Whether this process may open so many files. Node raises the limit as far as it may by itself.
 * @throws Error that says what to do, if not
 */
export function checkOpenFiles(needed: number): void {
  let limits: string;
  try {
    limits = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Not Linux: whoever runs this will see.
    return;
  }
  const [, soft = '0'] = /^Max open files\s+(\S+)/m.exec(limits) ?? [];
  if (soft === 'unlimited' || Number(soft) >= needed) return;
  throw new Error(`${needed} files have to be open at once, and ${soft} may: run "ulimit -Hn ${needed}" as root first`);
}
