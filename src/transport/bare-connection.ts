/** Connections on the bare RTCPeerConnection, without a library. */
import { channelIds, type Connect, type Connection, type ConnectionListener } from './connection.ts';
import type { Signal } from './introduction.ts';
import { type Lane, lanes } from './link.ts';
import { laneChannel } from './simple-peer-connection.ts';
import { channelLowBytes } from './webrtc-link.ts';

/** @param construct for environments whose RTCPeerConnection is no global */
export function barePeer(
  construct: (configuration: RTCConfiguration) => RTCPeerConnection = (configuration) =>
    new RTCPeerConnection(configuration),
): Connect {
  return (initiator, configuration, listener) => new BareConnection(initiator, construct(configuration), listener);
}

class BareConnection implements Connection {
  readonly peerConnection: RTCPeerConnection;
  readonly #listener: ConnectionListener;
  readonly #channels: Readonly<Record<Lane, RTCDataChannel>>;
  /** Candidates that came before the description which they belong to. */
  #early: RTCIceCandidateInit[] | null = [];
  #isClosed = false;

  constructor(initiator: boolean, connection: RTCPeerConnection, listener: ConnectionListener) {
    this.peerConnection = connection;
    this.#listener = listener;
    this.#channels = { control: this.#channel('control'), bulk: this.#channel('bulk') };
    this.#channels.bulk.bufferedAmountLowThreshold = channelLowBytes;
    this.#channels.bulk.onbufferedamountlow = () => {
      listener.drained();
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null || candidate.candidate === '' || this.#isClosed) return;
      const { sdpMLineIndex, sdpMid } = candidate;
      listener.signal({ type: 'candidate', candidate: { candidate: candidate.candidate, sdpMLineIndex, sdpMid } });
    };
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === 'failed') this.#close('the connection failed');
    };
    if (initiator) void this.#describe().catch(this.#fail);
  }

  #channel(lane: Lane): RTCDataChannel {
    const channel = this.peerConnection.createDataChannel(lane, { negotiated: true, id: channelIds[lane] });
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => {
      if (this.#isClosed || !lanes.every((each) => this.#channels[each].readyState === 'open')) return;
      const { control, bulk } = this.#channels;
      this.#listener.opened({ control: laneChannel(control), bulk: laneChannel(bulk) });
    };
    channel.onmessage = ({ data }) => {
      this.#listener.received(data);
    };
    channel.onclose = () => {
      this.#close(`the ${lane} channel was closed`);
    };
    return channel;
  }

  signal(signal: Signal): void {
    void this.#take(signal).catch(this.#fail);
  }

  async #take(signal: Signal): Promise<void> {
    if (this.#isClosed) return;
    if (signal.type === 'candidate') {
      if (this.#early === null) await this.peerConnection.addIceCandidate(signal.candidate);
      else this.#early.push(signal.candidate);
      return;
    }
    await this.peerConnection.setRemoteDescription(signal);
    const early = this.#early ?? [];
    this.#early = null;
    for (const candidate of early) await this.peerConnection.addIceCandidate(candidate);
    if (signal.type === 'offer') await this.#describe();
  }

  async #describe(): Promise<void> {
    const connection = this.peerConnection;
    const description =
      connection.remoteDescription === null ? await connection.createOffer() : await connection.createAnswer();
    await connection.setLocalDescription(description);
    const { type, sdp = '' } = description;
    if (!this.#isClosed && (type === 'offer' || type === 'answer')) this.#listener.signal({ type, sdp });
  }

  readonly #fail = (error: unknown): void => {
    this.#close(String(error));
  };

  #close(detail: string): void {
    if (this.#isClosed) return;
    this.destroy();
    this.#listener.closed(detail);
  }

  destroy(): void {
    this.#isClosed = true;
    this.peerConnection.close();
  }
}
