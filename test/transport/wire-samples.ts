/** One of each frame, with the same fields as in docs/wire-format.md. */
import type { Access } from '../../src/identity/access.ts';
import type { GroupId, HostId, NodeId } from '../../src/ids.ts';
import type { SessionId } from '../../src/machine/envelope.ts';
import type { LinkMessage } from '../../src/transport/link-messages.ts';
import type { GroupMessage } from '../../src/transport/messages.ts';

export const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;
const hosts = ['AAAAAAAAAAAAAAAAAAAAAA', 'BBBBBBBBBBBBBBBBBBBBBA'] as [HostId, HostId];
const [from, to] = hosts.map((host) => `${host}.IIIIIIIIIII`) as [NodeId, NodeId];
const session = 'SSSSSSSSSSSSSSSSSSSSSS' as SessionId;

export const groupSamples: { readonly [K in GroupMessage['kind']]: Extract<GroupMessage, { readonly kind: K }> } = {
  RequestVote: { kind: 'RequestVote', from, to, term: 3, lastIndex: 7, lastTerm: 2, transfer: false },
  RequestVoteResponse: { kind: 'RequestVoteResponse', from, to, term: 3, granted: true, removed: false },
  RequestPreVote: { kind: 'RequestPreVote', from, to, term: 3, lastIndex: 7, lastTerm: 2 },
  RequestPreVoteResponse: { kind: 'RequestPreVoteResponse', from, to, term: 3, granted: false, removed: true },
  AppendEntries: {
    kind: 'AppendEntries',
    from,
    to,
    term: 3,
    prevIndex: 7,
    prevTerm: 2,
    commit: 6,
    entries: [
      { index: 8, term: 3, kind: 'empty', data: new Uint8Array() },
      { index: 9, term: 3, kind: 'command', data: Uint8Array.of(1, 2, 3) },
    ],
  },
  AppendEntriesResponse: {
    kind: 'AppendEntriesResponse',
    from,
    to,
    term: 3,
    index: 7,
    conflict: { index: 5, term: 1 },
  },
  Heartbeat: { kind: 'Heartbeat', from, to, term: 3, commit: 9, round: 300 },
  HeartbeatResponse: { kind: 'HeartbeatResponse', from, to, term: 3, round: 300 },
  InstallSnapshot: {
    kind: 'InstallSnapshot',
    from,
    to,
    term: 3,
    snapshot: {
      index: 1000,
      term: 2,
      id: 'a1b2',
      bytes: 70_000,
      checksum: 0xdead_beef,
      configuration: {
        version: 4,
        voters: [from],
        outgoing: [],
        learners: [],
        learnersNext: [],
        witnesses: [],
        autoLeave: false,
        readers: [],
        removed: [to],
        banned: [`${hosts[1]}.`],
      },
    },
    offset: 65_536,
    data: Uint8Array.of(9, 8, 7),
  },
  InstallSnapshotResponse: {
    kind: 'InstallSnapshotResponse',
    from,
    to,
    term: 3,
    snapshotIndex: 1000,
    snapshotId: 'a1b2',
    offset: 65_539,
  },
  TimeoutNow: { kind: 'TimeoutNow', from, to, term: 3 },
  ReadIndex: { kind: 'ReadIndex', from, to, term: 3, context: 5 },
  ReadIndexResponse: { kind: 'ReadIndexResponse', from, to, term: 3, context: 5, index: null },
  Propose: {
    kind: 'Propose',
    from,
    to,
    session,
    sequence: 12,
    known: 11,
    commands: [Uint8Array.of(1), Uint8Array.of(2, 3)],
  },
  ProposeRefused: { kind: 'ProposeRefused', from, to, session, sequence: 12, reason: 'busy' },
  ChangeRequest: {
    kind: 'ChangeRequest',
    from,
    to,
    number: 7,
    demand: { kind: 'ban', prefix: `${hosts[1]}.` },
    expected: 1000,
  },
  ChangeRefused: { kind: 'ChangeRefused', from, to, number: 7, reason: 'not-caught-up' },
  Report: {
    kind: 'Report',
    from,
    to,
    role: 'leader',
    term: 3,
    leader: from,
    commit: 9,
    applied: 9,
    lastIndex: 10,
  },
  Presence: {
    kind: 'Presence',
    from,
    to,
    run: 1_750_000_000_000,
    version: 7,
    ttlMs: 30_000,
    value: Uint8Array.of(0x81, 0xa1, 0x78, 0x05),
  },
  Join: { kind: 'Join', member: from, machine: 'list' },
  Founded: { kind: 'Founded', voters: [from, to] },
  JoinRefused: { kind: 'JoinRefused', reason: 'other-machine', machine: 'list' },
};

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

export const linkSamples: { readonly [K in LinkMessage['kind']]: Extract<LinkMessage, { readonly kind: K }> } = {
  Hello: { kind: 'Hello', minor: 0, nonce: bytes(32, 0x11), publicKey: bytes(32, 0x22) },
  Proof: {
    kind: 'Proof',
    nonce: bytes(32, 0x11),
    peerNonce: bytes(32, 0x33),
    fingerprint: 'sha-256 AA:BB',
    peerFingerprint: 'sha-256 CC:DD',
    signature: bytes(64, 0x44),
  },
  Refuse: { kind: 'Refuse', group, reason: 'no-secret', detail: 'why' },
  Enter: { kind: 'Enter', group, right: 'full', member: from, mac: bytes(32, 0x55), signature: bytes(64, 0x66) },
  Entered: { kind: 'Entered', group },
  Leave: { kind: 'Leave', group },
  Ping: { kind: 'Ping', number: 1 },
  Pong: { kind: 'Pong', number: 1 },
  Neighbours: { kind: 'Neighbours', group, hosts },
  Relay: { kind: 'Relay', group, to: hosts[1], data: 'sealed' },
  Relayed: { kind: 'Relayed', group, from: hosts[0], data: 'sealed' },
  Offer: {
    kind: 'Offer',
    group: 'RRRRRRRRRRRRRRRRRRRRRQ' as GroupId,
    offer: { group, access: `f${'S'.repeat(43)}` as Access, signaling: 'ws://h', isFounded: true },
  },
};
