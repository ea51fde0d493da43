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
import type { Entry, EntryKind, NodeId } from '../core/types.ts';
import { configurationFields, readConfiguration } from '../encoding/configuration.ts';
import { FieldReader } from '../encoding/fields.ts';
import { decode, encode } from '../encoding/msgpack.ts';
import { type GroupId, isGroupId } from '../ids.ts';
import { isSessionId } from '../machine/envelope.ts';
import { maxMachineNameLength } from '../machine/machine.ts';
import type { Demand, DemandRefusal, GroupMessage, RefusalReason } from './messages.ts';
import type { RoleName } from '../core/trace.ts';
import { maxFrameBytes } from './link.ts';

/** Counts up with changes that older code would misread: hosts of different major versions refuse each other. */
export const wireMajor = 3;

/** Counts up with fields and kinds that older code can do without, and ignores. Told in the handshake. */
export const wireMinor = 0;

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
  read(fields: FieldReader): Omit<MessageOf<K>, 'kind'>;
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

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
}

const writeEnvelope = ({ from, to }: Envelope): unknown[] => [from, to];

function readEnvelope(fields: FieldReader): { from: NodeId; to: NodeId } {
  return { from: fields.text(isNodeId), to: fields.text(isNodeId) };
}

const writeTerm = (message: Envelope & { readonly term: number }): unknown[] => [
  ...writeEnvelope(message),
  message.term,
];

function readTerm(fields: FieldReader): { from: NodeId; to: NodeId; term: number } {
  return { ...readEnvelope(fields), term: fields.integer() };
}

function oneOf<Item>(items: readonly Item[], fields: FieldReader): Item {
  const item = items[fields.integer(0, items.length - 1)];
  if (item === undefined) throw new RangeError('out of the list');
  return item;
}

const writeVoteRequest = (message: MessageOf<'RequestVote' | 'RequestPreVote'>): unknown[] => [
  ...writeTerm(message),
  message.lastIndex,
  message.lastTerm,
];

const readVoteRequest = (fields: FieldReader): Omit<MessageOf<'RequestPreVote'>, 'kind'> => ({
  ...readTerm(fields),
  lastIndex: fields.integer(),
  lastTerm: fields.integer(),
});

const voteResponse = {
  write: (message: MessageOf<'RequestVoteResponse' | 'RequestPreVoteResponse'>) => [
    ...writeTerm(message),
    message.granted,
    message.removed,
    message.committed?.index ?? 0,
    message.committed?.term ?? 0,
  ],
  read: (fields: FieldReader) => {
    const answer = { ...readTerm(fields), granted: fields.boolean(), removed: fields.boolean() };
    const committed = { index: fields.integer(), term: fields.integer() };
    return committed.index === 0 ? answer : { ...answer, committed };
  },
};

