/** A data channel as its sender sees it. */

/** What a link needs of a data channel. */
export interface LaneChannel {
  /** Bytes that the channel has taken and that have not left. */
  readonly bufferedBytes: number;
  /** @throws Error when the channel is not open, or cannot hold the message */
  send(message: Uint8Array<ArrayBuffer>): void;
}

/**
 * Counts what a channel may hold at most, and asks the channel itself only where that is not enough to tell: in
 * @roamhq/wrtc the question waits for two other threads, and asked for each message it costs as much as sending.
 */
export class Outlet {
  readonly #channel: LaneChannel;
  #atMostBytes = 0;

  constructor(channel: LaneChannel) {
    this.#channel = channel;
  }

  /** As the channel itself says. */
  get bufferedBytes(): number {
    this.#atMostBytes = this.#channel.bufferedBytes;
    return this.#atMostBytes;
  }

  /** No less than the channel holds. */
  get atMostBytes(): number {
    return this.#atMostBytes;
  }

  holdsLessThan(bytes: number): boolean {
    return this.#atMostBytes < bytes || this.bufferedBytes < bytes;
  }

  /** @throws Error when the channel is not open, or cannot hold the message */
  send(message: Uint8Array<ArrayBuffer>): void {
    this.#atMostBytes += message.byteLength;
    this.#channel.send(message);
  }
}
