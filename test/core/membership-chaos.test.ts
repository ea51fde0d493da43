/**
 * Random schedules in which the group itself changes: members come, go, are promoted and demoted, one by one and jointly,
 * and leadership is handed over, while messages are lost, repeated and reordered, disks and machines are slow, and
 * members crash. A failing schedule is named by its seed.
 */
import { expect, test } from 'vitest';
import { isJoint, isMember, type MembershipStep, membersOf } from '../../src/core/configuration.ts';
import { isBanned } from '../../src/core/exclusions.ts';
import type { Transition } from '../../src/core/membership.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { type Rules, standardRules } from '../../src/core/rules.ts';
import type { Configuration, Entry, Index, NodeId } from '../../src/core/types.ts';
import { bytes, Cluster, type Member, node, shape } from './cluster.ts';
import { demand, SafetyChecker } from './safety.ts';

/** What is demanded of configurations at every step. */
class ConfigurationChecker {
  readonly #cluster: Cluster;
  readonly #inForce: Map<Index, string> = new Map();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** By id, the version that removed it. */
  readonly #removedIn: Map<NodeId, Index> = new Map();

  check(): void {
    for (const member of this.#cluster.members.values()) {
      const { commit, applied, configuration } = member.status;
      this.#nobodyReturns(configuration);
      this.#oneUncommitted(`the log of ${member.id}`, member.entries, commit);
      const { entries, hardState } = member.disk.state;
      this.#oneUncommitted(`the disk of ${member.id}`, entries, hardState.commit);
      // Who came later knows of none before its first.
      if (configuration.voters.length === 0) continue;
      const known = this.#inForce.get(applied) ?? shape(configuration);
      this.#inForce.set(applied, known);
      demand(
        known === shape(configuration),
        `at ${applied}, ${member.id} has ${shape(configuration)}, others ${known}`,
      );
    }
  }

  /** M10, M19 */
  #nobodyReturns(configuration: Configuration): void {
    const { version, voters, learners, learnersNext, removed } = configuration;
    for (const id of removed) this.#removedIn.set(id, Math.min(version, this.#removedIn.get(id) ?? version));
    for (const id of membersOf(configuration)) {
      demand((this.#removedIn.get(id) ?? version) >= version, `${id} was removed, and is in ${version}`);
    }
    for (const id of [...voters, ...learners, ...learnersNext]) {
      demand(!isBanned(configuration, id), `${id} is banned, and in ${version}`);
    }
  }

  #oneUncommitted(where: string, entries: readonly Entry[], commit: Index): void {
    const open = entries.filter(({ kind, index }) => kind === 'configuration' && index > commit);
    demand(open.length <= 1, `${where} holds ${open.length} changes beyond its commit index`);
  }
}

interface Exam {
  changes: number;
  jointChanges: number;
  handOvers: number;
  leadersRemoved: number;
}

/** A change that a leader might be asked for at this moment. Nobody comes twice under one id (M10). */
function someSteps(leader: Member, moment: number, random: Random): MembershipStep[] {
  const members = membersOf(leader.raft.configuration);
  const steps: MembershipStep[] = [];
  const banned = random.below(12) === 0 ? members[random.below(members.length)] : undefined;
  if (banned !== undefined) {
    steps.push({ kind: 'ban', prefix: banned });
    if (random.below(2) === 0) steps.push({ kind: 'add-learner', id: banned });
  }
  const count = 1 + (random.below(3) === 0 ? random.below(3) : 0);
  for (let i = 0; i < count; i++) {
    const old = members[random.below(members.length)] ?? leader.id;
    const newcomer = node(`n${moment}.${i}`);
    const kinds = ['add-voter', 'add-learner', 'remove', 'add-witness', 'add-reader'] as const;
    const kind = kinds[random.below(random.below(4) + 2)];
    const isNew = members.length + i < 6 && kind !== 'remove' && random.below(2) === 0;
    if (kind !== undefined) steps.push({ kind, id: isNew ? newcomer : old });
  }
  return steps;
}

function changeMembership(cluster: Cluster, name: string, moment: number, random: Random): void {
  const leader = cluster.member(name);
  if (leader.status.role !== 'leader') return;
  if (isJoint(leader.raft.configuration)) {
    leader.raft.leaveJoint();
    return;
  }
  const steps = someSteps(leader, moment, random);
  const transition = (['auto', 'auto', 'joint', 'joint-explicit'] satisfies Transition[])[random.below(4)] ?? 'auto';
  if (!leader.raft.proposeMembership(steps, { transition }).accepted) return;
  for (const step of steps) {
    if (!('prefix' in step) && step.kind !== 'remove' && !cluster.members.has(step.id)) cluster.join(step.id);
  }
}

