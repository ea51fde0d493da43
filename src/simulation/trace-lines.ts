/**
 * Trace events as JSON lines, so that a run can be looked at, and replayed against a specification, by other tools. One
 * order for all members; the events themselves are described in `core/trace.ts`. Bytes are left out, and their number told.
 */
import type { TraceEvent } from '../core/trace.ts';
import type { Message } from '../core/types.ts';

/**
 * @param sequence counts the events of a run, from 1
 * @param at milliseconds of virtual time
 */
export function traceLine(event: TraceEvent, sequence: number, at: number): string {
  const { node, name, state, role, last, conf, learners, ...detail } = event;
  const { message, ...rest } = 'message' in detail ? detail : { ...detail, message: null };
  const line = { seq: sequence, at, node, name, state, role, last, conf, learners, ...rest };
  return JSON.stringify(message === null ? line : { ...line, msg: messageFields(message) }, withoutBytes);
}

/** What the specification calls them, beside the names that the messages themselves have. */
function messageFields(message: Message): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = { ...message };
  switch (message.kind) {
    case 'AppendEntries':
      delete fields.entries;
      return { ...fields, count: message.entries.length };
    case 'AppendEntriesResponse': {
      const { index, conflict } = message;
      delete fields.index;
      delete fields.conflict;
      return { ...fields, ackIndex: index, reject: conflict !== null, hint: conflict };
    }
    case 'RequestVoteResponse':
    case 'RequestPreVoteResponse':
      return { ...fields, reject: !message.granted };
    case 'InstallSnapshot':
      return { ...fields, snapshotIndex: message.snapshot.index };
    default:
      return fields;
  }
}

function withoutBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { bytes: value.byteLength } : value;
}
