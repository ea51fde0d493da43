/** A group as an application has it in its hands: the public face of one member. */
import type { NodeId } from '../core/types.ts';
import { RaftError } from '../errors.ts';
import type { Clock } from '../group/clock.ts';
import type { LogEntry } from '../group/member-status.ts';
import type { Cancel } from '../group/proposals.ts';
import type { Access } from '../identity/access.ts';
import { encodeInvite } from '../identity/invite.ts';
import type { GroupId } from '../ids.ts';
import type { GroupRecord } from '../storage/database.ts';
import type { GroupDiagnosis } from '../transport/transport.ts';
import { Calls } from './calls.ts';
import type { HostedGroup, HostedGroupListener, HostedGroupStatus } from './hosted-group.ts';
import { Members } from './members.ts';

export type GroupStatus = HostedGroupStatus;

export interface GroupEvents<State> {
  /** The state is another one. */
  state: State;
  /** Something in `status()` is different. */
  status: GroupStatus;
  /** This member takes no further part, and why. The last event. */
  stopped: RaftError;
}

export interface ProposeOptions {
  /**
   * Milliseconds to wait for the outcome, counted from the call; Infinity to wait for ever. Left out, it is 10,000, counted
   * from the founding of the group if that comes later.
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const defaultTimeoutMs = 10_000;
const checkTimeoutsMs = 100;

type Listeners<State> = {
  readonly [Event in keyof GroupEvents<State>]: Set<(value: GroupEvents<State>[Event]) => void>;
};

interface Waiting {
  readonly timeoutMs: number | undefined;
  /** When the time began to run; null while it has not. */
  since: number | null;
  readonly expire: (waitedMs: number) => void;
}

/** What a group asks of its host. */
export interface GroupActions {
  /** The group is not open in this tab any more. */
  readonly leave: () => void;
  /** Nor is it to be remembered. */
  readonly forget: () => void;
  readonly diagnose: () => Promise<GroupDiagnosis>;
}

export class Group<State, Command, Result> {
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
  readonly #listeners: Listeners<State> = { state: new Set(), status: new Set(), stopped: new Set() };
  /** Calls that end when their time is over. */
  readonly #waiting = new Set<Waiting>();
  #stopChecking: (() => void) | null = null;
  #hosted: HostedGroup<State, Command, Result> | null = null;
  #hasStopped = false;
  readonly #untold = new Set<keyof GroupEvents<State>>();

  constructor(record: GroupRecord & { readonly readOnlyAccess: Access }, clock: Clock, actions: GroupActions) {
    this.id = record.group;
    this.memberId = record.member;
    this.invite = encodeInvite(record);
    this.readOnlyInvite = encodeInvite({ ...record, access: record.readOnlyAccess });
    this.#clock = clock;
    this.#actions = actions;
    this.members = new Members(() => this.#here, new Calls(clock, () => this.#here.isFounded));
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
      this.#tell('state', () => this.state);
    },
    statusChanged: () => {
      this.#statusChanged();
    },
  };

  /** For the host: what is behind this group. */
  attach(hosted: HostedGroup<State, Command, Result>): void {
    this.#hosted = hosted;
  }

  get #here(): HostedGroup<State, Command, Result> {
    if (this.#hosted === null) throw new Error('the group has no member yet');
    return this.#hosted;
  }

  /** The state as far as this member has applied the log: the same object until it changes. */
  get state(): State {
    return this.#here.state;
  }

  status(): GroupStatus {
    return this.#here.status();
  }

  /**
   * Why are we not connected, for each host of the group that was seen: no signaling, no candidates, ICE failed, handshake
   * refused, another version. For those that we are connected to: the way of the bytes, its round trip, and how many.
   */
  diagnose(): Promise<GroupDiagnosis> {
    return this.#actions.diagnose();
  }

  /** The last entries of this member's log, in order; for tools and demonstrations. */
  log(count: number): LogEntry<Command>[] {
    return this.#here.logTail(count);
  }

  /**
   * Calls back with the state, now and after each change, until the function that it returns is called: the contract of
   * a Svelte store, and good for React's `useSyncExternalStore`.
   */
  subscribe(listener: (state: State) => void): () => void {
    const unsubscribe = this.on('state', listener);
    listener(this.state);
    return unsubscribe;
  }

