/** Clients of a broker by the thousand, and honest pairs that measure how it treats them. */
import { type ClientOptions, WebSocket } from 'ws';
import type { ClientMessage, ServerMessage } from '../../signaling-server/index.ts';

/** One connection. It calls back for what it is told; what nobody asks for is dropped. */
export class LoadClient {
  readonly socket: WebSocket;
  name = '';
  received: (message: ServerMessage) => void = () => undefined;
  /** Why it was closed; null while it is open. */
  closed: string | null = null;

  private constructor(url: string, options: ClientOptions) {
    this.socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code, reason) => (this.closed = `${code} ${reason.toString()}`));
    this.socket.on('message', (data: Buffer) => this.received(JSON.parse(data.toString()) as ServerMessage));
  }

  /** @throws Error when the broker refuses it, with the reason */
  static async open(url: string, options: ClientOptions = {}): Promise<LoadClient> {
    const client = new LoadClient(url, options);
    client.name = (await client.next('welcome')).peer;
    return client;
  }

  send(message: ClientMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** @throws Error when an error comes instead, or the connection is closed */
  next<Type extends ServerMessage['type']>(type: Type): Promise<Extract<ServerMessage, { readonly type: Type }>> {
    return new Promise((resolve, reject) => {
      this.received = (message) => {
        if (message.type === type) resolve(message as Extract<ServerMessage, { readonly type: Type }>);
        else if (message.type === 'error') reject(new Error(`${message.code}: ${message.message}`));
      };
      this.socket.once('close', (code, reason) => {
        reject(new Error(`closed with ${code} ${reason.toString()}`));
      });
    });
  }

  async join(topic: string): Promise<readonly string[]> {
    const joined = this.next('joined');
    this.send({ type: 'join', topic });
    return (await joined).peers;
  }
}

/** Does something for each of so many, some of them at once. */
export async function forEachAtOnce(count: number, atOnce: number, act: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}

/**
 * Honest pairs: each sends numbered messages to its other half, and knows of each when it came, and whether it did. Whatever
 * is missing, doubled, out of order or changed is a fault.
 */
export class HonestPairs {
  readonly faults: string[] = [];
  /** Milliseconds from sending to receiving, since it was last taken. */
  #latencies: number[] = [];
  #sent = 0;
  #received = 0;
  readonly #pairs: {
    readonly from: LoadClient;
    readonly to: LoadClient;
    readonly topic: string;
    sent: number;
    seen: number;
  }[] = [];
  readonly #padding: string;
  #timer: ReturnType<typeof setInterval> | undefined;
  #whenAllHere: () => void = () => undefined;

  /** @param bytes of each message, about */
  constructor(bytes: number) {
    this.#padding = 'x'.repeat(bytes);
  }

  get sent(): number {
    return this.#sent;
  }

  get received(): number {
    return this.#received;
  }

  add(from: LoadClient, to: LoadClient, topic: string): void {
    const pair = { from, to, topic, sent: 0, seen: 0 };
    this.#pairs.push(pair);
    to.received = (message) => {
      if (message.type !== 'relay') return;
      const [number, sentAt, padding] = message.data.split(' ');
      if (Number(number) !== pair.seen + 1) this.faults.push(`message ${pair.seen + 1} did not come, ${number} did`);
      if (padding !== this.#padding) this.faults.push(`message ${number} was changed`);
      pair.seen = Number(number);
      this.#latencies.push(performance.now() - Number(sentAt));
      this.#received++;
      if (this.#received >= this.#sent) this.#whenAllHere();
    };
    from.received = (message) => {
      if (message.type === 'error') this.faults.push(`an honest peer was told ${message.code}: ${message.message}`);
    };
    for (const client of [from, to]) {
      client.socket.once('close', (code, reason) => {
        if (this.#timer !== undefined) this.faults.push(`an honest peer was closed: ${code} ${reason.toString()}`);
      });
    }
  }

  /** Sends a message of the pairs by turns, so many a second in all. */
  start(perSecond: number): void {
    const startedAt = performance.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1000) * perSecond;
      for (; sent < due; sent++) this.#send(sent);
    }, 1);
  }

  /** Stops sending, and waits for what is under way, but not for ever. */
  async stop(patienceMs = 10_000): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#received >= this.#sent) return;
    const allHere = new Promise<void>((resolve) => (this.#whenAllHere = resolve));
    const outOfPatience = new Promise<void>((resolve) => setTimeout(resolve, patienceMs).unref());
    await Promise.race([allHere, outOfPatience]);
    if (this.#received < this.#sent) this.faults.push(`${this.#sent - this.#received} messages never came`);
  }

  /** They go. */
  close(): void {
    for (const { from, to } of this.#pairs) for (const { socket } of [from, to]) socket.terminate();
  }

  takeLatencies(): number[] {
    const taken = this.#latencies;
    this.#latencies = [];
    return taken;
  }

  #send(turn: number): void {
    const pair = this.#pairs[turn % this.#pairs.length];
    if (pair?.from.closed !== null) return;
    pair.sent++;
    this.#sent++;
    const data = `${pair.sent} ${performance.now()} ${this.#padding}`;
    pair.from.send({ type: 'relay', topic: pair.topic, to: pair.to.name, data });
  }
}

/** Pairs in topics of their own. */
export async function openPairs(
  url: string,
  count: number,
  bytes: number,
  options: ClientOptions = {},
): Promise<HonestPairs> {
  const pairs = new HonestPairs(bytes);
  for (let i = 0; i < count; i++) {
    const [from, to] = [await LoadClient.open(url, options), await LoadClient.open(url, options)];
    const topic = `honest ${i}`;
    await from.join(topic);
    await to.join(topic);
    pairs.add(from, to, topic);
  }
  return pairs;
}

/** Milliseconds pass. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
