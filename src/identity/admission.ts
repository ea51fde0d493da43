/**
 * How a host shows, over a link whose two ends have proven their keys, that it may enter a group: it knows the secret of an
 * invite, and, if it wants to write, the full one. A proof is bound to this link, this host, and this member: it is of no
 * use to anybody who hears it.
 */
import { encode } from '../encoding/msgpack.ts';
import type { GroupId, HostId, NodeId } from '../ids.ts';
import { type AccessKind, type Credentials } from './access.ts';
import { sign, source, verify } from './crypto.ts';
import { Refusal } from './refusals.ts';

export interface AdmissionClaim {
  readonly group: GroupId;
  /** What the host wants to be let in to do. */
  readonly right: AccessKind;
  /** The member of the group that the host has, or will have. */
  readonly member: NodeId;
  /** Shows that the secret of some invite is known. */
  readonly mac: Uint8Array;
  /** By the writer's key; empty in a claim to read only. */
  readonly signature: Uint8Array;
}

/** Where and by whom a claim is made. */
export interface AdmissionPlace {
  /** From the handshake. */
  readonly session: Uint8Array;
  /** The host that claims. */
  readonly host: HostId;
}

type Claimed = Pick<AdmissionClaim, 'group' | 'right' | 'member'>;

function statement({ session, host }: AdmissionPlace, { group, right, member }: Claimed): Uint8Array {
  return encode(['flotilla admission', session, host, group, right, member]);
}

/** Claims the most that the credentials allow. */
export async function claimAdmission(
  credentials: Credentials,
  place: AdmissionPlace,
  member: NodeId,
): Promise<AdmissionClaim> {
  const { group, kind, admissionKey, writerKey } = credentials;
  const claimed = { group, right: kind, member };
  const text = source(statement(place, claimed));
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', admissionKey, text));
  const signature = writerKey === null ? new Uint8Array() : await sign(writerKey, text);
  return { ...claimed, mac, signature };
}

/** @throws Refusal no-secret */
export async function checkAdmission(
  credentials: Credentials,
  place: AdmissionPlace,
  claim: AdmissionClaim,
): Promise<void> {
  const text = source(statement(place, claim));
  if (!(await crypto.subtle.verify('HMAC', credentials.admissionKey, source(claim.mac), text))) {
    throw new Refusal('no-secret', 'the other end does not know the secret of the group');
  }
  if (claim.right === 'read-only') return;
  if (!(await verify(credentials.writerPublicKey, claim.signature, text))) {
    throw new Refusal('no-secret', 'the other end claims full access, and does not know the full secret');
  }
}
