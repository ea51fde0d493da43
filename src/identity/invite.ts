/**
 * An invite names a group, holds one of its secrets, and says where its members meet. It travels in the fragment of a URL,
 * which browsers do not send to servers. Whoever has it can join: fully, or to read along.
 *
 *     #flotilla=2.<group>.<secret>.<address of the broker, as base64url; - for a group of tabs of one browser>
 */
import { fromBase64Url, toBase64Url } from '../encoding/base64url.ts';
import { RaftError } from '../errors.ts';
import { type GroupId, isGroupId } from '../ids.ts';
import { type Access, isAccess } from './access.ts';

const inviteVersion = '2';
/** No base64url of anything. */
const noAddress = '-';
const form = /#?\bflotilla=(\w+)\.([\w.-]+)/;

export interface Invite {
  readonly group: GroupId;
  readonly access: Access;
  /** The WebSocket address of the signaling server; null for a group of tabs of one browser, which needs none. */
  readonly signaling: string | null;
}

/** The fragment, with its `#`. */
export function encodeInvite({ group, access, signaling }: Invite): string {
  const address = signaling === null ? noAddress : toBase64Url(new TextEncoder().encode(signaling));
  return `#flotilla=${inviteVersion}.${group}.${access}.${address}`;
}

/**
 * Reads an invite from a fragment, or from any URL or text that has it in it.
 * @throws RaftError INVALID_INVITE
 */
export function decodeInvite(text: string): Invite {
  const [found, version, rest = ''] = form.exec(text) ?? [];
  if (found === undefined) {
    throw new RaftError('INVALID_INVITE', 'there is no invite in this text: it has the form #flotilla=...');
  }
  if (version !== inviteVersion) {
    throw new RaftError('INVALID_INVITE', `the invite has version ${version ?? ''}, this code reads ${inviteVersion}`);
  }
  const [group = '', access = '', address = ''] = rest.split('.');
  const signaling = address === noAddress ? null : decodeAddress(address);
  if (!isGroupId(group) || !isAccess(access) || signaling === undefined) {
    throw new RaftError('INVALID_INVITE', 'the invite is damaged: was it copied whole?');
  }
  return { group, access, signaling };
}

/** Whether there is an invite in a text, of whatever version. */
export function hasInvite(text: string): boolean {
  return form.test(text);
}

function decodeAddress(text: string): string | undefined {
  try {
    const address = new TextDecoder('utf-8', { fatal: true }).decode(fromBase64Url(text));
    return isSignalingAddress(address) ? address : undefined;
  } catch {
    return undefined;
  }
}

export function isSignalingAddress(text: string): boolean {
  try {
    return ['ws:', 'wss:'].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
