/**
 * Why a command was rejected, as it is kept in the replicated state. It must read the same on every member, so what a
 * JavaScript engine or a schema says in words of its own, or of the user's language, is not kept: only what the machine says.
 */
import { decode, encode } from '../encoding/msgpack.ts';
import { CommandRefused } from './schema.ts';

/** Longer reasons are cut: the sessions keep them. */
const maxReasonLength = 300;

/** Errors that engines throw, too, each with words of its own. */
const wordedElsewhere = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError, CommandRefused];

/** For the proposer, if it was this member that ran the command. */
export function reasonOf(cause: unknown): string {
  try {
    return String(cause);
  } catch {
    return 'the machine threw something that has no text';
  }
}

/** For everybody else. */
export function storedReason(cause: unknown): Uint8Array {
  const kind = wordedElsewhere.find((one) => cause instanceof one);
  return encode(kind === undefined ? reasonOf(cause).slice(0, maxReasonLength) : nameOf(kind));
}

/** Not the name of the class, which a bundler may have changed. */
function nameOf(kind: unknown): string {
  return kind === CommandRefused ? 'the command is refused by its schema' : 'the machine failed';
}

export function readReason(value: Uint8Array): string {
  return String(decode(value, 0));
}
