/** Snapshots and compaction: paper, section 7; dissertation, chapter 5. */
import { describe, expect, test } from 'vitest';
import { foundingConfiguration } from '../../src/core/configuration.ts';
import type { RaftOptions } from '../../src/core/options.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { InstallSnapshot, Message, Snapshot, Term } from '../../src/core/types.ts';
import { bytes, Cluster, type ClusterInit, encodeMachine, entries, node } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;
const to = (name: string) => (message: Message) => message.to === node(name);
const isPart = (message: Message): message is InstallSnapshot => message.kind === 'InstallSnapshot';

const tight: Partial<RaftOptions> = { trailingEntries: 0, snapshotPartBytes: 100, snapshotWindowBytes: 300 };

const progress = (cluster: Cluster, of: string) => cluster.member(cluster.leader ?? '').status.progress.get(node(of));

/** `a` leads, `c` was away, and what it lacks is gone from the log of `a`. All can reach each other again. */
function behind(init: ClusterInit = {}): Cluster {
  const cluster = new Cluster({ ...init, options: { ...tight, ...init.options } });
  cluster.campaign('a');
  cluster.isolate('c');
  for (let i = 0; i < 8; i++) cluster.propose('a', `x${i}`);
  cluster.settle();
  cluster.compact('a');
  cluster.heal();
  return cluster;
}

/** The same, and the first parts of the snapshot are on the wire. */
function sending(init: ClusterInit = {}): Cluster {
  const cluster = behind(init);
  cluster.take();
  cluster.member('a').raft.tick();
  cluster.work('a');
  cluster.deliver(...cluster.take(ofKind('Heartbeat')));
  cluster.deliver(...cluster.take(ofKind('HeartbeatResponse')));
  // The append was lost, and the next answer shows it.
  for (let i = 0; i < 5 && !cluster.wire.some(isPart); i++) {
    cluster.deliver(...cluster.take(to('c')));
    cluster.deliver(...cluster.take(to('a')));
    if (!cluster.wire.some(isPart)) cluster.member('a').raft.tick();
    cluster.work('a');
  }
  return cluster;
}

/** A snapshot of commands that nobody needs to have in a log, and its parts as `from` sends them to `b`. */
function foreignSnapshot(of: Partial<Snapshot> & { readonly index: number }): Snapshot & { readonly data: Uint8Array } {
  const log = entries(Array.from({ length: of.index }, (_, i) => `1:s${i}`).join(' '));
  const data = encodeMachine(log);
  const configuration = foundingConfiguration(['a', 'b', 'c'].map(node));
  return { term: 1, configuration, id: 'foreign', bytes: data.byteLength, checksum: 0, data, ...of };
}

function part(
  { data, ...snapshot }: Snapshot & { readonly data: Uint8Array },
  offset: number,
  length: number,
  { from = 'a', term = 2 }: { readonly from?: string; readonly term?: Term } = {},
): InstallSnapshot {
  return {
    kind: 'InstallSnapshot',
    from: node(from),
    to: node('b'),
    term,
    snapshot,
    offset,
    data: data.subarray(offset, offset + length),
  };
}

/** What `c` says of the snapshot that `sending` sends it. */
const answerOfC = {
  kind: 'InstallSnapshotResponse',
  from: node('c'),
  to: node('a'),
  term: 1,
  snapshotIndex: 9,
  snapshotId: 'by a',
} as const;

