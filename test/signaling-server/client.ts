/** A client that remembers what it was told until a test asks for it, and the broker that it talks to. */
import { once } from 'node:events';
import { afterEach, expect } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import {
  type ClientMessage,
  createSignalingServer,
  type Founding,
  type FoundingWish,
  type ServerMessage,
  type SignalingServer,
  type SignalingServerOptions,
} from '../../signaling-server/index.ts';

type MessageOf<Type extends ServerMessage['type']> = Extract<ServerMessage, { readonly type: Type }>;

export class Client {
  readonly socket: WebSocket;
  readonly #inbox: ServerMessage[] = [];
  readonly #closed: Promise<{ code: number; reason: string }>;
  #arrived: () => void = () => undefined;
  name = '';

  constructor(url: string, options: ClientOptions = {}, protocols: string[] = []) {
    this.socket = new WebSocket(url, protocols, options);
    this.socket.on('message', (data: Buffer) => {
      this.#inbox.push(JSON.parse(data.toString()) as ServerMessage);
      this.#arrived();
    });
    this.socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  static async open(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<Client> {
    const client = new Client(url, options, protocols);
    await once(client.socket, 'open');
    client.name = (await client.next('welcome')).peer;
    return client;
  }

  send(message: ClientMessage): void {
    this.sendRaw(JSON.stringify(message));
  }

  sendRaw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** The next message, which must be of this type. */
  async next<Type extends ServerMessage['type']>(type: Type): Promise<MessageOf<Type>> {
    while (this.#inbox.length === 0) await new Promise<void>((resolve) => (this.#arrived = resolve));
    const message = this.#inbox.shift();
    expect(message).toMatchObject({ type });
    return message as MessageOf<Type>;
  }

  /** The next message of this type, whatever comes before it. */
  async until<Type extends ServerMessage['type']>(type: Type): Promise<MessageOf<Type>> {
    for (;;) {
      while (this.#inbox.length === 0) await new Promise<void>((resolve) => (this.#arrived = resolve));
      const message = this.#inbox.shift();
      if (message?.type === type) return message as MessageOf<Type>;
    }
  }

  async join(topic: string): Promise<readonly string[]> {
    this.send({ type: 'join', topic });
    return (await this.next('joined')).peers;
  }

  /** Joins with a wish for the founder's token, and says how the founding stands. */
  async joinWith(topic: string, founding: FoundingWish): Promise<Founding> {
    this.send({ type: 'join', topic, founding });
    return (await this.until('joined')).founding;
  }

  /** Once everything that was sent before this is dealt with. */
  async settled(): Promise<void> {
    this.send({ type: 'relay', topic: 'settled', to: 'nobody', data: '' });
    expect(await this.until('error')).toMatchObject({ code: 'not-in-topic' });
  }

  /** Messages that nobody has asked for yet. */
  get unread(): readonly ServerMessage[] {
    return this.#inbox;
  }

  get closed(): Promise<{ code: number; reason: string }> {
    return this.#closed;
  }
}

const servers: SignalingServer[] = [];

/** A broker that ends with the test. */
export async function startBroker(options: Partial<SignalingServerOptions> = {}): Promise<SignalingServer> {
  const started = await createSignalingServer({ port: 0, ...options });
  servers.push(started);
  return started;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

export async function openClients(server: SignalingServer, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) clients.push(await Client.open(server.url));
  return clients;
}
