/** What becomes of members that come and go: dissertation, sections 4.2.1 to 4.2.3; M10 to M17, E14 to E16, R22. */
import { describe, expect, test } from 'vitest';
import { encodeConfiguration } from '../../src/core/membership-change.ts';
import { emptyState, Raft } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import { standardRules } from '../../src/core/rules.ts';
import type { Snapshot } from '../../src/core/types.ts';
import { Cluster, type ClusterInit, node, steps } from './cluster.ts';

/** The first member leads, and knows its log. */
function led(init: ClusterInit = {}): Cluster {
  const cluster = new Cluster(init);
  cluster.campaign(init.members?.[0] ?? 'a');
  return cluster;
}

function isAccepted(cluster: Cluster, name: string, story: string): boolean {
  return cluster.member(name).raft.proposeMembership(steps(story)).accepted;
}

describe('a newcomer', () => {
  test('M13 counts as active until the next check, and is probed from the end of the log', () => {
    const cluster = led({ members: ['a'] });
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    cluster.change('a', 'voter b');
    cluster.work('a');
    const { status } = cluster.member('a');
    expect(status.progress.get(node('b'))).toMatchObject({ state: 'probe', match: 0, next: 5, recentlyActive: true });
    cluster.take();
    cluster.tick(10, 'a');
    expect(cluster.member('a').status.role).toBe('leader');
    cluster.tick(10, 'a');
    expect(cluster.member('a').status.role).toBe('follower');
  });

  test('M14 comes as a learner, and is promoted when it has caught up', () => {
    const cluster = led();
    cluster.change('a', 'learner d');
    cluster.settle();
    expect(cluster.member('a').status.progress.get(node('d'))).toMatchObject({ learner: true, caughtUp: false });
    expect(isAccepted(cluster, 'a', 'voter d')).toBe(false);
    cluster.tick(30);
    expect(isAccepted(cluster, 'a', 'voter d')).toBe(false);

    cluster.join('d');
    cluster.tick(2);
    expect(cluster.member('a').status.progress.get(node('d'))?.caughtUp).toBe(true);
    expect(isAccepted(cluster, 'a', 'voter d')).toBe(true);
  });

  test('M14 goes on counting as caught up in a group at rest, and after it', () => {
    const cluster = led();
    cluster.join('d');
    cluster.change('a', 'learner d');
    cluster.tick(100);
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.member('a').status.progress.get(node('d'))?.caughtUp).toBe(true);
    cluster.tick(100);
    expect(isAccepted(cluster, 'a', 'voter d')).toBe(true);
  });

  test('M14 that needed too long for a round gets another one', () => {
    const cluster = led();
    cluster.join('d');
    cluster.isolate('d');
    cluster.change('a', 'learner d');
    cluster.tick(15);
    cluster.heal();
    cluster.member('a').raft.tick();
    while (cluster.member('d').status.lastIndex < 2) {
      for (const name of cluster.members.keys()) cluster.work(name);
      cluster.deliver(...cluster.take());
    }
    cluster.settle();
    expect(cluster.member('a').status.progress.get(node('d'))).toMatchObject({ match: 2, caughtUp: false });
    cluster.tick(1);
    expect(cluster.member('a').status.progress.get(node('d'))?.caughtUp).toBe(true);
  });

  test('M14 that has fallen behind again is not promoted', () => {
    const cluster = led();
    cluster.join('d');
    cluster.change('a', 'learner d');
    cluster.tick(2);
    cluster.isolate('d');
    cluster.propose('a', 'x');
    cluster.tick(5);
    expect(cluster.member('a').status.progress.get(node('d'))?.caughtUp).toBe(true);
    cluster.tick(10);
    expect(cluster.member('a').status.progress.get(node('d'))?.caughtUp).toBe(false);
    expect(isAccepted(cluster, 'a', 'voter d')).toBe(false);
  });

  test('M15 knows nothing of who is in the group, and learns all of it from the log', () => {
    const cluster = led();
    const d = cluster.join('d');
    expect(d.status.configuration.voters).toEqual([]);
    cluster.change('a', 'voter d');
    cluster.settle();
    expect(d.raft.configuration).toEqual(cluster.member('a').raft.configuration);

    // It does not take itself for the whole group.
    cluster.isolate('d');
    cluster.tick(50, 'd');
    expect(d.status).toMatchObject({ role: 'pre-candidate', term: 1 });
    d.restart();
    cluster.heal();
    cluster.tick(30);
    expect(cluster.shape('d')).toBe('a b c d');
  });

  test('M15 that has heard of no configuration tells nobody that they were removed', () => {
    const cluster = led();
    cluster.propose('a', 'x', 'y');
    cluster.settle();
    const d = cluster.join('d');
    const entries = cluster.member('a').entries;
    const append = {
      kind: 'AppendEntries',
      from: node('a'),
      to: node('d'),
      term: 1,
      prevIndex: 0,
      prevTerm: 0,
    } as const;
    cluster.deliver({ ...append, entries, commit: 3 });
    expect(d.status.applied).toBe(3);
    cluster.take();
    cluster.deliver({ kind: 'RequestPreVote', from: node('b'), to: node('d'), term: 2, lastIndex: 2, lastTerm: 1 });
    expect(cluster.take()).toMatchObject([{ granted: false, removed: false }]);
  });

  test('E14 as a learner never campaigns, whatever happens', () => {
    const cluster = led({ members: ['a', 'b', 'l'], configuration: { voters: ['a', 'b'], learners: ['l'] } });
    const { raft } = cluster.member('l');
    cluster.isolate('l');
    cluster.tick(50, 'l');
    raft.campaign();
    raft.step({ kind: 'TimeoutNow', from: node('a'), to: node('l'), term: 1 });
    expect(raft.status()).toMatchObject({ role: 'follower', term: 1 });
  });

  test('E15 etcd#10998 answers requests for votes while it takes itself for a learner', () => {
    const cluster = led({ members: ['a', 'b', 'c'], configuration: { voters: ['a', 'b'], learners: ['c'] } });
    cluster.tick(2);
    const c = cluster.member('c');
    c.slowMachine = true;
    cluster.change('a', 'voter c');
    cluster.settle();
    expect([cluster.shape('b'), cluster.shape('c')]).toEqual(['a b c', 'a b | c']);

    cluster.isolate('a');
    cluster.tick(30, 'b', 'c');
    expect(cluster.leader).toBe('b');
    expect(c.status).toMatchObject({ leader: 'b', vote: 'b' });
  });

  test('E15 M17 votes for a candidate that it does not know yet', () => {
    const cluster = led();
    cluster.join('d');
    cluster.member('c').slowMachine = true;
    cluster.change('a', 'voter d');
    cluster.settle();
    expect(cluster.shape('c')).toBe('a b c');
    cluster.isolate('a');
    cluster.isolate('b');
    cluster.tick(10, 'c', 'd');
    cluster.heal();
    cluster.isolate('a');
    for (let i = 0; i < 10; i++) cluster.member('b').raft.tick();
    cluster.campaign('d');
    expect(cluster.leader).toBe('d');
    expect(cluster.member('c').status.vote).toBe('d');
  });
});

