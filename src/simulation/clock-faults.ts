/** What the faults of clocks do. */
import type { FaultActions } from './fault-context.ts';

export const clockFaults: FaultActions = {
  'clock-skew': (context) => {
    const process = context.pick();
    process?.clock.setRate(0.9 + context.choose(201) / 1000);
    context.later(() => process?.clock.setRate(1));
    return process;
  },
  'clock-step': (context) => {
    const process = context.pick();
    process?.clock.stepWall(context.choose(7_200_000) - 3_600_000);
    return process;
  },
  'clock-frozen': (context) => {
    const process = context.pick();
    process?.clock.setRate(0);
    context.later(() => process?.clock.setRate(1));
    return process;
  },
  'clock-coarse': (context) => {
    const process = context.pick();
    process?.clock.setResolution([0.005, 0.1, 1, 16, 50][context.choose(5)] ?? 1);
    context.later(() => process?.clock.setResolution(0.001));
    return process;
  },
};
