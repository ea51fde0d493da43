/**
 * The wire format: every message is one flat MessagePack array
 *
 *     [major, group, kind, ...fields]
 *
 * with the major version, the group's id, a number for the kind, and fields as the table below reads them; a list is its length
 * and then its items, and those of a configuration are arrays. Fields behind those that are known here are ignored, so that later versions may add some. Whatever
 * arrives is checked here, before anybody believes it (N1, N3): types, ranges, lengths, and that entries follow each
 * other.
 */
import type { ConflictHint, Entry, EntryKind, NodeId } from '../core/types.ts';
import { configurationFields, readConfiguration } from '../encoding/configuration.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { type GroupId, isGroupId } from '../ids.ts';
import { isSessionId } from '../machine/envelope.ts';
import { maxMachineNameLength } from '../machine/machine.ts';
import {
  type Demand,
  type DemandRefusal,
  type GroupMessage,
  maxPresenceBytes,
  presenceTtlMs,
  type RefusalReason,
} from './messages.ts';
import type { RoleName } from '../core/trace.ts';
import { maxFrameBytes } from './link.ts';

/** Counts up with changes that older code would misread: hosts of different major versions refuse each other. */
export const wireMajor = 3;

/** Counts up with fields and kinds that older code can do without, and ignores. Told in the handshake. */
export const wireMinor = 2;

/** Since this minor version members know `Presence`. */
export const presenceMinor = 1;

/** A frame and the group that it belongs to. */
export interface Addressed {
  readonly group: GroupId;
  readonly message: GroupMessage;
}

type Kind = GroupMessage['kind'];
type MessageOf<K extends Kind> = Extract<GroupMessage, { readonly kind: K }>;

interface Form<K extends Kind> {
  /** Never used for another kind, in any version. */
  readonly number: number;
  write(message: MessageOf<K>): unknown[];
  /** Fields are taken in the order of the properties. */
  read(fields: FieldReader): MessageOf<K>;
}

const roles: readonly RoleName[] = ['follower', 'pre-candidate', 'candidate', 'leader'];
const refusals: readonly RefusalReason[] = ['not-leader', 'busy', 'early'];
const demandKinds: readonly Demand['kind'][] = ['promote', 'demote', 'remove', 'transfer', 'ban', 'unban'];
const demandRefusals: readonly DemandRefusal[] = [
  'not-leader',
  'in-progress',
  'outdated',
  'not-caught-up',
  'not-a-member',
  'reader',
  'witness',
  'cannot-lead',
  'last-voter',
  'too-many-banned',
];
const entryKinds: readonly EntryKind[] = ['empty', 'command', 'configuration'];

const maxNodeIdLength = 64;
const isNodeId = (text: string): text is NodeId => text.length > 0 && text.length <= maxNodeIdLength;

/** Long enough for a hash in hexadecimal. */
const maxSnapshotIdLength = 64;
const isSnapshotId = (text: string): text is string => text.length <= maxSnapshotIdLength;

const isMachineName = (text: string): text is string => text.length <= maxMachineNameLength;

function oneOf<Item>(items: readonly Item[], fields: FieldReader): Item {
  const item = items[fields.integer(0, items.length - 1)];
  if (item === undefined) throw new RangeError('out of the list');
  return item;
}

type VoteRequest = MessageOf<'RequestVote' | 'RequestPreVote'>;
type VoteResponse = MessageOf<'RequestVoteResponse' | 'RequestPreVoteResponse'>;

const writeVoteRequest = ({ from, to, term, lastIndex, lastTerm }: VoteRequest): unknown[] => [
  from,
  to,
  term,
  lastIndex,
  lastTerm,
];

const readVoteRequest = (fields: FieldReader): Omit<VoteRequest, 'kind' | 'transfer'> => ({
  from: fields.text(isNodeId),
  to: fields.text(isNodeId),
  term: fields.integer(),
  lastIndex: fields.integer(),
  lastTerm: fields.integer(),
});

const writeVoteResponse = ({ from, to, term, granted, removed, committed }: VoteResponse): unknown[] => [
  from,
  to,
  term,
  granted,
  removed,
  committed?.index ?? 0,
  committed?.term ?? 0,
];

function readVoteResponse(fields: FieldReader): Omit<VoteResponse, 'kind'> {
  const answer = {
    from: fields.text(isNodeId),
    to: fields.text(isNodeId),
    term: fields.integer(),
    granted: fields.boolean(),
    removed: fields.boolean(),
  };
  const committed = { index: fields.integer(), term: fields.integer() };
  return committed.index === 0 ? answer : { ...answer, committed };
}

function readEntries(fields: FieldReader, prevIndex: number, prevTerm: number, term: number): Entry[] {
  let index = prevIndex;
  let last = prevTerm;
  return readList(fields, () => {
    index++;
    last = fields.integer(last, term);
    return { index, term: last, kind: oneOf(entryKinds, fields), data: fields.bytes() };
  });
}

function readConflict(fields: FieldReader): ConflictHint | null {
  const accepted = fields.boolean();
  const conflict = { index: fields.integer(), term: fields.integer() };
  return accepted ? null : conflict;
}

