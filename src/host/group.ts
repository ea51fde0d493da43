/** A group as an application has it in its hands: the public face of one member. */
import type { Index, NodeId } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import type { LogEntry } from '../group/member-status.ts';
import type { GroupId } from '../ids.ts';
import type { CommittedCommand } from '../machine/replicated.ts';
import type { GroupDiagnosis } from '../transport/transport.ts';
import { throwIfAborted, unlessAborted } from './abort.ts';
import { type CallOptions, Calls } from './calls.ts';
import { Conditions } from './conditions.ts';
import { type CommandsOptions, followCommands } from './commands.ts';
import { Closable } from './dispose.ts';
import type { GroupMember } from './group-member.ts';
import { GroupPresence } from './group-presence.ts';
import type { HostedGroupListener } from './hosted-group.ts';
import { Members } from './members.ts';
import type { Presence } from './presence.ts';
import type { PresenceDefinition } from './presence-definition.ts';
import { type CommandOptions, type PendingCommand, type Proposed, Proposing } from './proposing.ts';
import { type ReadOptions, Reading, type ReadResult } from './reading.ts';
import { selected } from './select.ts';
import { callGuarded, type ReadableStore, Source } from './source.ts';
import { groupStatus, type GroupStatus, QuorumWatch } from './status.ts';
import type { GroupMetrics } from './traffic.ts';

export interface GroupEvents<State, Command, Result> {
  /** The state is another one. */
  state: State;
  /** `optimistic` is another one. */
  optimistic: State;
  /** `pending` is another list. */
  pending: readonly PendingCommand<Command, Result>[];
  /** Something in `status()` is different. */
  status: GroupStatus;
  /** ROOM_CONFLICT: there is another group under the name of this one's room, which it is not merged with. */
  conflict: RaftError;
  /** This member takes no further part, and why. The last event. */
  stopped: RaftError;
}

/** Groups in conflict that are remembered: whoever knows a room's name can claim any number of them. */
const maxConflicts = 8;

export interface SelectOptions<Part> {
  /** Whether two parts are as good as the same: then the earlier one stays. `Object.is`, if you do not say. */
  readonly isEqual?: (one: Part, other: Part) => boolean;
  /** A part of `optimistic`, and not of `state`. */
  readonly optimistic?: boolean;
}

/** What a group asks of its host. */
export interface GroupActions {
  /** The group is not open in this tab any more. */
  readonly leave: () => void;
  /** Nor is it to be remembered. */
  readonly forget: () => void;
  readonly diagnose: () => Promise<GroupDiagnosis>;
}

export interface GroupInit<Value> {
  readonly id: GroupId;
  readonly memberId: NodeId;
  readonly invite: string;
  readonly readOnlyInvite: string;
  readonly clock: Clock;
  readonly presence: PresenceDefinition<Value>;
  readonly actions: GroupActions;
}

