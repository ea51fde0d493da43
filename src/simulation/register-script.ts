/**
 * What the clients of the register machine ask for: writes, comparisons, appends and reads of a few keys, each written
 * down with what came of it, for the linearizability checker.
 */
import type { Random } from '../core/random.ts';
import type { Operation } from './history.ts';
import type { KeyValueInput, KeyValueOutput } from './key-value-model.ts';
import type { RegisterCommand, Registers } from './registers.ts';
import type { Request, Script } from './workload.ts';

export class RegisterScript implements Script<Registers, RegisterCommand, KeyValueOutput> {
  readonly history: Operation<KeyValueInput, KeyValueOutput>[] = [];
  readonly #keys: number;
  #clock = 0;

  /** @param keys how many there are of each type */
  constructor(keys: number) {
    this.#keys = keys;
  }

  next(random: Random, id: number, client: number): Request<Registers, RegisterCommand, KeyValueOutput> {
    const { key, input } = this.#draw(random, id);
    const invoked = ++this.#clock;
    const unknown = (): void => {
      this.history.push({ client, id, key, input, invoked, output: null, returned: null });
    };
    const done = (output: KeyValueOutput): void => {
      this.history.push({ client, id, key, input, invoked, output, returned: ++this.#clock });
    };
    if (input.operation !== 'get') return { kind: 'write', command: { id, key, input }, done, unknown };
    return { kind: 'read', seen: ({ values }) => done(values[key] ?? null), unknown };
  }

  /** The id of the operation is the value that it writes. */
  #draw(random: Random, id: number): { readonly key: string; readonly input: KeyValueInput } {
    const key = random.below(this.#keys);
    const choice = random.below(10);
    if (choice === 0) return { key: `list${key}`, input: { operation: 'get', value: null } };
    if (choice === 1) return { key: `list${key}`, input: { operation: 'append', value: id } };
    if (choice < 5) return { key: `key${key}`, input: { operation: 'get', value: null } };
    if (choice < 8) return { key: `key${key}`, input: { operation: 'put', value: id } };
    const seen = Math.max(1, id - 1 - random.below(8));
    return { key: `key${key}`, input: { operation: 'cas', value: [seen, id] } };
  }
}
