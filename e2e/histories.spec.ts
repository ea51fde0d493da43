/** What clients of real tabs were told, through faults, has an order that explains it (C1). `npm run histories` does more of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { examineTabs } from '../scripts/histories/examine.ts';
import { at } from './browser.ts';
import { expect, test } from './fixtures.ts';

for (const outbox of [false, true]) {
  const kind = outbox ? ', with outboxes' : '';
  test(`a history of clients of three real tabs, which crash, reload, close and freeze, is linearizable${kind}`, async () => {
    const seed = Date.now() % 1_000_000;
    const options = { seed, tabs: 3, clients: 5, milliseconds: 15_000, outbox };
    const { verdict, lines, ...counts } = await examineTabs(options);
    const file = at(`test-results/history${outbox ? '-outbox' : ''}.jsonl`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    expect(verdict, `seed ${seed}, ${JSON.stringify(counts)}`).toBeNull();
    expect(counts.done).toBeGreaterThan(50);
  });
}