  /** Calls back on each event of a kind, until the function that it returns is called. */
  on<Event extends keyof GroupEvents<State>>(
    event: Event,
    listener: (value: GroupEvents<State>[Event]) => void,
  ): () => void {
    // A listener that is given twice is called twice.
    const own = (value: GroupEvents<State>[Event]): void => {
      listener(value);
    };
    this.#listeners[event].add(own);
    // Whoever comes late to the last event hears of it all the same.
    if (event === 'stopped' && this.#hasStopped) {
      this.#clock.defer(() => {
        own(this.#here.stopped as GroupEvents<State>[Event]);
      });
    }
    return () => this.#listeners[event].delete(own);
  }

  /**
   * Proposes a command, from whichever member. Resolves with the machine's result once the command is committed and
   * applied here; takes effect exactly once, and in the order in which this member proposed. Rejects with a RaftError
   * whose `outcome` is `not-done` or `unknown`:
   *
   * - REJECTED (not-done): the machine threw
   * - TIMEOUT, ABORTED, CLOSED, STORAGE_FAILED, INVARIANT_VIOLATED: `not-done` if the command was never sent; `unknown` if
   *   it was, and may still take effect
   * - BUSY, TOO_LARGE, INVALID_ARGUMENT, GROUP_FULL (not-done): refused
   */
  async propose(command: Command, { timeoutMs, signal }: ProposeOptions = {}): Promise<Result> {
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw new RaftError('INVALID_ARGUMENT', `timeoutMs must be a number of milliseconds, not ${timeoutMs}`);
    }
    if (signal?.aborted === true) throw abortError(signal);
    let cancel: Cancel = () => undefined;
    const outcome = new Promise<Result>((resolve, reject) => {
      cancel = this.#here.propose(command, (settled) => {
        if (settled.kind === 'applied') resolve(settled.result);
        else reject(settled.error);
      });
    });
    const onAbort = (): void => {
      cancel('ABORTED', 'the call was given up');
    };
    const waiting: Waiting = {
      timeoutMs,
      since: timeoutMs === undefined && !this.#here.isFounded ? null : this.#clock.now(),
      expire: (waited) => {
        cancel('TIMEOUT', `there was no outcome within ${waited} ms`);
      },
    };
    signal?.addEventListener('abort', onAbort);
    this.#wait(waiting);
    try {
      return await outcome;
    } finally {
      this.#stopWaiting(waiting);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.#stopChecking ??= this.#clock.every(checkTimeoutsMs, () => {
      const now = this.#clock.now();
      for (const one of [...this.#waiting]) {
        if (one.since === null && this.#here.isFounded) one.since = now;
        const limit = one.timeoutMs ?? defaultTimeoutMs;
        if (one.since !== null && now - one.since >= limit) one.expire(limit);
      }
    });
  }

  #stopWaiting(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0) return;
    this.#stopChecking?.();
    this.#stopChecking = null;
  }

  /** Leaves the group's work to the others. This member keeps what it has, and can be opened again. */
  close(): void {
    this.#here.stop(new RaftError('CLOSED', 'the group was closed in this tab'));
  }

  #statusChanged(): void {
    if (this.#hosted === null || this.#hasStopped) return;
    const { stopped } = this.#hosted;
    this.#tell('status', () => this.status());
    if (stopped === null) return;
    this.#hasStopped = true;
    this.#tell('stopped', () => stopped);
  }

  /** Calls the listeners once the present event is dealt with, however often the same is to be told until then. */
  #tell<Event extends keyof GroupEvents<State>>(event: Event, value: () => GroupEvents<State>[Event]): void {
    if (this.#hosted === null || this.#listeners[event].size === 0 || this.#untold.has(event)) return;
    this.#untold.add(event);
    this.#clock.defer(() => {
      this.#untold.delete(event);
      const current = value();
      for (const listener of [...this.#listeners[event]]) {
        try {
          listener(current);
        } catch (error) {
          // A listener that throws must not keep the others from their work: the error goes where uncaught ones go.
          this.#clock.defer(() => {
            throw error;
          });
        }
      }
    });
  }
}

function abortError(signal: AbortSignal): RaftError {
  return new RaftError('ABORTED', 'the call was given up before it began', { cause: signal.reason });
}
