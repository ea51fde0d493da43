/**
 * Who a host is: an Ed25519 key pair, of which the private half never leaves the platform's keeping, and the fingerprint of
 * the public half as the host's id. Whoever holds the key is the host; a host that lost it comes back as another.
 */
import { toBase64Url } from '../encoding/base64url.ts';
import { RaftError } from '../errors.ts';
import { type HostId, hostIdBytes } from '../ids.ts';

export interface HostIdentity {
  /** The fingerprint of `keys.publicKey`. */
  readonly host: HostId;
  /** Ed25519. The private key cannot be extracted. */
  readonly keys: CryptoKeyPair;
}

const algorithm = 'Ed25519';

/**
 * Makes a new host.
 * @throws RaftError NOT_SUPPORTED where WebCrypto has no Ed25519, or the page is not secure
 */
export async function makeIdentity(): Promise<HostIdentity> {
  try {
    const keys = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
    if (!isKeyPair(keys)) throw new TypeError('no key pair was made');
    return { host: await hostIdOfKey(keys.publicKey), keys };
  } catch (cause) {
    const message = `this browser, or page, makes no ${algorithm} keys: take a newer one, and a secure page`;
    throw new RaftError('NOT_SUPPORTED', message, { cause });
  }
}

/** A key pair as bytes, for databases that hold nothing else: whoever can read them is the host. */
export interface KeyBytes {
  /** PKCS #8. */
  readonly privateKey: Uint8Array<ArrayBuffer>;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** Makes a new host, whose keys `identityOf` gives back. */
export async function makeKeyBytes(): Promise<KeyBytes> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.exportKey('pkcs8', keys.privateKey),
    crypto.subtle.exportKey('raw', keys.publicKey),
  ]);
  return { privateKey: new Uint8Array(privateKey), publicKey: new Uint8Array(publicKey) };
}

/**
 * The host that has a key pair.
 * @throws Error for bytes that are no key, or two that do not belong together
 */
export async function identityOf(bytes: KeyBytes): Promise<HostIdentity> {
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey('pkcs8', bytes.privateKey, algorithm, false, ['sign']),
    crypto.subtle.importKey('raw', bytes.publicKey, algorithm, true, ['verify']),
  ]);
  const sample = new Uint8Array(hostIdBytes);
  const signature = await crypto.subtle.sign(algorithm, privateKey, sample);
  if (!(await crypto.subtle.verify(algorithm, publicKey, signature, sample))) {
    throw new RangeError('the private key is not that of the public one');
  }
  return { host: await hostIdOfKey(publicKey), keys: { privateKey, publicKey } };
}

/** Whether a value, of a store for example, is a key pair that a host can have. */
export function isKeyPair(value: unknown): value is CryptoKeyPair {
  if (typeof value !== 'object' || value === null) return false;
  const { publicKey, privateKey } = value as Partial<CryptoKeyPair>;
  return (
    publicKey instanceof CryptoKey &&
    privateKey instanceof CryptoKey &&
    publicKey.type === 'public' &&
    privateKey.type === 'private' &&
    publicKey.algorithm.name === algorithm &&
    privateKey.algorithm.name === algorithm &&
    !privateKey.extractable
  );
}

/** The id of the host that has a key. */
export async function hostIdOfKey(publicKey: CryptoKey): Promise<HostId> {
  return hostIdOf(new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)));
}

/** The id of the host that has a key, given as its 32 raw bytes: the first 16 of their SHA-256, as base64url. */
export async function hostIdOf(publicKey: Uint8Array<ArrayBuffer>): Promise<HostId> {
  const digest = await crypto.subtle.digest('SHA-256', publicKey);
  return toBase64Url(new Uint8Array(digest, 0, hostIdBytes)) as HostId;
}