/** A prefix of ids is no longer than an id, and not empty: nobody can mean everybody. */
function readDemand(fields: FieldReader): Demand {
  const kind = oneOf(demandKinds, fields);
  const subject = fields.text(isNodeId);
  return kind === 'ban' || kind === 'unban' ? { kind, prefix: subject } : { kind, id: subject };
}

function readList<Item>(fields: FieldReader, item: () => Item): Item[] {
  const length = fields.integer(0, fields.remaining);
  const items: Item[] = [];
  for (let i = 0; i < length; i++) items.push(item());
  return items;
}

const forms: { readonly [K in Kind]: Form<K> } = {
  RequestVote: {
    number: 1,
    write: (message) => [...writeVoteRequest(message), message.transfer],
    read: (fields) => ({ kind: 'RequestVote', ...readVoteRequest(fields), transfer: fields.boolean() }),
  },
  RequestVoteResponse: {
    number: 2,
    write: writeVoteResponse,
    read: (fields) => ({ kind: 'RequestVoteResponse', ...readVoteResponse(fields) }),
  },
  RequestPreVote: {
    number: 3,
    write: writeVoteRequest,
    read: (fields) => ({ kind: 'RequestPreVote', ...readVoteRequest(fields) }),
  },
  RequestPreVoteResponse: {
    number: 4,
    write: writeVoteResponse,
    read: (fields) => ({ kind: 'RequestPreVoteResponse', ...readVoteResponse(fields) }),
  },
  AppendEntries: {
    number: 5,
    write: ({ from, to, term, prevIndex, prevTerm, commit, entries }) => {
      const fields: unknown[] = [from, to, term, prevIndex, prevTerm, commit, entries.length];
      for (const entry of entries) fields.push(entry.term, entryKinds.indexOf(entry.kind), entry.data);
      return fields;
    },
    read: (fields) => {
      const [from, to, term] = [fields.text(isNodeId), fields.text(isNodeId), fields.integer()];
      const [prevIndex, prevTerm, commit] = [fields.integer(), fields.integer(0, term), fields.integer()];
      const entries = readEntries(fields, prevIndex, prevTerm, term);
      return { kind: 'AppendEntries', from, to, term, prevIndex, prevTerm, commit, entries };
    },
  },
  AppendEntriesResponse: {
    number: 6,
    write: ({ from, to, term, index, conflict }) => [
      from,
      to,
      term,
      index,
      conflict === null,
      conflict?.index ?? 0,
      conflict?.term ?? 0,
    ],
    read: (fields) => ({
      kind: 'AppendEntriesResponse',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      term: fields.integer(),
      index: fields.integer(),
      conflict: readConflict(fields),
    }),
  },
  Heartbeat: {
    number: 7,
    write: ({ from, to, term, commit, round }) => [from, to, term, commit, round],
    read: (fields) => ({
      kind: 'Heartbeat',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      term: fields.integer(),
      commit: fields.integer(),
      round: fields.integer(),
    }),
  },
  HeartbeatResponse: {
    number: 8,
    write: ({ from, to, term, round }) => [from, to, term, round],
    read: (fields) => ({
      kind: 'HeartbeatResponse',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      term: fields.integer(),
      round: fields.integer(),
    }),
  },
  InstallSnapshot: {
    number: 9,
    write: ({ from, to, term, snapshot, offset, data }) => {
      const { index, term: snapshotTerm, id, bytes, checksum, configuration } = snapshot;
      const snapshotFields = [index, snapshotTerm, id, bytes, checksum, ...configurationFields(configuration)];
      return [from, to, term, ...snapshotFields, offset, data];
    },
    read: (fields) => {
      const [from, to, term] = [fields.text(isNodeId), fields.text(isNodeId), fields.integer()];
      const snapshot = {
        index: fields.integer(),
        term: fields.integer(0, term),
        id: fields.text(isSnapshotId),
        bytes: fields.integer(),
        checksum: fields.integer(0, 0xffff_ffff),
        configuration: readConfiguration(fields, isNodeId),
      };
      const offset = fields.integer(0, snapshot.bytes);
      const data = fields.bytes(snapshot.bytes - offset);
      return { kind: 'InstallSnapshot', from, to, term, snapshot, offset, data };
    },
  },
  InstallSnapshotResponse: {
    number: 10,
    write: ({ from, to, term, snapshotIndex, snapshotId, offset }) => [
      from,
      to,
      term,
      snapshotIndex,
      snapshotId,
      offset,
    ],
    read: (fields) => ({
      kind: 'InstallSnapshotResponse',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      term: fields.integer(),
      snapshotIndex: fields.integer(),
      snapshotId: fields.text(isSnapshotId),
      offset: fields.integer(),
    }),
  },
  TimeoutNow: {
    number: 11,
    write: ({ from, to, term }) => [from, to, term],
    read: (fields) => ({
      kind: 'TimeoutNow',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      term: fields.integer(),
    }),
  },
  ReadIndex: {
    number: 12,
    write: ({ from, to, term, context }) => [from, to, term, context],
    read: (fields) => ({
      kind: 'ReadIndex',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      term: fields.integer(),
      context: fields.integer(),
    }),
  },
  ReadIndexResponse: {
    number: 13,
    write: ({ from, to, term, context, index }) => [from, to, term, context, index],
    read: (fields) => ({
      kind: 'ReadIndexResponse',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      term: fields.integer(),
      context: fields.integer(),
      index: fields.integerOrNull(),
    }),
  },
  Propose: {
    number: 16,
    write: ({ from, to, session, sequence, known, commands }) => [
      from,
      to,
      session,
      sequence,
      known,
      commands.length,
      ...commands,
    ],
    read: (fields) => {
      const [from, to] = [fields.text(isNodeId), fields.text(isNodeId)];
      const [session, sequence] = [fields.text(isSessionId), fields.integer(1)];
      const known = fields.integer(0, sequence - 1);
      const commands = readList(fields, () => fields.bytes());
      return { kind: 'Propose', from, to, session, sequence, known, commands };
    },
  },
  ProposeRefused: {
    number: 17,
    write: ({ from, to, session, sequence, reason }) => [from, to, session, sequence, refusals.indexOf(reason)],
    read: (fields) => ({
      kind: 'ProposeRefused',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      session: fields.text(isSessionId),
      sequence: fields.integer(1),
      reason: oneOf(refusals, fields),
    }),
  },
  Report: {
    number: 18,
    write: ({ from, to, role, term, leader, commit, applied, lastIndex }) => [
      from,
      to,
      roles.indexOf(role),
      term,
      leader,
      commit,
      applied,
      lastIndex,
    ],
    read: (fields) => ({
      kind: 'Report',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      role: oneOf(roles, fields),
      term: fields.integer(),
      leader: fields.textOrNull(isNodeId),
      commit: fields.integer(),
      applied: fields.integer(),
      lastIndex: fields.integer(),
    }),
  },
  ChangeRequest: {
    number: 19,
    write: ({ from, to, number, demand, expected }) => [
      from,
      to,
      number,
      demandKinds.indexOf(demand.kind),
      'prefix' in demand ? demand.prefix : demand.id,
      expected,
    ],
    read: (fields) => ({
      kind: 'ChangeRequest',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      number: fields.integer(),
      demand: readDemand(fields),
      expected: fields.integerOrNull(),
    }),
  },
  ChangeRefused: {
    number: 20,
    write: ({ from, to, number, reason }) => [from, to, number, demandRefusals.indexOf(reason)],
    read: (fields) => ({
      kind: 'ChangeRefused',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      number: fields.integer(),
      reason: oneOf(demandRefusals, fields),
    }),
  },
  Presence: {
    number: 24,
    write: ({ from, to, run, version, ttlMs, value }) => [from, to, run, version, ttlMs, value],
    read: (fields) => ({
      kind: 'Presence',
      from: fields.text(isNodeId),
      to: fields.text(isNodeId),
      run: fields.integer(),
      version: fields.integer(1),
      ttlMs: fields.integer(presenceTtlMs.min, presenceTtlMs.max),
      value: fields.bytesOrNull(maxPresenceBytes),
    }),
  },
  Join: {
    number: 32,
    write: ({ member, machine }) => [member, machine],
    read: (fields) => ({ kind: 'Join', member: fields.text(isNodeId), machine: fields.text(isMachineName) }),
  },
  Founded: {
    number: 33,
    write: ({ voters }) => [voters.length, ...voters],
    read: (fields) => ({ kind: 'Founded', voters: readList(fields, () => fields.text(isNodeId)) }),
  },
  JoinRefused: {
    number: 34,
    write: (message) => (message.reason === 'full' ? [0] : [1, message.machine]),
    read: (fields) =>
      fields.integer(0, 1) === 0
        ? { kind: 'JoinRefused', reason: 'full' }
        : { kind: 'JoinRefused', reason: 'other-machine', machine: fields.text(isMachineName) },
  },
};

