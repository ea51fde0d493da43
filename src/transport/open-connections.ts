/**
 * The connections of a page, which end with it: a page that is left cannot wait until the other ends have heard of it, and
 * must tell them in the moment that it has.
 */
import type { Connect, Connection, ConnectionListener } from './connection.ts';

export class OpenConnections {
  readonly #make: Connect;
  readonly #open = new Set<Connection>();

  constructor(make: Connect) {
    this.#make = make;
  }

  readonly connect: Connect = (initiator, configuration, listener) => {
    const heard: ConnectionListener = {
      ...listener,
      closed: (end) => {
        this.#open.delete(made);
        listener.closed(end);
      },
    };
    const connection = this.#make(initiator, configuration, heard);
    const made: Connection = {
      peerConnection: connection.peerConnection,
      signal: (signal) => {
        connection.signal(signal);
      },
      destroy: () => {
        this.#open.delete(made);
        connection.destroy();
      },
      hangUp: (over) => {
        connection.hangUp(() => {
          this.#open.delete(made);
          over();
        });
      },
    };
    this.#open.add(made);
    return made;
  };

  /** Ends all at once, those too that are hanging up. */
  destroy(): void {
    for (const connection of [...this.#open]) connection.destroy();
  }
}
