import { RaftError } from '../errors.ts';

/**
 * Looks whether WebRTC takes a configuration, by making a connection and closing it. Asked only when somebody is to be
 * reached, it would say so to nobody.
 * @throws RaftError INVALID_ARGUMENT
 */
export function checkConfiguration(
  configuration: RTCConfiguration,
  construct: (configuration: RTCConfiguration) => RTCPeerConnection,
): void {
  try {
    construct(configuration).close();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `WebRTC does not take these iceServers, or this iceTransportPolicy (${reason}): give addresses like`;
    throw new RaftError(
      'INVALID_ARGUMENT',
      `${message} stun:HOST:PORT or turn:HOST:PORT, the latter with username and credential`,
      {
        cause,
      },
    );
  }
}
