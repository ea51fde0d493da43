/**
 * Clients of a group as an application has it: each asks for one thing after the other, gives up on some, waits on for the
 * outcome of others, and writes down what it saw. Where they ask is up to the test: groups in virtual time, or real tabs.
 */
import type { Random } from '../../src/core/random.ts';
import type { RaftErrorCode } from '../../src/errors.ts';
import {
  type KeyValueInput,
  type KeyValueOperation,
  type KeyValueOutput,
  keyValueModel,
  type Scalar,
} from '../../src/simulation/key-value-model.ts';
import { checkLinearizable } from '../../src/simulation/linearizability.ts';
import type { RegisterCommand } from '../../src/simulation/registers.ts';

export type Answer = { readonly kind: 'done'; readonly output: KeyValueOutput } | Failure;

export interface Failure {
  /** `not-done`: certainly without an effect. */
  readonly kind: 'not-done' | 'unknown';
  /** Null when nobody was left to tell. */
  readonly code: RaftErrorCode | null;
}

/** How long a client stays with what it asked for. */
export interface Patience {
  readonly timeoutMs: number;
  /** When it gives up by itself, in milliseconds; null for never. */
  readonly abortMs: number | null;
  /** Within which the command is to be sent, if at all. */
  readonly expiresInMs: number;
  /** It waits for the outcome also when the call has ended without one. */
  readonly waitsOn: boolean;
}

/** Where a client can ask; every promise is fulfilled in the end. */
export interface Service {
  readonly write: (command: RegisterCommand, patience: Patience) => Promise<Answer>;
  readonly read: (key: string, patience: Patience) => Promise<Answer>;
}

export interface ClientsInit {
  readonly random: Random;
  readonly clients: number;
  /** Milliseconds between the end of one operation and the next, at most. */
  readonly thinkMs: number;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Those that can be asked at this moment. */
  readonly services: () => readonly Service[];
}

const registers = ['register 1', 'register 2'];
const lists = ['list 1', 'list 2'];

export class Clients {
  /** By id. What certainly had no effect is not among them: whatever shows it cannot be explained. */
  readonly #operations = new Map<number, KeyValueOperation>();
  /** How many operations certainly had no effect. */
  notDone = 0;
  /** How many of those had not been sent in time. */
  expired = 0;
  /** How many outcomes a later run of their tab told of. */
  learned = 0;
  readonly #init: ClientsInit;
  readonly #ended: Promise<unknown>;
  /** What each operation ended with. */
  readonly #told = new Map<number, string>();
  /** What was last seen under each key, for compare-and-set to expect. */
  readonly #seen = new Map<string, Scalar | null>();
  #events = 0;
  #ids = 0;
  #isOver = false;

  constructor(init: ClientsInit) {
    this.#init = init;
    this.#ended = Promise.all(Array.from({ length: init.clients }, (_, i) => this.#work(i + 1)));
  }

  /** Nothing new is asked for; resolves when all that was asked for has ended. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
  }

  /** In the order of invocations. */
  get history(): KeyValueOperation[] {
    return [...this.#operations.values()];
  }

  /** Null when the history can be explained; else what cannot be. Lists show whatever took effect twice, twice. */
  verdict(): string | null {
    const verdict = checkLinearizable(keyValueModel, this.history);
    return verdict.verdict === 'linearizable' ? null : JSON.stringify(verdict);
  }

  async #work(client: number): Promise<void> {
    const { random, thinkMs, pause, services } = this.#init;
    for (;;) {
      await pause(1 + random.below(thinkMs));
      if (this.#isOver) return;
      const open = services();
      const service = open[random.below(Math.max(1, open.length))];
      if (service !== undefined) await this.#ask(client, service);
    }
  }

  async #ask(client: number, service: Service): Promise<void> {
    const { random } = this.#init;
    const id = ++this.#ids;
    const { key, input } = this.#draw(id);
    const patience: Patience = {
      timeoutMs: [100, 500, 3_000, 20_000][random.below(4)] ?? 0,
      abortMs: random.below(5) === 0 ? random.below(200) : null,
      expiresInMs: random.below(4) === 0 ? random.below(500) : Infinity,
      waitsOn: random.below(3) > 0,
    };
    this.#operations.set(id, { client, id, key, input, invoked: ++this.#events, output: null, returned: null });
    const isRead = input.operation === 'get';
    this.#conclude(id, await (isRead ? service.read(key, patience) : service.write({ id, key, input }, patience)));
  }

  /** A later run of the tab tells what came of a command, of which its client was told that it is unknown. */
  learn(id: number, answer: Answer): void {
    if (answer.kind !== 'unknown') this.learned++;
    this.#conclude(id, answer);
  }

  #conclude(id: number, answer: Answer): void {
    if (answer.kind === 'unknown') return;
    const told = JSON.stringify(answer.kind === 'done' ? { output: answer.output } : 'not done');
    const before = this.#told.get(id);
    // A tab that was cut off before its outbox forgot a command tells of its outcome again, in its next run.
    if (before !== undefined) {
      if (before !== told) throw new Error(`operation ${id} ended with ${told}, and before with ${before}`);
      return;
    }
    this.#told.set(id, told);
    const operation = this.#operations.get(id);
    if (operation === undefined) throw new Error(`nobody has asked for operation ${id}`);
    if (answer.kind === 'done') {
      this.#done(operation, answer.output);
    } else {
      this.notDone++;
      if (answer.code === 'EXPIRED') this.expired++;
      this.#operations.delete(id);
    }
  }

  #done(operation: KeyValueOperation, output: KeyValueOutput): void {
    const { id, key, input } = operation;
    this.#operations.set(id, { ...operation, output, returned: ++this.#events });
    if (input.operation === 'get') this.#seen.set(key, typeof output === 'number' ? output : null);
    else if (output !== false) this.#seen.set(key, id);
  }

  #draw(id: number): { readonly key: string; readonly input: KeyValueInput } {
    const { random } = this.#init;
    const isList = random.below(2) === 0;
    const keys = isList ? lists : registers;
    const key = keys[random.below(keys.length)] ?? '';
    if (random.below(3) === 0) return { key, input: { operation: 'get', value: null } };
    if (isList) return { key, input: { operation: 'append', value: id } };
    const seen = this.#seen.get(key) ?? null;
    if (random.below(2) === 0) {
      return { key, input: { operation: 'cas', value: [seen, id] } };
    }
    return { key, input: { operation: 'put', value: id } };
  }
}
