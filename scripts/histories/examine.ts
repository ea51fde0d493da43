/** Clients of a group in real tabs, while those have troubles: what they saw, and whether it can be explained. */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/core/random.ts';
import { historyLines } from '../../src/simulation/history.ts';
import { Clients } from './clients.ts';
import { type Trouble, TroubledTabs } from './troubled-tabs.ts';

export interface ExaminationOptions {
  readonly seed: number;
  readonly tabs: number;
  readonly clients: number;
  readonly milliseconds: number;
}

export interface Examination {
  /** Null when all is well. */
  readonly verdict: string | null;
  /** JSON lines, as `npm run simulate -- --history` writes them. */
  readonly lines: readonly string[];
  readonly done: number;
  readonly unknown: number;
  readonly notDone: number;
  readonly leaderChanges: number;
  readonly troubles: Readonly<Record<Trouble, number>>;
}

/** The seed decides what is asked and what happens, not when: real tabs take the time that they take. */
export async function examineTabs({ seed, tabs, clients, milliseconds }: ExaminationOptions): Promise<Examination> {
  const troubled = await TroubledTabs.open({ random: seededRandom(seed, 1), tabs });
  try {
    const asking = new Clients({
      random: seededRandom(seed, 2),
      clients,
      thinkMs: 60,
      pause: (pauseMs) => sleep(pauseMs),
      services: () => troubled.services(),
    });
    await troubled.trouble(milliseconds);
    await asking.stop();
    await troubled.settle();
    const { history, notDone } = asking;
    const unknown = history.filter(({ returned }) => returned === null).length;
    return {
      verdict: asking.verdict(),
      lines: historyLines(history),
      done: history.length - unknown,
      unknown,
      notDone,
      leaderChanges: troubled.leaderChanges,
      troubles: troubled.counts,
    };
  } finally {
    await troubled.close();
  }
}
