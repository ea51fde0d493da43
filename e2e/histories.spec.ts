/** What clients of real tabs were told, through faults, has an order that explains it (C1). `npm run histories` does more of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { examineTabs } from '../scripts/histories/examine.ts';
import { at } from './browser.ts';
import { expect, test } from './fixtures.ts';

test('a history of clients of three real tabs, which crash, reload, close and freeze, is linearizable', async () => {
  const seed = Date.now() % 1_000_000;
  const { verdict, lines, ...counts } = await examineTabs({ seed, tabs: 3, clients: 5, milliseconds: 15_000 });
  mkdirSync(at('test-results'), { recursive: true });
  writeFileSync(at('test-results/history.jsonl'), lines.map((line) => `${line}\n`).join(''));
  expect(verdict, `seed ${seed}, ${JSON.stringify(counts)}`).toBeNull();
  expect(counts.done).toBeGreaterThan(50);
});
