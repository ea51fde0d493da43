/**
 * What clients and broker say to each other: JSON texts over a WebSocket. The broker introduces the peers of a topic to
 * each other and passes on what they say until they are connected; it understands none of it.
 */

/** Counts up with changes that older clients would not understand. */
export const protocolVersion = 1;

/** Names one connection to the broker, for as long as it lasts. Given by the broker, so that nobody can take another's. */
export type PeerName = string;

export type ClientMessage =
  /** Become visible to the peers of a topic, and see them. */
  | { readonly type: 'join'; readonly topic: string }
  | { readonly type: 'leave'; readonly topic: string }
  /** Pass a text on to a peer of a topic that we are in. */
  | { readonly type: 'relay'; readonly topic: string; readonly to: PeerName; readonly data: string };

export type ServerMessage =
  /** The first message of a connection. */
  | { readonly type: 'welcome'; readonly protocol: number; readonly peer: PeerName }
  /** The answer to `join`, with those who were there before us. */
  | { readonly type: 'joined'; readonly topic: string; readonly peers: readonly PeerName[] }
  | { readonly type: 'peer-joined'; readonly topic: string; readonly peer: PeerName }
  | { readonly type: 'peer-left'; readonly topic: string; readonly peer: PeerName }
  | { readonly type: 'relay'; readonly topic: string; readonly from: PeerName; readonly data: string }
  /** A message of ours had no effect; `topic` is set when it was a `join`, which may be tried again later. */
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string; readonly topic: string | null };

export type ErrorCode =
  /** Not JSON, no known type, or a field that is missing or wrong. */
  | 'malformed'
  /** The message, or its data, has too many bytes. */
  | 'too-large'
  /** Messages come too fast; this one was dropped. */
  | 'rate-limited'
  /** The topic has as many peers as it may have. */
  | 'topic-full'
  /** This connection is in as many topics as it may be. */
  | 'too-many-topics'
  /** Relaying goes to peers of a topic that one is in oneself. */
  | 'not-in-topic'
  /** The peer has left. */
  | 'no-such-peer';

/** A message that breaks the protocol, with the code to answer it with. */
export class ProtocolError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const maxTopicLength = 128;

/** @throws ProtocolError */
export function parseClientMessage(text: string): ClientMessage {
  const message = parseObject(text);
  const topic = textField(message, 'topic');
  if (topic.length === 0 || topic.length > maxTopicLength) {
    throw new ProtocolError('malformed', `"topic" must have 1 to ${maxTopicLength} characters`);
  }
  switch (message.type) {
    case 'join':
    case 'leave':
      return { type: message.type, topic };
    case 'relay':
      return { type: 'relay', topic, to: textField(message, 'to'), data: textField(message, 'data') };
    default:
      throw new ProtocolError('malformed', '"type" must be "join", "leave" or "relay"');
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProtocolError('malformed', 'a message must be JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ProtocolError('malformed', 'a message must be a JSON object');
  }
  return value as Readonly<Record<string, unknown>>;
}

function textField(message: Readonly<Record<string, unknown>>, name: string): string {
  const value = message[name];
  if (typeof value !== 'string') throw new ProtocolError('malformed', `"${name}" must be a string`);
  return value;
}
