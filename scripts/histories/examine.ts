/** Clients of a group in real tabs, while those have troubles: what they saw, and whether it can be explained. */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/core/random.ts';
import { historyLines } from '../../src/simulation/history.ts';
import { until } from '../crash/until.ts';
import { Clients } from './clients.ts';
import { type Trouble, TroubledTabs } from './troubled-tabs.ts';

export interface ExaminationOptions {
  readonly seed: number;
  readonly tabs: number;
  readonly clients: number;
  readonly milliseconds: number;
  /** Whether what is proposed in a tab survives it. */
  readonly outbox: boolean;
}

export interface Examination {
  /** Null when all is well. */
  readonly verdict: string | null;
  /** JSON lines, as `npm run simulate -- --history` writes them. */
  readonly lines: readonly string[];
  readonly done: number;
  readonly unknown: number;
  readonly notDone: number;
  /** Outcomes that a later page of the tab told of. */
  readonly learned: number;
  readonly leaderChanges: number;
  readonly troubles: Readonly<Record<Trouble, number>>;
}

/** The seed decides what is asked and what happens, not when: real tabs take the time that they take. */
export async function examineTabs({
  seed,
  tabs,
  clients,
  milliseconds,
  outbox,
}: ExaminationOptions): Promise<Examination> {
  const troubled = await TroubledTabs.open({ random: seededRandom(seed, 1), tabs, outbox });
  try {
    const asking = new Clients({
      random: seededRandom(seed, 2),
      clients,
      thinkMs: 60,
      pause: (pauseMs) => sleep(pauseMs),
      services: () => troubled.services(),
    });
    troubled.learned = ({ id, answer }) => {
      asking.learn(id, answer);
    };
    await troubled.trouble(milliseconds);
    let isOver = false;
    void asking.stop().then(() => {
      isOver = true;
    });
    await until(
      () => isOver,
      () => 'clients still wait for outcomes',
    );
    await troubled.settle();
    const { history, notDone, learned } = asking;
    const unknown = history.filter(({ returned }) => returned === null).length;
    return {
      verdict: asking.verdict(),
      lines: historyLines(history),
      done: history.length - unknown,
      unknown,
      notDone,
      learned,
      leaderChanges: troubled.leaderChanges,
      troubles: troubled.counts,
    };
  } finally {
    await troubled.close();
  }
}
