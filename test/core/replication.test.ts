/** How entries travel and commit: paper, sections 5.3 and 5.4. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import type { ConflictHint, Entry, Index, Message, Term } from '../../src/core/types.ts';
import { bytes, Cluster, entries, node } from './cluster.ts';

const ofKind = (kind: Message['kind']) => (message: Message) => message.kind === kind;
const to = (name: string) => (message: Message) => message.to === node(name);

/** An append from `a` to `b`, as the wire brings it. */
const append = (term: Term, prevIndex: Index, prevTerm: Term, log: readonly Entry[], commit: Index): Message => ({
  kind: 'AppendEntries',
  from: node('a'),
  to: node('b'),
  term,
  prevIndex,
  prevTerm,
  entries: log,
  commit,
});

const response = (from: string, term: Term, index: Index, conflict: ConflictHint | null = null): Message => ({
  kind: 'AppendEntriesResponse',
  from: node(from),
  to: node('a'),
  term,
  index,
  conflict,
});

describe('a command', () => {
  test('is applied by every member, in the order of the log', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.propose('a', 'x', 'y');
    cluster.propose('a', 'z');
    cluster.settle();

    for (const member of cluster.members.values()) expect(member.commands).toEqual(['x', 'y', 'z']);
  });

  test('is refused by anyone but the leader', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    expect(cluster.member('b').raft.propose([bytes('x')])).toEqual({ accepted: false, reason: 'not-leader' });
  });

  test('commits with a majority and not without one', () => {
    const cluster = new Cluster({ members: ['a', 'b', 'c', 'd', 'e'] });
    cluster.campaign('a');
    for (const name of ['c', 'd', 'e']) cluster.isolate(name);
    cluster.propose('a', 'x');
    cluster.tick(3);
    expect(cluster.member('a').commands).toEqual([]);

    cluster.heal();
    cluster.tick(3);
    expect(cluster.member('e').commands).toEqual(['x']);
  });

  test('R9 commits with three of four, and not with two', () => {
    const cluster = new Cluster({ members: ['a', 'b', 'c', 'd'], options: { checkQuorum: false } });
    cluster.campaign('a');
    cluster.isolate('c');
    cluster.isolate('d');
    cluster.propose('a', 'x');
    cluster.tick(3);
    expect(cluster.member('a').commands).toEqual([]);
    cluster.heal();
    cluster.isolate('d');
    cluster.tick(3);
    expect(cluster.member('a').commands).toEqual(['x']);
  });

  test('R9 R22 commits what a majority holds now, in whatever order the answers come (openraft#1802)', () => {
    const members = ['a', 'b', 'c', 'd', 'e'];
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed);
      const cluster = new Cluster({ members });
      cluster.campaign('a');
      const { raft } = cluster.member('a');
      cluster.propose('a', ...Array.from({ length: 9 }, (_, i) => String(i)));
      cluster.work('a');
      const holds: Record<string, number> = { a: 10, b: 1, c: 1, d: 1, e: 1 };
      for (let i = 0; i < 30; i++) {
        const name = members[1 + random.below(4)] ?? 'b';
        const index = 1 + random.below(10);
        holds[name] = Math.max(holds[name] ?? 0, index);
        raft.step(response(name, 1, index));
        const third = Object.values(holds).sort((one, other) => other - one)[2];
        expect(raft.commit).toBe(third);
      }
    }
  });

  test('travels with all the others proposed since the last time that output was taken', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    for (let i = 0; i < 64; i++) cluster.propose('a', `command ${i}`);
    cluster.work('a');

    const appends = cluster.take(ofKind('AppendEntries'));
    expect(appends).toHaveLength(2);
    for (const message of appends) expect(message).toMatchObject({ entries: { length: 64 } });
  });
});

