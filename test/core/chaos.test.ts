/**
 * Random schedules: messages lost, repeated and reordered, slow disks, crashes that keep exactly what was durable. After
 * every step the safety properties of figure 3 of the paper hold. A failing schedule is named by its seed.
 */
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { type Rules, standardRules } from '../../src/core/rules.ts';
import { bytes, Cluster } from './cluster.ts';
import { SafetyChecker } from './safety.ts';

function run(seed: number, rules: Rules = standardRules): SafetyChecker {
  const random = seededRandom(seed);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, 3 + 2 * random.below(2));
  const cluster = new Cluster({
    members: names,
    seed,
    rules,
    options: { maxInflightMessages: 4, maxMessageBytes: 64, electionTicks: 6 },
  });
  const checker = new SafetyChecker(cluster);
  const loss = random.below(30);
  let proposed = 0;
  for (let i = 0; i < 5000; i++) {
    const name = names[random.below(names.length)] ?? 'a';
    const member = cluster.member(name);
    if (chance(12)) {
      member.raft.tick();
    } else if (chance(15)) {
      member.raft.propose([bytes(String(proposed++))]);
    } else if (random.below(300) === 0) {
      member.restart();
    } else if (random.below(100) === 0) {
      cluster.heal();
      if (chance(60)) cluster.isolate(chance(70) ? (cluster.leader ?? name) : name);
    } else if (chance(4)) {
      member.slowDisk = !member.slowDisk;
    } else if (member.disk.queue.length > 0 && chance(60)) {
      member.flush();
    } else {
      const [message] = cluster.wire.splice(random.below(Math.max(1, cluster.wire.length)), 1);
      if (message !== undefined && !chance(loss)) {
        cluster.deliver(message);
        if (chance(5)) cluster.wire.push(message);
      }
    }
    cluster.work(name);
    checker.check();
  }

  cluster.heal();
  for (const member of cluster.members.values()) {
    member.slowDisk = false;
    while (member.disk.queue.length > 0) member.flush();
  }
  cluster.tick(60);
  checker.check();
  const leader = cluster.leader ?? 'nobody';
  cluster.propose(leader, 'last');
  cluster.tick(10);
  checker.check();
  for (const member of cluster.members.values()) {
    expect(member.commands.at(-1)).toBe('last');
    expect(member.log).toBe(cluster.member(leader).log);
  }
  expect(new Set(cluster.member(leader).commands).size).toBe(cluster.member(leader).commands.length);
  return checker;
}

const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
let commits = 0;
let leaderChanges = 0;

test.each(seeds)('the safety properties hold on random schedule %i, and the group recovers from it', (seed) => {
  const checker = run(seed);
  commits += checker.commits;
  leaderChanges += checker.leaderChanges;
});

test('those schedules were no empty exam', () => {
  expect(commits).toBeGreaterThan(seeds.length * 20);
  expect(leaderChanges).toBeGreaterThan(seeds.length * 4);
});

test.each<[string, Partial<Rules>]>([
  ['E3 votes for any log', { isUpToDate: () => true }],
  ['E4 votes for everybody', { mayVoteInTerm: () => true }],
  ['R1 appends anywhere', { extendsLog: () => true }],
  ['R4 commits what it has not verified', { followerCommit: ({ leaderCommit }) => leaderCommit }],
])('the checks are not blind to a replica that breaks %s', (_, broken) => {
  const fails = (seed: number): boolean => {
    try {
      run(seed, { ...standardRules, ...broken });
      return false;
    } catch {
      return true;
    }
  };
  expect(Array.from({ length: 100 }, (_, i) => i + 1).some(fails)).toBe(true);
});
