/** What two hosts say to each other about their link, beside the frames of the groups that it carries. */
import type { AdmissionClaim } from '../identity/admission.ts';
import type { Hello, Proof } from '../identity/handshake.ts';
import type { RefusalReason } from '../identity/refusals.ts';
import type { GroupId, HostId } from '../ids.ts';
import type { RoomOffer } from './transport.ts';

export type LinkMessage =
  /** The first frame of each end. */
  | ({ readonly kind: 'Hello' } & Hello)
  /** The second one. */
  | ({ readonly kind: 'Proof' } & Proof)
  /** The other end is not let into a group, or, without a group, is not talked to at all. */
  | {
      readonly kind: 'Refuse';
      readonly group: GroupId | null;
      readonly reason: RefusalReason;
      readonly detail: string;
    }
  | ({ readonly kind: 'Enter' } & AdmissionClaim)
  /** The other end is let into the group: from now on it may send frames of it. */
  | { readonly kind: 'Entered'; readonly group: GroupId }
  /** This host has closed the group. */
  | { readonly kind: 'Leave'; readonly group: GroupId }
  /** Asks for a sign of life. */
  | { readonly kind: 'Ping'; readonly number: number }
  | { readonly kind: 'Pong'; readonly number: number }
  /** The hosts of the group that the sender is linked to. */
  | { readonly kind: 'Neighbours'; readonly group: GroupId; readonly hosts: readonly HostId[] }
  /** To be passed on to a neighbour of the receiver: sealed signaling, where there is no broker. */
  | { readonly kind: 'Relay'; readonly group: GroupId; readonly to: HostId; readonly data: string }
  /** What `Relay` becomes at the one who passes it on. */
  | { readonly kind: 'Relayed'; readonly group: GroupId; readonly from: HostId; readonly data: string }
  /** In a room: which group it is for. */
  | { readonly kind: 'Offer'; readonly group: GroupId; readonly offer: RoomOffer | null };

/** What concerns a group that both ends are in. */
export type SharedMessage = Extract<LinkMessage, { kind: 'Neighbours' | 'Relay' | 'Relayed' | 'Offer' }>;