describe('a follower', () => {
  test('R1 accepts only what follows an entry that it holds', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y', term: 1 } } });
    cluster.deliver(append(2, 3, 1, entries('2:z', 4), 0));
    cluster.deliver(append(2, 2, 2, entries('2:z', 3), 0));
    expect(cluster.member('b').log).toBe('1:x 1:y');
    expect(cluster.wire).toMatchObject([
      { index: 3, conflict: { index: 2, term: 1 } },
      { index: 2, conflict: { index: 2, term: 1 } },
    ]);
  });

  test('R1 answers an append from before its commit index with that index (openraft#510)', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y 1:z', term: 1, commit: 3 } } });
    cluster.deliver(append(1, 1, 1, entries('1:y', 2), 2));
    expect(cluster.wire).toMatchObject([{ index: 3, conflict: null }]);
  });

  test('R2 keeps a matching log whole when a short, stale or repeated append arrives', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y 1:z', term: 1 } } });
    cluster.deliver(append(1, 0, 0, entries('1:x'), 0));
    cluster.deliver(append(1, 1, 1, [], 0));
    cluster.deliver(append(1, 0, 0, entries('1:x 1:y'), 0));
    expect(cluster.member('b').log).toBe('1:x 1:y 1:z');
  });

  test('R2 truncates at the first real conflict', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y 1:z', term: 1 } } });
    cluster.deliver(append(2, 0, 0, entries('1:x 2:p'), 0));
    expect(cluster.member('b').log).toBe('1:x 2:p');
  });

  test('R3 takes a conflict with a committed entry for the fault that it is', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:y', term: 1, commit: 1 } } });
    expect(() => cluster.deliver(append(2, 0, 0, entries('2:p'), 0))).toThrow('R3: a sent another entry 1');
  });

  test('N2 is not kept from campaigning by heartbeats of an earlier term', () => {
    const cluster = new Cluster({ disks: { b: { term: 3 } } });
    const { raft } = cluster.member('b');
    for (let ticks = 0; raft.role === 'follower'; ticks++) {
      if (ticks > 20) throw new Error('b never campaigned');
      raft.step({ kind: 'Heartbeat', from: node('a'), to: node('b'), term: 2, commit: 0, round: 1 });
      expect(raft.leader).toBeNull();
      raft.tick();
    }
    cluster.work('b');
    // E2: but whoever sends them learns of the later term.
    expect(cluster.wire).toContainEqual(expect.objectContaining({ kind: 'HeartbeatResponse', to: 'a', term: 3 }));
  });

  test('E2 answers every message of an earlier term that asks for an answer with its own', () => {
    const cluster = new Cluster({ disks: { b: { term: 3 } } });
    const { raft } = cluster.member('b');
    const envelope = { from: node('a'), to: node('b'), term: 2 } as const;
    raft.step({ ...envelope, kind: 'AppendEntries', prevIndex: 0, prevTerm: 0, entries: [], commit: 0 });
    raft.step({ ...envelope, kind: 'TimeoutNow' });
    raft.step({ ...envelope, kind: 'ReadIndex', context: 7 });
    raft.step({ ...envelope, kind: 'HeartbeatResponse', round: 1 });
    cluster.work('b');
    expect(cluster.wire.map(({ kind, term }) => `${kind} of ${term}`)).toEqual([
      'AppendEntriesResponse of 3',
      'HeartbeatResponse of 3',
      'ReadIndexResponse of 3',
    ]);
  });

  test('R4 commits no further than the message has verified (CCF#8172)', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x 1:stale', term: 1 } } });
    cluster.deliver(append(2, 1, 1, [], 2));
    expect(cluster.member('b').status.commit).toBe(1);
  });

  test('R7 stops when a leader knows of an acknowledgement that our disk has lost', () => {
    const cluster = new Cluster({ disks: { b: { log: '1:x', term: 1 } } });
    const heartbeat = { kind: 'Heartbeat', round: 1, from: node('a'), to: node('b'), term: 1, commit: 2 } as const;
    expect(() => cluster.deliver(heartbeat)).toThrow(
      'R7: a knows that we held entry 2, but our log ends at 1: data was lost',
    );
  });

  test('R20 is unmoved by messages that come twice, late or out of order', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const seen: Message[] = [];
    for (const command of ['x', 'y', 'z']) {
      cluster.propose('a', command);
      cluster.work('a');
      seen.push(...cluster.wire.filter(to('b')));
      cluster.settle();
    }
    const before = cluster.picture();
    cluster.deliver(...seen.toReversed(), ...seen);
    cluster.settle();
    expect(cluster.picture()).toEqual(before);
  });
});

