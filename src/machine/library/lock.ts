/**
 * Locks, by name: held for a time by the leader's clock, with a queue of those who wait, and a fencing token. The token
 * counts up with every grant; a resource that remembers the highest one it has seen, and refuses lower ones, is safe from
 * a holder that was asleep while its time ran out. Time passes with the commands.
 */
import type { ApplyContext } from '../machine.ts';
import { type Applied, defineMachine, type ReducerMachine } from '../reducer.ts';
import { checkedBy } from '../schema.ts';
import { checkText, checkWhole, fieldsOf, maxTtlMs } from './checks.ts';
import { entriesFrom, get, put, remove, type SortedMap } from './sorted-map.ts';

export type LockCommand =
  | {
      readonly op: 'acquire';
      /** 1 to 1,000 characters. */
      readonly name: string;
      /** Who is to hold it: 1 to 200 characters; the proposing member if it is left out. */
      readonly owner?: string;
      /** For how long, unless it is renewed: 1 ms to a day. */
      readonly ttlMs: number;
      /** Queue up, if somebody else holds it. */
      readonly wait?: boolean;
    }
  /** The full time again, from now on. */
  | { readonly op: 'renew'; readonly name: string; readonly token: number }
  | { readonly op: 'release'; readonly name: string; readonly token: number }
  /** Leave the queue. */
  | { readonly op: 'leave'; readonly name: string; readonly owner?: string }
  /** Does nothing, but let time pass. */
  | { readonly op: 'tick' };

export type LockResult =
  | { readonly kind: 'held'; readonly token: number; readonly until: number }
  /** 1 is next. Look at the state: the lock is granted without another word. */
  | { readonly kind: 'waiting'; readonly place: number }
  /** It is not held by whoever asks, and whoever asks does not wait for it. */
  | { readonly kind: 'not-held' };

export interface Waiter {
  readonly owner: string;
  readonly ttlMs: number;
}

export interface Lock extends Waiter {
  readonly token: number;
  /** Milliseconds since 1970 by the leader's clock. */
  readonly until: number;
  /** Who waits, the next one first. */
  readonly queue: readonly Waiter[];
}

export interface LockState {
  /** Those that are held. */
  readonly locks: SortedMap<string, Lock>;
  /** The last one that was given out. */
  readonly token: number;
  /** When the time of the first holder may end. */
  readonly nextEnd: number | null;
}

export function lock(name = 'lock'): ReducerMachine<LockState, LockCommand, LockResult> {
  const initial: LockState = { locks: [], token: 0, nextEnd: null };
  return defineMachine({ name, initial, command: checkedBy(check), apply });
}

/** Who holds a lock, and who waits for it; undefined when nobody does. */
export function lockOf({ locks }: LockState, name: string): Lock | undefined {
  return get(locks, name);
}

function check(command: unknown): asserts command is LockCommand {
  const fields = fieldsOf(command);
  const { op } = fields;
  if (op === 'tick') return;
  checkText(fields, 'name', 1, 1000);
  if ((op === 'acquire' || op === 'leave') && fields.owner !== undefined) checkText(fields, 'owner', 1, 200);
  if (op === 'acquire') {
    checkWhole(fields, 'ttlMs', 1, maxTtlMs);
    if (!['boolean', 'undefined'].includes(typeof fields.wait)) throw new Error('wait must be true or false');
  } else if (op === 'renew' || op === 'release') checkWhole(fields, 'token', 1, Number.MAX_SAFE_INTEGER);
  else if (op !== 'leave') throw new Error('op must be acquire, renew, release, leave or tick');
}

function apply(
  before: LockState,
  command: LockCommand,
  { time, proposer }: ApplyContext,
): Applied<LockState, LockResult> {
  const state = endHolders(before, time);
  if (command.op === 'tick') return { state, result: { kind: 'not-held' } };
  const { name } = command;
  const held = get(state.locks, name);
  if (command.op === 'acquire') {
    const { ttlMs, wait = false, owner = proposer } = command;
    return acquire(state, name, held, { owner, ttlMs }, time, wait);
  }
  if (held === undefined) return { state, result: { kind: 'not-held' } };
  if (command.op === 'leave') {
    const { owner = proposer } = command;
    const queue = held.queue.filter((waiter) => waiter.owner !== owner);
    return { state: withLock(state, name, { ...held, queue }), result: { kind: 'not-held' } };
  }
  if (held.token !== command.token) return { state, result: { kind: 'not-held' } };
  if (command.op === 'renew') return hold(state, name, { ...held, until: time + held.ttlMs });
  return { state: passOn(state, name, held, time), result: { kind: 'not-held' } };
}

function acquire(
  state: LockState,
  name: string,
  held: Lock | undefined,
  who: Waiter,
  time: number,
  wait: boolean,
): Applied<LockState, LockResult> {
  if (held === undefined) {
    const token = state.token + 1;
    return hold({ ...state, token }, name, { ...who, token, until: time + who.ttlMs, queue: [] });
  }
  if (held.owner === who.owner) return hold(state, name, { ...held, ttlMs: who.ttlMs, until: time + who.ttlMs });
  const place = held.queue.findIndex(({ owner }) => owner === who.owner);
  if (place !== -1) return { state, result: { kind: 'waiting', place: place + 1 } };
  if (!wait) return { state, result: { kind: 'not-held' } };
  const queue = [...held.queue, who];
  return { state: withLock(state, name, { ...held, queue }), result: { kind: 'waiting', place: queue.length } };
}

function hold(state: LockState, name: string, held: Lock): Applied<LockState, LockResult> {
  const { token, until } = held;
  return { state: withLock(state, name, held), result: { kind: 'held', token, until } };
}

function withLock(state: LockState, name: string, held: Lock): LockState {
  const nextEnd = Math.min(state.nextEnd ?? held.until, held.until);
  return { ...state, locks: put(state.locks, name, held), nextEnd };
}

/** The lock goes to the next one in the queue, whose time begins at `since`. */
function passOn(state: LockState, name: string, { queue }: Lock, since: number): LockState {
  const [next, ...others] = queue;
  if (next === undefined) return { ...state, locks: remove(state.locks, name) };
  const token = state.token + 1;
  return withLock({ ...state, token }, name, { ...next, token, until: since + next.ttlMs, queue: others });
}

/** Whose time is over has lost the lock at that very moment, whenever somebody notices. */
function endHolders(state: LockState, time: number): LockState {
  if (state.nextEnd === null || state.nextEnd > time) return state;
  let left = state;
  for (const [name, lock] of entriesFrom(state.locks, '')) {
    let held: Lock | undefined = lock;
    while (held !== undefined && held.until <= time) {
      left = passOn(left, name, held, held.until);
      held = get(left.locks, name);
    }
  }
  const ends = [...entriesFrom(left.locks, '')].map(([, { until }]) => until);
  return { ...left, nextEnd: ends.length === 0 ? null : ends.reduce((first, end) => Math.min(first, end)) };
}
