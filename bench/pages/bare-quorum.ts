/**
 * The least that a quorum can cost: one tab writes strictly and sends the same bytes to two others, each writes strictly
 * and answers, and it is done when two of the three have it. Hand-written on raw data channels and raw IndexedDB, without
 * terms, elections, order or anybody to find out who is there.
 */
import { openBare } from './bare-database.ts';

/** One strict transaction with one record, committed at once. */
function put(database: IDBDatabase, key: number, bytes: Uint8Array, done: () => void): void {
  const transaction = database.transaction('records', 'readwrite', { durability: 'strict' });
  transaction.objectStore('records').put(bytes, key);
  transaction.commit();
  transaction.oncomplete = done;
}

/** The description of our end, once all candidates are in it. */
function complete(connection: RTCPeerConnection): Promise<string> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (connection.iceGatheringState === 'complete') resolve(JSON.stringify(connection.localDescription));
    };
    connection.onicegatheringstatechange = look;
    look();
  });
}

interface Waiting {
  copies: number;
  readonly done: () => void;
}

export class BareQuorum {
  readonly #database: IDBDatabase;
  readonly #connections = new Map<string, RTCPeerConnection>();
  readonly #channels: RTCDataChannel[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #pong: (() => void) | null = null;
  #last = 0;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  static async open(): Promise<BareQuorum> {
    return new BareQuorum(await openBare(`bare-${Date.now()}`));
  }

  /** The tab that writes offers a channel to each of the others. */
  async offer(to: string): Promise<string> {
    const connection = new RTCPeerConnection();
    this.#connections.set(to, connection);
    const channel = connection.createDataChannel('bare');
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#answered(data);
    };
    this.#channels.push(channel);
    await connection.setLocalDescription();
    return complete(connection);
  }

  async accept(from: string, answer: string): Promise<void> {
    await this.#connections.get(from)?.setRemoteDescription(JSON.parse(answer) as RTCSessionDescriptionInit);
    await Promise.all(
      this.#channels.map(
        (channel) =>
          new Promise<void>((resolve) => {
            if (channel.readyState === 'open') resolve();
            else
              channel.addEventListener('open', () => {
                resolve();
              });
          }),
      ),
    );
  }

  /** The others write what they are sent, and say so; an empty message comes back at once. */
  async answer(offer: string): Promise<string> {
    const connection = new RTCPeerConnection();
    this.#connections.set('writer', connection);
    connection.ondatachannel = ({ channel }) => {
      channel.binaryType = 'arraybuffer';
      channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        if (data.byteLength === 0) {
          channel.send(data);
          return;
        }
        const key = new DataView(data).getUint32(0);
        put(this.#database, key, new Uint8Array(data), () => {
          channel.send(data.slice(0, 4));
        });
      };
    };
    await connection.setRemoteDescription(JSON.parse(offer) as RTCSessionDescriptionInit);
    await connection.setLocalDescription();
    return complete(connection);
  }

  #answered(data: ArrayBuffer): void {
    if (data.byteLength === 0) this.#pong?.();
    else this.#copied(new DataView(data).getUint32(0));
  }

  #copied(key: number): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || ++waiting.copies < 2) return;
    this.#waiting.delete(key);
    waiting.done();
  }

  /** Writes bytes on a quorum; their first four are overwritten. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const key = ++this.#last;
    new DataView(bytes.buffer).setUint32(bytes.byteOffset, key);
    return new Promise((done) => {
      this.#waiting.set(key, { copies: 0, done });
      for (const channel of this.#channels) channel.send(bytes);
      put(this.#database, key, bytes, () => {
        this.#copied(key);
      });
    });
  }

  /** The same, after they were written strictly here: the least that it costs to keep them in case this tab ends meanwhile. */
  keepAndWrite(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const key = -(this.#last + 1);
    return new Promise<void>((kept) => {
      put(this.#database, key, bytes, kept);
    }).then(() => this.write(bytes));
  }

  /** To one of the others and back. */
  ping(): Promise<void> {
    return new Promise((resolve) => {
      this.#pong = resolve;
      this.#channels[0]?.send(new ArrayBuffer(0));
    });
  }
}
