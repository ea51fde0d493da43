/** What must be on disk before anything may be said or counted: paper, figure 2; dissertation, section 10.2.1. */
import { foundingConfiguration } from '../../src/core/configuration.ts';
import { describe, expect, test } from 'vitest';
import { emptyState, Raft } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Configuration, HardState, LogStart, Message, PersistentState, Snapshot } from '../../src/core/types.ts';
import { bytes, Cluster, entries, node } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;

describe('a vote', () => {
  test('D1 is answered only when term and vote are durable, in one record', () => {
    const cluster = new Cluster();
    const c = cluster.member('c');
    c.slowDisk = true;
    cluster.deliver({
      kind: 'RequestVote',
      transfer: false,
      from: node('a'),
      to: node('c'),
      term: 1,
      lastIndex: 0,
      lastTerm: 0,
    });

    expect(cluster.wire).toEqual([]);
    expect(c.disk.queue).toMatchObject([{ hardState: { term: 1, vote: 'a' } }]);
    c.flush();
    cluster.work('c');
    expect(cluster.wire).toMatchObject([{ kind: 'RequestVoteResponse', removed: false, granted: true }]);
  });

  test('D1 that was not durable is free again after a crash', () => {
    const cluster = new Cluster();
    const c = cluster.member('c');
    c.slowDisk = true;
    cluster.deliver({
      kind: 'RequestVote',
      transfer: false,
      from: node('a'),
      to: node('c'),
      term: 1,
      lastIndex: 0,
      lastTerm: 0,
    });
    c.restart();
    expect(c.status).toMatchObject({ term: 0, vote: null });
  });

  test('D2 for oneself counts only when durable, and nobody is asked for theirs before', () => {
    const cluster = new Cluster({ options: { preVote: false } });
    const a = cluster.member('a');
    a.slowDisk = true;
    cluster.campaign('a');
    expect(a.status).toMatchObject({ role: 'candidate', term: 1 });
    expect(cluster.trace.filter(({ name }) => name === 'SendRequestVote')).toEqual([]);

    a.flush();
    cluster.settle();
    expect(a.status.role).toBe('leader');
  });

  test('D2 asked for with a log that a crash took back cannot be used for a shorter one', () => {
    const cluster = new Cluster({ options: { preVote: false } });
    cluster.campaign('a');
    const [b, c] = [cluster.member('b'), cluster.member('c')];
    c.slowDisk = true;
    cluster.propose('a', 'committed');
    cluster.settle();
    expect(b.commands).toEqual(['committed']);
    expect(c.status).toMatchObject({ lastIndex: 2, durable: 1 });

    // c holds the entry in memory only, and campaigns with it. Then it crashes, campaigns again, and gets the old answer.
    cluster.isolate('a');
    for (let i = 0; i < 10; i++) b.raft.tick();
    c.raft.campaign();
    cluster.work('c');
    cluster.deliver(...cluster.take((message) => message.to === b.id));
    const late = cluster.take((message) => message.to === c.id);
    c.restart();
    c.slowDisk = false;
    expect(c.log).toBe('1:');
    c.raft.campaign();
    cluster.work('c');
    cluster.take();
    cluster.deliver(...late);
    expect(c.status.role).toBe('candidate');
  });

  test('D1 a refusal, too, reveals a term only when it is durable', () => {
    const cluster = new Cluster({ disks: { c: { log: '1:x', term: 1 } } });
    const c = cluster.member('c');
    c.slowDisk = true;
    cluster.deliver({
      kind: 'RequestVote',
      transfer: false,
      from: node('a'),
      to: node('c'),
      term: 2,
      lastIndex: 0,
      lastTerm: 0,
    });
    expect(cluster.wire).toEqual([]);
    c.flush();
    cluster.work('c');
    expect(cluster.wire).toMatchObject([{ kind: 'RequestVoteResponse', removed: false, granted: false, term: 2 }]);
  });
});