describe('a snapshot', () => {
  test('S1 goes to whoever needs an entry that is gone, and to nobody else', () => {
    const cluster = behind();
    cluster.tick(4);
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
    expect(cluster.member('c').status).toMatchObject({ startIndex: 9, snapshotIndex: 9, commit: 9, applied: 9 });
    const receivers = cluster.trace.flatMap((event) =>
      event.name === 'SendInstallSnapshot' ? [event.message.to] : [],
    );
    expect(new Set(receivers)).toEqual(new Set(['c']));
  });

  test('S1 is not sent while the log still has what is needed', () => {
    const cluster = behind({ options: { trailingEntries: 100 } });
    cluster.tick(4);
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
    expect(cluster.trace.filter(({ name }) => name === 'SendInstallSnapshot')).toEqual([]);
  });

  test('S1 is not sent to somebody who is not there', () => {
    const cluster = new Cluster({ options: tight });
    cluster.campaign('a');
    cluster.isolate('c');
    cluster.tick(21, 'a', 'b');
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    cluster.compact('a');
    cluster.tick(30, 'a', 'b');
    expect(cluster.trace.filter(({ name }) => name === 'SendInstallSnapshot')).toEqual([]);
    cluster.heal();
    cluster.tick(6);
    expect(cluster.member('c').commands).toEqual(['x', 'y']);
  });

  test('S1 holds up the appends to its receiver, and to nobody else, until it is there', () => {
    const cluster = sending();
    expect(progress(cluster, 'c')).toMatchObject({ state: 'snapshot', pendingSnapshot: 9, paused: true });
    cluster.propose('a', 'later');
    cluster.work('a');
    expect(cluster.wire.filter(ofKind('AppendEntries'))).toMatchObject([{ to: 'b' }]);

    cluster.tick(3);
    expect(progress(cluster, 'c')).toMatchObject({ state: 'replicate', match: 10, pendingSnapshot: null });
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
  });

  test('S1 that makes no progress is given up, and begun again when its receiver is back (etcd#10225)', () => {
    const cluster = sending({ options: { snapshotTimeoutTicks: 12 } });
    cluster.take();
    cluster.isolate('c');
    cluster.tick(11, 'a', 'b');
    expect(progress(cluster, 'c')?.state).toBe('snapshot');
    cluster.tick(1, 'a', 'b');
    expect(progress(cluster, 'c')).toMatchObject({ state: 'probe', pendingSnapshot: null });
    cluster.tick(30, 'a', 'b');
    expect(progress(cluster, 'c')?.state).toBe('probe');

    cluster.heal();
    cluster.tick(6);
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
  });

  test('S1 that cannot be read is reported, and the newest one is sent instead', () => {
    const cluster = sending();
    cluster.take();
    const { raft } = cluster.member('a');
    raft.reportSnapshot(node('c'), 'failed');
    expect(progress(cluster, 'c')).toMatchObject({ state: 'probe', match: 1, next: 2 });
    cluster.propose('a', 'later');
    cluster.settle();
    cluster.compact('a');
    cluster.tick(6);
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
    expect(cluster.member('c').status.startIndex).toBe(10);
  });

  test('S1 that was brought there by other means is reported, and replication goes on behind it', () => {
    const cluster = sending();
    cluster.take();
    cluster.member('a').raft.reportSnapshot(node('c'), 'finished');
    expect(progress(cluster, 'c')).toMatchObject({ state: 'probe', next: 10, paused: true });
    // A report about somebody to whom nothing is being sent changes nothing.
    cluster.member('a').raft.reportSnapshot(node('b'), 'failed');
    expect(progress(cluster, 'b')?.state).toBe('replicate');
    // It was not true; that is found out.
    cluster.tick(6);
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
  });

  test('S2 is over when its receiver reconnects with the log, even below its index', () => {
    const cluster = sending({ options: { trailingEntries: 4 } });
    expect(progress(cluster, 'c')).toMatchObject({ state: 'snapshot', pendingSnapshot: 9 });
    const { raft } = cluster.member('a');
    const answer = { kind: 'AppendEntriesResponse', from: node('c'), to: node('a'), term: 1, conflict: null } as const;
    raft.step({ ...answer, index: 3 });
    expect(progress(cluster, 'c')).toMatchObject({ state: 'snapshot', match: 3 });
    raft.step({ ...answer, index: 6 });
    expect(progress(cluster, 'c')).toMatchObject({ state: 'replicate', match: 6, next: 7, pendingSnapshot: null });
  });

  test('R11 is not over because of a late rejection', () => {
    const cluster = sending();
    const conflict = { index: 0, term: 0 };
    cluster
      .member('a')
      .raft.step({ kind: 'AppendEntriesResponse', from: node('c'), to: node('a'), term: 1, index: 5, conflict });
    expect(progress(cluster, 'c')?.state).toBe('snapshot');
  });

  test('S3 at or below the commit index is ignored, and answered with that index', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y 1:z', term: 2, commit: 2 } } });
    cluster.deliver(part(foreignSnapshot({ index: 2 }), 0, 10_000));
    const b = cluster.member('b');
    expect(b.log).toBe('1:x 1:y 1:z');
    expect(b.status.snapshotIndex).toBe(0);
    expect(cluster.wire).toMatchObject([{ kind: 'AppendEntriesResponse', index: 2, conflict: null }]);
  });

  test('S3 whose last entry the log holds only says that this much is committed', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y 1:z', term: 2, commit: 0 } } });
    cluster.deliver(part(foreignSnapshot({ index: 2 }), 0, 10_000));
    const b = cluster.member('b');
    expect(b.log).toBe('1:x 1:y 1:z');
    expect(b.status).toMatchObject({ commit: 2, startIndex: 0 });
    expect(b.commands).toEqual(['x', 'y']);
    expect(cluster.wire).toMatchObject([{ kind: 'AppendEntriesResponse', index: 2, conflict: null }]);
  });

  test('S3 takes the place of the whole log otherwise, also of what conflicts with it (openraft#559, #753)', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y 1:p 1:q 1:r', term: 2, commit: 1 } } });
    const snapshot = foreignSnapshot({ index: 4, term: 2 });
    cluster.deliver(part(snapshot, 0, 10_000));
    const b = cluster.member('b');
    expect(b.log).toBe('');
    expect(b.status).toMatchObject({ startIndex: 4, lastIndex: 4, commit: 4, applied: 4, snapshotIndex: 4 });
    expect(b.disk.state).toMatchObject({ entries: [], start: { index: 4, term: 2 }, snapshot: { index: 4 } });
    expect(b.commands).toEqual(['s0', 's1', 's2', 's3']);
    b.restart();
    expect(b.status).toMatchObject({ startIndex: 4, commit: 4, applied: 4 });
  });

  test.each(['pre-candidate', 'candidate'] as const)('S4 makes a %s a follower of its sender', (role) => {
    const cluster = new Cluster({ options: { preVote: role === 'pre-candidate' } });
    const b = cluster.member('b');
    b.raft.campaign();
    cluster.work('b');
    expect(b.status.role).toBe(role);
    cluster.take();
    cluster.deliver(part(foreignSnapshot({ index: 3 }), 0, 10, { term: b.status.term === 0 ? 1 : b.status.term }));
    expect(b.status).toMatchObject({ role: 'follower', leader: 'a' });
  });

  test('S5 carries the configuration of the entry that it ends with (matrixone#23281)', () => {
    const cluster = new Cluster({ members: ['a', 'b', 'c', 'd'], options: tight, configuration: three });
    cluster.campaign('a');
    cluster.member('a').raft.proposeMembership([{ kind: 'add-voter', id: node('d') }]);
    cluster.isolate('d');
    cluster.settle();
    const snapshot = cluster.compact('a');
    expect(snapshot).toMatchObject({ index: 2, term: 1, configuration: { version: 2, voters: ['a', 'b', 'c', 'd'] } });
    cluster.heal();
    cluster.tick(4);
    const d = cluster.member('d');
    expect(d.status.configuration).toEqual(snapshot.configuration);
    d.restart();
    expect(d.status.configuration).toEqual(snapshot.configuration);
  });

  test('S5 carries a joint configuration whole, and whoever takes it over leaves it in time', () => {
    const cluster = new Cluster({ members: ['a', 'b', 'c', 'd', 'e'], options: tight, configuration: three });
    cluster.campaign('a');
    cluster.isolate('d');
    cluster.member('a').raft.proposeMembership(
      [
        { kind: 'add-voter', id: node('d') },
        { kind: 'add-voter', id: node('e') },
        { kind: 'add-learner', id: node('c') },
      ],
      { transition: 'joint-explicit' },
    );
    cluster.settle();
    const { configuration } = cluster.compact('a');
    expect(configuration).toMatchObject({
      voters: ['a', 'b', 'd', 'e'],
      outgoing: ['a', 'b', 'c'],
      learnersNext: ['c'],
    });
    cluster.heal();
    cluster.tick(4);
    const d = cluster.member('d');
    expect(d.status.configuration).toEqual(configuration);
    d.restart();
    expect(d.status.configuration).toEqual(configuration);
    cluster.member('a').raft.leaveJoint();
    cluster.tick(2);
    expect(d.status.configuration).toMatchObject({ voters: ['a', 'b', 'd', 'e'], outgoing: [], learners: ['c'] });
  });

  test('S6 M8 takes the place of a configuration that came later than it knows (openraft#1808)', () => {
    // b has applied a change that never was: it counts d and e among the voters, and not a and c.
    const cluster = new Cluster({ configuration: { voters: ['b', 'd', 'e'].map(node) } });
    const b = cluster.member('b');
    cluster.deliver(part(foreignSnapshot({ index: 3, term: 2 }), 0, 10_000));
    expect(b.status.configuration.voters).toEqual(['a', 'b', 'c']);
    b.restart();
    expect(b.status.configuration.voters).toEqual(['a', 'b', 'c']);
    b.raft.campaign();
    cluster.work('b');
    expect(new Set(cluster.take(ofKind('RequestPreVote')).map((message) => message.to))).toEqual(new Set(['a', 'c']));
  });

  test('S6 is acknowledged only when it is durable, and until then nothing has happened', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y', term: 2, commit: 1 } } });
    const b = cluster.member('b');
    cluster.settle();
    b.slowDisk = true;
    cluster.deliver(part(foreignSnapshot({ index: 4, term: 2 }), 0, 10_000));
    // The part is on its way to the disk; then the batch is.
    b.flushAll();
    cluster.work('b');
    expect(b.disk.queue).toMatchObject([
      { snapshot: { index: 4 }, start: { index: 4, term: 2 }, truncateFrom: 5, hardState: { commit: 4 }, entries: [] },
    ]);
    expect(cluster.wire.filter(ofKind('AppendEntriesResponse'))).toEqual([]);
    expect(b.status).toMatchObject({ commit: 4, durable: 1, applied: 1, snapshotIndex: 0 });
    expect(b.commands).toEqual(['x']);

    b.flush();
    cluster.work('b');
    expect(cluster.take(ofKind('AppendEntriesResponse'))).toMatchObject([{ index: 4, conflict: null }]);
    expect(b.status).toMatchObject({ commit: 4, durable: 4, applied: 4, snapshotIndex: 4 });
    expect(b.commands).toHaveLength(4);
  });

  test('S6 that a crash took back before it was durable comes again', () => {
    const cluster = sending();
    const c = cluster.member('c');
    c.slowDisk = true;
    cluster.settle();
    while (!c.disk.tasks.some(({ kind }) => kind === 'write')) {
      c.flushAll();
      cluster.work('c');
      cluster.settle();
    }
    c.restart();
    c.slowDisk = false;
    expect(c.status).toMatchObject({ startIndex: 0, applied: 0 });
    expect(progress(cluster, 'c')?.state).toBe('snapshot');
    cluster.tick(10);
    expect(c.commands).toEqual(cluster.member('a').commands);
  });

  test('S6 D6 is not proved durable by a write that was on its way before', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x', term: 2, commit: 1 } } });
    const b = cluster.member('b');
    cluster.settle();
    b.slowDisk = true;
    const log = entries('1:y 1:p 1:q 1:r 1:s', 2);
    const append = { kind: 'AppendEntries', from: node('a'), to: node('b'), term: 2 } as const;
    cluster.deliver({ ...append, prevIndex: 1, prevTerm: 1, entries: log, commit: 2 });
    const [older] = b.disk.queue;
    const message = part(foreignSnapshot({ index: 4, term: 2 }), 0, 10_000);
    b.raft.step(message);
    const ready = b.raft.ready();
    const [staged] = ready?.snapshotParts ?? [];
    if (staged === undefined || older === undefined) throw new Error('nothing to keep');
    b.raft.partStaged(staged);
    cluster.work('b');
    expect(b.status).toMatchObject({ commit: 4, durable: 1 });
    b.raft.persisted(older);
    // What the older write held up to the old commit index is what the snapshot begins with; the rest proves nothing.
    expect(b.status.durable).toBe(2);
    cluster.work('b');
    expect(cluster.wire).not.toContainEqual(expect.objectContaining({ kind: 'AppendEntriesResponse', index: 4 }));
  });

  test('S6 that came as far as the log by itself meanwhile is of no use, and the log stays', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x', term: 2, commit: 1 } } });
    const b = cluster.member('b');
    b.slowDisk = true;
    cluster.deliver(part(foreignSnapshot({ index: 3 }), 0, 10_000));
    const append = { kind: 'AppendEntries', from: node('a'), to: node('b'), term: 2 } as const;
    cluster.deliver({ ...append, prevIndex: 1, prevTerm: 1, entries: entries('1:y 1:z 1:w', 2), commit: 4 });
    b.flushAll();
    cluster.work('b');
    b.flushAll();
    cluster.settle();
    expect(b.log).toBe('1:x 1:y 1:z 1:w');
    expect(b.status).toMatchObject({ startIndex: 0, snapshotIndex: 0, commit: 4, applied: 4 });
  });

  test('S6 is followed by the appends behind it, and stale ones are answered with the commit index', () => {
    const cluster = new Cluster();
    const b = cluster.member('b');
    cluster.deliver(part(foreignSnapshot({ index: 4 }), 0, 10_000));
    cluster.take();
    const append = { kind: 'AppendEntries', from: node('a'), to: node('b'), term: 2 } as const;
    cluster.deliver({ ...append, prevIndex: 1, prevTerm: 1, entries: entries('1:s1 1:s2', 2), commit: 4 });
    cluster.deliver({ ...append, prevIndex: 4, prevTerm: 1, entries: entries('2:t', 5), commit: 5 });
    expect(cluster.take(ofKind('AppendEntriesResponse'))).toMatchObject([{ index: 4 }, { index: 5 }]);
    expect(b.commands).toEqual(['s0', 's1', 's2', 's3', 't']);
    // R7: a heartbeat tells no more than what was acknowledged.
    const heartbeat = { kind: 'Heartbeat', from: node('a'), to: node('b'), term: 2, round: 1 } as const;
    cluster.deliver({ ...heartbeat, commit: 5 });
    expect(() => cluster.deliver({ ...heartbeat, commit: 6 })).toThrow('R7');
  });

  test('E14 that waits to be applied keeps its receiver from campaigning', () => {
    const cluster = new Cluster();
    const { raft } = cluster.member('b');
    raft.step(part(foreignSnapshot({ index: 4 }), 0, 10_000));
    const first = raft.ready();
    if (first === null) throw new Error('nothing to keep');
    raft.advance(first);
    const ready = raft.ready();
    raft.campaign();
    expect(raft.status().role).toBe('follower');
    if (!ready?.write) throw new Error('nothing to write');
    raft.persisted(ready.write);
    raft.campaign();
    expect(raft.status().role).toBe('follower');
    raft.applied(4);
    raft.campaign();
    expect(raft.status().role).toBe('pre-candidate');
  });

  test('M16 goes to a witness without its bytes', () => {
    const cluster = behind({ configuration: { witnesses: [node('c')] } });
    cluster.tick(4);
    const c = cluster.member('c');
    expect(c.status).toMatchObject({ startIndex: 9, commit: 9, applied: 9 });
    expect(c.commands).toEqual([]);
    const parts = cluster.trace.flatMap((event) => (event.name === 'SendInstallSnapshot' ? [event.message] : []));
    expect(parts.length).toBeGreaterThan(0);
    for (const message of parts) expect(message).toMatchObject({ snapshot: { bytes: 0 }, data: { byteLength: 0 } });
    cluster.propose('a', 'later');
    cluster.tick(2);
    expect(c.status.commit).toBe(10);
  });
});

