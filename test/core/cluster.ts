/**
 * Replicas in one room, for scenario tests: messages lie on the table until a test delivers them, disks are slow when a
 * test says so, and a crash keeps exactly what was durable. Nothing here decides anything; the story is the test's.
 */
import type { MembershipStep } from '../../src/core/configuration.ts';
import { decodeConfiguration } from '../../src/core/membership-change.ts';
import type { Transition } from '../../src/core/membership.ts';
import { type RaftOptions } from '../../src/core/options.ts';
import { emptyState, Raft, type RaftInit } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Write } from '../../src/core/replica.ts';
import type { Rules } from '../../src/core/rules.ts';
import type { RaftStatus } from '../../src/core/status.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import type {
  Configuration,
  Entry,
  EntryKind,
  HardState,
  Index,
  Message,
  NodeId,
  PersistentState,
} from '../../src/core/types.ts';

export const node = (name: string): NodeId => name as NodeId;

const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };
export const bytes = (text: string): Uint8Array => utf8.encode.encode(text);
export const text = (data: Uint8Array): string => utf8.decode.decode(data);

/** Entries written as `1:x 1:y 2:`, a term and a command each, the empty entry without one. */
export function entries(story: string, firstIndex: Index = 1): Entry[] {
  return story
    .split(' ')
    .filter((part) => part !== '')
    .map((part, i) => {
      const [term = '', command = ''] = part.split(':');
      const kind: EntryKind = command === '' ? 'empty' : 'command';
      return { index: firstIndex + i, term: Number(term), kind, data: bytes(command) };
    });
}

const stepKinds: Readonly<Record<string, MembershipStep['kind']>> = {
  voter: 'add-voter',
  learner: 'add-learner',
  witness: 'add-witness',
  remove: 'remove',
};

/** Steps written as `voter d, learner e, witness w, remove a`. */
export function steps(story: string): MembershipStep[] {
  return story
    .split(', ')
    .filter((part) => part !== '')
    .map((part) => {
      const [word = '', name = ''] = part.split(' ');
      const kind = stepKinds[word];
      if (kind === undefined) throw new Error(`no step ${part}`);
      return { kind, id: node(name) };
    });
}

/** `a b c` for three voters, `a b + b c` while joint, `| l` for learners, `* w` for witnesses, `> n` for learners next. */
export function shape({ voters, outgoing, learners, learnersNext, witnesses, autoLeave }: Configuration): string {
  const parts = [voters.join(' ')];
  if (outgoing.length > 0) parts.push('+', outgoing.join(' '));
  if (learners.length > 0) parts.push('|', learners.join(' '));
  if (learnersNext.length > 0) parts.push('>', learnersNext.join(' '));
  if (witnesses.length > 0) parts.push('*', witnesses.join(' '));
  if (autoLeave) parts.push('(auto)');
  return parts.join(' ');
}

/** The command, or the shape of a configuration in brackets. */
function told({ kind, data, index }: Entry): string {
  const configuration = kind === 'configuration' ? decodeConfiguration(data, index) : null;
  return configuration === null ? text(data) : `[${shape(configuration)}]`;
}

export function story(log: readonly Entry[]): string {
  return log.map((entry) => `${entry.term}:${told(entry)}`).join(' ');
}

/** What one replica has on disk, and what is on its way there. */
class Disk {
  state: PersistentState;
  readonly queue: Write[] = [];

  constructor(state: PersistentState) {
    this.state = state;
  }

  perform(write: Write): void {
    const { start, entries: stored } = this.state;
    const kept =
      write.truncateFrom === null ? stored : stored.filter((entry) => entry.index < (write.truncateFrom ?? 0));
    const begin = write.start ?? start;
    this.state = {
      start: begin,
      hardState: write.hardState ?? this.state.hardState,
      entries: [...kept, ...write.entries].filter((entry) => entry.index > begin.index),
    };
  }
}

export class Member {
  readonly id: NodeId;
  readonly disk: Disk;
  raft: Raft;
  applied: Entry[] = [];
  slowDisk = false;
  /** Committed entries wait for `apply`. */
  slowMachine = false;
  readonly committed: Entry[] = [];

  readonly #start: (state: PersistentState) => Raft;

  constructor(id: NodeId, state: PersistentState, start: (state: PersistentState) => Raft) {
    this.id = id;
    this.disk = new Disk(state);
    this.#start = start;
    this.raft = start(state);
  }

  get status(): RaftStatus {
    return this.raft.status();
  }

  get entries(): Entry[] {
    const { lastIndex } = this.status;
    const log: Entry[] = [];
    for (let i = 1; i <= lastIndex; i++) {
      const entry = this.raft.entryAt(i);
      if (entry !== undefined) log.push(entry);
    }
    return log;
  }

  get log(): string {
    return story(this.entries);
  }

  get commands(): string[] {
    return this.applied.filter((entry) => entry.kind === 'command').map((entry) => text(entry.data));
  }

  /** Completes the oldest write that is on its way. */
  flush(): void {
    const write = this.disk.queue.shift();
    if (write === undefined) throw new Error(`${this.id} has nothing to write`);
    this.disk.perform(write);
    this.raft.persisted(write);
  }

  /** Applies what is committed. */
  apply(): void {
    const last = this.committed.at(-1);
    this.applied.push(...this.committed);
    this.committed.length = 0;
    if (last !== undefined) this.raft.applied(last.index);
  }

  /** Loses what was not durable, and starts again from what was. */
  restart(): void {
    this.disk.queue.length = 0;
    this.applied = [];
    this.committed.length = 0;
    this.raft = this.#start(this.disk.state);
  }
}

