/**
 * What the clients of a run saw: one record for each operation, with the interval in which it must have taken effect.
 * As JSON lines it leaves the simulator, so that anybody can check a run with a tool of their own.
 *
 * An operation that certainly had no effect (refused, withdrawn before it was sent) is not part of a history. One without
 * an answer is: it may have taken effect at any moment since its invocation, may do so later, or never.
 */
import { RaftError } from '../errors.ts';

/** Whatever JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

interface Invocation<Input> {
  readonly client: number;
  /** Told apart by this among the operations of its client. */
  readonly id: number;
  readonly key: string;
  readonly input: Input;
  /** When the client asked. This and `returned` are numbers of events: all of one history differ, and a later event has
   * the greater one. */
  readonly invoked: number;
}

/** The client got an answer. */
export interface CompletedOperation<Input, Output> extends Invocation<Input> {
  readonly output: Output;
  readonly returned: number;
}

/** The client got no answer. */
export interface UnknownOperation<Input> extends Invocation<Input> {
  readonly output: null;
  readonly returned: null;
}

export type Operation<Input, Output> = CompletedOperation<Input, Output> | UnknownOperation<Input>;

/** An input that a line can tell: the name of the operation and what was handed to it (null for nothing). */
export interface NamedInput {
  readonly operation: string;
  readonly value: Json;
}

/** Which operations a history may have, for its parser. */
export interface HistoryForm<Input extends NamedInput, Output extends Json> {
  isInput(input: NamedInput): input is NamedInput & Input;
  isOutput(output: Json): output is Output & Json;
}

/**
 * One JSON object for each operation, in the order given: `client`, `id`, `operation`, `key`, `value`, `result`,
 * `invoked`, `returned`, always in this order. `returned` is null where the outcome is unknown, and then `result` is too.
 */
export function historyLines(history: readonly Operation<NamedInput, Json>[]): string[] {
  return history.map(({ client, id, key, input, output, invoked, returned }) =>
    JSON.stringify({
      client,
      id,
      operation: input.operation,
      key,
      value: input.value,
      result: output,
      invoked,
      returned,
    }),
  );
}

/**
 * Reads what `historyLines` wrote; empty lines and further fields are passed over.
 *
 * @throws RaftError `INVALID_ARGUMENT` that names the line and the field at fault
 */
export function parseHistory<Input extends NamedInput, Output extends Json>(
  lines: Iterable<string>,
  form: HistoryForm<Input, Output>,
): Operation<Input, Output>[] {
  const history: Operation<Input, Output>[] = [];
  let number = 0;
  for (const line of lines) {
    number++;
    if (line.trim() !== '') history.push(parseLine(line, number, form));
  }
  assertWellFormed(history);
  return history;
}

/**
 * Holds a history to what it says of itself: every event has a number of its own, and an operation returns after it was
 * invoked.
 *
 * @throws RaftError `INVALID_ARGUMENT` that names the operation at fault
 */
export function assertWellFormed(history: readonly Operation<unknown, unknown>[]): void {
  const events = new Set<number>();
  for (const { client, id, invoked, returned } of history) {
    const name = `operation ${id} of client ${client}`;
    for (const event of returned === null ? [invoked] : [invoked, returned]) {
      if (!Number.isFinite(event)) throw invalid(`${name} has the time ${event}; times are finite numbers`);
      if (events.has(event)) throw invalid(`${name} has the time ${event}, which is taken; no two events share one`);
      events.add(event);
    }
    if (returned !== null && returned < invoked) {
      throw invalid(`${name} returned at ${returned}, before it was invoked at ${invoked}`);
    }
  }
}

function parseLine<Input extends NamedInput, Output extends Json>(
  line: string,
  number: number,
  form: HistoryForm<Input, Output>,
): Operation<Input, Output> {
  const fields = parseObject(line, number);
  const take = (name: string): Json => {
    const value = fields[name];
    if (value === undefined) throw invalid(`line ${number} has no field "${name}"`);
    return value;
  };
  const takeNumber = (name: string): number => {
    const value = take(name);
    if (typeof value !== 'number') throw invalid(`line ${number}: "${name}" is no number`);
    return value;
  };
  const takeText = (name: string): string => {
    const value = take(name);
    if (typeof value !== 'string') throw invalid(`line ${number}: "${name}" is no text`);
    return value;
  };

  const input: NamedInput = { operation: takeText('operation'), value: take('value') };
  if (!form.isInput(input)) {
    throw invalid(
      `line ${number}: no operation "${input.operation}" takes the "value" ${JSON.stringify(input.value)} here`,
    );
  }
  const invocation = {
    client: takeNumber('client'),
    id: takeNumber('id'),
    key: takeText('key'),
    input,
    invoked: takeNumber('invoked'),
  };
  const output = take('result');
  if (take('returned') === null) {
    if (output !== null) throw invalid(`line ${number} has a "result", but "returned" is null`);
    return { ...invocation, output: null, returned: null };
  }
  if (!form.isOutput(output)) {
    throw invalid(`line ${number}: "result" cannot be ${JSON.stringify(output)} here`);
  }
  return { ...invocation, output, returned: takeNumber('returned') };
}

function parseObject(line: string, number: number): Readonly<Record<string, Json>> {
  let value: Json;
  try {
    value = JSON.parse(line) as Json;
  } catch (cause) {
    throw invalid(`line ${number} is no JSON`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`line ${number} is no JSON object`);
  }
  return value as Readonly<Record<string, Json>>;
}

function invalid(problem: string, cause?: unknown): RaftError {
  return new RaftError('INVALID_ARGUMENT', `This is no history: ${problem}.`, { cause });
}
