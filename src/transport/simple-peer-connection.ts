/**
 * Connections through simple-peer, which sets them up and ends them. Frames do not pass through its stream, which copies
 * them and knows one lane only: the lanes have channels of their own on its connection.
 */
import SimplePeer from 'simple-peer/simplepeer.min.js';
import type { Connect, Connection, ConnectionEnd, ConnectionListener } from './connection.ts';
import type { Signal } from './introduction.ts';
import { makeLaneChannels } from './lane-channels.ts';

/** What WebRTC is made of, where it is no global: `@roamhq/wrtc` in Node. */
export interface WebRtcLibrary {
  readonly RTCPeerConnection: unknown;
  readonly RTCSessionDescription: unknown;
  readonly RTCIceCandidate: unknown;
}

/** What simple-peer keeps to itself, and has under this name in every release of the last ten years. */
interface Inside {
  readonly _pc: RTCPeerConnection;
}

/** The stream of simple-peer's own channel, which carries nothing, and needs no other end. */
const ownChannelId = 102;

/** @param library for environments without WebRTC of their own */
export function simplePeer(library?: WebRtcLibrary): Connect {
  return (initiator, configuration, listener) => connect(initiator, configuration, listener, library);
}

function connect(
  initiator: boolean,
  configuration: RTCConfiguration,
  listener: ConnectionListener,
  library: WebRtcLibrary | undefined,
): Connection {
  const peer = new SimplePeer({
    initiator,
    channelConfig: { negotiated: true, id: ownChannelId },
    config: configuration,
    ...(library && { wrtc: library as never }),
  });
  const { _pc: peerConnection } = peer as unknown as Inside;
  let isClosed = false;
  const close = (end: ConnectionEnd): void => {
    if (isClosed) return;
    isClosed = true;
    listener.closed(end);
    peer.destroy();
  };
  const channels = makeLaneChannels(peerConnection, {
    opened: (opened) => {
      if (!isClosed) listener.opened(opened);
    },
    received: (message) => {
      if (!isClosed) listener.received(message);
    },
    drained: () => {
      listener.drained();
    },
    closed: (detail) => {
      close({ reason: 'closed-by-peer', detail });
    },
  });
  let end: ConnectionEnd = { reason: 'closed-by-peer', detail: 'the connection was closed' };
  peer.on('signal', (signal: unknown) => {
    listener.signal(signal as Signal);
  });
  peer.on('data', () => {
    close({ reason: 'failed', detail: 'something came on a channel that carries nothing' });
  });
  peer.on('error', (error: Error & { readonly code?: string }) => {
    // Its own channel says that it has an error also when the other end closes the connection.
    end = { reason: error.code === 'ERR_DATA_CHANNEL' ? 'closed-by-peer' : 'failed', detail: error.message };
  });
  peer.on('close', () => {
    close(end);
  });
  return {
    peerConnection,
    signal: (signal) => {
      if (isClosed) return;
      try {
        peer.signal(signal as SimplePeer.SignalData);
      } catch (error) {
        close({ reason: 'failed', detail: String(error) });
      }
    },
    destroy: () => {
      isClosed = true;
      peer.destroy();
    },
    hangUp: (over) => {
      const end = (): void => {
        peer.destroy();
        over();
      };
      if (isClosed) end();
      else channels.hangUp(end);
      isClosed = true;
    },
  };
}