const three = { voters: ['a', 'b', 'c'].map(node) };

describe('the parts of a snapshot', () => {
  const snapshot = foreignSnapshot({ index: 6, term: 2 });
  const offsets = (cluster: Cluster): unknown[] =>
    cluster.take(ofKind('InstallSnapshotResponse')).map((message) => 'offset' in message && message.offset);

  test('S7 may come in any order and any number: what follows is kept, and the answer says where to go on', () => {
    const cluster = new Cluster();
    const size = Math.ceil(snapshot.bytes / 3);
    cluster.deliver(part(snapshot, size, size));
    cluster.deliver(part(snapshot, 0, size));
    cluster.deliver(part(snapshot, 0, size));
    cluster.deliver(part(snapshot, 2 * size, size));
    expect(offsets(cluster)).toEqual([0, size, size, size]);
    cluster.deliver(part(snapshot, size, size));
    cluster.deliver(part(snapshot, 2 * size, size));
    expect(cluster.member('b').commands).toHaveLength(6);
    // Whatever is late finds that it is there.
    cluster.take();
    cluster.deliver(part(snapshot, 0, size));
    expect(cluster.take()).toMatchObject([{ kind: 'AppendEntriesResponse', index: 6 }]);
  });

  test('S7 that claim more than there is are not kept', () => {
    const cluster = new Cluster();
    cluster.deliver({ ...part(snapshot, 0, 10), data: new Uint8Array(snapshot.bytes + 1) });
    expect(offsets(cluster)).toEqual([0]);
    expect(cluster.member('b').status.startIndex).toBe(0);
  });

  test('S7 of an earlier term change nothing', () => {
    const cluster = new Cluster({ disks: { b: { term: 3 } } });
    cluster.deliver(part(snapshot, 0, 10_000));
    expect(cluster.wire).toMatchObject([{ kind: 'HeartbeatResponse', term: 3 }]);
    expect(cluster.member('b').status).toMatchObject({ startIndex: 0, leader: null });
  });

  test('S7 may be resumed by another leader that holds the same bytes', () => {
    const cluster = new Cluster();
    const half = Math.ceil(snapshot.bytes / 2);
    cluster.deliver(part(snapshot, 0, half));
    cluster.take();
    cluster.deliver(part(snapshot, 0, 10, { from: 'c', term: 3 }));
    expect(offsets(cluster)).toEqual([half]);
    cluster.deliver(part(snapshot, half, half, { from: 'c', term: 3 }));
    expect(cluster.member('b').commands).toHaveLength(6);
  });

  test('S7 begin anew for another id', () => {
    const cluster = new Cluster();
    const other = { ...snapshot, id: 'other' };
    cluster.deliver(part(snapshot, 0, 50));
    cluster.deliver(part(other, 50, 50));
    expect(offsets(cluster)).toEqual([50, 0]);
    cluster.deliver(part(other, 0, 10_000));
    expect(cluster.member('b').commands).toHaveLength(6);
    expect(cluster.member('b').disk.state.snapshot).toMatchObject({ id: 'other' });
  });

  test('S7 of an older snapshot come too late in the same leadership', () => {
    const cluster = new Cluster();
    cluster.deliver(part(snapshot, 0, 50));
    cluster.take();
    cluster.deliver(part(foreignSnapshot({ index: 3 }), 0, 10_000));
    expect(cluster.wire).toEqual([]);
    cluster.deliver(part(snapshot, 50, 10_000));
    expect(cluster.member('b').status.startIndex).toBe(6);
  });

  test('S7 of an older snapshot are all there is when a new leader has no newer one', () => {
    const cluster = new Cluster();
    cluster.deliver(part(snapshot, 0, 50));
    cluster.take();
    cluster.deliver(part(foreignSnapshot({ index: 3 }), 0, 10_000, { from: 'c', term: 3 }));
    expect(cluster.member('b').status.startIndex).toBe(3);
  });

  test('S7 that were damaged come anew, and what the driver still says of the damaged ones counts for nothing', () => {
    const cluster = new Cluster();
    const { raft } = cluster.member('b');
    cluster.deliver({ kind: 'Heartbeat', from: node('a'), to: node('b'), term: 2, commit: 0, round: 1 });
    raft.step(part(snapshot, 0, 50));
    raft.step(part(snapshot, 50, 10_000));
    const [first, last] = raft.ready()?.snapshotParts ?? [];
    if (first === undefined || last === undefined) throw new Error('too few parts');
    raft.partsDamaged(first.snapshot);
    expect(raft.ready()?.messages).toMatchObject([{ kind: 'InstallSnapshotResponse', offset: 0 }]);

    raft.step(part(snapshot, 0, 10_000));
    raft.partStaged(last);
    raft.partsDamaged(last.snapshot);
    expect(raft.status().commit).toBe(0);
    const [again] = raft.ready()?.snapshotParts ?? [];
    if (again === undefined) throw new Error('too few parts');
    raft.partStaged(again);
    expect(raft.status().commit).toBe(6);
  });

  test('S7 that wait to be handed out when others are damaged are not handed out any more', () => {
    const { raft } = new Cluster().member('b');
    raft.step(part(snapshot, 0, 50));
    const [first] = raft.ready()?.snapshotParts ?? [];
    if (first === undefined) throw new Error('too few parts');
    raft.step(part(snapshot, 50, 50));
    raft.partsDamaged(first.snapshot);
    expect(raft.ready()?.snapshotParts).toEqual([]);
  });

  test('S7 that are kept when their receiver leads by itself are answered to nobody', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x', term: 2 } } });
    const b = cluster.member('b');
    cluster.settle();
    b.raft.step(part(snapshot, 0, 50));
    const parts = b.raft.ready()?.snapshotParts ?? [];
    cluster.campaign('b');
    expect(b.status.role).toBe('leader');
    for (const staged of parts) b.raft.partStaged(staged);
    expect(b.raft.ready()).toBeNull();
  });

  test('S7 go ahead of the answers up to the window, and one always goes', () => {
    const cluster = sending();
    expect(cluster.take(isPart)).toMatchObject([{ offset: 0 }, { offset: 100 }, { offset: 200 }]);
    const { raft } = cluster.member('a');
    raft.step({ ...answerOfC, offset: 100 });
    cluster.work('a');
    expect(cluster.take(isPart)).toMatchObject([{ offset: 300 }]);
    // Answers about another snapshot, or of more than there is, are stale or wrong.
    raft.step({ ...answerOfC, snapshotIndex: 8, offset: 300 });
    raft.step({ ...answerOfC, snapshotId: 'by b', offset: 300 });
    raft.step({ ...answerOfC, offset: 1_000_000 });
    cluster.work('a');
    expect(cluster.take(isPart)).toEqual([]);

    const narrow = sending({ options: { snapshotPartBytes: 500, snapshotWindowBytes: 1 } });
    expect(narrow.take(isPart)).toHaveLength(1);
  });

  test('S7 go in their order, whatever order they are read in', () => {
    const cluster = sending();
    const { raft } = cluster.member('a');
    const parts = cluster.take(isPart).filter(isPart);
    const [first, second, third] = parts;
    if (first === undefined || second === undefined || third === undefined) throw new Error('too few parts');
    // Whatever is asked for once more is read by hand, backwards.
    raft.reportUnsent(first);
    raft.step({ ...answerOfC, offset: 0 });
    raft.tick();
    const reads = raft.ready()?.snapshotReads ?? [];
    expect(reads.map(({ offset }) => offset)).toEqual([0, 100, 200]);
    for (const read of [...reads].reverse()) {
      expect(cluster.wire.filter(isPart)).toEqual([]);
      raft.partRead(read, new Uint8Array(read.length));
      if (read.offset > 0) expect(raft.ready()?.messages.filter(isPart) ?? []).toEqual([]);
    }
    expect(raft.ready()?.messages.filter(isPart)).toMatchObject([{ offset: 0 }, { offset: 100 }, { offset: 200 }]);
  });

  test('S7 R13 that the transport refused wait for an answer, and then go on from there', () => {
    const cluster = sending();
    const { raft } = cluster.member('a');
    const [, second] = cluster.take(isPart).filter(isPart);
    if (second === undefined) throw new Error('too few parts');
    raft.reportUnsent(second);
    raft.tick();
    cluster.work('a');
    expect(cluster.take(isPart)).toEqual([]);

    raft.step({ ...answerOfC, offset: 100 });
    cluster.work('a');
    expect(cluster.take(isPart)).toMatchObject([{ offset: 100 }, { offset: 200 }, { offset: 300 }]);

    raft.reportUnsent({ ...second, offset: 200 });
    raft.step({ kind: 'HeartbeatResponse', from: node('c'), to: node('a'), term: 1, round: 1 });
    raft.tick();
    cluster.work('a');
    expect(cluster.take(isPart)).toMatchObject([{ offset: 200 }, { offset: 300 }]);
    // What it has by now is not sent again; and what is known of another transfer counts for nothing.
    raft.reportUnsent({ ...second, offset: 0 });
    raft.reportUnsent({ ...second, offset: 100, snapshot: { ...second.snapshot } });
    raft.step({ ...answerOfC, offset: 200 });
    cluster.work('a');
    expect(cluster.take(isPart)).toMatchObject([{ offset: 400 }]);
  });

  test('S7 that are lost are sent again after a few heartbeats', () => {
    const cluster = sending();
    cluster.take(isPart);
    cluster.tick(12);
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
  });

  test('S7 that are read when nobody waits for them any more are not sent', () => {
    const cluster = sending({ options: { snapshotPartBytes: 100 } });
    const { raft } = cluster.member('a');
    const [sent] = cluster.take(isPart).filter(isPart);
    if (sent === undefined) throw new Error('nothing was sent');
    raft.reportSnapshot(node('c'), 'failed');
    raft.partRead({ to: node('c'), snapshot: sent.snapshot, offset: 0, length: 100 }, sent.data);
    cluster.work('a');
    expect(cluster.wire.filter(isPart)).toEqual([]);
  });

  test('S7 are none of an empty snapshot, but one message', () => {
    const cluster = new Cluster();
    const empty = { ...foreignSnapshot({ index: 3 }), bytes: 0, data: new Uint8Array(0) };
    cluster.deliver(part(empty, 0, 0));
    cluster.deliver(part(empty, 0, 0));
    expect(cluster.member('b').status).toMatchObject({ startIndex: 3, commit: 3, applied: 3 });
  });
});