describe('a leader', () => {
  test('R5 tells in a heartbeat no more than the follower is known to hold', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('c');
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.member('a').raft.tick();
    cluster.work('a');

    expect(cluster.take(ofKind('Heartbeat'))).toMatchObject([
      { to: 'b', commit: 2 },
      { to: 'c', commit: 1 },
    ]);
  });

  test('R6 does not commit an entry of an earlier term by counting (paper, figure 8; logcabin#44)', () => {
    const cluster = new Cluster({
      disks: { a: { log: '1:x 2:y', term: 2 }, b: { log: '1:x', term: 1 }, c: { log: '1:x', term: 1 } },
    });
    const { raft } = cluster.member('a');
    raft.campaign();
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('RequestPreVote')));
    cluster.deliver(...cluster.take(ofKind('RequestPreVoteResponse')));
    cluster.deliver(...cluster.take(ofKind('RequestVote')));
    cluster.deliver(...cluster.take(ofKind('RequestVoteResponse')));
    expect(raft.status()).toMatchObject({ role: 'leader', term: 3, lastIndex: 3 });

    raft.step(response('b', 3, 2));
    expect(raft.status().commit).toBe(0);
    raft.step(response('b', 3, 3));
    expect(raft.status().commit).toBe(3);
  });

  test('R8 never rewrites its own log: one that is told of another leader of its term stops', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const { raft } = cluster.member('a');
    const usurper = { ...append(1, 0, 0, entries('1:p'), 0), from: node('b'), to: node('a') } as Message;
    expect(() => raft.step(usurper)).toThrow('E13');
  });

  test('R10 refuses an acknowledgement of what it never sent', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    const { raft } = cluster.member('a');
    raft.step(response('b', 1, 99));
    raft.step(response('b', 1, 99, { index: 50, term: 1 }));
    expect(raft.status().commit).toBe(1);
    expect(raft.status().progress.get(node('b'))).toMatchObject({ match: 1, next: 2 });
  });

  test('R11 ignores rejections that newer answers have overtaken (CCF#6016)', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    const { raft } = cluster.member('a');
    raft.step(response('b', 1, 2, { index: 1, term: 1 }));
    expect(raft.status().progress.get(node('b'))).toMatchObject({ state: 'replicate', match: 3, next: 4 });
  });

  test('R12 finds the end of agreement in one step per term, whichever side is ahead', () => {
    const long = '1:a 1:b 2:c 2:d 2:e 2:f 2:g 2:h 2:i 2:j';
    const other = '1:a 1:b 3:p 3:q 3:r 3:s 3:t 3:u 3:v 3:w 3:x';
    const cluster = new Cluster({
      members: ['a', 'b'],
      disks: { a: { log: other, term: 3 }, b: { log: long, term: 3 } },
    });
    cluster.campaign('a');
    const probes = cluster.trace.filter(({ name, node: at }) => name === 'SendAppendEntries' && at === node('a'));
    expect(cluster.member('b').log).toBe(`${other} 4:`);
    expect(probes.length).toBeLessThan(5);
  });

  test('R13 probes a silent follower with one message per answered heartbeat', () => {
    const cluster = new Cluster();
    cluster.cut('b', 'a', 'one-way');
    cluster.campaign('a');
    const { raft } = cluster.member('a');
    expect(raft.status().progress.get(node('b'))).toMatchObject({ state: 'probe', paused: true });

    cluster.propose('a', 'x');
    cluster.propose('a', 'y');
    cluster.work('a');
    expect(cluster.take(to('b'))).toEqual([]);
    raft.step({ kind: 'HeartbeatResponse', round: 1, from: node('b'), to: node('a'), term: 1 });
    cluster.work('a');
    expect(cluster.take(to('b'))).toMatchObject([{ kind: 'AppendEntries', prevIndex: 0, entries: { length: 3 } }]);
  });

  test('R13 falls back to probing a follower that is reported unreachable, and streams again after an answer', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('b');
    cluster.propose('a', 'x');
    cluster.settle();
    const { raft } = cluster.member('a');
    raft.reportUnreachable(node('b'));
    expect(raft.status().progress.get(node('b'))).toMatchObject({ state: 'probe', next: 2 });

    cluster.heal();
    cluster.tick(2);
    expect(raft.status().progress.get(node('b'))).toMatchObject({ state: 'replicate', match: 2 });
    expect(cluster.member('b').commands).toEqual(['x']);
  });

  test('R13 goes on from where the transport took nothing more, and repeats nothing that is on its way', () => {
    const cluster = new Cluster({ options: { maxMessageBytes: 1 } });
    cluster.campaign('a');
    cluster.propose('a', 'p', 'q', 'r', 's');
    cluster.work('a');
    const { raft } = cluster.member('a');
    const [first, second] = cluster.take(to('b')).filter((message) => message.kind === 'AppendEntries');
    if (first === undefined || second === undefined) throw new Error('too few appends');
    raft.reportUnsent(second);
    expect(raft.status().progress.get(node('b'))).toMatchObject({ state: 'replicate', next: 3, paused: true });
    cluster.propose('a', 't');
    cluster.work('a');
    expect(cluster.take(to('b'))).toEqual([]);

    cluster.deliver(first);
    cluster.settle();
    const indexes = cluster.trace.flatMap((event) =>
      event.name === 'ReceiveAppendEntries' && event.node === node('b') && event.message.kind === 'AppendEntries'
        ? event.message.entries.map(({ index }) => index)
        : [],
    );
    expect(indexes).toEqual([1, 2, 3, 4, 5, 6]);
    expect(cluster.member('b').commands).toEqual(['p', 'q', 'r', 's', 't']);
  });

  test('R14 stops at a full window, in messages or bytes, and goes on as it is acknowledged', () => {
    const cluster = new Cluster({ options: { maxInflightMessages: 2, maxMessageBytes: 1 } });
    cluster.campaign('a');
    cluster.propose('a', 'p', 'q', 'r', 's');
    cluster.work('a');
    const { raft } = cluster.member('a');
    expect(cluster.take(to('b'))).toMatchObject([{ prevIndex: 1 }, { prevIndex: 2 }]);
    expect(raft.status().progress.get(node('b'))).toMatchObject({ next: 4, paused: true });

    raft.step(response('b', 1, 2));
    cluster.work('a');
    expect(cluster.take(to('b'))).toMatchObject([{ prevIndex: 3 }]);
  });

  test('R15 R16 recovers from a window whose acknowledgements were all lost (etcd#14633)', () => {
    const cluster = new Cluster({ options: { maxInflightMessages: 1, maxMessageBytes: 1 } });
    cluster.campaign('a');
    cluster.cut('b', 'a', 'one-way');
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    expect(cluster.member('a').status.progress.get(node('b'))).toMatchObject({ match: 1, paused: true });

    cluster.heal();
    cluster.tick(4);
    expect(cluster.member('a').status.progress.get(node('b'))).toMatchObject({ state: 'replicate', match: 3 });
    expect(cluster.member('b').commands).toEqual(['x', 'y']);
  });

  test('R16 recovers likewise when the appends themselves were lost, without new proposals', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('b');
    cluster.propose('a', 'x');
    cluster.propose('a', 'y');
    cluster.tick(2);
    cluster.heal();
    cluster.tick(4);
    expect(cluster.member('b').commands).toEqual(['x', 'y']);
  });

  test('R17 sends one entry however large', () => {
    const cluster = new Cluster({ options: { maxMessageBytes: 10, maxInflightBytes: 10 } });
    cluster.campaign('a');
    cluster.propose('a', 'x'.repeat(1000), 'y'.repeat(1000));
    cluster.settle();
    expect(cluster.member('c').commands).toHaveLength(2);
  });

  test('R18 refuses proposals over the limit, but never the first, and counts afresh when it leads again', () => {
    const cluster = new Cluster({ options: { maxUncommittedBytes: 100 } });
    cluster.campaign('a');
    cluster.isolate('a');
    const { raft } = cluster.member('a');
    expect(raft.propose([bytes('x'.repeat(500))])).toMatchObject({ accepted: true });
    expect(raft.propose([bytes('y')])).toEqual({ accepted: false, reason: 'too-much-uncommitted' });

    cluster.tick(25, 'a');
    expect(raft.status().role).not.toBe('leader');
    cluster.heal();
    cluster.tick(30);
    const leader = cluster.leader ?? '';
    cluster.propose(leader, 'z'.repeat(500));
    cluster.settle();
    cluster.propose(leader, 'z'.repeat(500));
    cluster.settle();
    expect(cluster.member('c').commands.length).toBeGreaterThanOrEqual(2);
  });

  test('R19 spreads a new commit index at once, and again after a drop', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.member('b').status.commit).toBe(2);

    cluster.propose('a', 'y');
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('AppendEntries')));
    cluster.deliver(...cluster.take(ofKind('AppendEntriesResponse')));
    expect(cluster.take(ofKind('AppendEntries'))).toMatchObject([{ commit: 3 }, { commit: 3 }]);
    cluster.tick(2);
    expect(cluster.member('b').status.commit).toBe(3);
  });

  test('R19 asks for no answer when it tells the commit index alone, and R13 hears of a gap all the same', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.propose('a', 'x');
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('AppendEntries')));
    cluster.deliver(...cluster.take(ofKind('AppendEntriesResponse')));
    const news = cluster.take(ofKind('AppendEntries'));
    expect(news).toMatchObject([
      { entries: [], needsNoAnswer: true },
      { entries: [], needsNoAnswer: true },
    ]);
    cluster.deliver(...news);
    expect(cluster.take(ofKind('AppendEntriesResponse'))).toEqual([]);
    expect(cluster.member('b').status.commit).toBe(2);

    // `c` acknowledges `y` and `b` never gets it: the news that it is committed shows the gap.
    cluster.propose('a', 'y');
    cluster.work('a');
    cluster.take(to('b'));
    cluster.deliver(...cluster.take(to('c')));
    cluster.deliver(...cluster.take(ofKind('AppendEntriesResponse')));
    cluster.deliver(...cluster.take(to('b')));
    expect(cluster.take(ofKind('AppendEntriesResponse'))).toMatchObject([{ from: node('b'), conflict: { index: 2 } }]);
  });

  test('R16 asks a member that it probes for an answer, whatever else it has to tell', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.propose('a', 'x');
    cluster.work('a');
    cluster.deliver(...cluster.take(ofKind('AppendEntries')));
    const acknowledgements = cluster.take(ofKind('AppendEntriesResponse'));
    cluster.deliver(...acknowledgements.filter(({ from }) => from === node('b')));
    cluster.take(to('b'));
    cluster.member('a').raft.reportUnreachable(node('b'));
    cluster.tick(2);
    const probes = cluster.take((message) => message.kind === 'AppendEntries' && message.to === node('b'));
    for (const probe of probes) expect(probe).not.toHaveProperty('needsNoAnswer');
    cluster.tick(4);
    expect(cluster.member('a').status.progress.get(node('b'))).toMatchObject({ state: 'replicate' });
  });
});

