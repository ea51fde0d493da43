/** What docs/signaling.md says of limits and codes is what the broker does. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { limits } from '../../signaling-server/options.ts';

const page = readFileSync('docs/signaling.md', 'utf8');

/** The cells of the rows whose first cell is code. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));

test('every limit is in the table, with its default and what it limits', () => {
  const table = new Map(rows.map(([, name, value, text]) => [name, { value, text }]));
  for (const [name, limit] of Object.entries(limits)) {
    expect(table.get(name), name).toEqual({ value: String(limit.default), text: limit.text });
  }
});

test('every code of an error is in the table', () => {
  const protocol = readFileSync('signaling-server/protocol.ts', 'utf8');
  const [, union = ''] = /export type MessageErrorCode =([\s\S]*)export type ErrorCode/.exec(protocol) ?? [];
  const codes = [...union.matchAll(/\| '([\w-]+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(10);
  for (const code of codes) expect(rows.map(([, first]) => first)).toContain(code);
});