describe('a member that is behind with a change', () => {
  test('E16 does not campaign before it has applied what is committed, not even when asked to', () => {
    const cluster = led();
    const b = cluster.member('b');
    b.slowMachine = true;
    cluster.change('a', 'learner d');
    cluster.settle();
    expect(b.status).toMatchObject({ commit: 2, applied: 1 });
    b.raft.campaign();
    b.raft.step({ kind: 'TimeoutNow', from: node('a'), to: node('b'), term: 1 });
    expect(b.status.role).toBe('follower');
    b.apply();
    b.raft.step({ kind: 'TimeoutNow', from: node('a'), to: node('b'), term: 1 });
    expect(b.status.role).toBe('candidate');
  });

  test('E16 T1 is asked again by its leader until it may', () => {
    const cluster = led();
    const b = cluster.member('b');
    b.slowMachine = true;
    cluster.change('a', 'learner d');
    cluster.settle();
    cluster.member('a').raft.transferLeadership(node('b'));
    cluster.tick(3);
    expect(cluster.leader).toBe('a');
    b.apply();
    b.slowMachine = false;
    cluster.tick(1);
    expect(cluster.leader).toBe('b');
  });

  test('E16 is held back by changes only', () => {
    const cluster = led();
    const b = cluster.member('b');
    b.slowMachine = true;
    cluster.propose('a', 'x');
    cluster.settle();
    b.raft.campaign();
    expect(b.status).toMatchObject({ role: 'pre-candidate', applied: 1, commit: 2 });
  });

  test('E16 holds no second change without knowing that the first is committed, on disk as well', () => {
    const cluster = led();
    cluster.change('a', 'learner d');
    cluster.settle();
    const second = cluster.change('a', 'remove c');
    cluster.settle();
    const b = cluster.member('b');
    expect(b.disk.state.entries.at(-1)?.index).toBe(second);
    expect(b.disk.state.hardState.commit).toBe(2);
  });

  test('M8 S6 openraft#1808 takes over the configuration of a snapshot, which stays when it starts again', () => {
    const founding = emptyState(['a', 'b', 'c'].map(node));
    const configuration = { ...founding.start.configuration, version: 9, voters: ['a', 'x', 'y'].map(node) };
    const snapshot: Snapshot = { index: 10, term: 2, configuration, id: 's', bytes: 0, checksum: 0 };
    const raft = new Raft({ id: node('c'), persistent: founding, random: seededRandom(1) });
    const message = { kind: 'InstallSnapshot', from: node('x'), to: node('c'), term: 2, offset: 0 } as const;
    raft.step({ ...message, snapshot, data: new Uint8Array(0) });
    for (let ready = raft.ready(); ready !== null; ready = raft.ready()) raft.advance(ready);

    expect(raft.configuration).toEqual(configuration);
    for (let i = 0; i < 50; i++) raft.tick();
    expect(raft.status()).toMatchObject({ role: 'follower', term: 2, applied: 10 });
    const start = { index: 10, term: 2, configuration };
    const persistent = { hardState: { term: 2, vote: null, commit: 10 }, start, entries: [], snapshot };
    const again = new Raft({ id: node('c'), persistent, random: seededRandom(1) });
    expect(again.configuration).toEqual(configuration);
  });

  test('E14 gives its campaign up when it applies its own removal', () => {
    const persistent = emptyState(['a', 'b', 'c'].map(node));
    const configuration = { ...persistent.start.configuration, version: 1, voters: ['a', 'b'].map(node) };
    const snapshot: Snapshot = { index: 1, term: 1, configuration, id: 's', bytes: 0, checksum: 0 };
    const raft = new Raft({ id: node('c'), persistent, random: seededRandom(1) });
    const envelope = { from: node('a'), to: node('c'), term: 1 } as const;
    raft.step({ ...envelope, kind: 'InstallSnapshot', offset: 0, snapshot, data: new Uint8Array(0) });
    const first = raft.ready();
    if (first?.write) raft.persisted(first.write);
    // What the snapshot says comes with the log as well, and the snapshot then tells only that it is committed.
    const entry = { index: 1, term: 1, kind: 'configuration', data: encodeConfiguration(configuration) } as const;
    raft.step({ ...envelope, kind: 'AppendEntries', prevIndex: 0, prevTerm: 0, entries: [entry], commit: 0 });
    raft.campaign();
    expect(raft.role).toBe('pre-candidate');
    for (const part of first?.snapshotParts ?? []) raft.partStaged(part);
    for (let ready = raft.ready(); ready !== null; ready = raft.ready()) {
      if (ready.write !== null) raft.persisted(ready.write);
      const last = ready.committed.at(-1);
      if (last !== undefined) raft.applied(last.index);
    }
    expect(raft.status()).toMatchObject({ role: 'follower', commit: 1, removed: true });
  });

  test('E14 does not campaign with a snapshot that is not applied, even if it was asking around when that came', () => {
    const persistent = emptyState(['a', 'b', 'c'].map(node));
    const { configuration } = persistent.start;
    const snapshot: Snapshot = { index: 10, term: 1, configuration, id: 's', bytes: 0, checksum: 0 };
    const raft = new Raft({ id: node('c'), persistent, random: seededRandom(1) });
    const message = { kind: 'InstallSnapshot', from: node('a'), to: node('c'), term: 1, offset: 0 } as const;
    raft.step({ ...message, snapshot, data: new Uint8Array(0) });
    const parts = raft.ready()?.snapshotParts ?? [];
    raft.campaign();
    expect(raft.role).toBe('pre-candidate');
    for (const part of parts) raft.partStaged(part);
    const vote = { kind: 'RequestPreVoteResponse', to: node('c'), term: 2, granted: true, removed: false } as const;
    raft.step({ ...vote, from: node('a') });
    expect(raft.status()).toMatchObject({ role: 'follower', term: 1, applied: 0 });
    raft.campaign();
    expect(raft.role).toBe('follower');
  });
});

