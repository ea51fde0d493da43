/**
 * The clients of a simulated group: each does one thing after the other, at whatever member it comes upon. An answer that
 * does not come, and one that says "unknown", leaves the operation open for ever; one that says "not done" is held to it
 * (S15), and one that says "done" is held to once (S14, S17). The log is the order of all writes, so whoever is answered
 * must have seen the log at least as far as everybody who was answered before it asked (S16).
 */
import { isMember } from '../core/configuration.ts';
import { type Random, seededRandom } from '../core/random.ts';
import { RaftError } from '../errors.ts';
import type { SimGroup } from './group-of-processes.ts';
import type { Plan } from './plan.ts';
import type { AppliedEffect } from './reference.ts';

/** One thing that a client asks for. Each of the callbacks is called at most once, and no more than one of them. */
export type Request<State, Command, Result> = {
  /** Nothing is known, and nothing will be. */
  readonly unknown: () => void;
} & (
  | { readonly kind: 'write'; readonly command: Command; readonly done: (result: Result) => void }
  | { readonly kind: 'read'; readonly seen: (state: State) => void }
);

/** What clients ask for. */
export interface Script<State, Command, Result> {
  /** @param id of the operation: another number for each, from 1 */
  next(random: Random, id: number, client: number): Request<State, Command, Result>;
}

interface Pending<State, Command, Result> {
  readonly client: number;
  readonly id: number;
  readonly request: Request<State, Command, Result>;
  /** Up to this index the log had been seen by somebody when the client asked. */
  readonly seen: number;
}

type Group<State, Command, Result> = SimGroup<State, Command, Result>;

const workloadStream = 4;

export class Workload<State, Command, Result> {
  readonly #group: Group<State, Command, Result>;
  readonly #random: Random;
  readonly #plan: Plan;
  readonly #script: Script<State, Command, Result>;
  /** By id, where in the log an operation took effect. */
  readonly #effects: Map<number, number> = new Map();
  readonly #notDone: Set<number> = new Set();
  readonly #open: Set<Pending<State, Command, Result>> = new Set();
  #ids = 0;
  /** The last index that an answer has shown to a client. */
  #seen = 0;
  #isOver = false;
  acknowledged = 0;

  constructor(group: Group<State, Command, Result>, plan: Plan, script: Script<State, Command, Result>) {
    this.#group = group;
    this.#plan = plan;
    this.#script = script;
    this.#random = seededRandom(plan.seed, workloadStream);
    for (let client = 1; client <= plan.clients; client++) this.#next(client);
  }

  /** No new operations are begun. */
  stop(): void {
    this.#isOver = true;
  }

  /** How many operations were begun. */
  get operations(): number {
    return this.#ids;
  }

  get openOperations(): number {
    return this.#open.size;
  }