describe('what is committed', () => {
  test('R21 is handed out once, in order, in pages', () => {
    const cluster = new Cluster({ options: { maxCommittedBytes: 40 } });
    cluster.campaign('a');
    cluster.propose('a', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w');
    cluster.settle();
    for (const member of cluster.members.values()) {
      expect(member.applied.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(member.status.applied).toBe(9);
    }
    expect(() => cluster.member('a').raft.applied(10)).toThrow('R21');
  });

  test('R22 moves with every match: one that was behind can be the one that commits', () => {
    const cluster = new Cluster();
    cluster.campaign('a');
    cluster.isolate('a');
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.member('a').status.commit).toBe(1);
    cluster.member('a').raft.step(response('c', 1, 2));
    expect(cluster.member('a').status.commit).toBe(2);
  });

  test('survives the loss of any one member', () => {
    for (const lost of ['a', 'b', 'c']) {
      const cluster = new Cluster();
      cluster.campaign('a');
      cluster.propose('a', 'x');
      cluster.settle();
      cluster.isolate(lost);
      cluster.tick(50);
      const leader = cluster.leader ?? '';
      cluster.propose(leader, 'y');
      cluster.settle();
      expect(cluster.member(leader).commands).toEqual(['x', 'y']);
    }
  });
});

test('a leader that was cut off gives way, and what it could not commit gives way to the new log', () => {
  const cluster = new Cluster();
  cluster.campaign('a');
  cluster.propose('a', 'kept');
  cluster.settle();

  cluster.isolate('a');
  cluster.propose('a', 'lost');
  cluster.settle();
  cluster.tick(30, 'b', 'c');
  const leader = cluster.leader ?? '';
  cluster.propose(leader, 'new');
  cluster.settle();

  cluster.heal();
  cluster.tick(30);
  for (const member of cluster.members.values()) {
    expect(member.log).toBe('1: 1:kept 2: 2:new');
    expect(member.commands).toEqual(['kept', 'new']);
  }
});