describe('R22 what is committed', () => {
  test('is found out anew when a change takes effect: etcd#10563 two members, one is removed, the other commits', () => {
    const cluster = led({ members: ['a', 'b'] });
    const a = cluster.member('a');
    a.slowMachine = true;
    cluster.change('a', 'remove b');
    cluster.settle();
    cluster.isolate('b');
    cluster.propose('a', 'x');
    cluster.settle();
    expect(a.status.commit).toBe(2);
    a.slowMachine = false;
    a.apply();
    cluster.settle();
    expect(a.commands).toEqual(['x']);
  });

  test('also by the demotion of whoever is missing, and a read with it', () => {
    const cluster = led({ members: ['a', 'b', 'c', 'd'] });
    const a = cluster.member('a');
    cluster.isolate('d');
    a.slowMachine = true;
    cluster.change('a', 'learner d');
    cluster.settle();
    cluster.isolate('c');
    cluster.propose('a', 'x');
    a.raft.readIndex();
    cluster.settle();
    expect(a.status.commit).toBe(2);
    a.slowMachine = false;
    a.apply();
    cluster.settle();
    expect(a.commands).toEqual(['x']);
    expect(cluster.trace.filter(({ name }) => name === 'ReadReady')).toHaveLength(1);
  });
});

describe('a witness', () => {
  const withWitness: ClusterInit = {
    members: ['a', 'b', 'w'],
    configuration: { voters: ['a', 'b', 'w'], witnesses: ['w'] },
  };

  test('M16 votes and acknowledges, and holds no command', () => {
    const cluster = led(withWitness);
    cluster.isolate('b');
    cluster.propose('a', 'secret');
    cluster.tick(2);
    expect(cluster.member('a').commands).toEqual(['secret']);
    const held = cluster.member('w').entries;
    expect(held.map(({ term, kind, data }) => [term, kind, data.length])).toEqual([
      [1, 'empty', 0],
      [1, 'command', 0],
    ]);
    expect(JSON.stringify(cluster.trace.filter(({ node: at }) => at === node('w')))).not.toContain('secret');

    cluster.heal();
    cluster.tick(2);
    cluster.isolate('a');
    cluster.tick(40, 'b', 'w');
    expect(cluster.leader).toBe('b');
  });

  test('M16 holds what it needs to know of changes', () => {
    const cluster = led(withWitness);
    cluster.change('a', 'learner d');
    cluster.settle();
    expect(cluster.shape('w')).toBe('a b w | d * w');
  });

  test('M16 is sent nothing that a crash of the leader could take from all who can lead', () => {
    const cluster = led({ members: ['a', 'w'], configuration: { voters: ['a', 'w'], witnesses: ['w'] } });
    const a = cluster.member('a');
    a.slowDisk = true;
    cluster.propose('a', 'x');
    cluster.tick(3);
    expect(cluster.member('w').status.lastIndex).toBe(1);
    a.flush();
    cluster.settle();
    expect(cluster.member('w').status.lastIndex).toBe(2);
    expect(a.commands).toEqual(['x']);

    cluster.propose('a', 'y');
    cluster.tick(3);
    a.restart();
    a.slowDisk = false;
    cluster.tick(30);
    expect(cluster.leader).toBe('a');
  });

  test('M16 does not elect who lacks what it has acknowledged', () => {
    const cluster = led(withWitness);
    cluster.isolate('b');
    cluster.propose('a', 'x');
    cluster.tick(2);
    cluster.isolate('a');
    cluster.heal();
    cluster.isolate('a');
    cluster.tick(50, 'b', 'w');
    expect(cluster.leader).toBe('a');
    expect(cluster.member('b').status.role).not.toBe('leader');
  });

  test('M16 never campaigns, is handed no leadership, and serves no read', () => {
    const cluster = led(withWitness);
    const { raft } = cluster.member('w');
    expect(cluster.member('a').raft.transferLeadership(node('w'))).toEqual({ accepted: false, reason: 'cannot-lead' });
    expect(raft.readIndex()).toEqual({ accepted: false, reason: 'witness' });
    raft.step({ kind: 'TimeoutNow', from: node('a'), to: node('w'), term: 1 });
    raft.campaign();
    cluster.isolate('a');
    cluster.isolate('b');
    cluster.tick(50, 'w');
    expect(raft.status()).toMatchObject({ role: 'follower', term: 1 });
  });

  test('M16 joins with its first look at the log, and leaves like anybody', () => {
    const cluster = led();
    cluster.propose('a', 'x');
    cluster.settle();
    cluster.join('w');
    cluster.change('a', 'witness w');
    cluster.settle();
    expect(cluster.shape('w')).toBe('a b c w * w');
    expect(cluster.member('w').log).toBe(cluster.member('a').log.replace('1:x', '1:'));
    cluster.change('a', 'remove w');
    cluster.settle();
    expect(cluster.shape('a')).toBe('a b c');
    expect(cluster.member('w').status.removed).toBe(true);
  });
});