  /** The log shows an effect that it has not shown before. Its command begins with the id of the operation. */
  effect({ command, index }: AppliedEffect): void {
    const id = Number.parseInt(command, 10);
    const before = this.#effects.get(id);
    if (before !== undefined)
      this.#group.accuse('S17', `operation ${id} took effect at ${before} and again at ${index}`);
    if (this.#notDone.has(id)) this.#group.accuse('S15', `operation ${id} was reported as not done, and took effect`);
    this.#effects.set(id, index);
  }

  #next(client: number): void {
    const wait = 1 + this.#random.below(this.#plan.thinkMs);
    this.#group.queue.after(wait, () => {
      if (!this.#isOver) this.#act(client);
    });
  }

  /** Does one operation, and then the next. */
  #act(client: number): void {
    const { configuration } = this.#group.watcher.invariants;
    const running = this.#group.processes.filter(
      ({ id, isRunning, isGone }) => isRunning && !isGone && configuration !== null && isMember(configuration, id),
    );
    // Half of all is asked of whoever believes to lead, and may be wrong.
    const believers = this.#random.below(2) === 0 ? running.filter(({ raft }) => raft?.role === 'leader') : [];
    const asked = believers.length > 0 ? believers : running;
    const process = asked[this.#random.below(Math.max(1, asked.length))];
    if (process === undefined) {
      this.#next(client);
      return;
    }
    const id = this.#ids + 1;
    const request = this.#script.next(this.#random, id, client);
    this.#ids = id;
    this.#ask(process, { client, id, request, seen: this.#seen });
  }

  #ask(process: Group<State, Command, Result>['processes'][number], pending: Pending<State, Command, Result>): void {
    this.#open.add(pending);
    let giveUp: (() => void) | null = null;
    const lost = process.crashes;
    process.run(() => {
      if (process.member?.stopped !== null) return;
      try {
        giveUp = pending.request.kind === 'write' ? this.#propose(process, pending) : this.#read(process, pending);
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        this.#failed(pending);
      }
    });
    this.#group.queue.after(this.#plan.patienceMs, () => {
      if (!this.#open.has(pending)) return;
      if (process.crashes === lost) process.run(() => giveUp?.());
      // A client whose tab is gone, or frozen, never hears of it.
      if (this.#open.has(pending)) this.#end(pending, pending.request.unknown);
    });
  }

  #propose(
    process: Group<State, Command, Result>['processes'][number],
    pending: Pending<State, Command, Result>,
  ): () => void {
    const { request } = pending;
    if (request.kind !== 'write') return () => undefined;
    const proposal = process.member?.propose(request.command, (outcome) => {
      if (outcome.kind === 'applied') this.#written(pending, () => request.done(outcome.result));
      // The machine has said no, and every member's machine the same: that is an answer.
      else if (outcome.error.code === 'REJECTED') this.#written(pending, request.unknown);
      else if (outcome.error.outcome === 'not-done') this.#failed(pending);
      else this.#end(pending, request.unknown);
    });
    return () => proposal?.withdraw(new RaftError('TIMEOUT', 'the client has no more patience'));
  }

  #read(
    process: Group<State, Command, Result>['processes'][number],
    pending: Pending<State, Command, Result>,
  ): () => void {
    const { request } = pending;
    if (request.kind !== 'read') return () => undefined;
    const consistency = this.#random.below(5) === 0 ? 'linearizable' : 'lease';
    const cancel = process.member?.read(consistency, (outcome) => {
      const { member, raft } = process;
      if (outcome.kind !== 'ready' || member === null || raft === null) this.#failed(pending);
      else this.#answered(pending, raft.appliedIndex, () => request.seen(member.state));
    });
    return () => cancel?.(new RaftError('TIMEOUT', 'the client has no more patience'));
  }

  #written(pending: Pending<State, Command, Result>, tell: () => void): void {
    if (!this.#open.has(pending)) return;
    const index = this.#effects.get(pending.id);
    if (index === undefined) {
      this.#group.accuse('S14', `operation ${pending.id} was acknowledged without an effect`);
    }
    this.#answered(pending, index, tell);
  }

  #answered(pending: Pending<State, Command, Result>, index: number, tell: () => void): void {
    if (!this.#open.has(pending)) return;
    if (index < pending.seen) {
      const what = `operation ${pending.id}, a ${pending.request.kind},`;
      this.#group.accuse(
        'S16',
        `${what} saw the log up to ${index}, and ${pending.seen} had been seen before it began`,
      );
    }
    this.#seen = Math.max(this.#seen, index);
    this.acknowledged++;
    this.#end(pending, tell);
  }

  /** It has no effect, and never will. */
  #failed(pending: Pending<State, Command, Result>): void {
    if (!this.#open.has(pending)) return;
    if (this.#effects.has(pending.id)) {
      this.#group.accuse('S15', `operation ${pending.id} took effect, and was reported as not done`);
    }
    this.#notDone.add(pending.id);
    this.#end(pending, () => undefined);
  }

  #end(pending: Pending<State, Command, Result>, tell: () => void): void {
    if (!this.#open.delete(pending)) return;
    tell();
    this.#next(pending.client);
  }
}
