/** A command in the log: who proposed it, as which of its commands, and when the leader took it. */
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';

export type SessionId = string & { readonly __brand: 'SessionId' };

/** Longer names of sessions are refused. */
const maxSessionLength = 64;

export function isSessionId(text: string): text is SessionId {
  return text.length > 0 && text.length <= maxSessionLength;
}

export interface Envelope {
  /** Milliseconds since 1970 on the leader's clock. */
  readonly time: number;
  readonly session: SessionId;
  /** Counts up from 1 within a session. */
  readonly sequence: number;
  /** The proposer knows what came of the commands of this session up to this one. */
  readonly known: number;
  readonly command: Uint8Array;
}

export function encodeEnvelope({ time, session, sequence, known, command }: Envelope): Uint8Array {
  return encode([time, session, sequence, known, command]);
}

/** @throws RangeError for bytes that are no envelope */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const fields = new FieldReader(decode(bytes, 1));
  const [time, session, sequence] = [fields.integer(), fields.text(isSessionId), fields.integer(1)];
  return { time, session, sequence, known: fields.integer(0, sequence - 1), command: fields.bytes() };
}
