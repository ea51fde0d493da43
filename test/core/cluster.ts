/**
 * Replicas in one room, for scenario tests: messages lie on the table until a test delivers them, disks are slow when a
 * test says so, and a crash keeps exactly what was durable. Nothing here decides anything; the story is the test's.
 */
import type { MemberStep, MembershipStep } from '../../src/core/configuration.ts';
import { decodeConfiguration } from '../../src/core/membership-change.ts';
import type { Transition } from '../../src/core/membership.ts';
import { type RaftOptions } from '../../src/core/options.ts';
import { emptyState, Raft, type RaftInit } from '../../src/core/raft.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { ReadConsistency } from '../../src/core/reading.ts';
import type { Ready } from '../../src/core/output.ts';
import type { FailedRead, ReadyRead, SnapshotRead, StagedPart, Write } from '../../src/core/replica.ts';
import type { Rules } from '../../src/core/rules.ts';
import type { RaftStatus } from '../../src/core/status.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import type {
  Configuration,
  Entry,
  EntryKind,
  HardState,
  Index,
  LogStart,
  Message,
  NodeId,
  PersistentState,
  Snapshot,
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

const stepKinds: Readonly<Record<string, MemberStep['kind']>> = {
  voter: 'add-voter',
  learner: 'add-learner',
  reader: 'add-reader',
  witness: 'add-witness',
  remove: 'remove',
};

/** Steps written as `voter d, learner e, reader r, witness w, remove a, ban b-, unban b-`. */
export function steps(story: string): MembershipStep[] {
  return story
    .split(', ')
    .filter((part) => part !== '')
    .map((part) => {
      const [word = '', name = ''] = part.split(' ');
      if (word === 'ban' || word === 'unban') return { kind: word, prefix: name };
      const kind = stepKinds[word];
      if (kind === undefined) throw new Error(`no step ${part}`);
      return { kind, id: node(name) };
    });
}

/**
 * `a b c` for three voters, `a b + b c` while joint, `| l` for learners, `~ r` for those of them that may only read, `* w`
 * for witnesses, `> n` for learners next.
 */
export function shape(configuration: Configuration): string {
  const { voters, outgoing, learners, learnersNext, witnesses, autoLeave, readers } = configuration;
  const parts = [voters.join(' ')];
  if (outgoing.length > 0) parts.push('+', outgoing.join(' '));
  if (learners.length > 0) parts.push('|', learners.join(' '));
  if (readers.length > 0) parts.push('~', readers.join(' '));
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

/** The machine of these tests is the list of what was applied; this is its snapshot. */
export function encodeMachine(applied: readonly Entry[]): Uint8Array {
  return bytes(JSON.stringify(applied.map(({ data, ...rest }) => ({ ...rest, data: [...data] }))));
}

export function decodeMachine(data: Uint8Array): Entry[] {
  if (data.byteLength === 0) return [];
  const applied = JSON.parse(text(data)) as (Omit<Entry, 'data'> & { readonly data: readonly number[] })[];
  return applied.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) }));
}

type DiskTask =
  { readonly kind: 'write'; readonly write: Write } | { readonly kind: 'stage'; readonly part: StagedPart };

const snapshotKey = ({ index, term, id }: Snapshot): string => `${index} ${term} ${id}`;

/** What one replica has on disk, and what is on its way there. */
class Disk {
  state: PersistentState;
  /** In order: batches, and parts of snapshots. */
  readonly tasks: DiskTask[] = [];
  /** The newest snapshot and the one before it, the newest last (S9). */
  readonly #kept: { readonly key: string; readonly data: Uint8Array }[] = [];
  readonly #staged: Map<string, Uint8Array> = new Map();

  constructor(state: PersistentState) {
    this.state = state;
  }

  /** The batches that are on their way. */
  get queue(): Write[] {
    return this.tasks.flatMap((task) => (task.kind === 'write' ? [task.write] : []));
  }

