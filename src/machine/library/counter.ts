/** A number that is counted up and down. */
import { defineMachine, type ReducerMachine } from '../reducer.ts';
import { checkedBy } from '../schema.ts';
import { checkWhole, fieldsOf } from './checks.ts';

export interface CounterCommand {
  /** A whole number; negative counts down. */
  readonly add: number;
}

/** The result is the count afterwards. A sum beyond what a number holds exactly is rejected. */
export function counter(name = 'counter'): ReducerMachine<number, CounterCommand, number> {
  return defineMachine({ name, initial: 0, command: checkedBy(check), apply });
}

function check(command: unknown): asserts command is CounterCommand {
  checkWhole(fieldsOf(command), 'add', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

function apply(count: number, { add }: CounterCommand): { readonly state: number; readonly result: number } {
  const sum = count + add;
  if (!Number.isSafeInteger(sum)) throw new Error(`the count cannot go from ${count} by ${add}`);
  return { state: sum, result: sum };
}