describe('a member that is removed', () => {
  test('M12 is told, and leaves the others alone', () => {
    const cluster = led();
    cluster.change('a', 'remove c');
    cluster.settle();
    expect(cluster.member('c').status).toMatchObject({ removed: true, leader: 'a' });
    expect(cluster.shape('c')).toBe('a b');
    cluster.trace.length = 0;
    cluster.tick(50);
    expect(cluster.trace.filter((event) => event.node === node('c') && event.name.startsWith('Send'))).toEqual([]);
  });

  test('M12 is told in spite of a full window', () => {
    const cluster = led({ options: { maxInflightMessages: 1 } });
    cluster.member('c').slowDisk = true;
    cluster.change('a', 'remove c');
    cluster.settle();
    cluster.member('c').flush();
    cluster.work('c');
    expect(cluster.member('c').status.removed).toBe(true);
  });

  test.each([true, false])(
    'M12 etcd#11038 and was not there to hear of it disturbs nobody (pre-votes: %s)',
    (preVote) => {
      const cluster = led({ options: { preVote } });
      cluster.isolate('c');
      cluster.change('a', 'remove c');
      cluster.tick(60);
      const { term } = cluster.member('a').status;
      expect(cluster.member('c').status.removed).toBe(false);
      cluster.heal();
      cluster.tick(30);
      expect(cluster.member('c').status).toMatchObject({ role: 'follower', removed: true });
      expect(cluster.member('a').status).toMatchObject({ role: 'leader', term });
      const told = cluster.trace.filter(({ name }) => name.startsWith('SendRequest') && name.endsWith('Response'));
      cluster.tick(50);
      const later = cluster.trace.filter(({ name }) => name.startsWith('SendRequest') && name.endsWith('Response'));
      expect(later).toHaveLength(told.length);
    },
  );

  test('M12 and that is started again, with what it had then, is told again at its first question, and disturbs nobody', () => {
    const cluster = led();
    cluster.isolate('c');
    cluster.change('a', 'remove c');
    cluster.settle();
    cluster.heal();
    cluster.tick(60);
    expect(cluster.member('c').status.removed).toBe(true);
    for (let start = 0; start < 3; start++) {
      cluster.member('c').restart();
      // That it was told is not on its disk, nor is the change that removed it.
      expect(cluster.member('c').status).toMatchObject({ removed: false, role: 'follower' });
      expect(cluster.shape('c')).toBe('a b c');
      cluster.trace.length = 0;
      cluster.tick(60);
      expect(cluster.member('c').status).toMatchObject({ removed: true, role: 'follower', term: 1 });
      expect(cluster.member('a').status).toMatchObject({ role: 'leader', term: 1 });
      const asked = cluster.trace.filter((event) => event.node === node('c') && event.name.startsWith('SendRequest'));
      expect(asked.map(({ name }) => name)).toEqual(['SendRequestPreVote', 'SendRequestPreVote']);
    }
  });

  test('M12 is told although a probe of it was not answered yet', () => {
    const cluster = led();
    cluster.cut('c', 'a', 'one-way');
    cluster.member('a').raft.reportUnreachable(node('c'));
    cluster.propose('a', 'x');
    cluster.settle();
    expect(cluster.member('a').status.progress.get(node('c'))).toMatchObject({ state: 'probe', paused: true });
    cluster.change('a', 'remove c');
    cluster.settle();
    expect(cluster.member('c').status.removed).toBe(true);
  });

  test('M12 is told even by those that have no leader, and without CheckQuorum', () => {
    const cluster = led({ options: { preVote: false, checkQuorum: false } });
    cluster.isolate('c');
    cluster.change('a', 'remove c');
    cluster.settle();
    cluster.isolate('a');
    cluster.heal();
    cluster.isolate('a');
    cluster.campaign('c');
    expect(cluster.member('c').status).toMatchObject({ role: 'follower', removed: true });
    expect(cluster.member('b').status.term).toBe(1);
  });

  test('M12 is not believed to be one when it was only added later than we know', () => {
    const cluster = led();
    cluster.isolate('c');
    cluster.join('d');
    cluster.cut('c', 'd');
    cluster.change('a', 'voter d');
    cluster.settle();
    cluster.heal();
    const c = cluster.member('c');
    for (let i = 0; i < 10; i++) c.raft.tick();
    cluster.take();
    const { lastIndex } = cluster.member('d').status;
    cluster.deliver({ kind: 'RequestPreVote', from: node('d'), to: node('c'), term: 2, lastIndex, lastTerm: 1 });
    expect(cluster.take(({ to }) => to === node('d'))).toMatchObject([{ granted: true, removed: false }]);
  });

  test('M12 without the rule, would bring the leader down again and again', () => {
    const rules = { ...standardRules, wasRemoved: () => false };
    const cluster = led({ rules, options: { preVote: false, checkQuorum: false } });
    cluster.isolate('c');
    cluster.change('a', 'remove c');
    cluster.settle();
    cluster.heal();
    cluster.campaign('c');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', term: 2 });
  });

  test('M10 comes back under another id, as somebody new', () => {
    const cluster = led({ members: ['a', 'b', 'c-1'] });
    cluster.change('a', 'remove c-1');
    cluster.settle();
    cluster.join('c-2');
    cluster.change('a', 'voter c-2');
    cluster.settle();
    cluster.isolate('a');
    cluster.tick(40);
    expect(['b', 'c-2']).toContain(cluster.leader);
    expect(cluster.member('c-1').status).toMatchObject({ role: 'follower', term: 1, removed: true });
  });

  test.each(['voter', 'learner', 'witness', 'reader'])('M10 is not added again as a %s, by no leader', (kind) => {
    const cluster = led();
    cluster.change('a', 'remove c');
    cluster.settle();
    cluster.member('a').raft.transferLeadership(node('b'));
    cluster.settle();
    expect(cluster.leader).toBe('b');
    expect(isAccepted(cluster, 'b', `${kind} c`)).toBe(false);
    expect(isAccepted(cluster, 'b', `${kind} d`)).toBe(true);
  });

  test('M10 M12 by a snapshot knows it, also when it starts again', () => {
    const persistent = emptyState(['a', 'b', 'c'].map(node));
    const configuration = {
      ...persistent.start.configuration,
      version: 2,
      voters: ['a', 'b'].map(node),
      removed: [node('c')],
    };
    const snapshot: Snapshot = { index: 3, term: 1, configuration, id: 's', bytes: 0, checksum: 0 };
    const raft = new Raft({ id: node('c'), persistent, random: seededRandom(1) });
    const envelope = { from: node('a'), to: node('c'), term: 1 } as const;
    raft.step({ ...envelope, kind: 'InstallSnapshot', offset: 0, snapshot, data: new Uint8Array(0) });
    expect(raft.status().removed).toBe(false);
    for (let ready = raft.ready(); ready !== null; ready = raft.ready()) raft.advance(ready);
    expect(raft.status().removed).toBe(true);
    const start = { index: 3, term: 1, configuration };
    const again = { hardState: { term: 1, vote: null, commit: 3 }, start, entries: [], snapshot };
    expect(new Raft({ id: node('c'), persistent: again, random: seededRandom(1) }).status().removed).toBe(true);
  });

  test('M17 is not heard any more when it answers', () => {
    const cluster = led();
    cluster.change('a', 'remove c');
    cluster.settle();
    const answer = { kind: 'HeartbeatResponse', from: node('c'), to: node('a'), term: 9, round: 1 } as const;
    cluster.deliver(answer);
    expect(cluster.member('a').status).toMatchObject({ role: 'leader', term: 1 });
  });
});

