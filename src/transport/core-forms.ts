/** The forms of the messages of the core. */
import type { ConflictHint, Entry, EntryKind, MessageKind } from '../core/types.ts';
import { configurationFields, readConfiguration } from '../encoding/configuration.ts';
import type { FieldReader } from '../encoding/fields.ts';
import { type Forms, isNodeId, type MessageOf, oneOf, readList } from './form.ts';

const entryKinds: readonly EntryKind[] = ['empty', 'command', 'configuration'];

/** Long enough for a hash in hexadecimal. */
const maxSnapshotIdLength = 64;
const isSnapshotId = (text: string): text is string => text.length <= maxSnapshotIdLength;

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

export const coreForms: Forms<MessageKind> = {
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
    write: ({ from, to, term, prevIndex, prevTerm, commit, entries, needsNoAnswer }) => {
      const fields: unknown[] = [from, to, term, prevIndex, prevTerm, commit, entries.length];
      for (const entry of entries) fields.push(entry.term, entryKinds.indexOf(entry.kind), entry.data);
      if (needsNoAnswer === true) fields.push(true);
      return fields;
    },
    read: (fields) => {
      const [from, to, term] = [fields.text(isNodeId), fields.text(isNodeId), fields.integer()];
      const [prevIndex, prevTerm, commit] = [fields.integer(), fields.integer(0, term), fields.integer()];
      const entries = readEntries(fields, prevIndex, prevTerm, term);
      const append = { kind: 'AppendEntries', from, to, term, prevIndex, prevTerm, commit, entries } as const;
      // Before minor version 3 there was no such field.
      return fields.remaining > 0 && fields.boolean() ? { ...append, needsNoAnswer: true } : append;
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
};
