/**
 * Keys and values, in the order of keys: with compare-and-set by versions, leases that end by the leader's time, and
 * reads of ranges. Time passes with the commands: what a lease holds is gone with the first command after its end.
 */
import type { Index } from '../../core/types.ts';
import type { ApplyContext } from '../machine.ts';
import { type Applied, defineMachine, type ReducerMachine } from '../reducer.ts';
import { checkedBy } from '../schema.ts';
import { checkText, checkWhole, fieldsOf, maxTtlMs } from './checks.ts';
import { entriesFrom, get, put, remove, type SortedMap } from './sorted-map.ts';

export type KeyValueCommand<Value> =
  | {
      readonly op: 'put';
      /** 1 to 1,000 characters. */
      readonly key: string;
      readonly value: Value;
      /** Only if this is the key's version; 0 if there must be no such key. */
      readonly ifVersion?: number;
      /** The key goes when this lease ends. */
      readonly lease?: Index;
    }
  | { readonly op: 'delete'; readonly key: string; readonly ifVersion?: number }
  /** Begins a lease, which ends after 1 ms to a day unless it is kept. */
  | { readonly op: 'grant'; readonly ttlMs: number }
  /** The lease runs its full time again from now on. */
  | { readonly op: 'keep'; readonly lease: Index }
  /** Ends a lease now. */
  | { readonly op: 'revoke'; readonly lease: Index }
  /** Does nothing, but let time pass. */
  | { readonly op: 'tick' };

export interface KeyValueResult {
  /** False when the key had another version, or there was no such lease: nothing was done then. */
  readonly done: boolean;
  /** Of the key after the command, 0 for none; for a lease, its name, by which the other commands know it. */
  readonly version: Index;
}

export interface KeyValueEntry<Value> {
  readonly value: Value;
  /** The index of the command that wrote it. */
  readonly version: Index;
  readonly lease: Index | null;
}

interface Lease {
  readonly ttlMs: number;
  readonly until: number;
  readonly keys: SortedMap<string, true>;
}

export interface KeyValueState<Value> {
  readonly entries: SortedMap<string, KeyValueEntry<Value>>;
  readonly leases: SortedMap<Index, Lease>;
  /** When the first of the leases may end. */
  readonly nextEnd: number | null;
}

export function keyValue<Value>(
  name = 'key-value',
): ReducerMachine<KeyValueState<Value>, KeyValueCommand<Value>, KeyValueResult> {
  const initial: KeyValueState<Value> = { entries: [], leases: [], nextEnd: null };
  return defineMachine({ name, initial, command: checkedBy<KeyValueCommand<Value>>(check), apply });
}

/** What is under a key; undefined for nothing. */
export function valueOf<Value>(state: KeyValueState<Value>, key: string): KeyValueEntry<Value> | undefined {
  return get(state.entries, key);
}

export interface Range {
  /** The first key, if it is there. */
  readonly from?: string;
  /** The first key that does not belong to the range any more. */
  readonly to?: string;
  /** All keys begin with this. */
  readonly prefix?: string;
  readonly limit?: number;
}

/** The keys of a range and what is under them, in order. */
export function valuesIn<Value>(
  { entries }: KeyValueState<Value>,
  { from = '', to, prefix = '', limit = Infinity }: Range,
): (KeyValueEntry<Value> & { readonly key: string })[] {
  const found: (KeyValueEntry<Value> & { readonly key: string })[] = [];
  for (const [key, entry] of entriesFrom(entries, from > prefix ? from : prefix)) {
    if (found.length >= limit || !key.startsWith(prefix) || (to !== undefined && key >= to)) break;
    found.push({ key, ...entry });
  }
  return found;
}