  perform(write: Write): void {
    if (write.snapshot !== null) this.#promote(write.snapshot);
    const { start, truncateFrom } = write;
    const from = truncateFrom ?? Number.POSITIVE_INFINITY;
    const kept = this.state.entries.filter(({ index }) => index > (start?.index ?? 0) && index < from);
    this.state = {
      start: start ?? this.state.start,
      hardState: write.hardState ?? this.state.hardState,
      entries: [...kept, ...write.entries],
      snapshot: write.snapshot ?? this.state.snapshot ?? null,
    };
  }

  /** Keeps a part of a snapshot; one with offset 0 begins it anew. */
  stage({ snapshot, offset, data }: StagedPart): void {
    const before = offset === 0 ? new Uint8Array(0) : (this.#staged.get(snapshotKey(snapshot)) ?? new Uint8Array(0));
    if (before.byteLength !== offset) throw new Error(`a part from ${offset} on does not follow ${before.byteLength}`);
    this.#staged.set(snapshotKey(snapshot), Uint8Array.of(...before, ...data));
  }

  #promote(snapshot: Snapshot): void {
    const key = snapshotKey(snapshot);
    const data = this.#staged.get(key);
    if (data?.byteLength !== snapshot.bytes) throw new Error(`the snapshot ${key} is not whole`);
    this.#kept.push({ key, data });
    this.#kept.splice(0, this.#kept.length - 2);
    this.#staged.delete(key);
  }

  /** The bytes of a kept snapshot, undefined when it is gone. */
  read(snapshot: Snapshot): Uint8Array | undefined {
    return this.#kept.find(({ key }) => key === snapshotKey(snapshot))?.data;
  }

  /** A crash: what was on its way is lost, and what was staged with it. */
  crash(): void {
    this.tasks.length = 0;
    this.#staged.clear();
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
  /** Reads that were served, and that were not. */
  readonly reads: ReadyRead[] = [];
  readonly failedReads: FailedRead[] = [];
  /** The machine was last restored to here. */
  #restored: Index;

  readonly #start: (state: PersistentState) => Raft;

  constructor(id: NodeId, state: PersistentState, start: (state: PersistentState) => Raft) {
    this.id = id;
    this.disk = new Disk(state);
    this.#start = start;
    this.#restored = state.snapshot?.index ?? 0;
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

  /** Completes the oldest write that is on its way, and the staging before it. */
  flush(): void {
    for (let task = this.disk.tasks.shift(); task !== undefined; task = this.disk.tasks.shift()) {
      this.#complete(task);
      if (task.kind === 'write') return;
    }
    throw new Error(`${this.id} has nothing to write`);
  }

  /** Completes everything that is on its way to the disk. */
  flushAll(): void {
    for (let task = this.disk.tasks.shift(); task !== undefined; task = this.disk.tasks.shift()) this.#complete(task);
  }

  /** Completes the oldest thing that is on its way to the disk, a batch or a part of a snapshot. */
  flushOne(): void {
    const task = this.disk.tasks.shift();
    if (task !== undefined) this.#complete(task);
  }

  #complete(task: DiskTask): void {
    if (task.kind === 'stage') {
      this.disk.stage(task.part);
      this.raft.partStaged(task.part);
      return;
    }
    const { write } = task;
    this.disk.perform(write);
    this.raft.persisted(write);
    if (write.snapshot !== null) this.#restore(write.snapshot);
  }

  /** Where the newest snapshot is further on than the machine, the machine is restored from it. */
  #restore(snapshot: Snapshot): void {
    if (snapshot.index <= this.raft.status().applied) return;
    this.applied = decodeMachine(this.disk.read(snapshot) ?? new Uint8Array(0));
    this.#restored = snapshot.index;
    this.raft.applied(snapshot.index);
  }

