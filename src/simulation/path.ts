/** The way from one process of a simulation to another, and what may be wrong with it. */
import type { Reassembler } from '../transport/framing.ts';
import type { MemberMessage } from '../transport/messages.ts';
import type { Lane } from '../transport/transport.ts';

/** Chances are in thousandths, times in milliseconds. */
export interface PathFaults {
  loss: number;
  duplication: number;
  /** Of being delivered again much later. */
  replay: number;
  minDelay: number;
  maxDelay: number;
  /** Of taking many times as long. */
  heavyTail: number;
  /** Messages overtake each other. */
  reorders: boolean;
  /** Nothing arrives, and nobody is told. */
  isCut: boolean;
  /** The sender's queue is full: it is told that nothing is taken. */
  isFull: boolean;
}

/** A place on the network. */
export interface Station {
  readonly name: string;
  /** Nothing is connected to what is not running. */
  readonly isRunning: boolean;
  connected(to: Station): void;
  disconnected(from: Station): void;
  received(message: MemberMessage): void;
}

/** Of both ways between two stations. */
export interface Connection {
  readonly stations: readonly [Station, Station];
  isOpen: boolean;
}

export interface Path {
  readonly from: Station;
  readonly to: Station;
  readonly connection: Connection;
  readonly faults: PathFaults;
  /** When the last message of a lane arrives, where order is kept. */
  readonly lastArrival: Record<Lane, number>;
  /** Bytes that were taken in this connection and have not arrived. */
  load: Record<Lane, number>;
  reassembler: Reassembler;
}

/** Whether what comes to the end of a path now is taken there. */
export function arrives({ connection, faults, to }: Path): boolean {
  return connection.isOpen && !faults.isCut && to.isRunning;
}
