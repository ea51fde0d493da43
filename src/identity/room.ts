/**
 * Rooms: a name that people can say and type, in place of an invite. From the name, and a password if there is one, come the
 * id of the room, where its hosts meet, and the secret that lets them in: whoever knows the name is in. The group that is
 * found in a room has an id and a secret of its own, drawn at random, and the name tells nothing of them.
 *
 * A name is guessed more easily than 32 random bytes, so what is derived from it is made slow on purpose (PBKDF2).
 */
import { encode } from '../encoding/msgpack.ts';
import { toBase64Url } from '../encoding/base64url.ts';
import { RaftError } from '../errors.ts';
import { type GroupId, groupIdBytes } from '../ids.ts';
import { type Access, fullAccess } from './access.ts';
import { derive, source } from './crypto.ts';

/** Opens a room: as a group's id and secret open the group. */
export interface RoomKey {
  readonly id: GroupId;
  readonly access: Access;
}

/** As OWASP recommends for PBKDF2 with HMAC-SHA-256: a good part of a second for whoever knows the name, and for each guess. */
const iterations = 600_000;

const keyBytes = 32;
const maxNameLength = 256;

function isGiven(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && text.length <= maxNameLength;
}

/**
 * Derives the key of a room. Names are taken as they are, in Unicode's composed form (NFC): case and spaces count.
 * @param name 1 to 256 characters
 * @param password 1 to 256 characters; undefined for none
 * @throws RaftError INVALID_ARGUMENT
 */
export async function deriveRoomKey(name: string, password?: string): Promise<RoomKey> {
  if (!isGiven(name)) {
    throw new RaftError('INVALID_ARGUMENT', `the name of a room must have 1 to ${maxNameLength} characters`);
  }
  if (password !== undefined && !isGiven(password)) {
    throw new RaftError('INVALID_ARGUMENT', `the password of a room must have 1 to ${maxNameLength} characters`);
  }
  const [text, secretText] = [name.normalize('NFC'), password?.normalize('NFC') ?? null];
  const known = source(encode(['flotilla room', text, secretText]));
  const salt = new TextEncoder().encode(`flotilla room ${text}`);
  const { subtle } = crypto;
  const material = await subtle.importKey('raw', known, 'PBKDF2', false, ['deriveBits']);
  const slow = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations };
  const secret = new Uint8Array(await subtle.deriveBits(slow, material, 8 * keyBytes));
  const [id, access] = await Promise.all([
    derive(secret, salt, 'flotilla 2 room', groupIdBytes),
    derive(secret, salt, 'flotilla 2 room secret', keyBytes),
  ]);
  return { id: toBase64Url(id) as GroupId, access: fullAccess(access) };
}
