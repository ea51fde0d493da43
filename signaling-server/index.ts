export { createSignalingServer, type SignalingServer } from './server.ts';
export {
  defaultSignalingServerOptions,
  type Limits,
  type RedisOptions,
  type SignalingServerOptions,
  type TlsOptions,
  type TokenBearer,
} from './options.ts';
export type { Clock } from './clock.ts';
export type { ClientMessage, ErrorCode, Founding, FoundingWish, PeerName, ServerMessage } from './protocol.ts';