describe('an entry', () => {
  test('D3 counts for its leader only when durable there, though it is sent before', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const a = cluster.member('a');
    a.slowDisk = true;
    cluster.isolate('c');
    cluster.propose('a', 'x');
    cluster.work('a');
    expect(cluster.wire.filter(ofKind('AppendEntries'))).toHaveLength(2);

    cluster.settle();
    expect(cluster.member('b').status.lastIndex).toBe(2);
    expect(a.status.commit).toBe(1);
    a.flush();
    expect(a.status.commit).toBe(2);
  });

  test('D3 of a single voter is not committed before its own disk has it (etcd#14370)', () => {
    const cluster = new Cluster({ members: ['a'] });
    cluster.campaign('a');
    const a = cluster.member('a');
    a.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.settle();
    expect(a.commands).toEqual([]);
    a.flush();
    cluster.settle();
    expect(a.commands).toEqual(['x']);
  });

  test('D3 may commit without its leader, by a majority of the others', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const a = cluster.member('a');
    a.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.settle();
    expect(a.status.commit).toBe(2);
    expect(cluster.member('b').commands).toEqual(['x']);
  });

  test('R21 is applied only where it is durable', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const a = cluster.member('a');
    a.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.settle();
    expect(a.commands).toEqual([]);
    a.flush();
    cluster.settle();
    expect(a.commands).toEqual(['x']);
  });

  test('D4 is acknowledged only when durable', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const b = cluster.member('b');
    b.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.work('a');
    cluster.deliver(...cluster.take((message) => message.to === b.id));
    expect(cluster.wire.filter(({ from }) => from === b.id)).toEqual([]);
    b.flush();
    cluster.work('b');
    expect(cluster.wire.filter(({ from }) => from === b.id)).toMatchObject([{ index: 2, conflict: null }]);
  });

  test('D4 repeated while its write is on the way is acknowledged only after that write', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const b = cluster.member('b');
    b.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.work('a');
    const [append] = cluster.take((message) => message.to === b.id);
    if (append === undefined) throw new Error('nothing was sent');
    cluster.deliver(append, append);
    expect(cluster.wire.filter(({ from }) => from === b.id)).toEqual([]);
    b.flush();
    b.flush();
    cluster.work('b');
    expect(cluster.wire.filter(({ from }) => from === b.id)).toMatchObject([{ index: 2 }, { index: 2 }]);
  });

  test('D7 goes to disk in one batch with the truncation and the term that it comes with', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y 1:z', term: 1 } } });
    const b = cluster.member('b');
    b.slowDisk = true;
    cluster.deliver({
      kind: 'AppendEntries',
      from: node('a'),
      to: node('b'),
      term: 2,
      prevIndex: 1,
      prevTerm: 1,
      entries: entries('2:p 2:q', 2),
      commit: 1,
    });
    expect(b.disk.queue).toMatchObject([
      { hardState: { term: 2, commit: 1 }, truncateFrom: 2, entries: [{ index: 2 }, { index: 3 }] },
    ]);
  });
});

describe('a completion', () => {
  test('D5 out of order stops the replica (openraft#1960)', () => {
    const cluster = new Cluster({ members: ['a'] });
    cluster.campaign('a');
    const a = cluster.member('a');
    a.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.work('a');
    cluster.propose('a', 'y');
    cluster.work('a');
    const [, second] = a.disk.queue;
    if (second === undefined) throw new Error('one write too few');
    expect(() => a.raft.persisted(second)).toThrow('D5');
  });

  test('D5 of a write that was never handed out stops the replica', () => {
    const cluster = new Cluster({ members: ['a'] });
    cluster.campaign('a');
    const { raft } = cluster.member('a');
    const write = { id: 99, hardState: null, snapshot: null, start: null, truncateFrom: null, entries: [] };
    expect(() => raft.persisted(write)).toThrow('D5: write 99 completed, but the oldest on its way is none');
    // A replica in doubt about itself takes no further part.
    expect(() => raft.tick()).toThrow('D5');
  });

  test('D6 proves nothing about what was rewritten since (the ABA race)', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x', term: 1 } } });
    const b = cluster.member('b');
    b.slowDisk = true;
    const append = { kind: 'AppendEntries', from: node('a'), to: node('b'), prevIndex: 1, prevTerm: 1 } as const;
    const once = entries('1:y', 2);

    cluster.deliver({ ...append, term: 1, entries: once, commit: 1 });
    cluster.deliver({ ...append, from: node('c'), term: 2, entries: entries('2:p', 2), commit: 1 });
    cluster.deliver({ ...append, term: 3, entries: once, commit: 2 });
    expect(b.log).toBe('1:x 1:y');

    b.flush();
    expect(b.status).toMatchObject({ durable: 1, commit: 2 });
    cluster.work('b');
    expect(b.applied).toHaveLength(1);
    b.flush();
    expect(b.status.durable).toBe(1);
    b.flush();
    expect(b.status.durable).toBe(2);
  });
});

const founding: LogStart = { index: 0, term: 0, configuration: foundingConfiguration(['a', 'b'].map(node)) };
const hardState: HardState = { term: 2, vote: null, commit: 5 };
const snapshot: Snapshot = { ...founding, index: 4, term: 2, id: 'x', bytes: 0, checksum: 0 };
const compacted = {
  hardState,
  start: { ...founding, index: 4, term: 2 },
  entries: entries('2:e 2:f', 5),
  snapshot,
} as const;

const withConfiguration = (
  change: Partial<Record<keyof Configuration, readonly string[]>>,
): Partial<PersistentState> => ({
  ...compacted,
  snapshot: { ...snapshot, configuration: { ...snapshot.configuration, ...(change as object) } },
});

