/**
 * The data channels of a link, one for each lane: what frames travel on, whoever sets up the connection beneath them. Both
 * ends make them, under numbers agreed here, so that none has to be announced.
 */
import { channelLowBytes } from './bulk-queue.ts';
import { type Lane, lanes } from './link.ts';
import type { LaneChannel } from './outlet.ts';

/** The streams of the channels. Large, so that none of those which browsers hand out is met. */
const channelIds: Readonly<Record<Lane, number>> = { control: 100, bulk: 101 };

export interface LaneChannelsListener {
  /** Both channels are open, and both descriptions are in force. */
  opened(channels: Readonly<Record<Lane, LaneChannel>>): void;
  received(message: unknown): void;
  /** The bulk channel has room again. Not every stack tells. */
  drained(): void;
  /** A channel is gone. May be told of each. */
  closed(detail: string): void;
}

/** The channels of a connection, at its end. */
export interface LaneChannels {
  /**
   * Closes both, which the other end hears of even when messages are lost: it travels like what goes on channels. Calls back
   * once, when the other end has answered or is out of reach; it may do neither for as long as it likes.
   */
  hangUp(over: () => void): void;
}

/**
 * Makes the channels of a connection that is not set up yet.
 *
 * They may open before the connection shows under which descriptions: in Chromium these come to the page on another way.
 * Whoever asked then which certificates were checked would see none, and take the other end for somebody in the middle.
 */
export function makeLaneChannels(connection: RTCPeerConnection, listener: LaneChannelsListener): LaneChannels {
  const open = (): void => {
    if (!lanes.every((lane) => channels[lane].readyState === 'open')) return;
    if (connection.currentLocalDescription === null || connection.currentRemoteDescription === null) return;
    connection.removeEventListener('signalingstatechange', open);
    listener.opened({ control: laneChannel(channels.control), bulk: laneChannel(channels.bulk) });
  };
  connection.addEventListener('signalingstatechange', open);
  const make = (lane: Lane): RTCDataChannel => {
    const channel = connection.createDataChannel(lane, { negotiated: true, id: channelIds[lane] });
    channel.binaryType = 'arraybuffer';
    channel.onopen = open;
    channel.onmessage = ({ data }) => {
      listener.received(data);
    };
    channel.onclose = () => {
      listener.closed(`the ${lane} channel was closed`);
    };
    return channel;
  };
  const channels: Readonly<Record<Lane, RTCDataChannel>> = { control: make('control'), bulk: make('bulk') };
  channels.bulk.bufferedAmountLowThreshold = channelLowBytes;
  channels.bulk.onbufferedamountlow = () => {
    listener.drained();
  };
  const isOver = (): boolean =>
    outOfReach.has(connection.connectionState) || lanes.every((lane) => channels[lane].readyState === 'closed');
  return {
    hangUp: (over) => {
      const look = (): void => {
        if (!isOver()) return;
        connection.removeEventListener('connectionstatechange', look);
        for (const lane of lanes) channels[lane].onclose = null;
        over();
      };
      connection.addEventListener('connectionstatechange', look);
      for (const lane of lanes) channels[lane].onclose = look;
      for (const lane of lanes) channels[lane].close();
      look();
    },
  };
}

const outOfReach: ReadonlySet<RTCPeerConnectionState> = new Set(['disconnected', 'failed', 'closed']);

function laneChannel(channel: RTCDataChannel): LaneChannel {
  return {
    get bufferedBytes() {
      return channel.bufferedAmount;
    },
    send: (message) => {
      channel.send(message);
    },
  };
}
