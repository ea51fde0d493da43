/**
 * Connections through simple-peer, which makes and ends them: its own data channel is the control lane, a second one beside
 * it the bulk lane.
 */
import SimplePeer from 'simple-peer/simplepeer.min.js';
import { channelIds, type Connect, type Connection, type ConnectionListener } from './connection.ts';
import type { Signal } from './introduction.ts';
import { channelLowBytes, type LaneChannel } from './webrtc-link.ts';

/** What WebRTC is made of, where it is no global: `@roamhq/wrtc` in Node. */
export interface WebRtcLibrary {
  readonly RTCPeerConnection: unknown;
  readonly RTCSessionDescription: unknown;
  readonly RTCIceCandidate: unknown;
}

/** What simple-peer keeps to itself, and has under these names in every release of the last ten years. */
interface Inside {
  readonly _pc: RTCPeerConnection;
  /** Null before there is one, and after the end. */
  readonly _channel: RTCDataChannel | null;
}

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
    // Messages keep their borders.
    objectMode: true,
    channelConfig: { negotiated: true, id: channelIds.control },
    config: configuration,
    ...(library && { wrtc: library as never }),
  });
  const { _pc: peerConnection } = peer as unknown as Inside;
  const bulk = peerConnection.createDataChannel('bulk', { negotiated: true, id: channelIds.bulk });
  bulk.binaryType = 'arraybuffer';
  bulk.bufferedAmountLowThreshold = channelLowBytes;
  let isConnected = false;
  let isClosed = false;
  const open = (): void => {
    const { _channel: control } = peer as unknown as Inside;
    if (!isConnected || bulk.readyState !== 'open' || isClosed || control === null) return;
    // Past simple-peer's stream, whose copies and events make a round trip half as long again.
    control.onmessage = ({ data }) => {
      listener.received(data);
    };
    listener.opened({ control: laneChannel(control), bulk: laneChannel(bulk) });
  };
  const close = (detail: string): void => {
    if (isClosed) return;
    isClosed = true;
    peer.destroy();
    listener.closed(detail);
  };
  let problem = 'the connection was closed';
  peer.on('signal', (signal: unknown) => {
    listener.signal(signal as Signal);
  });
  peer.on('connect', () => {
    isConnected = true;
    open();
  });
  // What comes before both channels are open.
  peer.on('data', (message: unknown) => {
    listener.received(message);
  });
  peer.on('error', (error: Error) => {
    problem = error.message;
  });
  peer.on('close', () => {
    close(problem);
  });
  bulk.onopen = open;
  bulk.onmessage = ({ data }) => {
    listener.received(data);
  };
  bulk.onbufferedamountlow = () => {
    listener.drained();
  };
  bulk.onclose = () => {
    close('the bulk channel was closed');
  };
  return {
    peerConnection,
    signal: (signal) => {
      if (isClosed) return;
      try {
        peer.signal(signal as SimplePeer.SignalData);
      } catch (error) {
        close(String(error));
      }
    },
    destroy: () => {
      isClosed = true;
      peer.destroy();
    },
  };
}

export function laneChannel(channel: RTCDataChannel): LaneChannel {
  return {
    get bufferedBytes() {
      return channel.bufferedAmount;
    },
    send: (message) => {
      channel.send(message);
    },
  };
}
