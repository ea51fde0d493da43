/** A host as it proves itself to others: its id, the public key that the id is the fingerprint of, and signatures by it. */
import type { HostId } from '../ids.ts';
import { exportPublicKey, sign, source } from './crypto.ts';
import { type HostIdentity, hostIdOf } from './host-keys.ts';

export interface HostSigner {
  readonly id: HostId;
  /** The raw public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export async function hostSigner({ keys }: Pick<HostIdentity, 'keys'>): Promise<HostSigner> {
  const publicKey = await exportPublicKey(keys.publicKey);
  return { id: await hostIdOf(source(publicKey)), publicKey, sign: (message) => sign(keys.privateKey, message) };
}