/** States that no run can have left behind, beside those without a snapshot. */
const malformed: readonly [string, Partial<PersistentState>][] = [
  ['a log without what was before it', { ...compacted, snapshot: null }],
  ['a snapshot beyond the commit index', { ...compacted, snapshot: { ...snapshot, index: 6 } }],
  ['a snapshot of what the log does not hold', { ...compacted, snapshot: { ...snapshot, index: 9 } }],
  ['a snapshot from before the log', { ...compacted, snapshot: { ...snapshot, index: 3 } }],
  ['a snapshot of another term', { ...compacted, snapshot: { ...snapshot, term: 1 } }],
  ['a snapshot of another term than its entry', { ...compacted, snapshot: { ...snapshot, index: 5, term: 1 } }],
  ['a commit index from before the log', { ...compacted, hardState: { ...hardState, commit: 3 } }],
  ['a commit index above a log that begins late', { ...compacted, hardState: { ...hardState, commit: 7 } }],
  ['a term below that of the snapshot', { ...compacted, entries: [], hardState: { term: 1, vote: null, commit: 4 } }],
  ['a gap behind a snapshot', { ...compacted, entries: entries('2:f', 6) }],
  ['a voter that is a learner', withConfiguration({ learners: ['b'] })],
  ['a leaving voter that is a learner', withConfiguration({ outgoing: ['c'], learners: ['c'] })],
  ['a learner to be that does not leave', withConfiguration({ learnersNext: ['c'] })],
  ['a learner to be that stays a voter', withConfiguration({ outgoing: ['b'], learnersNext: ['b'] })],
  ['a witness that does not vote', withConfiguration({ witnesses: ['c'] })],
  ['members out of order', withConfiguration({ voters: ['b', 'a'] })],
];

describe('on load', () => {
  const load = (state: Partial<PersistentState>): (() => Raft) => {
    const persistent = { ...emptyState(['a', 'b'].map(node)), ...state };
    return () => new Raft({ id: node('a'), persistent, random: seededRandom(1) });
  };

  test.each<[string, Partial<PersistentState>]>([
    ['a commit index above the log', { hardState: { term: 1, vote: null, commit: 2 }, entries: entries('1:x') }],
    ['terms that fall', { hardState: { term: 2, vote: null, commit: 0 }, entries: entries('2:x 1:y') }],
    ['a gap', { hardState: { term: 1, vote: null, commit: 0 }, entries: entries('1:x', 2) }],
    ['entries of a later term', { hardState: { term: 1, vote: null, commit: 0 }, entries: entries('2:x') }],
    [
      'voters named twice',
      { start: { index: 0, term: 0, configuration: { ...foundingConfiguration([]), voters: ['a', 'a'].map(node) } } },
    ],
    ...malformed,
  ])('D10 %s is refused', (_, state) => {
    expect(load(state)).toThrow('D10');
  });

  test.each<[string, Partial<PersistentState>]>([
    ['a log behind a snapshot', compacted],
    ['a snapshot in the middle of a log', { ...compacted, snapshot: { ...snapshot, index: 5 } }],
    ['a snapshot and nothing behind it', { ...compacted, entries: [], hardState: { ...hardState, commit: 4 } }],
    [
      'a snapshot of a log that is still whole',
      { ...compacted, start: founding, entries: entries('1:a 1:b 1:c 2:d'), hardState: { ...hardState, commit: 4 } },
    ],
  ])('D10 %s is not', (_, state) => {
    const raft = load(state)();
    expect(raft.status()).toMatchObject({ role: 'follower', applied: state.snapshot?.index });
  });

  test('a replica is what it was, and applies again what was committed', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    cluster.propose('a', 'z');
    cluster.settle();
    const before = cluster.member('b').status;

    cluster.member('b').restart();
    expect(cluster.member('b').status).toMatchObject({ term: 1, vote: 'a', lastIndex: before.lastIndex, commit: 3 });
    cluster.tick(2);
    expect(cluster.member('b').commands).toEqual(['x', 'y', 'z']);
  });

  test('how far the state goes is known without asking anybody, once the commit index was saved', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.propose('a', 'x');
    cluster.settle();
    const b = cluster.member('b');
    expect(b.raft.savedCommit).toBeLessThan(2);
    b.raft.saveCommit();
    cluster.work('b');
    expect(b.raft.savedCommit).toBe(2);
    expect(b.raft.ready()).toBeNull();

    b.restart();
    cluster.work('b');
    expect(b.commands).toEqual(['x']);
  });

  test('a leader that lost entries which were never durable goes on from what was', () => {
    const cluster = new Cluster({ members: ['a'] });
    cluster.campaign('a');
    const a = cluster.member('a');
    a.slowDisk = true;
    a.raft.propose([bytes('lost')]);
    cluster.work('a');
    a.restart();
    a.slowDisk = false;
    cluster.campaign('a');
    expect(a.log).toBe('1: 2:');
  });
});