describe('whoever is banned', () => {
  test('M19 goes under all its ids, is told, and does not come back, also not after the next changes', () => {
    const cluster = led({ members: ['a', 'b', 'x-1'] });
    cluster.join('x-2');
    cluster.change('a', 'learner x-2');
    cluster.settle();
    cluster.change('a', 'ban x-');
    cluster.settle();
    for (const name of ['a', 'b', 'x-1', 'x-2']) expect(cluster.shape(name)).toBe('a b');
    expect(['x-1', 'x-2'].map((name) => cluster.member(name).status.removed)).toEqual([true, true]);
    cluster.change('a', 'remove b');
    cluster.settle();
    expect(isAccepted(cluster, 'a', 'learner x-3')).toBe(false);
    expect(isAccepted(cluster, 'a', 'learner xa')).toBe(true);
  });

  test('M11 M19 while it leads hands over first', () => {
    const cluster = led({ members: ['x-1', 'b', 'c'] });
    cluster.propose('x-1', 'on the way out');
    cluster.change('x-1', 'ban x-');
    cluster.settle();
    expect(['b', 'c']).toContain(cluster.leader);
    expect(cluster.shape(cluster.leader ?? '')).toBe('b c');
    expect(cluster.member(cluster.leader ?? '').commands).toEqual(['on the way out']);
    expect(cluster.member('x-1').status).toMatchObject({ role: 'follower', removed: true });
  });
});

