/** The core has no clock, no randomness and no effect of its own: the same inputs give the same outputs, byte for byte. */
import { expect, test } from 'vitest';
import type { Ready } from '../../src/core/output.ts';
import type { Raft } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import { bytes, Cluster, type ClusterInit, node } from './cluster.ts';

const inBytes = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? [...value] : value instanceof Map ? [...(value as Map<unknown, unknown>)] : value;

/** Everything that five members hand out on a schedule with losses, crashes, changes, reads, transfers and snapshots. */
function transcript(seed: number, init: ClusterInit = {}): string {
  const random = seededRandom(seed, 3);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const names = ['a', 'b', 'c', 'd', 'e'];
  const lines: string[] = [];
  const take = init.take ?? ((raft: Raft): Ready | null => raft.ready());
  const cluster = new Cluster({
    members: names,
    seed,
    configuration: { voters: ['a', 'b', 'c', 'd'].map(node), learners: [node('e')] },
    options: {
      electionTicks: 6,
      leaseReads: seed % 2 === 0,
      trailingEntries: 2,
      snapshotPartBytes: 200,
      maxMessageBytes: 64,
      maxCommittedBytes: 64,
      maxInflightMessages: 3,
    },
    ...init,
    take: (raft, name) => {
      const ready = take(raft, name);
      if (ready !== null) lines.push(`${name} ${JSON.stringify(ready, inBytes)}`);
      return ready;
    },
  });
  const anybody = (): string => names[random.below(names.length)] ?? 'a';
  for (let i = 0; i < 1500; i++) {
    const name = anybody();
    const member = cluster.member(name);
    if (chance(15)) member.raft.tick();
    else if (chance(11)) member.raft.propose([bytes(String(i))]);
    else if (chance(6)) member.raft.readIndex(chance(50) ? 'lease' : 'linearizable');
    else if (chance(2)) member.raft.transferLeadership(node(anybody()));
    else if (chance(3)) cluster.compact(name, `${name}${i}`);
    else if (random.below(150) === 0) {
      member.raft.proposeMembership([{ kind: chance(50) ? 'add-voter' : 'add-learner', id: node(anybody()) }]);
    } else if (random.below(300) === 0) member.restart();
    else if (random.below(80) === 0) {
      cluster.heal();
      if (chance(60)) cluster.isolate(anybody());
    } else if (chance(5)) member.slowDisk = !member.slowDisk;
    else if (member.disk.tasks.length > 0 && chance(50)) member.flushOne();
    else {
      const [message] = cluster.wire.splice(random.below(Math.max(1, cluster.wire.length)), 1);
      if (message !== undefined && !chance(10)) {
        cluster.deliver(message);
        if (chance(5)) cluster.wire.push(message);
      }
    }
    cluster.work(name);
  }
  for (const name of names) lines.push(JSON.stringify(cluster.member(name).status, inBytes));
  if (init.isSilent !== true) lines.push(JSON.stringify(cluster.trace, inBytes));
  return lines.join('\n');
}

const seeds = Array.from({ length: 6 }, (_, i) => i + 1);

test.each(seeds)('C4 two runs of the same inputs are equal to the last byte (%i)', (seed) => {
  const once = transcript(seed);
  expect(once.length).toBeGreaterThan(100_000);
  expect(transcript(seed) === once).toBe(true);
  expect(transcript(seed + 1) === once).toBe(false);
});

test.each(seeds)('C4 whether somebody listens makes no difference to what is done (%i)', (seed) => {
  const silent = transcript(seed, { isSilent: true });
  expect(silent.length).toBeGreaterThan(50_000);
  expect(transcript(seed).startsWith(silent)).toBe(true);
});

test.each(seeds)('C4 hasReady is true exactly when there is an output, and asking has no effect (%i)', (seed) => {
  let [outputs, silences] = [0, 0];
  const asked = transcript(seed, {
    take: (raft) => {
      const before = JSON.stringify(raft.status(), inBytes);
      const hasReady = raft.hasReady();
      expect(raft.hasReady()).toBe(hasReady);
      expect(JSON.stringify(raft.status(), inBytes)).toBe(before);
      const ready = raft.ready();
      expect(ready !== null).toBe(hasReady);
      if (ready === null) silences++;
      else {
        expect(Object.values(ready).some((part) => part !== null && !(Array.isArray(part) && part.length === 0))).toBe(
          true,
        );
        outputs++;
      }
      return ready;
    },
  });
  expect(Math.min(outputs, silences)).toBeGreaterThan(200);
  expect(asked === transcript(seed)).toBe(true);
});
