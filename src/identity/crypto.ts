/** WebCrypto, which browsers, workers and Node have alike, with the types that it wants. */

const { subtle } = crypto;
const utf8 = new TextEncoder();

/** WebCrypto takes no views on shared memory, and the types of our byte arrays do not rule that out. */
export function source(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle.digest('SHA-256', source(bytes)));
}

/**
 * HKDF-SHA-256 (RFC 5869).
 * @param info says what the derived bytes are for: different texts give independent bytes
 */
export async function derive(secret: Uint8Array, salt: Uint8Array, info: string, length: number): Promise<Uint8Array> {
  const key = await subtle.importKey('raw', source(secret), 'HKDF', false, ['deriveBits']);
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt: source(salt), info: utf8.encode(info) };
  return new Uint8Array(await subtle.deriveBits(parameters, key, 8 * length));
}

export const publicKeyBytes = 32;
export const signatureBytes = 64;

export function importPublicKey(bytes: Uint8Array): Promise<CryptoKey> {
  return subtle.importKey('raw', source(bytes), 'Ed25519', true, ['verify']);
}

export async function exportPublicKey(key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await subtle.exportKey('raw', key));
}

export async function sign(key: CryptoKey, message: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle.sign('Ed25519', key, source(message)));
}

/** False also for a key that is none. */
export async function verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  try {
    return await subtle.verify('Ed25519', await importPublicKey(publicKey), source(signature), source(message));
  } catch {
    return false;
  }
}

/** What stands before the 32 bytes of a seed in the PKCS #8 form of an Ed25519 key (RFC 8410, section 7). */
const pkcs8Prefix = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

/** The Ed25519 key pair of a seed. */
export async function keyPairOf(seed: Uint8Array): Promise<{ privateKey: CryptoKey; publicKey: Uint8Array }> {
  const encoded = new Uint8Array([...pkcs8Prefix, ...seed]);
  // Only the form in JSON tells the public key, and only an extractable key has it.
  const open = await subtle.importKey('pkcs8', encoded, 'Ed25519', true, ['sign']);
  const { x = '' } = await subtle.exportKey('jwk', open);
  const privateKey = await subtle.importKey('pkcs8', encoded, 'Ed25519', false, ['sign']);
  return { privateKey, publicKey: fromJwk(x) };
}

function fromJwk(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}
