/**
 * How two hosts that have just been connected prove to each other who they are. Each says hello, with a fresh nonce and its
 * public key, and then signs what it has seen: both keys, both nonces, both versions, its role, and the DTLS fingerprints
 * of both certificates as it sees them. Somebody between the two has certificates of his own, so the fingerprints differ;
 * somebody who repeats an old handshake has an old nonce; and nobody else has the key.
 */
import { encode } from '../encoding/msgpack.ts';
import type { HostId } from '../ids.ts';
import { randomBytes, sha256, source, verify } from './crypto.ts';
import { hostIdOf } from './host-keys.ts';
import type { HostSigner } from './host-signer.ts';
import { Refusal } from './refusals.ts';

export const nonceBytes = 32;

/** Who began: two hosts that connect have different roles, so neither's proof can be sent back to it. */
export type Role = 'offerer' | 'answerer';

export interface Hello {
  /** The minor version of the wire format. */
  readonly minor: number;
  readonly nonce: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** What its sender has seen, and its signature on that. */
export interface Proof {
  readonly nonce: Uint8Array;
  readonly peerNonce: Uint8Array;
  /** The fingerprint of the sender's certificate, and of the certificate that it was shown. */
  readonly fingerprint: string;
  readonly peerFingerprint: string;
  readonly signature: Uint8Array;
}

export interface Proven {
  readonly host: HostId;
  readonly minor: number;
  /** Names this meeting of these two hosts, and is known to them alike: 32 bytes. */
  readonly session: Uint8Array;
}

export interface HandshakeInit {
  readonly identity: HostSigner;
  readonly role: Role;
  readonly major: number;
  readonly minor: number;
  /** The fingerprints that the connection itself goes by. */
  readonly binding: { readonly local: string; readonly remote: string };
  /** The host that is to be at the other end; null for whoever it is. */
  readonly expected: HostId | null;
  /** 32 random bytes; left out, they are drawn. */
  readonly nonce?: Uint8Array;
}

interface View {
  readonly role: Role;
  readonly minor: number;
  readonly peerMinor: number;
  readonly publicKey: Uint8Array;
  readonly peerPublicKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly peerNonce: Uint8Array;
  readonly fingerprint: string;
  readonly peerFingerprint: string;
}

function transcript(major: number, view: View): Uint8Array {
  const { role, minor, peerMinor, publicKey, peerPublicKey, nonce, peerNonce, fingerprint, peerFingerprint } = view;
  const seen = [role, minor, peerMinor, publicKey, peerPublicKey, nonce, peerNonce, fingerprint, peerFingerprint];
  return encode(['flotilla handshake', major, ...seen]);
}

const otherRole = (role: Role): Role => (role === 'offerer' ? 'answerer' : 'offerer');

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && one.every((byte, i) => byte === other[i]);
}

export class Handshake {
  readonly #init: HandshakeInit;
  readonly #nonce: Uint8Array;
  #peer: Hello | null = null;

  constructor(init: HandshakeInit) {
    this.#init = init;
    this.#nonce = init.nonce ?? randomBytes(nonceBytes);
  }

  hello(): Hello {
    return { minor: this.#init.minor, nonce: this.#nonce, publicKey: this.#init.identity.publicKey };
  }

  /**
   * Takes the other end's hello; gives our proof.
   * @throws Refusal wrong-key, replayed-handshake, malformed
   */
  async takeHello(hello: Hello): Promise<Proof> {
    const { identity, expected, binding } = this.#init;
    if (this.#peer !== null) throw new Refusal('malformed', 'a second hello');
    this.#peer = hello;
    if (areEqual(hello.nonce, this.#nonce)) {
      throw new Refusal('replayed-handshake', 'the other end repeats our own nonce');
    }
    const host = await hostIdOf(source(hello.publicKey));
    if (expected !== null && host !== expected) {
      throw new Refusal('wrong-key', `the key at the other end is that of ${host}, not of ${expected}`);
    }
    if (host === identity.id) throw new Refusal('wrong-key', 'the other end shows our own key');
    const signature = await identity.sign(transcript(this.#init.major, this.#view(hello)));
    return {
      nonce: this.#nonce,
      peerNonce: hello.nonce,
      fingerprint: binding.local,
      peerFingerprint: binding.remote,
      signature,
    };
  }

  #view(peer: Hello): View {
    const { role, minor, identity, binding } = this.#init;
    return {
      role,
      minor,
      peerMinor: peer.minor,
      publicKey: identity.publicKey,
      peerPublicKey: peer.publicKey,
      nonce: this.#nonce,
      peerNonce: peer.nonce,
      fingerprint: binding.local,
      peerFingerprint: binding.remote,
    };
  }

  /**
   * Takes the other end's proof. The signature is checked on what the proof claims, and only then the claims are compared
   * with what we see: so it comes out why they differ.
   * @throws Refusal wrong-key, replayed-handshake, swapped-fingerprint, malformed
   */
  async takeProof(proof: Proof): Promise<Proven> {
    const peer = this.#peer;
    if (peer === null) throw new Refusal('malformed', 'a proof before its hello');
    const { role, major, minor, identity, binding } = this.#init;
    const claimed: View = {
      role: otherRole(role),
      minor: peer.minor,
      peerMinor: minor,
      publicKey: peer.publicKey,
      peerPublicKey: identity.publicKey,
      nonce: proof.nonce,
      peerNonce: proof.peerNonce,
      fingerprint: proof.fingerprint,
      peerFingerprint: proof.peerFingerprint,
    };
    if (!(await verify(peer.publicKey, proof.signature, transcript(major, claimed)))) {
      throw new Refusal('wrong-key', 'the signature is not by the key that the other end shows');
    }
    if (!areEqual(proof.peerNonce, this.#nonce) || !areEqual(proof.nonce, peer.nonce)) {
      throw new Refusal('replayed-handshake', 'the proof is for another handshake than this one');
    }
    if (proof.fingerprint !== binding.remote || proof.peerFingerprint !== binding.local) {
      throw new Refusal('swapped-fingerprint', 'the two ends see different certificates: somebody is between them');
    }
    const ours = this.#view(peer);
    const byOfferer = role === 'offerer' ? ours : claimed;
    const session = await sha256(encode(['flotilla session', transcript(major, byOfferer)]));
    return { host: await hostIdOf(source(peer.publicKey)), minor: peer.minor, session };
  }
}
