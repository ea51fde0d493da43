import { setTimeout as sleep } from 'node:timers/promises';

const settleTimeoutMs = 60_000;

/** Waits until a condition holds. @throws Error that says what does not, after a minute */
export async function until(condition: () => Promise<boolean> | boolean, what: () => string): Promise<void> {
  const end = performance.now() + settleTimeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`after ${settleTimeoutMs} ms: ${what()}`);
    await sleep(20);
  }
}
