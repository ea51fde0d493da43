/**
 * The wire format: every message is one flat MessagePack array
 *
 *     [major, group, kind, ...fields]
 *
 * with the major version, the group's id, a number for the kind, and fields as the tables of forms read them; a list is its
 * length and then its items, and those of a configuration are arrays. Fields behind those that are known here are ignored,
 * so that later versions may add some. Whatever arrives is checked here, before anybody believes it (N1, N3): types, ranges,
 * lengths, and that entries follow each other.
 */
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { type GroupId, isGroupId } from '../ids.ts';
import { coreForms } from './core-forms.ts';
import type { Forms, Kind, MessageOf } from './form.ts';
import { groupForms } from './group-forms.ts';
import { maxFrameBytes } from './link.ts';
import type { GroupMessage } from './messages.ts';

/** Counts up with changes that older code would misread: hosts of different major versions refuse each other. */
export const wireMajor = 3;

/** Counts up with fields and kinds that older code can do without, and ignores. Told in the handshake. */
export const wireMinor = 3;

/** Since this minor version members know `Presence`. */
export const presenceMinor = 1;

/** A frame and the group that it belongs to. */
export interface Addressed {
  readonly group: GroupId;
  readonly message: GroupMessage;
}

const forms: Forms<Kind> = { ...coreForms, ...groupForms };

const kindOfNumber = new Map(Object.entries(forms).map(([kind, { number }]) => [number, kind as Kind]));

export function encodeFrame<K extends Kind>(group: GroupId, message: MessageOf<K>): Uint8Array {
  const kind: K = message.kind;
  const form = forms[kind];
  return encode([wireMajor, group, form.number, ...form.write(message)]);
}

/** A frame of a kind that is not known here: a later minor version may have brought it. */
export class UnknownKind extends RangeError {
  override readonly name = 'UnknownKind';
}

/**
 * @throws UnknownKind
 * @throws RangeError (or a DecodeError) for anything else that is not a frame of this version, saying why
 */
export function decodeFrame(frame: Uint8Array): Addressed {
  if (frame.byteLength > maxFrameBytes) throw new RangeError(`a frame of ${frame.byteLength} bytes is too large`);
  const fields = new FieldReader(decode(frame, 2));
  const version = fields.integer();
  if (version !== wireMajor) throw new RangeError(`version ${version} of the wire format, not ${wireMajor}`);
  const group = fields.text(isGroupId);
  const number = fields.integer();
  const kind = kindOfNumber.get(number);
  if (kind === undefined) throw new UnknownKind(`messages of kind ${number} are not known`);
  return { group, message: forms[kind].read(fields) };
}
