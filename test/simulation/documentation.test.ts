/** docs/simulation.md names every fault, those that are elsewhere, and every invariant. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allFaultKinds, faultsElsewhere } from '../../src/simulation/fault-kinds.ts';

const page = readFileSync(new URL('../../docs/simulation.md', import.meta.url), 'utf8');

describe('the documentation', () => {
  it('names every fault', () => {
    for (const kind of allFaultKinds) expect(page).toContain(`\`${kind}\``);
    for (const [fault, where] of faultsElsewhere) {
      expect(page).toContain(fault);
      expect(page).toContain(where);
    }
  });

  it('names every invariant', () => {
    const numbered = (letter: string, count: number) => Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
    for (const name of [...numbered('S', 18), ...numbered('L', 8)]) expect(page).toMatch(new RegExp(`\\b${name}\\b`));
  });
});