const kindOfNumber = new Map(Object.entries(forms).map(([kind, { number }]) => [number, kind as Kind]));

export function encodeFrame<K extends Kind>(group: GroupId, message: MessageOf<K>): Uint8Array {
  const kind: K = message.kind;
  const form = forms[kind];
  return encode([wireMajor, group, form.number, ...form.write(message)]);
}

/** A frame of a kind that is not known here: a later minor version may have brought it. */
export class UnknownKind extends RangeError {
  override readonly name = 'UnknownKind';
}

/**
 * @throws UnknownKind
 * @throws RangeError (or a DecodeError) for anything else that is not a frame of this version, saying why
 */
export function decodeFrame(frame: Uint8Array): Addressed {
  if (frame.byteLength > maxFrameBytes) throw new RangeError(`a frame of ${frame.byteLength} bytes is too large`);
  const fields = new FieldReader(decode(frame, 2));
  const version = fields.integer();
  if (version !== wireMajor) throw new RangeError(`version ${version} of the wire format, not ${wireMajor}`);
  const group = fields.text(isGroupId);
  const number = fields.integer();
  const kind = kindOfNumber.get(number);
  if (kind === undefined) throw new UnknownKind(`messages of kind ${number} are not known`);
  return { group, message: forms[kind].read(fields) };
}