export interface ClusterInit {
  readonly members?: readonly string[];
  readonly options?: Partial<RaftOptions>;
  /** Options of some, beside those of all. */
  readonly optionsOf?: Readonly<Record<string, Partial<RaftOptions>>>;
  readonly rules?: Rules;
  readonly seed?: number;
  /** What the group is founded with, if not with all members as voters. */
  readonly configuration?: Partial<Record<'voters' | 'outgoing' | 'learners' | 'witnesses', readonly string[]>>;
  readonly drawElectionTimeout?: RaftInit['drawElectionTimeout'];
  /** What each member has on disk; an empty log for those not named. */
  readonly disks?: Readonly<Record<string, { readonly log?: string } & Partial<HardState>>>;
}

export class Cluster {
  readonly trace: TraceEvent[] = [];
  /** Sent, and not delivered yet. */
  readonly wire: Message[] = [];
  readonly #members: Map<string, Member> = new Map();
  readonly #init: ClusterInit;
  readonly #cut: Set<string> = new Set();

  constructor(init: ClusterInit = {}) {
    const { members = ['a', 'b', 'c'], disks = {}, configuration = {} } = init;
    this.#init = init;
    const founding = emptyState(members.map(node));
    const empty = {
      ...founding,
      start: { ...founding.start, configuration: { ...founding.start.configuration, ...(configuration as object) } },
    };
    for (const name of members) {
      const { log = '', ...hardState } = disks[name] ?? {};
      this.join(name, { ...empty, hardState: { ...empty.hardState, ...hardState }, entries: entries(log) });
    }
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  /** Somebody enters the room; who comes later knows nothing, not even who is in the group. */
  join(name: string, state: PersistentState = emptyState([])): Member {
    const { options = {}, optionsOf = {}, rules, seed = 1, drawElectionTimeout } = this.#init;
    const place = this.#members.size;
    const start = (persistent: PersistentState): Raft =>
      new Raft({
        id: node(name),
        persistent,
        random: seededRandom(seed + place),
        options: { ...options, ...optionsOf[name] },
        trace: (event) => this.trace.push(event),
        ...(rules && { rules }),
        ...(drawElectionTimeout && { drawElectionTimeout }),
      });
    const member = new Member(node(name), state, start);
    this.#members.set(name, member);
    return member;
  }

  member(name: string): Member {
    const found = this.members.get(name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  get leader(): string | undefined {
    const leaders = [...this.members.values()].filter(({ status }) => status.role === 'leader');
    return leaders.sort((a, b) => b.status.term - a.status.term)[0]?.id;
  }

  /** Carries out what a member wants done: sends, writes (at once unless its disk is slow), applies. */
  work(name: string): void {
    const member = this.member(name);
    for (let ready = member.raft.ready(); ready !== null; ready = member.raft.ready()) {
      this.wire.push(...ready.messages);
      if (ready.write !== null) {
        member.disk.queue.push(ready.write);
        if (!member.slowDisk) while (member.disk.queue.length > 0) member.flush();
      }
      member.committed.push(...ready.committed);
      if (!member.slowMachine) member.apply();
    }
  }

  /** Messages between these two are lost from now on, in the given direction or in both. */
  cut(from: string, to: string, direction: 'one-way' | 'both-ways' = 'both-ways'): void {
    this.#cut.add(`${from}>${to}`);
    if (direction === 'both-ways') this.#cut.add(`${to}>${from}`);
  }

  isolate(name: string): void {
    for (const other of this.members.keys()) if (other !== name) this.cut(name, other);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Takes messages off the wire without delivering them. */
  take(matches: (message: Message) => boolean = () => true): Message[] {
    const taken = this.wire.filter(matches);
    const rest = this.wire.filter((message) => !matches(message));
    this.wire.splice(0, this.wire.length, ...rest);
    return taken;
  }

  deliver(...messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.#cut.has(`${message.from}>${message.to}`) || !this.#members.has(message.to)) continue;
      this.member(message.to).raft.step(message);
      this.work(message.to);
    }
  }

  /** Delivers everything, and what that causes, until the wire is empty. */
  settle(): void {
    for (const name of this.members.keys()) this.work(name);
    for (let rounds = 0; this.wire.length > 0; rounds++) {
      if (rounds > 1000) throw new Error('the cluster does not come to rest');
      this.deliver(...this.take());
    }
  }

  /** Lets time pass for all members, or for the named ones, with all messages delivered after each tick. */
  tick(ticks: number, ...names: readonly string[]): void {
    for (let i = 0; i < ticks; i++) {
      for (const name of names.length > 0 ? names : this.members.keys()) this.member(name).raft.tick();
      this.settle();
    }
  }

  campaign(name: string): void {
    this.member(name).raft.campaign();
    this.settle();
  }

  propose(name: string, ...commands: readonly string[]): void {
    const result = this.member(name).raft.propose(commands.map(bytes));
    if (!result.accepted) throw new Error(`${name} refused: ${result.reason}`);
  }

  /** Proposes a change of membership written as `voter d, learner e, remove a`; gives its index. */
  change(name: string, story: string, transition: Transition = 'auto', ifVersion: Index | null = null): Index {
    const result = this.member(name).raft.proposeMembership(steps(story), { transition, ifVersion });
    if (!result.accepted) throw new Error(`${name} refused: ${result.reason}`);
    return result.index;
  }

  /** What a member takes for the configuration in force, as `a b c`; see `shape`. */
  shape(name: string): string {
    return shape(this.member(name).raft.configuration);
  }

  /** Roles, terms and logs at a glance, for expectations that read like a table. */
  picture(): Record<string, string> {
    return Object.fromEntries(
      [...this.members].map(([name, member]) => {
        const { role, term, commit } = member.status;
        return [name, `${role} of ${term}, commit ${commit}, log ${member.log}`];
      }),
    );
  }
}
