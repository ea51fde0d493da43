/** Connections on the bare RTCPeerConnection, without a library. */
import type { Connect, Connection, ConnectionEnd, ConnectionListener } from './connection.ts';
import type { Signal } from './introduction.ts';
import { type LaneChannels, makeLaneChannels } from './lane-channels.ts';

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
  readonly #channels: LaneChannels;
  /** Candidates that came before the description which they belong to. */
  #early: RTCIceCandidateInit[] | null = [];
  #isClosed = false;

  constructor(initiator: boolean, connection: RTCPeerConnection, listener: ConnectionListener) {
    this.peerConnection = connection;
    this.#listener = listener;
    this.#channels = makeLaneChannels(connection, {
      opened: (channels) => {
        if (!this.#isClosed) listener.opened(channels);
      },
      received: (message) => {
        if (!this.#isClosed) listener.received(message);
      },
      drained: () => {
        listener.drained();
      },
      closed: (detail) => {
        this.#close({ reason: 'closed-by-peer', detail });
      },
    });
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null || candidate.candidate === '' || this.#isClosed) return;
      const { sdpMLineIndex, sdpMid } = candidate;
      listener.signal({ type: 'candidate', candidate: { candidate: candidate.candidate, sdpMLineIndex, sdpMid } });
    };
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === 'failed') this.#close({ reason: 'failed', detail: 'the connection failed' });
    };
    if (initiator) void this.#describe().catch(this.#fail);
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
    this.#close({ reason: 'failed', detail: String(error) });
  };

  #close(end: ConnectionEnd): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Whoever is told may look at how far the connection had come.
    this.#listener.closed(end);
    this.peerConnection.close();
  }

  destroy(): void {
    this.#isClosed = true;
    this.peerConnection.close();
  }

  hangUp(over: () => void): void {
    const end = (): void => {
      this.peerConnection.close();
      over();
    };
    if (this.#isClosed) end();
    else this.#channels.hangUp(end);
    this.#isClosed = true;
  }
}
