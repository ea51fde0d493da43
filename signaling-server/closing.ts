/** How the broker ends a WebSocket: an `error` that says why, a close whose reason begins with its code, and a last moment. */
import { WebSocket } from 'ws';
import type { ConnectionErrorCode, ServerMessage } from './protocol.ts';

/** Milliseconds that a client has to answer a close, before it is cut off. */
export const closeGraceMs = 2000;

/** RFC 6455, section 7.4.1: going away, policy violation, try again later. */
const statusOf: Readonly<Record<ConnectionErrorCode, 1001 | 1008 | 1013>> = {
  'broker-full': 1013,
  'address-full': 1013,
  'origin-refused': 1008,
  unauthorized: 1008,
  'handshake-timeout': 1008,
  idle: 1008,
  'slow-reader': 1008,
  'too-many-faults': 1008,
  draining: 1001,
};

/** A reason may have 123 bytes. */
const maxReasonLength = 123;

export function closeWith(socket: WebSocket, code: ConnectionErrorCode, message: string): void {
  // Whoever reads too slowly would not read this either.
  if (socket.readyState === WebSocket.OPEN && code !== 'slow-reader') {
    const error: ServerMessage = { type: 'error', code, message, topic: null };
    socket.send(JSON.stringify(error));
  }
  socket.close(statusOf[code], `${code}: ${message}`.slice(0, maxReasonLength));
}