export class Group<State, Command, Result, Value = unknown> extends Closable {
  readonly id: GroupId;
  /** This member's id. */
  readonly memberId: NodeId;
  /** Whoever has it can join: a URL fragment, as in `location.hash = group.invite`. As much as this tab was given. */
  readonly invite: string;
  /** Whoever has it can read along, and nothing else. */
  readonly readOnlyInvite: string;
  /** Who is in the group, and what becomes of them. */
  readonly members: Members;
  readonly #clock: Clock;
  readonly #actions: GroupActions;
  readonly #presenceDefinition: PresenceDefinition<Value>;
  readonly #conditions = new Conditions(() => this.#here.refusal);
  readonly #proposing: Proposing<Command, Result>;
  readonly #reading: Reading<State>;
  readonly #sources: {
    readonly state: Source<State>;
    readonly optimistic: Source<State>;
    readonly pending: Source<readonly PendingCommand<Command, Result>[]>;
    readonly status: Source<GroupStatus>;
    readonly conflict: Source<RaftError | null>;
    readonly stopped: Source<RaftError | null>;
  };
  /** The other groups under the name of this one's room. */
  readonly #conflicts = new Map<GroupId, RaftError>();
  #member: GroupMember<State, Command, Result> | null = null;
  #presence: Presence<Value> | null = null;
  #status: GroupStatus | null = null;
  readonly #quorum: QuorumWatch;
  #isOver = false;

  constructor({ id, memberId, invite, readOnlyInvite, clock, presence, actions }: GroupInit<Value>) {
    super();
    this.id = id;
    this.memberId = memberId;
    this.invite = invite;
    this.readOnlyInvite = readOnlyInvite;
    this.#clock = clock;
    this.#quorum = new QuorumWatch(clock);
    this.#actions = actions;
    this.#presenceDefinition = presence;
    const member = (): GroupMember<State, Command, Result> => this.#here;
    const calls = new Calls(clock, () => this.#here.isFounded);
    const changed = (): void => {
      this.#changed();
    };
    this.#proposing = new Proposing({ member, calls, changed });
    this.members = new Members(member, calls);
    this.#reading = new Reading({ member, calls, conditions: this.#conditions });
    this.#sources = {
      state: new Source(() => this.#here.state, clock),
      optimistic: new Source(() => this.optimistic, clock),
      pending: new Source(() => this.#proposing.pending, clock),
      status: new Source(() => this.status(), clock),
      conflict: new Source(() => [...this.#conflicts.values()].at(-1) ?? null, clock),
      stopped: new Source(() => this.#here.stopped, clock),
    };
  }

  /** For the host: what it tells this group. */
  readonly listener: HostedGroupListener = {
    excluded: () => {
      this.#actions.forget();
    },
    stopped: () => {
      this.#actions.leave();
    },
    stateChanged: () => {
      this.#changed();
    },
    statusChanged: () => {
      this.#changed();
    },
  };

  /** For the host: what is behind this group. */
  attach(member: GroupMember<State, Command, Result>): void {
    this.#member = member;
    this.#proposing.adopt(member.restored);
    this.#presence = new GroupPresence({
      id: this.memberId,
      clock: this.#clock,
      definition: this.#presenceDefinition,
      mechanism: member.presence,
    });
  }

  /** For the room: another group was founded under its name. */
  conflictsWith(other: GroupId): void {
    if (this.#conflicts.has(other) || this.#conflicts.size >= maxConflicts) return;
    const message =
      `another group, ${other}, was founded under the name of the room of this one, ${this.id}: nothing is shared ` +
      'between them; close one, and open the other by its id';
    this.#conflicts.set(other, new RaftError('ROOM_CONFLICT', message, { cause: [this.id, other] }));
    this.#changed();
  }

  get #here(): GroupMember<State, Command, Result> {
    if (this.#member === null) throw new Error('the group has no member yet');
    return this.#member;
  }

  #changed(): void {
    if (this.#member === null) return;
    this.#status = null;
    this.#quorum.look(this.#member.hasQuorum);
    if (this.#isOver) return;
    this.#isOver = this.#member.stopped !== null;
    for (const source of Object.values(this.#sources)) source.touch();
    this.#conditions.check();
  }

  /** The state as far as this member has applied the log: the same object until it changes. */
  get state(): State {
    return this.#here.state;
  }

  /**
   * The state as it would be if what is pending here were committed next, in its order: what a user who is to see at once
   * what he did should see. The same object until it changes; worked out when somebody looks. A pending command that the
   * machine would reject as things stand does nothing here. Place, time and random numbers that the machine is told of are
   * likely ones: they are others when the command is committed.
   * @throws RaftError NOT_SUPPORTED for a byte machine without `fork`
   */
  get optimistic(): State {
    return this.#here.optimistic;
  }

  /** What was proposed here and has no outcome yet, in the order of proposing: the same list until it is another one. */
  get pending(): readonly PendingCommand<Command, Result>[] {
    return this.#proposing.pending;
  }

  /**
   * What this tab had proposed before it was loaded, and had no outcome then, in the order of proposing: what the outbox held
   * when the group was opened. Each can be followed to its outcome, also if that was known before anybody looked. Those whose
   * outcome is open are in `pending` as well.
   */
  get restored(): readonly PendingCommand<Command, Result>[] {
    return this.#proposing.restored;
  }

  /** Who is here, and what they show of themselves: beside the log, and gone with whoever shows it. From the first link on. */
  get presence(): Presence<Value> {
    if (this.#presence === null) throw new Error('the group has no member yet');
    return this.#presence;
  }

  /** How the group is doing, as this member sees it: the same object until something in it is different. */
  status(): GroupStatus {
    if (this.#status === null) {
      const here = this.#here;
      const quorum = this.#quorum.look(here.hasQuorum);
      this.#status = groupStatus(here.status(), quorum, here.isMajorityLinked, [...this.#conflicts.keys()]);
    }
    return this.#status;
  }

  /**
   * What this tab has counted of the group since it was opened here: counters, gauges and histograms, as plain data that JSON
   * takes. It costs a few numbers for each command, and a copy of them for each call.
   */
  metrics(): GroupMetrics {
    return this.#here.metrics();
  }

  /**
   * Why are we not connected, for each host of the group that was seen: no signaling, no candidates, ICE failed, handshake
   * refused, another version. For those that we are connected to: the way of the bytes, its round trip, and how many.
   */
  async diagnose({ signal }: Pick<CallOptions, 'signal'> = {}): Promise<GroupDiagnosis> {
    throwIfAborted(signal);
    return unlessAborted(signal, this.#actions.diagnose());
  }

  /** The last entries of this member's log, in order; for tools and demonstrations. */
  log(count: number): LogEntry<Command>[] {
    return this.#here.logTail(count);
  }

  /** `state`, as a function that can be given away: with `subscribe` it is what React's `useSyncExternalStore` takes. */
  readonly getSnapshot: () => State = () => this.state;

  /**
   * Calls back with the state, now and after each change, until the function that it returns is called: a group is a Svelte
   * store. It can be given away.
   */
  readonly subscribe: (listener: (state: State) => void) => () => void = (listener) =>
    this.select((state) => state).subscribe(listener);

  /**
   * A part of the state as a store of its own, whose listeners are called when that part is another one. Keep it: each has
   * its own memory of the part that it last gave.
   * @param selector gives the part; depends on nothing but its argument
   */
  select<Part>(selector: (state: State) => Part, options: SelectOptions<Part> = {}): ReadableStore<Part> {
    const { state, optimistic } = this.#sources;
    return selected(options.optimistic === true ? optimistic : state, selector, options.isEqual);
  }

  /** Calls back on each event of a kind, until the function that it returns is called. */
  on<Event extends keyof GroupEvents<State, Command, Result>>(
    event: Event,
    listener: (value: GroupEvents<State, Command, Result>[Event]) => void,
  ): () => void;
  on(event: keyof GroupEvents<State, Command, Result>, listener: (value: never) => void): () => void {
    const call = listener as (value: unknown) => void;
    // Whoever comes late to what does not change any more hears of it all the same.
    const value = event === 'stopped' || event === 'conflict' ? this.#sources[event].value : null;
    if (value !== null) {
      this.#clock.defer(() => {
        callGuarded(this.#clock, call, value);
      });
    }
    return this.#sources[event].on(call);
  }

  /**
   * Proposes a command, from whichever member. Resolves with the machine's result once the command is committed and
   * applied here; takes effect exactly once, and in the order in which this member proposed. Rejects with a RaftError
   * whose `outcome` is `not-done` or `unknown`:
   *
   * - REJECTED (not-done): the machine threw
   * - TIMEOUT, ABORTED: `not-done` if the command was never sent, which withdraws it; `unknown` if it was, and may still
   *   take effect: `settled` of the promise, and of the error, tells when it is known. In a group with an outbox a time-out
   *   withdraws nothing: the command waits there (`unknown`)
   * - EXPIRED (not-done): the command was not sent within `expiresInMs`
   * - CLOSED, and whatever else stops this member: `not-done` if the command was never sent; `unknown` if it was, or is in
   *   the outbox
   * - SESSION_FORGOTTEN (unknown): this member was away for too long
   * - QUOTA_EXCEEDED (not-done): the outbox found no room for it; or this member has stopped for that reason
   * - BUSY, TOO_LARGE, INVALID_ARGUMENT, READ_ONLY, GROUP_FULL, VERSION_NOT_IN_FORCE (not-done): refused
   */
  propose(command: Command, options: CommandOptions = {}): Proposed<Result> {
    return this.#proposing.propose(command, options);
  }

  /**
   * Moves the group to the version of this code's machine, from whichever member. Resolves once that is committed, and the
   * state migrated here; at once done when the group runs that version already. Members whose code is older apply nothing from
   * there on, and say UPGRADE_REQUIRED. Takes its place among what this member has proposed, and rejects as `propose` does: with
   * REJECTED when a machine's `migrate` throws. It is no command: `pending`, `restored` and `commands` do not show it. In a
   * group with an outbox it waits there like one.
   */
  upgrade(options: CallOptions = {}): Proposed<void> {
    return this.#proposing.upgrade(options);
  }

  /**
   * Reads the state, or what a selector makes of it, and tells the index that the answer reflects. See `ReadOptions` for how
   * fresh it is. Rejects with a RaftError: TIMEOUT, ABORTED, BUSY, NOT_SUPPORTED on a witness, or why the member stopped;
   * or with what the selector throws.
   */
  read(selector?: undefined, options?: ReadOptions): Promise<ReadResult<State>>;
  read<Value>(selector: (state: State) => Value, options?: ReadOptions): Promise<ReadResult<Value>>;
  read(
    selector: (state: State) => unknown = (state) => state,
    options: ReadOptions = {},
  ): Promise<ReadResult<unknown>> {
    return this.#reading.read(selector, options);
  }

  /**
   * Resolves once this tab's state reflects everything that was committed anywhere before the call; with the index that it
   * has come to. Rejects as `read` does.
   */
  async barrier(options: CallOptions = {}): Promise<Index> {
    return (await this.#reading.read(() => null, options)).index;
  }

  /**
   * Resolves once this tab's state reflects the log up to an index, for example that of another tab's `read`; with the index
   * that it has come to. Rejects with a RaftError: INVALID_ARGUMENT, TIMEOUT, ABORTED, or why the member stopped.
   */
  waitFor(index: Index, options: CallOptions = {}): Promise<Index> {
    return this.#reading.waitFor(index, options);
  }

  /**
   * Committed commands one after the other, each once, with what came of it: those that were applied or rejected here from an
   * index on, and then those that will be. To follow a state from where it is, read it and go on behind its index:
   *
   *     const { value, index } = await group.read();
   *     for await (const { command } of group.commands({ from: index + 1 })) { ... }
   *
   * Nothing is queued: this member keeps its last 10,000 commands, or 8 MiB of them with their results, since it was opened or
   * was brought up to date by a snapshot. Whoever asks for an earlier one, or falls behind so far, gets COMPACTED with the
   * `firstIndex` that there is. Ends when the group is closed here. Throws RaftError ABORTED, COMPACTED, INVALID_ARGUMENT, or
   * why this member cannot go on.
   */
  commands(options: CommandsOptions = {}): AsyncIterableIterator<CommittedCommand<Command, Result>> {
    return followCommands({ member: () => this.#here, conditions: this.#conditions }, options);
  }

  /** Leaves the group's work to the others. This member keeps what it has, and can be opened again. */
  close(): void {
    this.#here.stop(new RaftError('CLOSED', 'the group was closed in this tab'));
  }
}
