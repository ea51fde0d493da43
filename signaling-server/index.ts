export {
  createSignalingServer,
  defaultSignalingServerOptions,
  type SignalingServer,
  type SignalingServerOptions,
} from './server.ts';
export type { ClientMessage, ErrorCode, Founding, FoundingWish, PeerName, ServerMessage } from './protocol.ts';
