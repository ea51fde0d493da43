import type { Lane } from '../src/transport/link.ts';

/** Two ends of whatever carries messages on two lanes, as the measurements need them. */
export interface Pipe {
  /** The size of what is sent as bulk. */
  readonly bulkBytes: number;
  /** False when there is no room; `whenRoom` says when to try again. */
  send(from: 0 | 1, message: Uint8Array<ArrayBuffer>, lane: Lane): boolean;
  whenRoom(from: 0 | 1): Promise<void>;
  onControl: (at: 0 | 1) => void;
  onBulk: () => void;
  close(): void;
}