  /** Carries out a `Ready`, but for the messages, which are handed back. */
  carryOut({
    write,
    messages,
    committed,
    reads,
    failedReads,
    snapshotParts,
    snapshotReads,
  }: Ready): readonly Message[] {
    for (const part of snapshotParts) this.disk.tasks.push({ kind: 'stage', part });
    if (write !== null) this.disk.tasks.push({ kind: 'write', write });
    if (!this.slowDisk) this.flushAll();
    this.committed.push(...committed);
    if (!this.slowMachine) this.apply();
    this.reads.push(...reads);
    this.failedReads.push(...failedReads);
    for (const read of snapshotReads) this.#read(read);
    return messages;
  }

  #read(read: SnapshotRead): void {
    const data = this.disk.read(read.snapshot);
    if (data === undefined) this.raft.reportSnapshot(read.to, 'failed');
    else this.raft.partRead(read, data.subarray(read.offset, read.offset + read.length));
  }

  get snapshotPoint(): LogStart {
    const point = this.raft.snapshotPoint();
    if (point === null) throw new Error(`${this.id} has a snapshot that waits to be applied`);
    return point;
  }

  /** Takes a snapshot of what is applied; the next output makes it the newest one. */
  takeSnapshot(id = `by ${this.id}`): Snapshot {
    const point = this.snapshotPoint;
    const data = this.status.configuration.witnesses.includes(this.id)
      ? new Uint8Array(0)
      : encodeMachine(this.applied);
    const snapshot: Snapshot = { ...point, id, bytes: data.byteLength, checksum: 0 };
    this.disk.stage({ snapshot, offset: 0, data });
    this.raft.snapshotTaken(snapshot);
    return snapshot;
  }

  /** Applies what is committed. */
  apply(): void {
    const last = this.committed.at(-1);
    // What was handed out before a snapshot took the place of the machine is part of it.
    this.applied.push(...this.committed.filter(({ index }) => index > this.#restored));
    this.committed.length = 0;
    if (last !== undefined && last.index > this.raft.status().applied) this.raft.applied(last.index);
  }

  /** Loses what was not durable, and starts again from what was. */
  restart(): void {
    this.disk.crash();
    this.committed.length = 0;
    const { snapshot = null } = this.disk.state;
    this.applied = snapshot === null ? [] : decodeMachine(this.disk.read(snapshot) ?? new Uint8Array(0));
    this.#restored = snapshot?.index ?? 0;
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
  /** Takes the output of a member, for tests that look at it. */
  readonly take?: (raft: Raft, name: string) => Ready | null;
  /** Nobody listens to what the members tell. */
  readonly isSilent?: boolean;
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
  readonly #take: (raft: Raft, name: string) => Ready | null;

  constructor(init: ClusterInit = {}) {
    const { members = ['a', 'b', 'c'], disks = {}, configuration = {} } = init;
    this.#init = init;
    this.#take = init.take ?? ((raft) => raft.ready());
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
    const { options = {}, optionsOf = {}, rules, seed = 1, drawElectionTimeout, isSilent = false } = this.#init;
    const place = this.#members.size;
    let runs = 0;
    const start = (persistent: PersistentState): Raft =>
      new Raft({
        id: node(name),
        persistent,
        random: seededRandom(seed + place + 1000 * runs++),
        options: { ...options, ...optionsOf[name] },
        ...(!isSilent && { trace: (event: TraceEvent) => this.trace.push(event) }),
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
    const take = (): Ready | null => this.#take(member.raft, name);
    for (let ready = take(); ready !== null; ready = take()) {
      this.wire.push(...member.carryOut(ready));
    }
  }

  /** A member takes a snapshot, makes it durable, and drops what it holds of the log; gives it. */
  compact(name: string, id?: string): Snapshot {
    const member = this.member(name);
    const snapshot = member.takeSnapshot(id);
    this.work(name);
    member.raft.compact();
    this.work(name);
    return snapshot;
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

  /** Begins a read, and gives its context. */
  read(name: string, consistency: ReadConsistency = 'linearizable'): number {
    const result = this.member(name).raft.readIndex(consistency);
    if (!result.accepted) throw new Error(`${name} refused: ${result.reason}`);
    return result.context;
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
