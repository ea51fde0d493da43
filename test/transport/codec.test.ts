/** The wire codec: what was sent is what arrives, and what nobody would send does not get in. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry, NodeId } from '../../src/core/types.ts';
import { encode } from '../../src/encoding/msgpack.ts';
import type { GroupId } from '../../src/ids.ts';
import type { SessionId } from '../../src/machine/envelope.ts';
import { decodeFrame, encodeFrame, wireMajor } from '../../src/transport/codec.ts';
import { failures } from '../../src/group/demands.ts';
import type { DemandRefusal, GroupMessage } from '../../src/transport/messages.ts';

const group = 'GGGGGGGGGGGGGGGGGGGGGG' as GroupId;

const id = fc.string({ minLength: 1, maxLength: 40 }).map((text) => text as NodeId);
const number = fc.maxSafeNat();
const envelope = { from: id, to: id };
const withTerm = { ...envelope, term: number };
const data = fc.uint8Array({ maxLength: 200 });

const appendEntries = fc
  .record({
    ...envelope,
    prevIndex: fc.nat(),
    terms: fc.array(fc.nat(5), { maxLength: 20 }),
    prevTerm: fc.nat(),
    commit: number,
    payloads: fc.array(data, { minLength: 20, maxLength: 20 }),
    needsAnswer: fc.boolean(),
  })
  .map(({ terms, payloads, needsAnswer, ...rest }) => {
    let term = rest.prevTerm;
    const entries = terms.map((step, i): Entry => {
      term += step;
      const kind = (['command', 'empty', 'configuration'] as const)[step] ?? 'command';
      return { index: rest.prevIndex + 1 + i, term, kind, data: payloads[i] ?? new Uint8Array() };
    });
    const append = { kind: 'AppendEntries' as const, ...rest, term, entries };
    return needsAnswer ? append : { ...append, needsNoAnswer: true as const };
  });

const ids = fc.array(id);
const snapshotId = fc.string({ maxLength: 64 });

const installSnapshot = fc
  .record({
    ...envelope,
    index: number,
    terms: fc.tuple(number, number).map(([one, other]) => [Math.min(one, other), Math.max(one, other)] as const),
    id: snapshotId,
    configuration: fc.record({
      version: number,
      voters: ids,
      outgoing: ids,
      learners: ids,
      learnersNext: ids,
      witnesses: ids,
      autoLeave: fc.boolean(),
      readers: ids,
      removed: ids,
      banned: ids,
    }),
    offset: fc.nat(),
    data,
    more: fc.nat(),
    checksum: fc.nat({ max: 0xffff_ffff }),
  })
  .map(({ index, terms: [snapshotTerm, term], id, configuration, offset, more, checksum, data: part, ...rest }) => {
    const size = offset + part.byteLength + more;
    const snapshot = { index, term: snapshotTerm, id, configuration, bytes: size, checksum };
    return { kind: 'InstallSnapshot' as const, ...rest, term, snapshot, offset, data: part };
  });

const machineName = fc.string({ maxLength: 100 });

const messages: fc.Arbitrary<GroupMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('RequestVote'),
    ...withTerm,
    lastIndex: number,
    lastTerm: number,
    transfer: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('RequestPreVote'), ...withTerm, lastIndex: number, lastTerm: number }),
  fc.record({
    kind: fc.constantFrom('RequestVoteResponse', 'RequestPreVoteResponse'),
    ...withTerm,
    granted: fc.boolean(),
    removed: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('RequestVoteResponse', 'RequestPreVoteResponse'),
    ...withTerm,
    granted: fc.constant(false),
    removed: fc.boolean(),
    committed: fc.record({ index: fc.integer({ min: 1 }), term: number }),
  }),
  appendEntries,
  fc.record({
    kind: fc.constant('AppendEntriesResponse'),
    ...withTerm,
    index: number,
    conflict: fc.option(fc.record({ index: number, term: number })),
  }),
  fc.record({ kind: fc.constant('Heartbeat'), ...withTerm, commit: number, round: number }),
  fc.record({ kind: fc.constant('HeartbeatResponse'), ...withTerm, round: number }),
  installSnapshot,
  fc.record({
    kind: fc.constant('InstallSnapshotResponse'),
    ...withTerm,
    snapshotIndex: number,
    snapshotId: snapshotId,
    offset: number,
  }),
  fc.record({ kind: fc.constant('TimeoutNow'), ...withTerm }),
  fc.record({ kind: fc.constant('ReadIndex'), ...withTerm, context: number }),
  fc.record({ kind: fc.constant('ReadIndexResponse'), ...withTerm, context: number, index: fc.option(number) }),
  fc
    .record({
      kind: fc.constant('Propose'),
      ...envelope,
      session: id.map((text) => text as string as SessionId),
      known: fc.nat(),
      more: fc.integer({ min: 1, max: 1000 }),
      commands: fc.array(data),
    })
    .map(({ more, ...rest }) => ({ ...rest, sequence: rest.known + more })),
  fc.record({
    kind: fc.constant('ProposeRefused'),
    ...envelope,
    session: id.map((text) => text as string as SessionId),
    sequence: number.filter((n) => n > 0),
    reason: fc.constantFrom('not-leader', 'busy', 'early'),
  }),
  fc.record({
    kind: fc.constant('Report'),
    ...withTerm,
    role: fc.constantFrom('follower', 'pre-candidate', 'candidate', 'leader'),
    leader: fc.option(id),
    commit: number,
    applied: number,
    lastIndex: number,
  }),
  fc.record({
    kind: fc.constant('Presence'),
    ...envelope,
    run: number,
    version: number.filter((n) => n > 0),
    ttlMs: fc.integer({ min: 1000, max: 300_000 }),
    value: fc.option(data),
  }),
  fc.record({
    kind: fc.constant('ChangeRequest'),
    ...envelope,
    number,
    demand: fc.oneof(
      fc.record({ kind: fc.constantFrom('promote', 'demote', 'remove', 'transfer'), id }),
      fc.record({ kind: fc.constantFrom('ban', 'unban'), prefix: id }),
    ),
    expected: fc.option(number),
  }),
  fc.record({
    kind: fc.constant('ChangeRefused'),
    ...envelope,
    number,
    reason: fc.constantFrom(...(Object.keys(failures) as DemandRefusal[])),
  }),
  fc.record({ kind: fc.constant('Join'), member: id, machine: machineName }),
  fc.record({ kind: fc.constant('Founded'), voters: fc.array(id) }),
  fc.record({ kind: fc.constant('JoinRefused'), reason: fc.constant('full') }),
  fc.record({ kind: fc.constant('JoinRefused'), reason: fc.constant('other-machine'), machine: machineName }),
);

const heartbeat = [wireMajor, group, 7, 'a', 'b', 1, 0, 4];

describe('a frame', () => {
  test('of every kind comes back as it was', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeFrame(encodeFrame(group, message))).toEqual({ group, message });
      }),
      { numRuns: 2000 },
    );
  });

  test('is one array of version, group, kind and fields', () => {
    const message = {
      kind: 'Heartbeat',
      from: 'a' as NodeId,
      to: 'b' as NodeId,
      term: 1,
      commit: 0,
      round: 4,
    } as const;
    expect(encodeFrame(group, message)).toEqual(encode(heartbeat));
  });

  test('with fields that a later version added is understood as far as it is known', () => {
    expect(decodeFrame(encode([...heartbeat, 'new', 42]))).toMatchObject({ message: { kind: 'Heartbeat', commit: 0 } });
  });
});

describe('N3 a frame is refused', () => {
  const append = (...fields: unknown[]): unknown[] => [wireMajor, group, 5, 'a', 'b', ...fields];
  const bytes = new Uint8Array([1]);

  test.each<[string, unknown]>([
    ['when it is no array', { version: 1 }],
    ['when it is empty', []],
    ['of another version', [wireMajor + 1, group, 7, 'a', 'b', 1, 0]],
    ['without a group', [wireMajor, 'short', 7, 'a', 'b', 1, 0]],
    ['of an unknown kind', [wireMajor, group, 99, 'a', 'b', 1, 0]],
    ['with a field too few', heartbeat.slice(0, -1)],
    ['with a negative term', [wireMajor, group, 7, 'a', 'b', -1, 0]],
    ['with a fraction for a term', [wireMajor, group, 7, 'a', 'b', 1.5, 0]],
    ['with a term beyond the safe integers', [wireMajor, group, 7, 'a', 'b', 2 ** 53, 0]],
    ['with text for a term', [wireMajor, group, 7, 'a', 'b', '1', 0]],
    ['with null for a term', [wireMajor, group, 7, 'a', 'b', null, 0]],
    ['with a number for a sender', [wireMajor, group, 7, 1, 'b', 1, 0]],
    ['with an endless sender', [wireMajor, group, 7, 'a'.repeat(65), 'b', 1, 0]],
    ['with an array inside', [wireMajor, group, 7, ['a'], 'b', 1, 0]],
    ['with entries of a later term than its own', append(2, 0, 0, 0, 1, 3, 1, bytes)],
    ['with entries of falling terms', append(2, 0, 0, 0, 2, 2, 1, bytes, 1, 1, bytes)],
    ['with entries older than the one before them', append(5, 7, 4, 0, 1, 3, 1, bytes)],
    ['with a previous entry of a later term', append(2, 7, 3, 0, 0)],
    ['with an unknown kind of entry', append(2, 0, 0, 0, 1, 2, 9, bytes)],
    ['with text for a command', append(2, 0, 0, 0, 1, 2, 1, 'text')],
    ['with half an entry', append(2, 0, 0, 0, 1, 2, 1)],
    ['with fewer entries than it says', append(2, 0, 0, 0, 4_000_000_000, 2, 1, bytes)],
    ['with a sequence of 0', [wireMajor, group, 16, 'a', 'b', 's', 0, 0]],
    ['with a value of presence that is too large', [wireMajor, group, 24, 'a', 'b', 1, 1, 1000, new Uint8Array(4097)]],
    ['with a value of presence that is no bytes', [wireMajor, group, 24, 'a', 'b', 1, 1, 1000, 'x']],
    ['with presence that holds too long', [wireMajor, group, 24, 'a', 'b', 1, 1, 300_001, bytes]],
    ['with presence that holds too short', [wireMajor, group, 24, 'a', 'b', 1, 1, 999, bytes]],
    ['with presence of no version', [wireMajor, group, 24, 'a', 'b', 1, 0, 1000, bytes]],
  ])('%s', (_, frame) => {
    expect(() => decodeFrame(encode(frame))).toThrow();
  });

  test('when it is larger than any frame', () => {
    expect(() => decodeFrame(new Uint8Array(5 * 1024 * 1024))).toThrow('too large');
  });

  test('whatever the bytes, with an error and nothing worse', () => {
    const valid = messages.map((message) => encodeFrame(group, message));
    const flipped = fc.tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }));
    const tryDecode = (frame: Uint8Array): void => {
      try {
        decodeFrame(frame);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect((error as Error).message).not.toBe('');
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tryDecode), { numRuns: 3000 });
    fc.assert(
      fc.property(flipped, ([frame, flips]) => {
        const bytes = frame.slice();
        for (const [at, value] of flips) bytes[at % bytes.length] = value;
        tryDecode(bytes);
        tryDecode(frame.subarray(0, (flips[0]?.[0] ?? 0) % frame.length));
      }),
      { numRuns: 3000 },
    );
  });
});
