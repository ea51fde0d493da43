/** The outbox as records: each command in one of its own, and one for the places that they have. */
import type { KeptCommand, Placement } from './storage.ts';
import { open, seal } from './records.ts';

const maxSessionLength = 64;
const isSession = (text: string): text is string => text.length > 0 && text.length <= maxSessionLength;

export function encodeKeptCommand({ time, expires, call }: KeptCommand): Uint8Array {
  return seal([time, expires, call]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodeKeptCommand(number: number, record: unknown): KeptCommand {
  return open(`command ${number} of the outbox`, record, (fields) => ({
    number,
    time: fields.integer(),
    expires: fields.integerOrNull(),
    call: fields.bytes(),
  }));
}

export function encodePlacement(placement: Placement | null): Uint8Array {
  return seal(placement === null ? [] : [placement.session, placement.next, placement.last]);
}

/** @throws RaftError STORAGE_CORRUPT */
export function decodePlacement(record: unknown): Placement | null {
  return open('the session of the outbox', record, (fields) =>
    fields.remaining === 0
      ? null
      : { session: fields.text(isSession), next: fields.integer(1), last: fields.integer() },
  );
}
