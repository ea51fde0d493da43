/** Why a host is not let in: each reason has its own word, which both sides see. */

export const refusalReasons = [
  /** It speaks another major version of the wire format. */
  'version',
  /** Its signature is not by the key that it shows, or its key is not the one that was expected. */
  'wrong-key',
  /** Its proof is for another handshake than this one. */
  'replayed-handshake',
  /** The two ends see different certificates: somebody is between them. */
  'swapped-fingerprint',
  /** It does not have the group's secret, or not the one that it claims to have. */
  'no-secret',
  /** That member was removed; its host may come back as another one. */
  'removed-incarnation',
  /** That key is banned, in every incarnation. */
  'banned-key',
  /** It may only read, and tried to write or to vote. */
  'read-only',
  /** It sent what may not be sent before both keys are proven. */
  'too-early',
  /** What it sent makes no sense. */
  'malformed',
  /** It did not finish the handshake in time. */
  'handshake-timeout',
  /** It has no such group, or has closed it. */
  'no-such-group',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
