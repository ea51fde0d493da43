/** Where things lie in LevelDB: keys are text, in the order of its bytes, and numbers in it have the same length. */
import type { GroupId } from '../ids.ts';
import type { OrderedTable, SingleTable } from './group-records.ts';

/** Of the database as a whole. */
export const layoutKey = 'layout';
export const hostKey = 'host';

/** Enough hexadecimal digits for every safe integer. */
const numberLength = 14;

const numberKey = (value: number): string => value.toString(16).padStart(numberLength, '0');

/** Comes after every number. */
const afterAll = '~';

export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

export const groupsRange: KeyRange = { gte: 'groups!', lt: 'groups!~' };

export function groupKey(group: GroupId): string {
  return `groups!${group}`;
}

export function singleKey(table: SingleTable, group: GroupId): string {
  return `${table}!${group}`;
}

export function orderedKey(table: OrderedTable, group: GroupId, key: readonly number[]): string {
  return [table, group, ...key.map(numberKey)].join('!');
}

/** The keys whose first number is from `from` to less than `to`. */
export function orderedRange(table: OrderedTable, group: GroupId, from: number, to: number): KeyRange {
  const prefix = `${table}!${group}!`;
  return { gte: prefix + numberKey(from), lt: prefix + (Number.isFinite(to) ? numberKey(to) : afterAll) };
}

/** The last number of a key. */
export function lastNumber(key: string): number {
  return Number.parseInt(key.slice(-numberLength), 16);
}