function readEntries(fields: FieldReader, prevIndex: number, prevTerm: number, term: number): Entry[] {
  let index = prevIndex;
  let last = prevTerm;
  return readList(fields, () => {
    index++;
    last = fields.integer(last, term);
    return { index, term: last, kind: oneOf(entryKinds, fields), data: fields.bytes() };
  });
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
    read: (fields) => ({ ...readVoteRequest(fields), transfer: fields.boolean() }),
  },
  RequestVoteResponse: { number: 2, ...voteResponse },
  RequestPreVote: { number: 3, write: writeVoteRequest, read: readVoteRequest },
  RequestPreVoteResponse: { number: 4, ...voteResponse },
  AppendEntries: {
    number: 5,
    write: (message) => {
      const { prevIndex, prevTerm, commit, entries } = message;
      const fields = [...writeTerm(message), prevIndex, prevTerm, commit, entries.length];
      for (const { term, kind, data } of entries) fields.push(term, entryKinds.indexOf(kind), data);
      return fields;
    },
    read: (fields) => {
      const envelope = readTerm(fields);
      const [prevIndex, prevTerm, commit] = [fields.integer(), fields.integer(0, envelope.term), fields.integer()];
      const entries = readEntries(fields, prevIndex, prevTerm, envelope.term);
      return { ...envelope, prevIndex, prevTerm, commit, entries };
    },
  },
  AppendEntriesResponse: {
    number: 6,
    write: (message) => [
      ...writeTerm(message),
      message.index,
      message.conflict === null,
      message.conflict?.index ?? 0,
      message.conflict?.term ?? 0,
    ],
    read: (fields) => {
      const answer = { ...readTerm(fields), index: fields.integer() };
      const accepted = fields.boolean();
      const conflict = { index: fields.integer(), term: fields.integer() };
      return { ...answer, conflict: accepted ? null : conflict };
    },
  },
  Heartbeat: {
    number: 7,
    write: (message) => [...writeTerm(message), message.commit, message.round],
    read: (fields) => ({ ...readTerm(fields), commit: fields.integer(), round: fields.integer() }),
  },
  HeartbeatResponse: {
    number: 8,
    write: (message) => [...writeTerm(message), message.round],
    read: (fields) => ({ ...readTerm(fields), round: fields.integer() }),
  },
  InstallSnapshot: {
    number: 9,
    write: (message) => {
      const { index, term, id, bytes, checksum, configuration } = message.snapshot;
      const snapshot = [index, term, id, bytes, checksum, ...configurationFields(configuration)];
      return [...writeTerm(message), ...snapshot, message.offset, message.data];
    },
    read: (fields) => {
      const envelope = readTerm(fields);
      const [index, term, id] = [fields.integer(), fields.integer(0, envelope.term), fields.text(isSnapshotId)];
      const [bytes, checksum] = [fields.integer(), fields.integer(0, 0xffff_ffff)];
      const snapshot = { index, term, id, bytes, checksum, configuration: readConfiguration(fields, isNodeId) };
      const offset = fields.integer(0, bytes);
      return { ...envelope, snapshot, offset, data: fields.bytes(bytes - offset) };
    },
  },
  InstallSnapshotResponse: {
    number: 10,
    write: (message) => [...writeTerm(message), message.snapshotIndex, message.snapshotId, message.offset],
    read: (fields) => ({
      ...readTerm(fields),
      snapshotIndex: fields.integer(),
      snapshotId: fields.text(isSnapshotId),
      offset: fields.integer(),
    }),
  },
  TimeoutNow: { number: 11, write: writeTerm, read: readTerm },
  ReadIndex: {
    number: 12,
    write: (message) => [...writeTerm(message), message.context],
    read: (fields) => ({ ...readTerm(fields), context: fields.integer() }),
  },
  ReadIndexResponse: {
    number: 13,
    write: (message) => [...writeTerm(message), message.context, message.index],
    read: (fields) => ({ ...readTerm(fields), context: fields.integer(), index: fields.integerOrNull() }),
  },
  Propose: {
    number: 16,
    write: ({ session, sequence, known, commands, ...envelope }) => [
      ...writeEnvelope(envelope),
      session,
      sequence,
      known,
      commands.length,
      ...commands,
    ],
    read: (fields) => {
      const envelope = readEnvelope(fields);
      const [session, sequence] = [fields.text(isSessionId), fields.integer(1)];
      const known = fields.integer(0, sequence - 1);
      return { ...envelope, session, sequence, known, commands: readList(fields, () => fields.bytes()) };
    },
  },
  ProposeRefused: {
    number: 17,
    write: (message) => [
      ...writeEnvelope(message),
      message.session,
      message.sequence,
      refusals.indexOf(message.reason),
    ],
    read: (fields) => ({
      ...readEnvelope(fields),
      session: fields.text(isSessionId),
      sequence: fields.integer(1),
      reason: oneOf(refusals, fields),
    }),
  },
  Report: {
    number: 18,
    write: (message) => [
      ...writeEnvelope(message),
      roles.indexOf(message.role),
      message.term,
      message.leader,
      message.commit,
      message.applied,
      message.lastIndex,
    ],
    read: (fields) => ({
      ...readEnvelope(fields),
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
    write: ({ number, demand, expected, ...envelope }) => [
      ...writeEnvelope(envelope),
      number,
      demandKinds.indexOf(demand.kind),
      'prefix' in demand ? demand.prefix : demand.id,
      expected,
    ],
    read: (fields) => ({
      ...readEnvelope(fields),
      number: fields.integer(),
      demand: readDemand(fields),
      expected: fields.integerOrNull(),
    }),
  },
  ChangeRefused: {
    number: 20,
    write: ({ number, reason, ...envelope }) => [...writeEnvelope(envelope), number, demandRefusals.indexOf(reason)],
    read: (fields) => ({
      ...readEnvelope(fields),
      number: fields.integer(),
      reason: oneOf(demandRefusals, fields),
    }),
  },
  Join: {
    number: 32,
    write: ({ member, machine }) => [member, machine],
    read: (fields) => ({ member: fields.text(isNodeId), machine: fields.text(isMachineName) }),
  },
  Founded: {
    number: 33,
    write: ({ voters }) => [voters.length, ...voters],
    read: (fields) => ({ voters: readList(fields, () => fields.text(isNodeId)) }),
  },
  JoinRefused: {
    number: 34,
    write: (message) => (message.reason === 'full' ? [0] : [1, message.machine]),
    read: (fields) =>
      fields.integer(0, 1) === 0
        ? { reason: 'full' }
        : { reason: 'other-machine', machine: fields.text(isMachineName) },
  },
};

const kindOfNumber = new Map(Object.entries(forms).map(([kind, { number }]) => [number, kind as Kind]));

export function encodeFrame<K extends Kind>(group: GroupId, message: MessageOf<K>): Uint8Array {
  const kind: K = message.kind;
  const form = forms[kind];
  return encode([wireMajor, group, form.number, ...form.write(message)]);
}

/** @throws RangeError (or a DecodeError) for anything that is not a frame of this version, saying why */
export function decodeFrame(frame: Uint8Array): Addressed {
  if (frame.byteLength > maxFrameBytes) throw new RangeError(`a frame of ${frame.byteLength} bytes is too large`);
  const fields = new FieldReader(decode(frame, 2));
  const version = fields.integer();
  if (version !== wireMajor) throw new RangeError(`version ${version} of the wire format, not ${wireMajor}`);
  const group = fields.text(isGroupId);
  const kind = kindOfNumber.get(fields.integer());
  if (kind === undefined) throw new RangeError('an unknown kind of message');
  const message = { kind, ...forms[kind].read(fields) } as GroupMessage;
  return { group, message };
}
