/**
 * The contracts of transport towards the layers above: how a member sends to another, and how a host meets the others of
 * its groups. Whoever is met has proven its key, and its right to be in the group.
 */
import type { FoundingWish } from '../../signaling-server/protocol.ts';
import type { NodeId } from '../core/types.ts';
import type { Access, AccessKind, Credentials } from '../identity/access.ts';
import type { RefusalReason } from '../identity/refusals.ts';
import type { GroupId, HostId } from '../ids.ts';
import type { Lane, LinkEnd, LinkPath, LinkStatistics } from './link.ts';
import type { MemberMessage } from './messages.ts';

export type { Lane } from './link.ts';
export { maxFrameBytes } from './link.ts';

/** How a member reaches the other members of its group: best effort. */
export interface Transport {
  /** False when the message was certainly not sent: there is no link, or it has too much to do. */
  send(to: NodeId, message: MemberMessage, lane: Lane): boolean;
}

/** As whom a host has entered a group. */
export interface Admission {
  readonly member: NodeId;
  readonly kind: AccessKind;
}

/** What a host says in a room: which group the room is for, with all that one needs to join it. */
export interface RoomOffer {
  readonly group: GroupId;
  /** Full access. */
  readonly access: Access;
  readonly signaling: string | null;
  /** Whether the group has its members. Until then the host that says so gathers them. */
  readonly isFounded: boolean;
}

/** A link to a host that has proven who it is. */
export interface PeerLink {
  readonly peer: HostId;
  /** The minor version of the wire format that the host at the other end speaks. */
  readonly minor: number;
  /** As whom the host at the other end has entered a group here; null when it has not, and nothing it says of it counts. */
  admissionTo(group: GroupId): Admission | null;
  /** False when the frame was certainly not sent. */
  send(frame: Uint8Array, lane: Lane): boolean;
  /** Bytes that a lane has taken and that have not left yet. */
  bufferedBytes(lane: Lane): number;
  /** Says in a room which group it is for; null when we have none to offer. The last that was said counts. */
  offer(room: GroupId, offer: RoomOffer | null): void;
  /** Puts the host out of a group, and tells it why. */
  refuse(group: GroupId, reason: RefusalReason, detail: string): void;
  /** Both sides hear of it; what was sent before may be lost. */
  close(end?: LinkEnd): void;
}

/** What happens on links, wherever they were made. */
export interface MeshListener {
  received(link: PeerLink, frame: Uint8Array, lane: Lane): void;
}

/**
 * Whether the broker can be reached at the moment. Links that are open do not need it. `none`: the group has no broker, and
 * is for the tabs of one browser.
 */
export type SignalingState = 'none' | 'connecting' | 'connected' | 'closed';

/** Why a host may not enter a group, whatever it can prove. */
export type Exclusion = 'removed-incarnation' | 'banned-key';

/** A group that this host wants to meet others in. */
export interface GroupEntry {
  readonly credentials: Credentials;
  /** The address of the signaling server; null for a group of tabs of one browser. */
  readonly broker: string | null;
  /** Our member. */
  readonly member: NodeId;
  /** Null when a host may enter as that member. Asked each time, with keys and secrets proven already. */
  mayEnter(host: HostId, member: NodeId): Exclusion | null;
  /** What we want of the founder's token of the place where the hosts meet; left out where there is nothing to found. */
  readonly founding?: () => FoundingWish;
}

/** Somebody was not let in, here or by the other end. */
export interface RefusalNotice {
  readonly peer: HostId | null;
  readonly by: 'us' | 'them';
  readonly reason: RefusalReason;
  readonly detail: string;
  /** As whom the other end was in the group here, if it was: members are believed what they say of the group. */
  readonly admission: Admission | null;
}

/** What happens in one group. */
export interface GroupListener {
  /** There is an open link to a host that is in this group too: each end has let the other in. */
  met(link: PeerLink): void;
  /** The link is closed, or the host has left the group. Called once for each link that was met. */
  parted(link: PeerLink): void;
  refused(notice: RefusalNotice): void;
  signalingChanged(state: SignalingState): void;
  /** A host that may write says which group the room is for. */
  offered?(link: PeerLink, offer: RoomOffer | null): void;
  /** Whether the founder's token is with us. At first it is not. */
  tokenChanged?(isOurs: boolean): void;
}

/** How it stands between this host and another one of a group: what one wants to know when they are not connected. */
export interface PeerDiagnosis {
  readonly host: HostId;
  readonly state:
    | 'connected'
    /** An attempt is under way; `detail` says how far it has come. */
    | 'connecting'
    /** The other host is the one that offers, and has not. */
    | 'waiting-for-offer'
    /** Neither a broker nor another host brings our signals to it. */
    | 'no-signaling'
    | 'no-candidates'
    | 'ice-failed'
    | 'channels-failed'
    | 'handshake-refused'
    | 'version-mismatch';
  readonly detail: string;
  /** Attempts that came to nothing since we were last connected. */
  readonly failures: number;
  /** Through whom our signals would go to it: from tab to tab, through the broker, or through another host. */
  readonly signaling: 'tab' | 'broker' | 'mesh' | null;
  readonly link: (LinkPath & LinkStatistics & { readonly pingMs: number | null }) | null;
}

export interface GroupDiagnosis {
  readonly signaling: SignalingState;
  /** Sealed messages that could not be opened, by why not. */
  readonly dropped: Readonly<Record<'not-sealed' | 'replayed' | 'for-another', number>>;
  readonly peers: readonly PeerDiagnosis[];
  /** The last refusals, the newest last. */
  readonly refusals: readonly RefusalNotice[];
}

export interface Connector {
  /**
   * Looks for hosts in a group, until told to stop, and sees to it that there is a link to each: one for each host,
   * however many groups it shares with us.
   */
  join(entry: GroupEntry, listener: GroupListener): () => void;
  /** What hosts meet for under an entry is founded: nobody else is to found it. */
  founded(group: GroupId): void;
  /** Whether hosts can meet without a broker. */
  readonly meetsWithoutBroker: boolean;
  diagnose(group: GroupId): Promise<GroupDiagnosis>;
  /** Stops looking, and closes all links. */
  close(): void;
}

/** Makes a connector for a host. */
export type ConnectorFactory = (listener: MeshListener) => Connector;