describe('compaction', () => {
  const withLog = (options: Partial<RaftOptions> = {}): Cluster => {
    const cluster = new Cluster({ members: ['a'], options: { ...tight, ...options } });
    cluster.campaign('a');
    cluster.propose('a', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x');
    cluster.settle();
    return cluster;
  };

  test('S8 goes no further than a durable snapshot', () => {
    const cluster = withLog();
    const a = cluster.member('a');
    expect(a.raft.compact()).toBe(0);
    a.slowDisk = true;
    a.takeSnapshot();
    cluster.work('a');
    expect(a.raft.compact()).toBe(0);
    a.flushAll();
    cluster.propose('a', 'y');
    expect(a.raft.compact()).toBe(10);
    expect(a.log).toBe('1:y');
    expect(a.raft.compact()).toBe(10);
  });

  test('S8 goes no further than asked for', () => {
    const cluster = withLog();
    const a = cluster.member('a');
    a.takeSnapshot();
    cluster.work('a');
    expect(a.raft.compact(4)).toBe(4);
    expect(a.raft.compact(3)).toBe(4);
    cluster.work('a');
    expect(a.disk.state).toMatchObject({ start: { index: 4, term: 1 }, snapshot: { index: 10 } });
    expect(a.disk.state.entries.map(({ index }) => index)).toEqual([5, 6, 7, 8, 9, 10]);
  });

  test('S8 leaves a tail of so many entries, or of so many bytes if those are fewer', () => {
    const cluster = withLog({ trailingEntries: 4 });
    cluster.compact('a');
    expect(cluster.member('a').status.startIndex).toBe(6);

    // Each entry weighs 17 bytes here.
    const small = withLog({ trailingEntries: 4, trailingBytes: 2 * 17 });
    small.compact('a');
    expect(small.member('a').status.startIndex).toBe(8);

    const none = withLog({ trailingEntries: 4, trailingBytes: 0 });
    none.compact('a');
    expect(none.member('a').status.startIndex).toBe(10);
  });

  test('S8 leaves whatever follows a snapshot that is on its way to somebody (dgraph#2707)', () => {
    const cluster = sending();
    cluster.take();
    for (let i = 0; i < 5; i++) {
      cluster.propose('a', `later${i}`);
      cluster.work('a');
      cluster.deliver(...cluster.take((message) => message.to !== node('c')));
      cluster.deliver(...cluster.take((message) => message.from === node('b')));
      cluster.compact('a', `newer${i}`);
      // S9: nor is a third one kept, for which the one that is being sent would have to go.
      expect(cluster.member('a').status).toMatchObject({ startIndex: 9, snapshotIndex: 10 });
      cluster.take(to('c'));
    }
    // So the transfer, once it gets through, is followed by entries and not by yet another snapshot.
    cluster.tick(12);
    expect(cluster.member('c').commands).toEqual(cluster.member('a').commands);
    expect(cluster.member('c').status.startIndex).toBe(9);
    cluster.compact('a', 'newest');
    expect(cluster.member('a').status.startIndex).toBe(14);
  });

  test('S8 leaves the term of the last entry that is gone, so that replication goes on behind it (R1)', () => {
    const cluster = new Cluster({ options: tight });
    cluster.campaign('a');
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    for (const name of ['a', 'b', 'c']) cluster.compact(name);
    cluster.propose('a', 'z');
    cluster.settle();
    cluster.campaign('b');
    cluster.tick(3);
    for (const member of cluster.members.values()) expect(member.commands).toEqual(['x', 'y', 'z']);
    expect(cluster.trace.filter(({ name }) => name === 'SendInstallSnapshot')).toEqual([]);
  });

  test('S8 and a restart: the state is that of the snapshot and of the log behind it', () => {
    const cluster = withLog({ trailingEntries: 2 });
    const a = cluster.member('a');
    cluster.compact('a');
    cluster.propose('a', 'y', 'z');
    cluster.settle();
    a.raft.saveCommit();
    cluster.work('a');
    const { commands } = a;
    a.restart();
    expect(a.status).toMatchObject({ startIndex: 8, snapshotIndex: 10, applied: 10, commit: 12 });
    cluster.work('a');
    expect(a.commands).toEqual(commands);
  });

  test('S8 while a write is on its way loses nothing of it', () => {
    const cluster = withLog();
    const a = cluster.member('a');
    a.takeSnapshot();
    cluster.work('a');
    a.slowDisk = true;
    cluster.propose('a', 'y');
    cluster.work('a');
    cluster.propose('a', 'z');
    expect(a.raft.compact()).toBe(10);
    cluster.work('a');
    expect(a.disk.queue).toMatchObject([
      { entries: [{ index: 11 }], start: null },
      { entries: [{ index: 12 }], start: { index: 10 } },
    ]);
    a.flushAll();
    cluster.settle();
    expect(a.commands.slice(-2)).toEqual(['y', 'z']);
    a.restart();
    expect(a.log).toBe('1:y 1:z');
  });

  test('S9 a snapshot counts when its batch is durable, and until then the one before it does', () => {
    const cluster = withLog();
    const a = cluster.member('a');
    cluster.compact('a', 'first');
    cluster.propose('a', 'y');
    cluster.settle();
    a.slowDisk = true;
    const second = a.takeSnapshot('second');
    cluster.work('a');
    expect(a.status.snapshotIndex).toBe(10);
    expect(a.disk.queue).toMatchObject([{ snapshot: { id: 'second' }, hardState: { commit: 11 } }]);
    a.restart();
    expect(a.status).toMatchObject({ snapshotIndex: 10, applied: 10 });

    a.slowDisk = false;
    cluster.campaign('a');
    cluster.compact('a', 'third');
    // One that is no newer than another changes nothing.
    a.raft.snapshotTaken(second);
    cluster.settle();
    expect(a.disk.state.snapshot?.id).toBe('third');
  });

  test('S9 one of our own that is late does not take the place of one that was received', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y', term: 2, commit: 2 } } });
    const b = cluster.member('b');
    cluster.settle();
    const point = b.snapshotPoint;
    b.slowDisk = true;
    cluster.deliver(part(foreignSnapshot({ index: 4, term: 2 }), 0, 10_000));
    b.flushAll();
    cluster.work('b');
    expect(b.disk.queue).toMatchObject([{ snapshot: { index: 4 } }]);

    // The bytes of our own are kept only now, when the other's batch is on its way already.
    b.raft.snapshotTaken({ ...point, id: 'own', bytes: 0, checksum: 0 });
    cluster.work('b');
    expect(b.disk.queue).toHaveLength(1);
    b.flushAll();
    b.restart();
    expect(b.status).toMatchObject({ startIndex: 4, snapshotIndex: 4 });
  });

  test('S5 a point for a snapshot beyond what is applied is not taken', () => {
    const cluster = withLog();
    const { raft, snapshotPoint } = cluster.member('a');
    raft.snapshotTaken({ ...snapshotPoint, index: 11, id: 'early', bytes: 0, checksum: 0 });
    expect(raft.ready()).toBeNull();
  });

  test('S5 there is no point for a snapshot while a received one waits to be applied: it has the configuration already', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y', term: 2, commit: 2 } } });
    const b = cluster.member('b');
    cluster.settle();
    b.slowDisk = true;
    const configuration = foundingConfiguration(['a', 'b', 'd'].map(node));
    cluster.deliver(part(foreignSnapshot({ index: 4, term: 2, configuration }), 0, 10_000));
    b.flushAll();
    cluster.work('b');
    expect(b.status).toMatchObject({ applied: 2, configuration });
    expect(b.raft.snapshotPoint()).toBeNull();
    b.flush();
    cluster.work('b');
    expect(b.raft.snapshotPoint()).toEqual({ index: 4, term: 2, configuration });
  });
});

