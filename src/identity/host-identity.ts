/** Who a host is: the holder of an Ed25519 key. Its id is the fingerprint of the public half, so nobody can take another's. */
import { toBase64Url } from '../encoding/base64url.ts';
import { type HostId, hostIdBytes } from '../ids.ts';
import { exportPublicKey, sha256, sign } from './crypto.ts';

export interface HostIdentity {
  readonly id: HostId;
  /** The raw public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** @param keys an Ed25519 pair; the private half need not be extractable */
export async function hostIdentity(keys: CryptoKeyPair): Promise<HostIdentity> {
  const publicKey = await exportPublicKey(keys.publicKey);
  return {
    id: await hostIdOf(publicKey),
    publicKey,
    sign: (message) => sign(keys.privateKey, message),
  };
}

/** The first 16 bytes of the key's SHA-256, as text. */
export async function hostIdOf(publicKey: Uint8Array): Promise<HostId> {
  const digest = await sha256(publicKey);
  return toBase64Url(digest.subarray(0, hostIdBytes)) as HostId;
}
