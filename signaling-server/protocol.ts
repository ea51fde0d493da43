/**
 * What clients and broker say to each other: JSON texts over a WebSocket. The broker introduces the peers of a topic to
 * each other and passes on what they say until they are connected; it understands none of it.
 */

/** Counts up with changes that older clients would not understand. */
export const protocolVersion = 1;

/** Names one connection to the broker, for as long as it lasts. Given by the broker, so that nobody can take another's. */
export type PeerName = string;

/** Of a `join`: `ask` for the token of the topic's founder, or say that what the topic is for is founded already. */
export type FoundingWish = 'ask' | 'done';

export type ClientMessage =
  /** Become visible to the peers of a topic, and see them. Joining again is answered again, and may add a wish. */
  | { readonly type: 'join'; readonly topic: string; readonly founding?: FoundingWish }
  | { readonly type: 'leave'; readonly topic: string }
  /** What the topic is for is founded: nobody is given the token again, until the topic has been empty. */
  | { readonly type: 'founded'; readonly topic: string }
  /** Pass a text on to a peer of a topic that we are in. */
  | { readonly type: 'relay'; readonly topic: string; readonly to: PeerName; readonly data: string };

/**
 * Who may found what a topic is for. The token is with one peer at most: with the one that asked first of those who are
 * present. When it goes before anybody said `founded`, the next who asked has it. All is forgotten when the topic empties,
 * or when the broker ends: whoever finds two groups under one topic has to tell them apart by more than this.
 */
export type Founding =
  /** Nobody who is present has asked. */
  | { readonly state: 'open' }
  /** The token is with this peer, which may be oneself. */
  | { readonly state: 'held'; readonly by: PeerName }
  | { readonly state: 'founded' };

export type ServerMessage =
  /** The first message of a connection. */
  | { readonly type: 'welcome'; readonly protocol: number; readonly peer: PeerName }
  /** The answer to `join`, with those who were there before us. */
  | {
      readonly type: 'joined';
      readonly topic: string;
      readonly peers: readonly PeerName[];
      readonly founding: Founding;
    }
  | { readonly type: 'peer-joined'; readonly topic: string; readonly peer: PeerName }
  | { readonly type: 'peer-left'; readonly topic: string; readonly peer: PeerName }
  /** The founding of a topic that we are in stands differently from what we were told last. */
  | { readonly type: 'founding'; readonly topic: string; readonly founding: Founding }
  | { readonly type: 'relay'; readonly topic: string; readonly from: PeerName; readonly data: string }
  /** This broker is about to end, or to be replaced: connect again, to find another. */
  | { readonly type: 'draining' }
  /**
   * Something was refused. `topic` is set when it was a `join`, which may be tried again later. When the connection is
   * closed for it, the reason of the close begins with the same code.
   */
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string; readonly topic: string | null };

/** What is wrong with one message. The connection goes on, unless it happens again and again. */
export type MessageErrorCode =
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
  | 'no-such-peer'
  /** This broker cannot reach the others just now. */
  | 'unavailable';

/** Why a connection is not taken, or ends. */
export type ConnectionErrorCode =
  /** The broker has as many connections as it may have. */
  | 'broker-full'
  /** The address has as many connections as it may have. */
  | 'address-full'
  /** Pages of this origin may not use this broker. */
  | 'origin-refused'
  /** The bearer token is missing or wrong, or could not be checked. */
  | 'unauthorized'
  /** In no topic for too long. */
  | 'handshake-timeout'
  /** Nothing was said for too long. */
  | 'idle'
  /** More waits to be read than may. */
  | 'slow-reader'
  /** Messages with faults came again and again. */
  | 'too-many-faults'
  /** The broker is about to end. */
  | 'draining';

export type ErrorCode = MessageErrorCode | ConnectionErrorCode;

/** A message that breaks the protocol, with the code to answer it with. */
export class ProtocolError extends Error {
  readonly code: MessageErrorCode;

  constructor(code: MessageErrorCode, message: string) {
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
    case 'join': {
      const { founding } = message;
      if (founding === undefined) return { type: 'join', topic };
      if (founding !== 'ask' && founding !== 'done') {
        throw new ProtocolError('malformed', '"founding" must be "ask" or "done", or be left out');
      }
      return { type: 'join', topic, founding };
    }
    case 'leave':
    case 'founded':
      return { type: message.type, topic };
    case 'relay':
      return { type: 'relay', topic, to: textField(message, 'to'), data: textField(message, 'data') };
    default:
      throw new ProtocolError('malformed', '"type" must be "join", "leave", "founded" or "relay"');
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
