/** Acceptance suites in a page: each case is run, and told of in a line that begins with `ok` or `FAILED`. */
import type { AcceptanceCase } from '../../src/testing/acceptance.ts';

export async function runCases(cases: Iterable<AcceptanceCase>): Promise<string[]> {
  const results: string[] = [];
  for (const accepted of cases) {
    try {
      await accepted.run();
      results.push(`ok ${accepted.name}`);
    } catch (error) {
      results.push(`FAILED ${accepted.name}: ${String(error)}`);
    }
  }
  return results;
}