function check<Value>(command: unknown): asserts command is KeyValueCommand<Value> {
  const fields = fieldsOf(command);
  const { op } = fields;
  if (op === 'put' || op === 'delete') {
    checkText(fields, 'key', 1, 1000);
    if (fields.ifVersion !== undefined) checkWhole(fields, 'ifVersion', 0, Number.MAX_SAFE_INTEGER);
    if (op === 'put' && fields.value === undefined) throw new Error('value must be there');
    if (op === 'put' && fields.lease !== undefined) checkWhole(fields, 'lease', 1, Number.MAX_SAFE_INTEGER);
  } else if (op === 'keep' || op === 'revoke') checkWhole(fields, 'lease', 1, Number.MAX_SAFE_INTEGER);
  else if (op === 'grant') checkWhole(fields, 'ttlMs', 1, maxTtlMs);
  else if (op !== 'tick') throw new Error('op must be put, delete, grant, keep, revoke or tick');
}

function apply<Value>(
  before: KeyValueState<Value>,
  command: KeyValueCommand<Value>,
  { index, time }: ApplyContext,
): Applied<KeyValueState<Value>, KeyValueResult> {
  const state = endLeases(before, time);
  switch (command.op) {
    case 'put':
    case 'delete': {
      const { key, ifVersion } = command;
      const version = get(state.entries, key)?.version ?? 0;
      const lease = command.op === 'put' ? (command.lease ?? null) : null;
      const isRefused = ifVersion !== undefined && ifVersion !== version;
      if (isRefused || (lease !== null && get(state.leases, lease) === undefined)) {
        return { state, result: { done: false, version } };
      }
      const rest = changeLease(state, get(state.entries, key)?.lease ?? null, (keys) => remove(keys, key));
      if (command.op === 'delete') {
        return { state: { ...rest, entries: remove(rest.entries, key) }, result: { done: version > 0, version: 0 } };
      }
      const entries = put(rest.entries, key, { value: command.value, version: index, lease });
      return { state: changeLease({ ...rest, entries }, lease, (keys) => put(keys, key, true)), result: done(index) };
    }
    case 'grant': {
      const { ttlMs } = command;
      return { state: withLease(state, index, { ttlMs, until: time + ttlMs, keys: [] }), result: done(index) };
    }
    case 'keep': {
      const lease = get(state.leases, command.lease);
      if (lease === undefined) return { state, result: { done: false, version: 0 } };
      const kept = { ...lease, until: time + lease.ttlMs };
      return { state: withLease(state, command.lease, kept), result: done(command.lease) };
    }
    case 'revoke': {
      const lease = get(state.leases, command.lease);
      if (lease === undefined) return { state, result: { done: false, version: 0 } };
      return { state: withoutLease(state, command.lease, lease), result: done(command.lease) };
    }
    case 'tick':
      return { state, result: done(0) };
  }
}

function done(version: Index): KeyValueResult {
  return { done: true, version };
}

function endLeases<Value>(state: KeyValueState<Value>, time: number): KeyValueState<Value> {
  if (state.nextEnd === null || state.nextEnd > time) return state;
  let [left, nextEnd] = [state, null as number | null];
  for (const [name, lease] of entriesFrom(state.leases, 0)) {
    if (lease.until <= time) left = withoutLease(left, name, lease);
    else nextEnd = Math.min(nextEnd ?? lease.until, lease.until);
  }
  return { ...left, nextEnd };
}

function withLease<Value>(state: KeyValueState<Value>, name: Index, lease: Lease): KeyValueState<Value> {
  const nextEnd = Math.min(state.nextEnd ?? lease.until, lease.until);
  return { ...state, leases: put(state.leases, name, lease), nextEnd };
}

function withoutLease<Value>(state: KeyValueState<Value>, name: Index, { keys }: Lease): KeyValueState<Value> {
  let { entries } = state;
  for (const [key] of entriesFrom(keys, '')) entries = remove(entries, key);
  return { ...state, entries, leases: remove(state.leases, name) };
}

/** What a lease holds is written down with the lease. */
function changeLease<Value>(
  state: KeyValueState<Value>,
  name: Index | null,
  change: (keys: Lease['keys']) => Lease['keys'],
): KeyValueState<Value> {
  const lease = name === null ? undefined : get(state.leases, name);
  if (name === null || lease === undefined) return state;
  return { ...state, leases: put(state.leases, name, { ...lease, keys: change(lease.keys) }) };
}
