/**
 * Work that is done once it is acknowledged: a worker takes the oldest item for a while by the leader's clock, and if it
 * has not acknowledged it by then, the item goes back to where it was. Time passes with the commands.
 */
import type { Index } from '../../core/types.ts';
import type { ApplyContext } from '../machine.ts';
import { type Applied, defineMachine, type ReducerMachine } from '../reducer.ts';
import { checkedBy } from '../schema.ts';
import { checkWhole, fieldsOf, maxTtlMs } from './checks.ts';
import { entriesFrom, get, put, remove, type SortedMap } from './sorted-map.ts';

export type QueueCommand<Body> =
  | { readonly op: 'push'; readonly body: Body }
  /** Takes the oldest item that nobody has, for 1 ms to a day. */
  | { readonly op: 'take'; readonly leaseMs: number }
  /** The item is done. The receipt proves that it was not given to somebody else meanwhile. */
  | { readonly op: 'acknowledge'; readonly id: Index; readonly receipt: Index }
  /** The item goes back to where it was, at once. */
  | { readonly op: 'return'; readonly id: Index; readonly receipt: Index }
  /** Does nothing, but let time pass. */
  | { readonly op: 'tick' };

export type QueueResult<Body> =
  | { readonly kind: 'pushed'; readonly id: Index }
  | {
      readonly kind: 'taken';
      readonly id: Index;
      readonly body: Body;
      /** 1 for the first time; an item that comes again and again may be the fault of its workers. */
      readonly attempt: number;
      readonly receipt: Index;
      readonly until: number;
    }
  | { readonly kind: 'empty' }
  | { readonly kind: 'done' }
  /** The item was not held under that receipt any more: nothing was done. */
  | { readonly kind: 'too-late' };

export interface QueueItem<Body> {
  readonly body: Body;
  /** How often it was taken. */
  readonly attempts: number;
}

export interface TakenItem<Body> extends QueueItem<Body> {
  readonly receipt: Index;
  readonly until: number;
}

export interface QueueState<Body> {
  /** By the index of the command that pushed them: the oldest first. */
  readonly waiting: SortedMap<Index, QueueItem<Body>>;
  readonly taken: SortedMap<Index, TakenItem<Body>>;
  /** When the time of the first one that is taken may end. */
  readonly nextEnd: number | null;
}

export function queue<Body>(name = 'queue'): ReducerMachine<QueueState<Body>, QueueCommand<Body>, QueueResult<Body>> {
  const initial: QueueState<Body> = { waiting: [], taken: [], nextEnd: null };
  return defineMachine({ name, initial, command: checkedBy<QueueCommand<Body>>(check), apply });
}

function check<Body>(command: unknown): asserts command is QueueCommand<Body> {
  const fields = fieldsOf(command);
  const { op } = fields;
  if (op === 'push' && fields.body === undefined) throw new Error('body must be there');
  else if (op === 'take') checkWhole(fields, 'leaseMs', 1, maxTtlMs);
  else if (op === 'acknowledge' || op === 'return') {
    checkWhole(fields, 'id', 1, Number.MAX_SAFE_INTEGER);
    checkWhole(fields, 'receipt', 1, Number.MAX_SAFE_INTEGER);
  } else if (op !== 'push' && op !== 'tick') throw new Error('op must be push, take, acknowledge, return or tick');
}

function apply<Body>(
  before: QueueState<Body>,
  command: QueueCommand<Body>,
  { index, time }: ApplyContext,
): Applied<QueueState<Body>, QueueResult<Body>> {
  const state = endLeases(before, time);
  switch (command.op) {
    case 'push': {
      const waiting = put(state.waiting, index, { body: command.body, attempts: 0 });
      return { state: { ...state, waiting }, result: { kind: 'pushed', id: index } };
    }
    case 'take': {
      for (const [id, item] of entriesFrom(state.waiting, 0))
        return take(state, id, item, index, time + command.leaseMs);
      return { state, result: { kind: 'empty' } };
    }
    case 'acknowledge':
    case 'return': {
      const { id, receipt } = command;
      const item = get(state.taken, id);
      if (item?.receipt !== receipt) return { state, result: { kind: 'too-late' } };
      const rest = { ...state, taken: remove(state.taken, id) };
      return { state: command.op === 'return' ? putBack(rest, id, item) : rest, result: { kind: 'done' } };
    }
    case 'tick':
      return { state, result: { kind: 'done' } };
  }
}

function take<Body>(
  state: QueueState<Body>,
  id: Index,
  { body, attempts }: QueueItem<Body>,
  receipt: Index,
  until: number,
): Applied<QueueState<Body>, QueueResult<Body>> {
  const attempt = attempts + 1;
  return {
    state: {
      waiting: remove(state.waiting, id),
      taken: put(state.taken, id, { body, attempts: attempt, receipt, until }),
      nextEnd: Math.min(state.nextEnd ?? until, until),
    },
    result: { kind: 'taken', id, body, attempt, receipt, until },
  };
}

function putBack<Body>(state: QueueState<Body>, id: Index, { body, attempts }: QueueItem<Body>): QueueState<Body> {
  return { ...state, waiting: put(state.waiting, id, { body, attempts }) };
}

function endLeases<Body>(state: QueueState<Body>, time: number): QueueState<Body> {
  if (state.nextEnd === null || state.nextEnd > time) return state;
  let [left, nextEnd] = [state, null as number | null];
  for (const [id, item] of entriesFrom(state.taken, 0)) {
    if (item.until <= time) left = putBack({ ...left, taken: remove(left.taken, id) }, id, item);
    else nextEnd = Math.min(nextEnd ?? item.until, item.until);
  }
  return { ...left, nextEnd };
}
