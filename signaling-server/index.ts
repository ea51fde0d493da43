export {
  createSignalingServer,
  defaultSignalingServerOptions,
  type SignalingServer,
  type SignalingServerOptions,
} from './server.ts';
export type { ClientMessage, ErrorCode, PeerName, ServerMessage } from './protocol.ts';