/** Once whatever was wrong is over, the group works, and all that are in it agree. */
function demandProgress(cluster: Cluster, check: () => void): void {
  cluster.heal();
  for (const member of cluster.members.values()) {
    member.slowDisk = false;
    member.slowMachine = false;
    while (member.disk.queue.length > 0) member.flush();
    member.apply();
  }
  cluster.tick(60);
  check();
  cluster.member(cluster.leader ?? 'nobody').raft.leaveJoint();
  cluster.tick(40);
  const leader = cluster.leader ?? 'nobody';
  cluster.propose(leader, 'last');
  cluster.tick(10);
  check();
  const { log, raft, commands } = cluster.member(leader);
  demand(!isJoint(raft.configuration), `${shape(raft.configuration)} was not left`);
  demand(
    commands.at(-1) === 'last' && new Set(commands).size === commands.length,
    `${leader} applied ${commands.join()}`,
  );
  for (const id of membersOf(raft.configuration)) {
    const member = cluster.member(id);
    const isWitness = raft.configuration.witnesses.includes(id);
    demand(isWitness || member.log === log, `${id} has ${member.log}, and ${leader} ${log}`);
    demand(shape(member.raft.configuration) === shape(raft.configuration), `${id} is in ${cluster.shape(id)}`);
    demand(!member.status.removed, `${id} takes itself for removed, but is in ${cluster.shape(leader)}`);
  }
  for (const [name, { status }] of cluster.members) {
    if (!isMember(raft.configuration, node(name))) demand(status.role !== 'leader', `${name} leads, but is no member`);
  }
}

function run(seed: number, rules: Rules = standardRules): Exam {
  const random = seededRandom(seed);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const cluster = new Cluster({
    seed,
    rules,
    options: { maxInflightMessages: 4, maxMessageBytes: 600, electionTicks: 6, preVote: seed % 4 > 0 },
  });
  const safety = new SafetyChecker(cluster);
  const configurations = new ConfigurationChecker(cluster);
  const check = (): void => {
    safety.check();
    configurations.check();
  };
  const loss = random.below(20);
  let proposed = 0;
  for (let i = 0; i < 2000; i++) {
    const names = [...cluster.members.keys()];
    const name = names[random.below(names.length)] ?? 'a';
    const member = cluster.member(name);
    const leader = cluster.leader ?? name;
    if (chance(12)) {
      member.raft.tick();
    } else if (chance(8)) {
      member.raft.propose(bytes(String(proposed++)));
    } else if (chance(4)) {
      changeMembership(cluster, leader, i, random);
      cluster.work(leader);
    } else if (chance(1)) {
      cluster.member(leader).raft.transferLeadership(member.id);
      cluster.work(leader);
    } else if (random.below(300) === 0) {
      member.restart();
    } else if (random.below(150) === 0) {
      cluster.heal();
      if (chance(60)) cluster.isolate(chance(70) ? leader : name);
    } else if (chance(2)) {
      member.slowDisk = !member.slowDisk;
    } else if (chance(3)) {
      member.slowMachine = !member.slowMachine;
    } else if (member.disk.queue.length > 0 && chance(60)) {
      member.flush();
    } else if (member.committed.length > 0 && chance(60)) {
      member.apply();
    } else {
      for (let deliveries = 0; deliveries < 3; deliveries++) {
        const [message] = cluster.wire.splice(random.below(Math.min(8, Math.max(1, cluster.wire.length))), 1);
        if (message !== undefined && !chance(loss)) {
          cluster.deliver(message);
          if (chance(5)) cluster.wire.push(message);
        }
      }
    }
    cluster.work(name);
    check();
  }
  demandProgress(cluster, check);
  return examine(cluster);
}

function examine({ trace }: Cluster): Exam {
  const exam: Exam = { changes: 0, jointChanges: 0, handOvers: 0, leadersRemoved: 0 };
  for (const event of trace) {
    if (event.name === 'ChangeConf') {
      exam.changes++;
      if (event.change.kind === 'enter-joint') exam.jointChanges++;
    } else if (event.name === 'SendTimeoutNow') {
      exam.handOvers++;
    } else if (
      event.name === 'ApplyConfChange' &&
      event.role === 'leader' &&
      !isMember(event.configuration, event.node)
    ) {
      exam.leadersRemoved++;
    }
  }
  return exam;
}

const seeds = Array.from({ length: 20 }, (_, i) => i + 1);
const exams: Exam[] = [];

test.each(seeds)('a group that changes on random schedule %i stays safe, and recovers', (seed) => {
  exams.push(run(seed));
});

test('those schedules were no empty exam', () => {
  const total = (of: keyof Exam): number => exams.reduce((sum, exam) => sum + exam[of], 0);
  expect(total('changes')).toBeGreaterThan(seeds.length * 8);
  expect(total('jointChanges')).toBeGreaterThan(seeds.length * 2);
  expect(total('handOvers')).toBeGreaterThan(seeds.length);
  expect(total('leadersRemoved')).toBeGreaterThan(seeds.length / 4);
});

test.each<[string, Partial<Rules>]>([
  ['M1 changes as it likes', { isChangeFree: () => true }],
  ['E3 votes for any log', { isUpToDate: () => true }],
  ['M19 adds whom it has just banned', { mayComeIn: () => true }],
])(
  'the checks are not blind to a replica that breaks %s',
  (_, broken) => {
    const fails = (seed: number): boolean => {
      try {
        run(seed, { ...standardRules, ...broken });
        return false;
      } catch {
        return true;
      }
    };
    expect(seeds.some(fails)).toBe(true);
  },
  60_000,
);
