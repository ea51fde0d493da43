/** The forms of what members say to each other beside the messages of the core, and of what founders and newcomers say. */
import type { RoleName } from '../core/trace.ts';
import type { MessageKind } from '../core/types.ts';
import type { FieldReader } from '../encoding/fields.ts';
import { isSessionId } from '../machine/envelope.ts';
import { maxMachineNameLength } from '../machine/machine.ts';
import { type Forms, isNodeId, type Kind, oneOf, readList } from './form.ts';
import { type Demand, type DemandRefusal, maxPresenceBytes, presenceTtlMs, type RefusalReason } from './messages.ts';

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

const isMachineName = (text: string): text is string => text.length <= maxMachineNameLength;

/** A prefix of ids is no longer than an id, and not empty: nobody can mean everybody. */
function readDemand(fields: FieldReader): Demand {
  const kind = oneOf(demandKinds, fields);
  const subject = fields.text(isNodeId);
  return kind === 'ban' || kind === 'unban' ? { kind, prefix: subject } : { kind, id: subject };
}

export const groupForms: Forms<Exclude<Kind, MessageKind>> = {
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