describe('a reader', () => {
  test('M18 follows the log, does not vote, does not count, and is no voter before it is a learner', () => {
    const cluster = led();
    cluster.join('r');
    cluster.change('a', 'reader r');
    cluster.propose('a', 'x');
    cluster.tick(2);
    expect(cluster.member('r').commands).toEqual(['x']);
    expect(isAccepted(cluster, 'a', 'voter r')).toBe(false);
    cluster.isolate('b');
    cluster.isolate('c');
    cluster.propose('a', 'y');
    cluster.tick(2);
    expect(cluster.member('a').commands).toEqual(['x']);
    cluster.heal();
    cluster.tick(2);
    cluster.change('a', 'learner r');
    cluster.tick(2);
    expect(isAccepted(cluster, 'a', 'voter r')).toBe(true);
  });
});

describe('a leader that is removed', () => {
  test.each([
    ['removed', 'remove a', 'b c', true],
    ['demoted', 'learner a', 'b c | a', false],
  ])('M11 hands over when it is %s, and not earlier', (_, change, after, removed) => {
    const cluster = led();
    const a = cluster.member('a');
    a.slowMachine = true;
    cluster.change('a', change);
    cluster.settle();
    expect(a.status).toMatchObject({ role: 'leader', commit: 2, transferTarget: null });
    cluster.propose('a', 'on the way out');
    cluster.settle();
    a.slowMachine = false;
    a.apply();
    expect(a.status).toMatchObject({ role: 'leader', transferTarget: 'b' });
    expect(a.raft.propose(new Uint8Array(1))).toEqual({ accepted: false, reason: 'transferring' });
    cluster.settle();

    expect(cluster.leader).toBe('b');
    expect(cluster.shape('a')).toBe(after);
    expect(a.status).toMatchObject({ role: 'follower', removed });
    expect(cluster.member('b').commands).toEqual(['on the way out']);
    expect(cluster.member('b').status.term).toBe(2);
  });

  test('M11 counts the others, and not itself', () => {
    const cluster = led();
    const a = cluster.member('a');
    a.slowMachine = true;
    cluster.change('a', 'remove a');
    cluster.settle();
    cluster.isolate('b');
    cluster.isolate('c');
    cluster.propose('a', 'x');
    cluster.settle();
    a.apply();
    cluster.heal();
    cluster.isolate('c');
    cluster.cut('a', 'b', 'one-way');
    const acknowledge = (from: string): void =>
      cluster.deliver({
        kind: 'AppendEntriesResponse',
        from: node(from),
        to: node('a'),
        term: 1,
        index: 3,
        conflict: null,
      });
    acknowledge('b');
    expect(a.status).toMatchObject({ role: 'leader', commit: 2 });
    cluster.heal();
    cluster.cut('a', 'b', 'one-way');
    acknowledge('c');
    expect(a.status).toMatchObject({ commit: 3 });
  });

  test('M11 leaves two members to the other', () => {
    const cluster = led({ members: ['a', 'b'] });
    cluster.change('a', 'remove a');
    cluster.settle();
    expect(cluster.leader).toBe('b');
    cluster.propose('b', 'alone');
    cluster.settle();
    expect(cluster.member('b').commands).toEqual(['alone']);
  });

  test('M11 steps down after an election timeout when nobody takes over', () => {
    const cluster = led({ options: { checkQuorum: false } });
    cluster.member('a').slowMachine = true;
    cluster.change('a', 'remove a');
    cluster.settle();
    cluster.isolate('a');
    cluster.member('a').apply();
    cluster.tick(9, 'a');
    expect(cluster.member('a').status.role).toBe('leader');
    cluster.tick(1, 'a');
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', leader: null, removed: true });
    cluster.tick(30, 'b', 'c');
    expect(['b', 'c']).toContain(cluster.leader);
  });

  test('M11 goes on looking for somebody who is there', () => {
    const cluster = led();
    const a = cluster.member('a');
    a.slowMachine = true;
    cluster.change('a', 'remove a');
    cluster.settle();
    // A check for a quorum has just forgotten who was heard from.
    while ([...a.status.progress].some(([id, { recentlyActive }]) => id !== a.id && recentlyActive)) a.raft.tick();
    cluster.take();
    a.apply();
    expect(a.status.transferTarget).toBeNull();
    cluster.tick(2);
    expect(a.status.role).toBe('follower');
    expect(cluster.leader).toBe('b');
  });

  test('M11 E16 that crashes before it can say that its removal is committed does not lock the others out', () => {
    const cluster = led({ members: ['a', 'b'] });
    const [a, b] = [cluster.member('a'), cluster.member('b')];
    a.slowMachine = true;
    cluster.change('a', 'remove a');
    cluster.work('a');
    cluster.deliver(...cluster.take());
    cluster.isolate('a');
    cluster.heal();
    cluster.cut('a', 'b', 'one-way');
    cluster.settle();
    cluster.propose('a', 'longer');
    cluster.settle();
    a.slowMachine = false;
    a.apply();
    a.restart();
    cluster.settle();
    expect([a.status.commit, b.status.commit]).toEqual([2, 1]);

    // b needs the vote of a, who votes no more, and has the longer log.
    cluster.heal();
    cluster.tick(60);
    expect(cluster.leader).toBe('b');
    expect(cluster.shape('b')).toBe('b');
    cluster.propose('b', 'x');
    cluster.settle();
    expect(b.commands).toEqual(['x']);
  });

  test('M11 in a joint change leads until that is left', () => {
    const cluster = led();
    cluster.join('d');
    cluster.change('a', 'voter d, remove a', 'joint-explicit');
    cluster.settle();
    expect(cluster.leader).toBe('a');
    cluster.propose('a', 'x');
    cluster.member('a').raft.leaveJoint();
    cluster.settle();
    expect(cluster.leader).toBe('b');
    expect(cluster.shape('b')).toBe('b c d');
    expect(cluster.member('d').commands).toEqual(['x']);
    expect(cluster.member('a').status).toMatchObject({ role: 'follower', removed: true });
  });
});
