/** What the faults of processes do: they die, stand still, are slow, or are there twice. */
import { crash, crashWhen, restartLater } from './crashes.ts';
import { type FaultActions, shuffled } from './fault-context.ts';

export const processFaults: FaultActions = {
  'crash-at-effect': (context) => {
    const process = context.pick(context.choose(2) === 0 ? 'leader' : 'any');
    if (process === null) return null;
    process.crashAfterEffects(context.choose(12));
    const wait = (): void => {
      if (process.isRunning) context.after(50, wait);
      else restartLater(context, process);
    };
    context.after(50, wait);
    return process;
  },
  'crash-in-write': (context) =>
    crashWhen(
      context,
      context.pick(context.choose(2) === 0 ? 'leader' : 'any'),
      ({ pendingWrites }) => pendingWrites > 0,
    ),
  'crash-majority': (context) => {
    const running = shuffled(context).filter(({ isRunning }) => isRunning);
    for (const process of running.slice(0, Math.floor(context.group.processes.length / 2) + 1))
      crash(context, process, 50);
    return 'group';
  },
  'crash-loop': (context) => {
    const process = context.pick();
    if (process === null) return null;
    const every = 50 + context.choose(1_000);
    for (let at = 0; at < context.fault.duration; at += every) {
      context.after(at, () => {
        process.crash({ reached: (pending) => pending, isAnnounced: true });
        process.start();
      });
    }
    return process;
  },
  freeze: (context) => {
    const process = context.pick(context.choose(2) === 0 ? 'leader' : 'any');
    process?.freeze();
    context.later(() => process?.thaw());
    return process;
  },
  'frozen-hours': (context) => {
    const process = context.pick();
    process?.freeze();
    context.later(() => process?.thaw());
    // What is hours for the tab is made short for everybody else: its clock jumps.
    context.later(() => process?.clock.jump(3_600_000 * (1 + context.choose(10))));
    return process;
  },
  'slow-cpu': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.eventCost = 1 + context.choose(8);
    context.later(() => {
      process.eventCost = 0;
    });
    return process;
  },
  'blocked-loop': (context) => {
    const process = context.pick(context.choose(2) === 0 ? 'leader' : 'any');
    process?.blockNext(100 + context.choose(4_000));
    return process;
  },
  'background-timers': (context) => {
    const process = context.pick();
    if (process === null) return null;
    process.clock.clampTimers(1_000);
    context.after(context.fault.duration / 2, () => {
      process.clock.clampTimers(60_000);
    });
    context.later(() => {
      process.clock.clampTimers(0);
    });
    return process;
  },
  'duplicated-tab': (context) => {
    const process = context.pick();
    process?.openElsewhere();
    return process;
  },
};
