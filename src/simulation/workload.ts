/**
 * The clients of a simulated group: each does one thing after the other, at whatever member it comes upon, and writes down
 * what it asked and what it was told. An answer that does not come, and one that says "unknown", leaves the operation
 * open for ever; one that says "not done" is held to it (S15), and one that says "done" is held to once (S14, S17).
 */
import { type Random, seededRandom } from '../core/random.ts';
import { RaftError } from '../errors.ts';
import type { SimGroup } from './group-of-processes.ts';
import type { Operation } from './history.ts';
import type { KeyValueInput, KeyValueOutput } from './key-value-model.ts';
import type { Plan } from './plan.ts';
import type { AppliedEffect } from './reference.ts';
import type { RegisterCommand, Registers } from './registers.ts';

type Group = SimGroup<Registers, RegisterCommand, KeyValueOutput>;

interface Pending {
  readonly client: number;
  readonly id: number;
  readonly key: string;
  readonly input: KeyValueInput;
  readonly invoked: number;
}

const workloadStream = 4;

export class Workload {
  readonly #group: Group;
  readonly #random: Random;
  readonly #plan: Plan;
  readonly history: Operation<KeyValueInput, KeyValueOutput>[] = [];
  /** By id, where in the log an operation took effect. */
  readonly #effects: Map<number, number> = new Map();
  readonly #notDone: Set<number> = new Set();
  readonly #open: Set<Pending> = new Set();
  #clock = 0;
  #ids = 0;
  #isOver = false;
  acknowledged = 0;

  constructor(group: Group, plan: Plan) {
    this.#group = group;
    this.#plan = plan;
    this.#random = seededRandom(plan.seed, workloadStream);
    for (let client = 1; client <= plan.clients; client++) this.#next(client);
  }

  /** No new operations are begun. */
  stop(): void {
    this.#isOver = true;
  }

  get openOperations(): number {
    return this.#open.size;
  }

  /** The log shows an effect that it has not shown before. */
  effect({ command, index }: AppliedEffect): void {
    const id = Number(command);
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
    const running = this.#group.processes.filter(({ isRunning, isGone }) => isRunning && !isGone);
    const process = running[this.#random.below(Math.max(1, running.length))];
    if (process === undefined) {
      this.#next(client);
      return;
    }
    this.perform(client, process, this.#draw());
  }

  #draw(): { readonly key: string; readonly input: KeyValueInput } {
    const key = this.#random.below(this.#plan.keys);
    const value = this.#ids + 1;
    const choice = this.#random.below(10);
    if (choice < 2)
      return { key: `list${key}`, input: { operation: choice === 0 ? 'get' : 'append', value } as KeyValueInput };
    if (choice < 5) return { key: `key${key}`, input: { operation: 'get', value: null } };
    if (choice < 8) return { key: `key${key}`, input: { operation: 'put', value } };
    const seen = Math.max(1, this.#ids - this.#random.below(8));
    return { key: `key${key}`, input: { operation: 'cas', value: [seen, value] } };
  }

  /** Asks a process for one thing. */
  perform(
    client: number,
    process: Group['processes'][number],
    { key, input }: { readonly key: string; readonly input: KeyValueInput },
  ): void {
    const asked: KeyValueInput = input.operation === 'get' ? { operation: 'get', value: null } : input;
    const pending: Pending = { client, id: ++this.#ids, key, input: asked, invoked: ++this.#clock };
    this.#open.add(pending);
    const { patienceMs } = this.#plan;
    let giveUp: (() => void) | null = null;
    const lost = process.crashes;
    process.run(() => {
      const { member } = process;
      if (member === null || member.stopped !== null) return;
      giveUp = asked.operation === 'get' ? this.#read(process, pending) : this.#propose(process, pending);
    });
    this.#group.queue.after(patienceMs, () => {
      if (!this.#open.has(pending)) return;
      if (process.crashes === lost) process.run(() => giveUp?.());
      // A client whose tab is gone, or frozen, never hears of it.
      if (this.#open.has(pending)) this.#settle(pending, null);
    });
  }

  #propose(process: Group['processes'][number], pending: Pending): () => void {
    const { id, key, input } = pending;
    try {
      const cancel = process.member?.propose({ id, key, input }, (outcome) => {
        if (outcome.kind === 'applied') this.#settle(pending, { output: outcome.result });
        else if (outcome.error.outcome === 'not-done') this.#failed(pending);
        else this.#settle(pending, null);
      });
      return () => cancel?.('TIMEOUT', 'the client has no more patience');
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#failed(pending);
      return () => undefined;
    }
  }

  #read(process: Group['processes'][number], pending: Pending): () => void {
    const consistency = this.#random.below(2) === 0 ? 'lease' : 'linearizable';
    try {
      const cancel = process.member?.read(consistency, (outcome) => {
        const { member } = process;
        if (outcome.kind === 'ready' && member !== null) {
          this.#settle(pending, { output: member.state.values[pending.key] ?? null });
        } else {
          this.#failed(pending);
        }
      });
      return () => cancel?.(new RaftError('TIMEOUT', 'the client has no more patience'));
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#failed(pending);
      return () => undefined;
    }
  }

  /** @param answer null when there is none, and never will be */
  #settle(pending: Pending, answer: { readonly output: KeyValueOutput } | null): void {
    if (!this.#open.delete(pending)) return;
    if (answer === null) {
      this.history.push({ ...pending, output: null, returned: null });
    } else {
      this.acknowledged++;
      if (pending.input.operation !== 'get' && !this.#effects.has(pending.id)) {
        this.#group.accuse('S14', `operation ${pending.id} was acknowledged without an effect`);
      }
      this.history.push({ ...pending, output: answer.output, returned: ++this.#clock });
    }
    this.#next(pending.client);
  }

  #failed(pending: Pending): void {
    if (!this.#open.delete(pending)) return;
    if (this.#effects.has(pending.id)) {
      this.#group.accuse('S15', `operation ${pending.id} took effect, and was reported as not done`);
    }
    this.#notDone.add(pending.id);
    this.#next(pending.client);
  }
}
