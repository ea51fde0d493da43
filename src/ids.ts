/**
 * Who and what has a name: a host is one tab or process, a group is one replicated state, a member is one host's
 * replica of one group. A member's id holds its host's and an incarnation, drawn when the member's storage is made, so
 * that a host that lost its storage comes back as somebody else.
 */
import type { NodeId } from './core/types.ts';

export type { NodeId } from './core/types.ts';

export type HostId = string & { readonly __brand: 'HostId' };
export type GroupId = string & { readonly __brand: 'GroupId' };

export const hostIdBytes = 16;
export const groupIdBytes = 16;
export const incarnationBytes = 8;

const base64Url = { host: '[\\w-]{22}', group: '[\\w-]{22}', incarnation: '[\\w-]{11}' };
const hostForm = new RegExp(`^${base64Url.host}$`);
const groupForm = new RegExp(`^${base64Url.group}$`);
const memberForm = new RegExp(`^${base64Url.host}\\.${base64Url.incarnation}$`);

export function isHostId(text: string): text is HostId {
  return hostForm.test(text);
}

export function isGroupId(text: string): text is GroupId {
  return groupForm.test(text);
}

export function isMemberId(text: string): text is NodeId {
  return memberForm.test(text);
}

export function memberId(host: HostId, incarnation: string): NodeId {
  return `${host}.${incarnation}` as NodeId;
}

export function hostOf(member: NodeId): HostId {
  return member.slice(0, member.indexOf('.')) as HostId;
}
