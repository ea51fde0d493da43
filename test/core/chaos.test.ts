/**
 * Random schedules: messages lost, repeated and reordered, slow disks, crashes that keep exactly what was durable. After
 * every step the safety properties of figure 3 of the paper hold. A failing schedule is named by its seed.
 */
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { type Rules, standardRules } from '../../src/core/rules.ts';
import type { Entry, NodeId, Term } from '../../src/core/types.ts';
import { bytes, Cluster } from './cluster.ts';

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const same = (one: Entry | undefined, other: Entry | undefined): boolean =>
  one === other ||
  (one?.term === other?.term && one?.kind === other?.kind && String(one?.data) === String(other?.data));

class SafetyChecker {
  readonly #cluster: Cluster;
  readonly #leaders: Map<Term, NodeId> = new Map();
  readonly #committed: Entry[] = [];
  /** What each leader held when it was last looked at, to see that it only appends. */
  readonly #leaderLogs: Map<string, readonly Entry[]> = new Map();
  #seen = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get commits(): number {
    return this.#committed.length;
  }

  get leaderChanges(): number {
    return this.#leaders.size;
  }

  check(): void {
    this.#electionSafety();
    const logs = new Map([...this.#cluster.members].map(([name, member]) => [name, member.entries]));
    this.#leadersOnlyAppend(logs);
    this.#logMatching([...logs.values()]);
    this.#stateMachineSafety();
    this.#leaderCompleteness(logs);
  }

  #electionSafety(): void {
    for (const event of this.#cluster.trace.slice(this.#seen)) {
      if (event.name !== 'BecomeLeader') continue;
      demand(!this.#leaders.has(event.state.term), `term ${event.state.term} has two leaders`);
      this.#leaders.set(event.state.term, event.node);
    }
    this.#seen = this.#cluster.trace.length;
  }

  #leadersOnlyAppend(logs: ReadonlyMap<string, readonly Entry[]>): void {
    for (const [name, log] of logs) {
      const { role, term } = this.#cluster.member(name).status;
      if (role !== 'leader') continue;
      const before = this.#leaderLogs.get(`${name} ${term}`) ?? [];
      demand(
        before.every((entry, i) => log[i] === entry),
        `${name} rewrote its log while it led term ${term}`,
      );
      this.#leaderLogs.set(`${name} ${term}`, log);
    }
  }

  #logMatching(logs: readonly (readonly Entry[])[]): void {
    for (const one of logs) {
      for (const other of logs) {
        let i = Math.min(one.length, other.length) - 1;
        while (i >= 0 && one[i]?.term !== other[i]?.term) i--;
        for (; i >= 0; i--) demand(same(one[i], other[i]), `two logs differ at ${i + 1}, before an equal term`);
      }
    }
  }

  #stateMachineSafety(): void {
    for (const member of this.#cluster.members.values()) {
      member.applied.forEach((entry, i) => {
        demand(entry.index === i + 1, `${member.id} applied ${entry.index} at ${i + 1}`);
        this.#committed[i] ??= entry;
        demand(same(this.#committed[i], entry), `two members applied different entries at ${entry.index}`);
      });
    }
  }

  #leaderCompleteness(logs: ReadonlyMap<string, readonly Entry[]>): void {
    const name = this.#cluster.leader;
    const newest = Math.max(0, ...[...this.#cluster.members.values()].map(({ status }) => status.term));
    if (name === undefined || this.#cluster.member(name).status.term < newest) return;
    const log = logs.get(name) ?? [];
    this.#committed.forEach((entry, i) => demand(same(log[i], entry), `leader ${name} lacks committed entry ${i + 1}`));
  }
}

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
