/** A call in the log: who proposed it, as which of its calls, and when the leader took it. */
import type { Index, NodeId } from '../core/types.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';

/** Ends with `@` and the index that was committed already when the session was opened; see `openedAt`. */
export type SessionId = string & { readonly __brand: 'SessionId' };

/** Longer names of sessions are refused. */
const maxSessionLength = 64;

/** Longer names of members are refused. */
const maxProposerLength = 128;

const opening = /@([0-9a-z]{1,11})$/;

export function isSessionId(text: string): text is SessionId {
  return text.length > 0 && text.length <= maxSessionLength;
}

export function isProposer(text: string): text is NodeId {
  return text.length > 0 && text.length <= maxProposerLength;
}

/**
 * Names a session.
 * @param random at least 64 random bits, so that no two sessions share a name
 * @param opened an index that is known to be committed now
 */
export function sessionId(random: string, opened: Index): SessionId {
  return `${random}@${opened.toString(36)}` as SessionId;
}

/** Calls of this session can be in the log behind this index only. */
export function openedAt(session: SessionId): Index {
  const [, digits] = opening.exec(session) ?? [];
  return digits === undefined ? 0 : Number.parseInt(digits, 36);
}

export interface Envelope {
  /** Milliseconds since 1970 on the leader's clock. */
  readonly time: number;
  /** The member whose session it is. Only the first of a session carries it; from then on the sessions know. */
  readonly proposer: NodeId | null;
  readonly session: SessionId;
  /** Counts up from 1 within a session. */
  readonly sequence: number;
  /** The proposer knows what came of the calls of this session up to this one. */
  readonly known: number;
  /** What `encodeCall` gives. */
  readonly call: Uint8Array;
}

export function encodeEnvelope({ time, proposer, session, sequence, known, call }: Envelope): Uint8Array {
  return encode([time, sequence === 1 ? proposer : null, session, sequence, known, call]);
}

/** @throws RangeError for bytes that are no envelope */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const fields = new FieldReader(decode(bytes, 1));
  const time = fields.integer();
  const proposer = fields.textOrNull(isProposer);
  const [session, sequence] = [fields.text(isSessionId), fields.integer(1)];
  if ((proposer === null) === (sequence === 1)) throw new RangeError('the first of a session says whose it is');
  return { time, proposer, session, sequence, known: fields.integer(0, sequence - 1), call: fields.bytes() };
}
