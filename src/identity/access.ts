/**
 * What opens a group: a secret, of one of two kinds, and all that is derived from it.
 *
 * The full secret is 32 random bytes, drawn by whoever makes the group. From it come the read-only secret and an Ed25519
 * key, the writer's. A read-only invite has the read-only secret and the public half of the writer's key: its holder finds
 * the group, reads along, and can check who may write, but can neither make a writer's proof nor go back to the full
 * secret. From the read-only secret, which both kinds have, come the topic at the broker, the key that seals signaling,
 * and the key of the proof that one has an invite at all.
 */
import { fromBase64Url, toBase64Url } from '../encoding/base64url.ts';
import { RaftError } from '../errors.ts';
import type { GroupId } from '../ids.ts';
import { derive, keyPairOf, publicKeyBytes, randomBytes, source } from './crypto.ts';

export type AccessKind = 'full' | 'read-only';

/** A secret as text, as it stands in an invite and in the database: keep it as you would keep the group's data. */
export type Access = string & { readonly __brand: 'Access' };

const secretBytes = 32;
const textOf32 = '[\\w-]{43}';
const fullForm = new RegExp(`^f${textOf32}$`);
const readOnlyForm = new RegExp(`^r${textOf32}${textOf32}$`);

export function isAccess(text: string): text is Access {
  return fullForm.test(text) || readOnlyForm.test(text);
}

export function kindOf(access: Access): AccessKind {
  return access.startsWith('f') ? 'full' : 'read-only';
}

/** @param secret 32 random bytes */
export function fullAccess(secret: Uint8Array = randomBytes(secretBytes)): Access {
  return `f${toBase64Url(secret)}` as Access;
}

/** All that is derived from a secret, for one group. */
export interface Credentials {
  readonly group: GroupId;
  readonly kind: AccessKind;
  readonly access: Access;
  /** What to give to those who may only read. */
  readonly readOnlyAccess: Access;
  /** Where the members meet at the broker; tells nothing of the group. */
  readonly topic: string;
  /** AES-256-GCM. */
  readonly sealingKey: CryptoKey;
  /** HMAC-SHA-256. */
  readonly admissionKey: CryptoKey;
  readonly writerPublicKey: Uint8Array;
  /** Null for those who may only read. */
  readonly writerKey: CryptoKey | null;
}

/** @throws RaftError INVALID_INVITE for a secret that is damaged */
export async function deriveCredentials(group: GroupId, access: Access): Promise<Credentials> {
  const salt = new TextEncoder().encode(`flotilla group ${group}`);
  const { readOnlySecret, writerPublicKey, writerKey } = await open(access, salt);
  const [topic, seal, admission] = await Promise.all([
    derive(readOnlySecret, salt, 'flotilla 2 topic', 16),
    derive(readOnlySecret, salt, 'flotilla 2 signaling', 32),
    derive(readOnlySecret, salt, 'flotilla 2 admission', 32),
  ]);
  const { subtle } = crypto;
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  return {
    group,
    kind: kindOf(access),
    access,
    readOnlyAccess: `r${toBase64Url(readOnlySecret)}${toBase64Url(writerPublicKey)}` as Access,
    topic: toBase64Url(topic),
    sealingKey: await subtle.importKey('raw', source(seal), 'AES-GCM', false, ['encrypt', 'decrypt']),
    admissionKey: await subtle.importKey('raw', source(admission), hmac, false, ['sign', 'verify']),
    writerPublicKey,
    writerKey,
  };
}

interface Opened {
  readonly readOnlySecret: Uint8Array;
  readonly writerPublicKey: Uint8Array;
  readonly writerKey: CryptoKey | null;
}

async function open(access: Access, salt: Uint8Array): Promise<Opened> {
  if (kindOf(access) === 'read-only') {
    const middle = access.length - Math.ceil((publicKeyBytes * 4) / 3);
    const [readOnlySecret, writerPublicKey] = [read(access.slice(1, middle)), read(access.slice(middle))];
    return { readOnlySecret, writerPublicKey, writerKey: null };
  }
  const secret = read(access.slice(1));
  const [readOnlySecret, seed] = await Promise.all([
    derive(secret, salt, 'flotilla 2 read-only', secretBytes),
    derive(secret, salt, 'flotilla 2 writer', secretBytes),
  ]);
  const { privateKey, publicKey } = await keyPairOf(seed);
  return { readOnlySecret, writerPublicKey: publicKey, writerKey: privateKey };
}

function read(text: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw new RaftError('INVALID_INVITE', 'the secret of the invite is damaged: was it copied whole?', { cause });
  }
}