describe('on random schedules', () => {
  const seeds = Array.from({ length: 60 }, (_, i) => i + 1);
  let installed = 0;
  let compactions = 0;

  test.each(seeds)(
    'S3 S6 S8 state and logs agree whatever is snapshotted, compacted, lost and crashed (%i)',
    (seed) => {
      const random = seededRandom(seed, 7);
      const chance = (percent: number): boolean => random.below(100) < percent;
      const names = ['a', 'b', 'c', 'd', 'e'].slice(0, 3 + 2 * random.below(2));
      const cluster = new Cluster({
        members: names,
        seed,
        options: {
          electionTicks: 6,
          trailingEntries: random.below(4),
          snapshotPartBytes: 40 + random.below(400),
          snapshotWindowBytes: 500,
          snapshotTimeoutTicks: 30,
        },
      });
      const committed: string[] = [];
      const leaders: Map<number, string> = new Map();
      let [seen, proposed] = [0, 0];
      const check = (): void => {
        for (const event of cluster.trace.slice(seen)) {
          if (event.name === 'BecomeLeader') {
            expect(leaders.get(event.state.term) ?? event.node).toBe(event.node);
            leaders.set(event.state.term, event.node);
          }
          if (event.name === 'SnapshotInstalled') installed++;
        }
        seen = cluster.trace.length;
        for (const { applied, status } of cluster.members.values()) {
          expect(status.startIndex).toBeLessThanOrEqual(status.commit);
          applied.forEach(({ index, term, data }, i) => {
            committed[i] ??= `${term} ${String(data)}`;
            if (index !== i + 1 || committed[i] !== `${term} ${String(data)}`) {
              throw new Error(`two members applied different entries at ${index}`);
            }
          });
        }
      };
      const loss = random.below(30);
      for (let i = 0; i < 3000; i++) {
        const name = names[random.below(names.length)] ?? 'a';
        const member = cluster.member(name);
        if (chance(12)) member.raft.tick();
        else if (chance(13)) member.raft.propose([bytes(String(proposed++))]);
        else if (random.below(200) === 0) member.restart();
        else if (random.below(59) === 0) {
          cluster.heal();
          if (chance(80)) cluster.isolate(chance(30) ? (cluster.leader ?? name) : name);
        } else if (chance(4)) member.slowDisk = !member.slowDisk;
        else if (chance(5)) {
          const before = member.status.startIndex;
          if (member.raft.snapshotPoint() !== null) cluster.compact(name, `${name}${i}`);
          if (member.status.startIndex > before) compactions++;
        } else if (member.disk.tasks.length > 0 && chance(60)) member.flushOne();
        else {
          const [message] = cluster.wire.splice(random.below(Math.max(1, cluster.wire.length)), 1);
          if (message !== undefined && !chance(loss)) {
            cluster.deliver(message);
            if (chance(5)) cluster.wire.push(message);
          }
        }
        cluster.work(name);
        if (i % 10 === 0) check();
      }

      cluster.heal();
      for (const member of cluster.members.values()) {
        member.slowDisk = false;
        member.flushAll();
      }
      cluster.tick(60);
      cluster.propose(cluster.leader ?? 'nobody', 'last');
      cluster.tick(10);
      check();
      for (const member of cluster.members.values()) {
        expect(member.commands).toEqual(cluster.member(cluster.leader ?? '').commands);
        expect(member.commands.at(-1)).toBe('last');
      }
    },
  );

  test('S3 those schedules were no empty exam', () => {
    expect(installed).toBeGreaterThan(seeds.length);
    expect(compactions).toBeGreaterThan(seeds.length * 10);
  });
});
