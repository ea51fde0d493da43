/**
 * The wire format of what concerns a link itself: like the frames of groups (`codec.ts`), with null in place of a group.
 *
 *     [major, null, kind, ...fields]
 *
 * Hello and Refuse keep their form in every major version, so that two hosts that do not understand each other can still
 * say so.
 */
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { type Access, type AccessKind, isAccess, kindOf } from '../identity/access.ts';
import { publicKeyBytes, signatureBytes } from '../identity/crypto.ts';
import { nonceBytes } from '../identity/handshake.ts';
import { isSignalingAddress } from '../identity/invite.ts';
import { Refusal, refusalReasons } from '../identity/refusals.ts';
import { isGroupId, isHostId, isMemberId } from '../ids.ts';
import { wireMajor } from './codec.ts';
import type { LinkMessage } from './link-messages.ts';

type Kind = LinkMessage['kind'];
type MessageOf<K extends Kind> = Extract<LinkMessage, { readonly kind: K }>;

interface Form<K extends Kind> {
  /** Never used for another kind, in any version. */
  readonly number: number;
  write(message: MessageOf<K>): unknown[];
  read(fields: FieldReader): Omit<MessageOf<K>, 'kind'>;
}

/** No frame about a link is larger; those of groups may be. */
const maxLinkFrameBytes = 128 * 1024;
const maxNeighbours = 256;
const macBytes = 32;

const accessKinds: readonly AccessKind[] = ['full', 'read-only'];

const shorterThan =
  (limit: number) =>
  (text: string): text is string =>
    text.length <= limit;
const isDetail = shorterThan(500);
const isFingerprint = shorterThan(1000);
const isSealed = shorterThan(100_000);
const isAddress = (text: string): text is string => text.length <= 4096 && isSignalingAddress(text);
const isFullAccess = (text: string): text is Access => isAccess(text) && kindOf(text) === 'full';

function bytesOf(fields: FieldReader, length: number): Uint8Array {
  const bytes = fields.bytes(length);
  if (bytes.byteLength !== length) throw new RangeError(`${bytes.byteLength} bytes where there must be ${length}`);
  return bytes;
}

function oneOf<Item>(items: readonly Item[], fields: FieldReader): Item {
  const item = items[fields.integer(0, items.length - 1)];
  if (item === undefined) throw new RangeError('out of the list');
  return item;
}

const pulse = {
  write: ({ number }: { readonly number: number }) => [number],
  read: (fields: FieldReader) => ({ number: fields.integer() }),
};

const ofGroup = {
  write: ({ group }: MessageOf<'Entered' | 'Leave'>) => [group],
  read: (fields: FieldReader) => ({ group: fields.text(isGroupId) }),
};

const forms: { readonly [K in Kind]: Form<K> } = {
  Hello: {
    number: 1,
    write: ({ minor, nonce, publicKey }) => [minor, nonce, publicKey],
    read: (fields) => ({
      minor: fields.integer(),
      nonce: bytesOf(fields, nonceBytes),
      publicKey: bytesOf(fields, publicKeyBytes),
    }),
  },
  Proof: {
    number: 2,
    write: (proof) => [proof.nonce, proof.peerNonce, proof.fingerprint, proof.peerFingerprint, proof.signature],
    read: (fields) => ({
      nonce: bytesOf(fields, nonceBytes),
      peerNonce: bytesOf(fields, nonceBytes),
      fingerprint: fields.text(isFingerprint),
      peerFingerprint: fields.text(isFingerprint),
      signature: bytesOf(fields, signatureBytes),
    }),
  },
  Refuse: {
    number: 3,
    write: ({ group, reason, detail }) => [group, refusalReasons.indexOf(reason), detail],
    read: (fields) => ({
      group: fields.textOrNull(isGroupId),
      reason: oneOf(refusalReasons, fields),
      detail: fields.text(isDetail),
    }),
  },
  Enter: {
    number: 4,
    write: ({ group, right, member, mac, signature }) => [group, accessKinds.indexOf(right), member, mac, signature],
    read: (fields) => ({
      group: fields.text(isGroupId),
      right: oneOf(accessKinds, fields),
      member: fields.text(isMemberId),
      mac: bytesOf(fields, macBytes),
      signature: fields.bytes(signatureBytes),
    }),
  },
  Entered: { number: 5, ...ofGroup },
  Leave: { number: 6, ...ofGroup },
  Ping: { number: 7, ...pulse },
  Pong: { number: 8, ...pulse },
  Neighbours: {
    number: 9,
    write: ({ group, hosts }) => [group, hosts.slice(0, maxNeighbours)],
    read: (fields) => {
      const group = fields.text(isGroupId);
      const hosts = fields.list((list) => list.text(isHostId));
      if (hosts.length > maxNeighbours) throw new RangeError('too many neighbours');
      return { group, hosts };
    },
  },
  Relay: {
    number: 10,
    write: ({ group, to, data }) => [group, to, data],
    read: (fields) => ({ group: fields.text(isGroupId), to: fields.text(isHostId), data: fields.text(isSealed) }),
  },
  Relayed: {
    number: 11,
    write: ({ group, from, data }) => [group, from, data],
    read: (fields) => ({ group: fields.text(isGroupId), from: fields.text(isHostId), data: fields.text(isSealed) }),
  },
  Offer: {
    number: 12,
    write: ({ group: room, offer }) =>
      offer === null ? [room, null] : [room, offer.group, offer.access, offer.signaling, offer.isFounded],
    read: (fields) => {
      const room = fields.text(isGroupId);
      const group = fields.textOrNull(isGroupId);
      if (group === null) return { group: room, offer: null };
      const access = fields.text(isFullAccess);
      const signaling = fields.textOrNull(isAddress);
      return { group: room, offer: { group, access, signaling, isFounded: fields.boolean() } };
    },
  },
};

const kindOfNumber = new Map(Object.entries(forms).map(([kind, { number }]) => [number, kind as Kind]));

export function encodeLinkFrame<K extends Kind>(message: MessageOf<K>): Uint8Array {
  const kind: K = message.kind;
  const form = forms[kind];
  return encode([wireMajor, null, form.number, ...form.write(message)]);
}

const nil = 0xc0;

/** Whether a frame concerns the link itself, by a look at its first bytes. */
export function isLinkFrame(frame: Uint8Array): boolean {
  const [head = 0] = frame;
  const fields = head === 0xdc ? 3 : head === 0xdd ? 5 : 1;
  return frame[fields + 1] === nil;
}

/**
 * Null for a kind that a later minor version may have brought.
 * @throws Refusal version, for a frame of another major version
 * @throws RangeError (or a DecodeError) for anything else that is no frame about a link
 */
export function decodeLinkFrame(frame: Uint8Array): LinkMessage | null {
  if (frame.byteLength > maxLinkFrameBytes) throw new RangeError(`a frame of ${frame.byteLength} bytes is too large`);
  const fields = new FieldReader(decode(frame, 2));
  const major = fields.integer();
  if (major !== wireMajor) {
    throw new Refusal('version', `the other end speaks version ${major} of the wire format, this one ${wireMajor}`);
  }
  if (fields.textOrNull(isGroupId) !== null) throw new RangeError('a frame of a group');
  const kind = kindOfNumber.get(fields.integer());
  return kind === undefined ? null : ({ kind, ...forms[kind].read(fields) } as LinkMessage);
}
