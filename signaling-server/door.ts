/** Decides who is let in: by origin, by how many there are, by how many of one address, and by a token. */
import type { IncomingMessage } from 'node:http';
import { bearerToken, limitKey } from './addresses.ts';
import type { SignalingServerOptions } from './options.ts';
import type { ConnectionErrorCode } from './protocol.ts';

export interface Refusal {
  readonly code: ConnectionErrorCode;
  readonly message: string;
}

/** A place that is taken, from before the token is checked until the connection is gone. */
export interface Place {
  readonly address: string;
  readonly release: () => void;
}

export class Door {
  readonly #options: SignalingServerOptions;
  readonly #ofAddress = new Map<string, number>();
  #taken = 0;

  constructor(options: SignalingServerOptions) {
    this.#options = options;
  }

  /** Everything that can be said at once. */
  admit({ headers }: IncomingMessage, address: string): Place | Refusal {
    const { allowedOrigins, maxConnections, maxConnectionsPerAddress } = this.#options;
    const { origin } = headers;
    if (origin !== undefined && allowedOrigins !== null && !allowedOrigins.includes(origin)) {
      return { code: 'origin-refused', message: 'pages of this origin may not use this broker' };
    }
    if (this.#taken >= maxConnections) {
      return { code: 'broker-full', message: `this broker takes ${maxConnections} connections` };
    }
    const key = limitKey(address);
    const ofAddress = this.#ofAddress.get(key) ?? 0;
    if (ofAddress >= maxConnectionsPerAddress) {
      return {
        code: 'address-full',
        message: `this broker takes ${maxConnectionsPerAddress} connections of an address`,
      };
    }
    this.#taken++;
    this.#ofAddress.set(key, ofAddress + 1);
    let isTaken = true;
    return {
      address,
      release: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#taken--;
        const left = (this.#ofAddress.get(key) ?? 1) - 1;
        if (left === 0) this.#ofAddress.delete(key);
        else this.#ofAddress.set(key, left);
      },
    };
  }

  /** Null if the request may connect. Never rejects. */
  async check(request: IncomingMessage, { address }: Place): Promise<Refusal | null> {
    const { checkToken } = this.#options;
    if (checkToken === null) return null;
    const token = bearerToken(request);
    try {
      if (await checkToken({ token, address, origin: request.headers.origin ?? null })) return null;
    } catch {
      return { code: 'unauthorized', message: 'the token could not be checked; try again later' };
    }
    const message = token === null ? 'this broker asks for a bearer token' : 'this broker does not know the token';
    return { code: 'unauthorized', message };
  }
}
